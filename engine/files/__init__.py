"""Files of a data folder: written whole or not at all, and verified by whoever reads them."""

from engine.files.file_store import FileStore, LocalFiles, MemoryFiles
from engine.files.kinds import KINDS, kind_of
from engine.files.object_store import ObjectFiles, UnreachableStore
from engine.files.reading import DamagedFile, read_footer, read_json, read_parquet
from engine.files.roots import Root, as_files, named_root
from engine.files.seal import SEAL, UNSEALED, is_whole
from engine.files.verified import MEMORY, VerifiedFiles, verified_files
from engine.files.writing import (
    set_aside,
    write_json,
    write_new,
    write_output,
    write_parquet,
    write_whole,
)

__all__ = [
    "KINDS",
    "MEMORY",
    "SEAL",
    "UNSEALED",
    "DamagedFile",
    "FileStore",
    "LocalFiles",
    "MemoryFiles",
    "ObjectFiles",
    "Root",
    "UnreachableStore",
    "VerifiedFiles",
    "as_files",
    "is_whole",
    "kind_of",
    "named_root",
    "read_footer",
    "read_json",
    "read_parquet",
    "set_aside",
    "verified_files",
    "write_json",
    "write_new",
    "write_output",
    "write_parquet",
    "write_whole",
]
