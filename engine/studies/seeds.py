"""Seed sets: reading, checking and drawing them.

A seed file holds one whole number per line; ``#`` starts a comment. A set is drawn from the
Philox4x64-10 stream whose 128-bit key is the first 16 bytes of the SHA-256 of the set's name,
so that anybody can draw it again from its name alone (`draw_seeds`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.studies.errors import ConfigurationError

__all__ = [
    "SEED_LIMIT",
    "check_seeds",
    "draw_seeds",
    "list_seed_sets",
    "load_seeds",
    "seed_folder",
    "write_seed_set",
]

#: Seeds are 64-bit: any whole number from 0 up to, not including, this one.
SEED_LIMIT = 2**64

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def seed_folder() -> Path:
    """Folder ``seeds/`` of the project this package belongs to."""
    return Path(__file__).resolve().parents[2] / "seeds"


def list_seed_sets(folder: Path | None = None) -> dict[str, Path]:
    """Names and files of the seed sets in a folder, sorted by name."""
    folder = folder or seed_folder()
    return {path.stem: path for path in sorted(folder.glob("*.txt"))}


def load_seeds(name: str | Path, *, folder: Path | None = None) -> NDArray[np.uint64]:
    """Read a seed set.

    Parameters
    ----------
    name : str or Path
        Name of a set in `folder`, or the path of a seed file.
    folder : Path, optional
        Defaults to the project's ``seeds/``.

    Returns
    -------
    ndarray of uint64, shape (seeds,)
        In the order of the file.

    Raises
    ------
    ConfigurationError
        If there is no such file, or a line holds no whole number in [0, 2**64), or a seed that
        an earlier line holds; names the line.
    """
    folder = folder or seed_folder()
    path = Path(name)
    candidates = [folder / f"{name}.txt", folder / path, path]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        known = ", ".join(list_seed_sets(folder)) or f"none in {folder}"
        raise ConfigurationError(
            "seeds", repr(str(name)), f"a file, or one of the seed sets {known}"
        )
    return _read(found)


def check_seeds(seeds: Iterable[Any], field: str = "seeds") -> NDArray[np.uint64]:
    """Check seeds given in Python or inline in a study file.

    Raises
    ------
    ConfigurationError
        If there is none, or one is not a whole number in [0, 2**64), or one repeats.
    """
    values: list[int] = []
    first: dict[int, int] = {}
    for position, seed in enumerate(seeds):
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool | np.bool_)
        if not whole or not 0 <= int(seed) < SEED_LIMIT:
            raise ConfigurationError(
                f"{field}[{position}]", repr(seed), "a whole number from 0 to 2**64 - 1"
            )
        value = int(seed)
        if value in first:
            raise ConfigurationError(
                f"{field}[{position}]",
                f"{value}, which stands at [{first[value]}] already",
                "each seed once",
            )
        first[value] = position
        values.append(value)
    if not values:
        raise ConfigurationError(field, "no seed", "at least one")
    return np.array(values, dtype=np.uint64)


def draw_seeds(name: str, count: int, *, limit: int = 1_000_000_000) -> NDArray[np.uint64]:
    """Draw a seed set from its name: distinct whole numbers, uniform on [0, limit).

    Parameters
    ----------
    name : str
        Name of the set; the key of the random stream.
    count : int
        How many seeds, at most `limit`.
    limit : int
        Seeds are below it.

    Notes
    -----
    Raw 64-bit words w of Philox4x64-10 [1]_, counter starting at zero, are mapped to
    ``(w * limit) >> 64``; a value drawn before is skipped.

    References
    ----------
    .. [1] Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    if not 0 < count <= limit <= SEED_LIMIT:
        raise ConfigurationError("count", str(count), f"1 to {limit}")
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    stream = np.random.Philox(key=key)
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn.setdefault((int(stream.random_raw()) * limit) >> 64)
    return np.array(list(drawn), dtype=np.uint64)


def write_seed_set(
    name: str, count: int, *, folder: Path | None = None, limit: int = 1_000_000_000
) -> Path:
    """Draw a new seed set and write it with its provenance; an existing one is never touched.

    Raises
    ------
    ConfigurationError
        If the name is not a lower-case identifier or the set exists.
    """
    folder = folder or seed_folder()
    if not _NAME.fullmatch(name):
        raise ConfigurationError("name", repr(name), "lower-case letters, digits and _")
    path = folder / f"{name}.txt"
    seeds = draw_seeds(name, count, limit=limit)
    header = [
        f"# Seed set {name}: {count} seeds in [0, {limit}).",
        f"# Drawn by `mc seeds {name} {count}`: Philox4x64-10, key = first 16 bytes",
        f'# (little-endian) of SHA-256("{name}"), word w -> (w * {limit}) >> 64, repeats skipped.',
        "# Results refer to these seeds: this file never changes. Draw a new set instead.",
    ]
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join([*header, *(str(seed) for seed in seeds.tolist())]) + "\n")
    except FileExistsError:
        raise ConfigurationError(
            "name", f"{name!r}, which exists as {path}", "a new name"
        ) from None
    return path


def _read(path: Path) -> NDArray[np.uint64]:
    seeds: list[int] = []
    lines: dict[int, int] = {}
    for number, text in enumerate(_lines(path), start=1):
        value = text.split("#", 1)[0].strip()
        if not value:
            continue
        # Python refuses to read numbers of thousands of digits, so their length comes first.
        whole = value.isascii() and value.isdigit() and len(value.lstrip("0")) <= 20
        if not whole or int(value) >= SEED_LIMIT:
            found = value if len(value) <= 40 else f"{value[:40]}..."
            raise ConfigurationError(
                f"line {number}", repr(found), "a whole number from 0 to 2**64 - 1", path
            )
        seed = int(value)
        if seed in lines:
            raise ConfigurationError(
                f"line {number}", f"{seed}, as on line {lines[seed]}", "each seed once", path
            )
        lines[seed] = number
        seeds.append(seed)
    if not seeds:
        raise ConfigurationError("seeds", "no seed", "at least one line with a whole number", path)
    return np.array(seeds, dtype=np.uint64)


def _lines(path: Path) -> Sequence[str]:
    try:
        # Some editors begin a file with a mark of its encoding.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(
            "seeds", "bytes that are not text", "one whole number per line", path
        ) from None
