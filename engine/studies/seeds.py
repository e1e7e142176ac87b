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
from pydantic import Field, model_validator

from engine.errors import Refusal
from engine.files import write_new
from engine.home import home_folder, shipped
from engine.jobs.settings import MOST_SEEDS, Settings
from engine.studies.file_names import check_file_name

__all__ = [
    "SEEDS_SCHEMA",
    "SEED_LIMIT",
    "SeedRange",
    "check_seeds",
    "draw_seeds",
    "dump_seeds",
    "list_seed_sets",
    "load_seeds",
    "parse_seeds",
    "resolve_seeds",
    "seed_folders",
    "write_seed_set",
]

#: Seeds are 64-bit: any whole number from 0 up to, not including, this one.
SEED_LIMIT = 2**64

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class SeedRange(Settings):
    """Consecutive seeds."""

    count: int = Field(gt=0, le=MOST_SEEDS, description="How many seeds.")
    start: int = Field(0, ge=0, lt=SEED_LIMIT, description="The first one.")

    @model_validator(mode="after")
    def _within_64_bits(self) -> SeedRange:
        if self.start + self.count > SEED_LIMIT:
            raise Refusal("", f"{self.count} seeds from {self.start}", "seeds up to 2**64 - 1")
        return self


#: JSON Schema of everything `parse_seeds` takes from a study file.
SEEDS_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "description": "a seed set of `seeds/`, or a file"},
        {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS, "description": "how many"},
        {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
        SeedRange.model_json_schema(),
    ]
}


def parse_seeds(given: Any) -> str | SeedRange | NDArray[np.uint64]:
    """Read what a study gives for its seeds.

    Parameters
    ----------
    given : str, path, int, mapping, SeedRange, range or iterable of int
        A seed set or file, a count from 0, ``{count, start}``, or the seeds themselves.

    Returns
    -------
    str, SeedRange or ndarray of uint64, shape (seeds,)
        A name to be looked up by `resolve_seeds`, or seeds.

    Raises
    ------
    Refusal
        If it is none of them; the field is for the caller to add.
    """
    if isinstance(given, str | Path):
        return check_file_name(str(given))
    if isinstance(given, SeedRange):
        return given
    if isinstance(given, dict):
        return SeedRange.of(given)
    if isinstance(given, bool):
        raise Refusal("", repr(given), "a seed set, a count or whole numbers")
    if isinstance(given, int | np.integer):
        if not 1 <= given <= MOST_SEEDS:
            raise Refusal("", str(given), f"a count from 1 to {MOST_SEEDS:,}")
        return SeedRange(count=int(given), start=0)
    if isinstance(given, range) and given.step == 1 and given.start >= 0 and len(given):
        return SeedRange.model_validate({"count": len(given), "start": given.start})
    if not isinstance(given, Iterable):
        raise Refusal("", repr(given), "a seed set, a count or whole numbers")
    return check_seeds(given)


def dump_seeds(seeds: str | SeedRange | NDArray[np.uint64]) -> Any:
    """Return parsed seeds as plain JSON values."""
    if isinstance(seeds, SeedRange):
        return {"count": seeds.count, "start": seeds.start}
    return seeds if isinstance(seeds, str) else seeds.tolist()


def resolve_seeds(
    seeds: str | SeedRange | NDArray[np.uint64], file: Path | None = None
) -> NDArray[np.uint64]:
    """Return the seeds themselves; names of files may be relative to the study `file`.

    Raises
    ------
    Refusal
        If there is no such seed set.
    """
    if isinstance(seeds, str):
        beside = file.parent / seeds if file is not None else None
        return load_seeds(beside if beside is not None and beside.is_file() else seeds)
    if isinstance(seeds, SeedRange):
        first = np.uint64(seeds.start)
        return (np.arange(seeds.count, dtype=np.uint64) + first).astype(np.uint64)
    return seeds


def seed_folders() -> tuple[Path, Path]:
    """Folders of seed sets: ``seeds/`` of the project, then the published ones."""
    return home_folder() / "seeds", shipped("engine", "seeds")


