"""Data roots as people name them: a folder, the address of an object store, or a store."""

from __future__ import annotations

from pathlib import Path

from engine.files.file_store import FileStore, LocalFiles
from engine.files.object_store import ObjectFiles

__all__ = ["Root", "as_files", "named_root"]

#: What is taken for a data root: a folder, an address such as ``s3://lab/data``, or a store.
Root = str | Path | FileStore


def as_files(root: Root) -> FileStore:
    """Return a store as it is, and that of a folder's path or of an address such as ``s3://lab/x``.

    Raises
    ------
    Refusal
        If it is an address of something else.
    """
    if isinstance(root, FileStore):
        return root
    if "://" in str(root):
        return ObjectFiles(str(root))
    return LocalFiles(Path(root))


def named_root(files: FileStore) -> Path | FileStore | None:
    """Return the root that others find a store's files under: None of one in this process alone."""
    if isinstance(files, LocalFiles):
        return files.root
    return None if files.address is None else files
