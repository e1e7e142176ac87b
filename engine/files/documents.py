"""Files of a store that change: written again where they differ, and read while they do."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final, TypeVar

import polars as pl

from engine.files.file_store import FileStore, LocalFiles
from engine.files.object_store import ObjectFiles
from engine.files.reading import DamagedFile, parse_json
from engine.files.seal import is_whole
from engine.files.verified import verified_files

__all__ = [
    "check_files",
    "damages_of",
    "for_each",
    "path_of",
    "read_document",
    "read_json_document",
    "read_table",
    "remove",
    "replace",
    "scan_tables",
    "settle",
    "state_of",
    "sweep",
    "tidy",
]

# Where the next content of a document waits while its key is free.
_NEXT: Final = ".next"
_TRIES: Final = 8
_AT_ONCE: Final = 16

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def settle(files: FileStore, key: str, content: bytes) -> None:
    """Let a file have a content: nothing is written where it has it already."""
    if not files.put_new(key, content):
        # It may be deleted meanwhile, or unreadable.
        with contextlib.suppress(OSError):
            if files.get(key) == content:
                return
        replace(files, key, content)


def replace(files: FileStore, key: str, content: bytes) -> None:
    """Put a file in place of another, so that a kill leaves the one or the other.

    In one step where a store can do so. Elsewhere the new content waits under a key of its own
    while the old one is deleted: `read_document` finds it there.
    """
    in_one_step = getattr(files, "replace", None)
    if in_one_step is not None:
        in_one_step(key, content)
        return
    for _ in range(_TRIES):
        if not files.put_new(key + _NEXT, content):
            files.delete(key + _NEXT)  # left by a kill, or another writer's, who tries again
            continue
        files.delete(key)
        done = files.put_new(key, content)
        files.delete(key + _NEXT)
        if done:
            return
    raise OSError(f"{key} is written by others all the time")


def remove(files: FileStore, key: str) -> None:
    """Delete a file, and first what a killed `replace` left of it: that would be read again."""
    if getattr(files, "replace", None) is None:
        files.delete(key + _NEXT)
    files.delete(key)


def read_document(files: FileStore, key: str) -> bytes:
    """Return the content of a file that `replace` may be writing.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if getattr(files, "replace", None) is not None:
        return files.get(key)  # one request: nothing waits beside it
    for name in (key, key + _NEXT):
        try:
            return files.get(name)
        except FileNotFoundError:
            continue
    return files.get(key)  # replaced between the two


def read_json_document(files: FileStore, key: str) -> dict[str, Any]:
    """Read a sealed JSON file of a store.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedFile
        If it is not what was written.
    """
    try:
        content = read_document(files, key)
    except (FileNotFoundError, ConnectionError):
        raise
    except OSError as error:
        reason = f"is damaged: it cannot be read ({error.strerror})"
        raise DamagedFile(path_of(files, key), reason) from None
    return parse_json(content, path_of(files, key))


def read_table(files: FileStore, key: str) -> pl.DataFrame:
    """Read a sealed Parquet file of a store.

    Raises
    ------
    DamagedFile
        If it is missing or not what was written.
    """
    check_files(files, [key])
    return scan_tables(files, [key]).collect()


class _Address(PurePosixPath):
    """A path under an address: the two slashes of its scheme are no folder without a name."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)


def path_of(files: FileStore, key: str) -> PurePath:
    """Return a file's name, as messages say it: its path, or its key where it has none."""
    if files.address is None:
        return PurePath(key)
    kind = _Address if "://" in files.address else Path
    return kind(files.address, key)


def damages_of(files: FileStore, wanted: Sequence[tuple[str, str | None]]) -> list[str | None]:
    """Say what is wrong with each of some files; None where one is whole.

    Parameters
    ----------
    files : FileStore
        Where they lie.
    wanted : sequence of (key, checksum)
        The SHA-256 of a file that does not hold its own; None of one that is sealed.

    Returns
    -------
    list of str or None
        Words that follow a file's name, such as ``is missing``.
    """
    if isinstance(files, LocalFiles):
        return verified_files(files.root).damages((files.path(key), c) for key, c in wanted)
    return for_each(files, lambda one: _damage(files, *one), wanted)


def for_each(
    files: FileStore, call: Callable[[Item], Answer], items: Sequence[Item]
) -> list[Answer]:
    """Return what a call that asks a store says of each item, in their order.

    Requests to an object store wait for the network, so several are under way at once.
    """
    if not isinstance(files, ObjectFiles):
        return [call(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(call, items))


def check_files(files: FileStore, keys: Sequence[str]) -> None:
    """Check sealed files.

    Raises
    ------
    DamagedFile
        If one is missing or not what was written.
    """
    for key, reason in zip(keys, damages_of(files, [(key, None) for key in keys]), strict=True):
        if reason is not None:
            raise DamagedFile(path_of(files, key), reason)


def scan_tables(files: FileStore, keys: Iterable[str], **options: Any) -> pl.LazyFrame:
    """Return the rows of Parquet files; a store that others cannot reach is read at once.

    `options` are those of `polars.scan_parquet`.
    """
    sources: Any = [
        f"{files.address}/{key}" if files.address else io.BytesIO(files.get(key)) for key in keys
    ]
    return pl.scan_parquet(sources, hive_partitioning=False, **options)


def sweep(files: FileStore, prefix: str) -> None:
    """Delete what killed writers left behind long ago, where a store has such things."""
    if isinstance(files, LocalFiles):
        files.sweep(prefix)


def tidy(files: FileStore, prefix: str) -> None:
    """Remove folders that deletions have emptied, where a store has folders."""
    if isinstance(files, LocalFiles):
        files.tidy(prefix)


def state_of(files: FileStore, key: str) -> tuple[int, float]:
    """Return the size of a file in bytes, and its age in seconds.

    Where a store does not know ages, a file counts as written just now.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    known = getattr(files, "state", None)
    if known is not None:
        size, age = known(key)
        return int(size), float(age)
    return len(files.get(key)), 0.0


def _damage(files: FileStore, key: str, checksum: str | None) -> str | None:
    try:
        if checksum is not None and isinstance(files, ObjectFiles):
            whole: bool | None = files.digest(key) == checksum
        else:
            content = files.get(key)
            whole = is_whole(content)
            if checksum is not None:
                whole = hashlib.sha256(content).hexdigest() == checksum
    except FileNotFoundError:
        return "is missing"
    if whole is None:
        return "is damaged: it has no checksum"
    return None if whole else "is damaged: it does not match its checksum"
