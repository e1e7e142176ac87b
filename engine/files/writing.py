"""Writing files of a data root, whole or not at all, each with its checksum."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.files.seal import SEAL, UNSEALED, seal

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "flush_folder",
    "json_bytes",
    "parquet_bytes",
    "set_aside",
    "table_bytes",
    "write_json",
    "write_new",
    "write_output",
    "write_parquet",
    "write_whole",
]

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def write_parquet(frame: pl.DataFrame, path: Path, *, sealed: bool = True) -> dict[str, Any]:
    """Write a frame atomically; return its size in bytes and SHA-256.

    zstd; polars encodes floats plainly, without a dictionary, which random metrics would only
    slow down.

    Parameters
    ----------
    frame : polars.DataFrame
        The table.
    path : Path
        Its file.
    sealed : bool
        Whether the file holds its checksum itself; otherwise the caller writes it down.
    """
    content = table_bytes(frame, sealed=sealed)
    write_whole(path, content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def table_bytes(frame: pl.DataFrame, *, sealed: bool = True) -> bytes:
    """Return the file that `write_parquet` writes."""
    return parquet_bytes(frame, sealed=sealed, statistics=False, row_group_size=131_072)


def parquet_bytes(
    frame: pl.DataFrame,
    *,
    footer: dict[str, str] | None = None,
    sealed: bool = True,
    **options: Any,
) -> bytes:
    """Return a frame as a Parquet file, compressed with zstd.

    Parameters
    ----------
    frame : polars.DataFrame
        The table.
    footer : dict, optional
        Key-value pairs for the file's metadata.
    sealed : bool
        Whether the file holds its checksum itself.
    **options
        Of `polars.DataFrame.write_parquet`.
    """
    buffer = io.BytesIO()
    metadata = (footer or {}) | ({SEAL: UNSEALED} if sealed else {})
    frame.write_parquet(
        buffer, compression="zstd", compression_level=1, metadata=metadata, **options
    )
    # Not a view of the buffer: left to the garbage collector in an error's traceback, some versions
    # of Python 3.12 crash on one.
    content = buffer.getvalue()
    return seal(content) if sealed else content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON atomically and sealed."""
    write_whole(path, json_bytes(content))


def json_bytes(content: dict[str, Any]) -> bytes:
    """Return JSON as a sealed file."""
    text = json.dumps({**content, SEAL: UNSEALED}, indent=1, ensure_ascii=False) + "\n"
    return seal(text.encode())


def write_new(path: Path, content: bytes, *, durable: bool = False) -> bool:
    """Write a file atomically unless there is one: under a temporary name, then linked.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        All of it.
    durable : bool
        Whether the content is on the disk before the file has its name; the name itself is there
        once `flush_folder` of its folder returned.

    Returns
    -------
    bool
        Whether it was written; of several writers at once one is told so.
    """
    if path.exists():
        return False
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            # A disk without links, such as a memory card: of two writers the second wins there.
            if error.errno not in _NO_LINKS or path.exists():
                raise
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def flush_folder(folder: Path) -> None:
    """Bring the names of a folder's files to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: under a temporary name, then renamed."""
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_output(path: Path, content: bytes) -> Path:
    """Write a file where somebody asks for it: whole or not at all, its folder made.

    A link goes on pointing to its file. Where nothing can be renamed to, such as a pipe or
    ``/dev/stdout``, the content is written as it is.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        All of it.

    Returns
    -------
    Path
        The file, as it was asked for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if Path("/dev") in path.absolute().parents or (path.exists() and not path.is_file()):
        path.write_bytes(content)
    else:
        write_whole(path.resolve(), content)
    return path


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")


def set_aside(path: Path) -> Path:
    """Rename a damaged file that cannot be made again in full, so that no reader finds it.

    Returns
    -------
    Path
        Where it lies now.
    """
    aside = path.with_name(f"{path.name}.damaged")
    os.replace(path, aside)
    return aside
