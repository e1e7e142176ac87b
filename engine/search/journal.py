"""The generations of a search on disk, so that one that was interrupted goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.files import read_json, read_parquet, write_json, write_parquet

__all__ = ["Journal"]

_IDENTITY = "search.json"
_GENERATIONS = "generations"


class Journal:
    """A folder with one search: what it is, and its generations.

    A generation that is there is taken as it is; its sampler is told the same and asks the same.

    Parameters
    ----------
    folder : Path
        Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, identity: dict[str, Any], *, replace: bool = False) -> Journal:
        """Begin a journal, or go on with the one that is there.

        Parameters
        ----------
        folder : Path
            Where it lies.
        identity : dict
            What decides its numbers.
        replace : bool
            Whether another search that is there makes way.

        Raises
        ------
        Refusal
            If another search is there, and does not make way.
        """
        path, plain = folder / _IDENTITY, json.loads(json.dumps(identity, default=str))
        if path.exists() and replace and read_json(path) != plain:
            # The identity first: generations without one belong to nobody.
            path.unlink()
            shutil.rmtree(folder / _GENERATIONS, ignore_errors=True)
        if path.exists():
            found = read_json(path)
            if found != plain:
                differs = sorted(
                    key for key in found.keys() | plain.keys() if found.get(key) != plain.get(key)
                )
                raise Refusal(
                    "folder",
                    f"{folder}, which holds another search ({', '.join(differs)} differ)",
                    "an empty folder, or that of the same search",
                )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder / _GENERATIONS, ignore_errors=True)
            write_json(path, plain)
        return cls(folder)

    def read(self, generation: int) -> pl.DataFrame | None:
        """Return a generation; None if it is not there, or damaged, and has to run."""
        path = self._path(generation)
        if not path.exists():
            return None
        try:
            return read_parquet(self.folder, path)
        except Refusal:
            return None

    def write(self, generation: int, rows: pl.DataFrame) -> None:
        """Keep a generation; whole or not at all."""
        path = self._path(generation)
        path.parent.mkdir(exist_ok=True)
        write_parquet(rows, path)

    def _path(self, generation: int) -> Path:
        return self.folder / _GENERATIONS / f"{generation:06d}.parquet"
