"""Reading files of a data root, each verified first."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from engine.errors import Refusal
from engine.files.kinds import KINDS, kind_of
from engine.files.seal import SEAL, is_whole
from engine.files.verified import verified_files

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DamagedFile", "parse_json", "read_footer", "read_json", "read_parquet"]


class DamagedFile(Refusal):
    """A stored file that is not what was written, and how to make it again.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What is wrong, in words that follow its name.
    hint : str, optional
        How to make it again, where that is not what `KINDS` says of its kind.

    Examples
    --------
    >>> print(DamagedFile(Path("data/bars/1d/X/2020.parquet"), "is missing"))
    data/bars/1d/X/2020.parquet is missing; `mc ingest SERIES` makes it again from what the \
provider sent
    """

    def __init__(self, path: PurePath, reason: str, hint: str | None = None) -> None:
        self.path = path
        self.reason = reason
        kind = kind_of(path)
        super().__init__("", f"{path} {reason}", hint=hint or (KINDS[kind] if kind else None))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the parts, so that a worker's error reaches its caller whole."""
        return DamagedFile, (self.path, self.reason, self.hint)


def read_parquet(
    root: Path, path: Path, *, columns: list[str] | None = None, **options: Any
) -> pl.DataFrame:
    """Read a sealed Parquet file.

    Parameters
    ----------
    root : Path
        The data root, which remembers the files that were found whole.
    path : Path
        The file.
    columns : list of str, optional
        Only these.
    **options
        Of `polars.read_parquet`.

    Raises
    ------
    DamagedFile
        If it is missing or not what was written.
    """
    import polars as pl  # who reads JSON alone does not wait for it

    _check(root, path)
    return pl.read_parquet(path, columns=columns, hive_partitioning=False, **options)


def read_footer(root: Path, path: Path, key: str) -> str | None:
    """Return the value of `key` in the metadata of a sealed Parquet file.

    Raises
    ------
    DamagedFile
        If the file is missing or not what was written.
    """
    import polars as pl

    _check(root, path)
    return pl.read_parquet_metadata(path).get(key)


def read_json(path: Path) -> dict[str, Any]:
    """Read a sealed JSON file; it is small, so its checksum is computed every time.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedFile
        If it is not what was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFile(path, f"is damaged: it cannot be read ({error.strerror})") from None
    return parse_json(content, path)


def parse_json(content: bytes, path: PurePath) -> dict[str, Any]:
    """Read the content of a sealed JSON file; `path` is for the error.

    Raises
    ------
    DamagedFile
        If it is not what was written.
    """
    whole = is_whole(content)
    if whole is None:
        raise DamagedFile(path, "is damaged: it has no checksum")
    if not whole:
        raise DamagedFile(path, "is damaged: it does not match its checksum")
    found: dict[str, Any] = json.loads(content)
    del found[SEAL]
    return found


def _check(root: Path, path: Path) -> None:
    reason = verified_files(root).damage(path)
    if reason is not None:
        raise DamagedFile(path, reason)
