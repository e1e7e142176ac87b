"""The generations of a search on disk, so that one that was interrupted goes on."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.files import (
    DamagedFile,
    read_json,
    read_parquet,
    set_aside,
    write_new,
    write_parquet,
)
from engine.files.writing import json_bytes

__all__ = ["Journal"]

log = logging.getLogger(__name__)

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
        folder.mkdir(parents=True, exist_ok=True)
        # Of two searches that begin at once, the second finds what the first has written.
        if write_new(path, json_bytes(plain)):
            shutil.rmtree(folder / _GENERATIONS, ignore_errors=True)
            return cls(folder)
        try:
            found = read_json(path)
        except DamagedFile as damage:
            log.warning("%s; the search runs from its beginning", damage)
            set_aside(path)
            for generation in (folder / _GENERATIONS).glob("*.parquet"):
                generation.unlink()  # of what search it is, nobody knows
            return cls.open(folder, identity)
        if found != plain and replace:
            # The identity first: generations without one belong to nobody.
            path.unlink()
            shutil.rmtree(folder / _GENERATIONS, ignore_errors=True)
            return cls.open(folder, identity)
        if found != plain:
            differs = sorted(
                key for key in found.keys() | plain.keys() if found.get(key) != plain.get(key)
            )
            raise Refusal(
                "folder",
                f"{folder}, which holds another search ({', '.join(differs)} differ)",
                "an empty folder, or that of the same search",
            )
        return cls(folder)

    def read(self, generation: int) -> pl.DataFrame | None:
        """Return a generation; None if it is not there, or damaged, and has to run."""
        path = self._path(generation)
        if not path.exists():
            return None
        try:
            return read_parquet(self.folder, path)
        except DamagedFile as damage:
            log.warning("%s; the generation runs again", damage)
            return None

    def write(self, generation: int, rows: pl.DataFrame) -> None:
        """Keep a generation; whole or not at all."""
        path = self._path(generation)
        path.parent.mkdir(exist_ok=True)
        write_parquet(rows, path)

    def _path(self, generation: int) -> Path:
        return self.folder / _GENERATIONS / f"{generation:06d}.parquet"
