"""Files of a data root, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import Refusal

__all__ = ["read_json", "write_json", "write_parquet"]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of the store.

    Raises
    ------
    FileNotFoundError
        If there is none.
    Refusal
        If it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal("results", f"{path} is damaged", hint="run the study again")
    return found


def write_parquet(frame: pl.DataFrame, path: Path) -> dict[str, Any]:
    """Write a frame atomically; return its size in bytes and SHA-256.

    zstd; polars encodes floats plainly, without a dictionary, which random metrics would only
    slow down.
    """
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer, compression="zstd", compression_level=1, statistics=False, row_group_size=131_072
    )
    # Released here: left to the garbage collector in an error's traceback, some versions of
    # Python 3.12 crash on it.
    with buffer.getbuffer() as content:
        _write_atomically(path, content)
        return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON atomically."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _write_atomically(path, text.encode())


def _write_atomically(path: Path, content: bytes | memoryview) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
