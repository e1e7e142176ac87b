"""Results that are open, for as long as the files that they were read from stay the same."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException

from mc_assets.project import Project

if TYPE_CHECKING:
    import polars as pl

    from engine.results import Results

__all__ = ["OpenResults", "Opened"]

_MOST = 32


@dataclass
class Opened:
    """Results of a study with what was told of them already.

    Parameters
    ----------
    results : Results
        The rows.
    manifests : str
        Hash of the manifests that they were read from.
    """

    results: Results
    manifests: str
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """What every answer says of the study."""
        results = self.results
        return {
            "study": results.name,
            "fingerprint": results.fingerprint,
            "world": results.summary.world,
            "missing": results.missing,
            "stopped": results.stopped,
        }


class OpenResults:
    """Opens results, and keeps them until a file of theirs changes.

    It holds nothing that another web worker would not read from the same files.

    Parameters
    ----------
    project : Project
        Where they lie.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: dict[str, tuple[object, Opened]] = {}
        self._guard = threading.Lock()

    def of(self, study: str) -> Opened:
        """Return the results of a study's latest run.

        Raises
        ------
        HTTPException
            404 if it has none.
        """
        from engine.results import read_results

        state = self._state(study)
        if state is None:
            raise HTTPException(404, f"study: {study!r} has no results")
        with self._guard:
            kept = self._kept.get(study)
        if kept is not None and kept[0] == state:
            return kept[1]
        results = read_results(self._project.data, study)
        opened = Opened(results, _hash_of(results))
        with self._guard:
            self._kept.pop(study, None)
            self._kept[study] = (state, opened)
            while len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
        return opened

    def _state(self, study: str) -> object | None:
        """Return what changes when the results do: files are put in place by renaming."""
        folder = self._project.data / "results" / study
        try:
            text = (folder / "current.json").read_bytes()
            own = folder / str(json.loads(text)["fingerprint"])
            world = json.loads((own / "study.json").read_bytes())["world"]
            manifests = self._project.data / "manifests" / world
            times = [path.stat().st_mtime_ns for path in (own, manifests) if path.exists()]
        except (OSError, ValueError, KeyError):
            return None
        return text, world, times


def _hash_of(results: Results) -> str:
    digest = hashlib.sha256(results.fingerprint.encode())
    for piece in results.pieces:
        files = sorted((name, entry["sha256"]) for name, entry in piece.manifest.files.items())
        digest.update(json.dumps([piece.manifest.part, files]).encode())
    return digest.hexdigest()