def list_seed_sets(folder: Path | None = None) -> dict[str, Path]:
    """Names and files of the seed sets in a folder, or in those of `seed_folders`, by name."""
    folders = [folder] if folder is not None else reversed(seed_folders())
    found = {path.stem: path for place in folders for path in place.glob("*.txt")}
    return dict(sorted(found.items()))


def load_seeds(name: str | Path, *, folder: Path | None = None) -> NDArray[np.uint64]:
    """Read a seed set.

    Parameters
    ----------
    name : str or Path
        Name of a set in `folder`, or the path of a seed file.
    folder : Path, optional
        Defaults to the project's ``seeds/``, and behind it the published sets.

    Returns
    -------
    ndarray of uint64, shape (seeds,)
        In the order of the file.

    Raises
    ------
    Refusal
        If there is no such file, or a line holds no whole number in [0, 2**64), or a seed that
        an earlier line holds; names the line.
    """
    path = Path(name)
    folders = seed_folders() if folder is None else (folder,)
    candidates = [place / part for place in folders for part in (f"{name}.txt", path)] + [path]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        known = ", ".join(list_seed_sets(folder)) or f"none in {folders[0]}"
        raise Refusal("seeds", repr(str(name)), f"a file, or one of the seed sets {known}")
    return _read(found)


def check_seeds(seeds: Iterable[Any]) -> NDArray[np.uint64]:
    """Check seeds given in Python or inline in a study file.

    Raises
    ------
    Refusal
        If there is none, or one is not a whole number in [0, 2**64), or one repeats.
    """
    if isinstance(seeds, np.ndarray) and seeds.dtype == np.uint64 and seeds.ndim == 1:
        if len(seeds) and len(np.unique(seeds)) == len(seeds):
            return seeds.copy()
        seeds = seeds.tolist()
    values: list[int] = []
    first: dict[int, int] = {}
    for position, seed in enumerate(seeds):
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool | np.bool_)
        if not whole or not 0 <= int(seed) < SEED_LIMIT:
            raise Refusal(f"[{position}]", repr(seed), "a whole number from 0 to 2**64 - 1")
        value = int(seed)
        if value in first:
            raise Refusal(
                f"[{position}]",
                f"{value}, which stands at [{first[value]}] already",
                "each seed once",
            )
        first[value] = position
        values.append(value)
    if not values:
        raise Refusal("", "there is no seed; at least one is needed")
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
        raise Refusal("count", str(count), f"1 to {limit}")
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

    The folder defaults to the project's ``seeds/``.

    Raises
    ------
    Refusal
        If the name is not a lower-case identifier or the set exists.
    """
    if not _NAME.fullmatch(name):
        raise Refusal("name", repr(name), "lower-case letters, digits and _")
    known = list_seed_sets(folder).get(name)
    if known is not None:
        raise Refusal("name", f"{name!r}, which exists as {known}", "a new name")
    path = (folder or seed_folders()[0]) / f"{name}.txt"
    seeds = draw_seeds(name, count, limit=limit)
    header = [
        f"# Seed set {name}: {count} seeds in [0, {limit}).",
        f"# Drawn by `mc seeds {name} {count}`: Philox4x64-10, key = first 16 bytes",
        f'# (little-endian) of SHA-256("{name}"), word w -> (w * {limit}) >> 64, repeats skipped.',
        "# Results refer to these seeds: this file never changes. Draw a new set instead.",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "\n".join([*header, *(str(seed) for seed in seeds.tolist())]) + "\n"
    if not write_new(path, content.encode()):
        raise Refusal("name", f"{name!r}, which exists as {path}", "a new name")
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
            raise Refusal(
                f"line {number}", repr(found), "a whole number from 0 to 2**64 - 1", file=path
            )
        seed = int(value)
        if seed in lines:
            raise Refusal(
                f"line {number}", f"{seed}, as on line {lines[seed]}", "each seed once", file=path
            )
        lines[seed] = number
        seeds.append(seed)
    if not seeds:
        raise Refusal(
            "seeds", "the file holds no seed", hint="write a whole number a line", file=path
        )
    return np.array(seeds, dtype=np.uint64)


def _lines(path: Path) -> Sequence[str]:
    try:
        # Some editors begin a file with a mark of its encoding.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Refusal(
            "seeds", "the file is not text", hint="write a whole number a line", file=path
        ) from None
