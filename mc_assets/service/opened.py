"""Results that are open, for as long as the files that they were read from stay the same."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException

from mc_assets.project import Project

if TYPE_CHECKING:
    import polars as pl

    from engine.results import Results
    from mc_assets.answers.studies import StudyState

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
    tables : dict of str to polars.DataFrame
        What was told.
    """

    results: Results
    manifests: str
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    def keep(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table that was made of them, for as long as there is room."""
        if len(self.tables) < _MOST:
            self.tables[name] = table

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
        self._kept: dict[str, tuple[_Seen, Opened]] = {}
        self._states: dict[str, tuple[_Seen, StudyState]] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def kept(self, study: str) -> Opened | None:
        """Return results that are open and have not changed: a file and two folders say so."""
        with self._guard:
            found = self._kept.get(study)
        if found is None or not found[0].is_current():
            return None
        return found[1]

    def state(self, study: str) -> StudyState:
        """Return how far a study is: of millions of seeds it takes a second to count them."""
        from mc_assets.answers.studies import study_state

        with self._guard:
            found = self._states.get(study)
        if found is not None and found[0].is_current():
            return found[1]
        seen = self._look(study)
        state = study_state(self._project, study)
        if seen is not None and state.word in ("partial", "finished"):
            with self._guard:
                self._states[study] = (seen, state)
        return state

    def of(self, study: str) -> Opened:
        """Return the results of a study's latest run.

        Raises
        ------
        HTTPException
            404 if it has none.
        """
        from engine.results import read_results

        with self._guard:
            alone = self._opening.setdefault(study, threading.Lock())
        try:
            with alone:
                kept = self.kept(study)
                if kept is not None:
                    return kept
                seen = self._look(study)
                if seen is None:
                    raise HTTPException(404, f"study: {study!r} has no results")
                results = read_results(self._project.data, study)
                opened = Opened(results, _hash_of(results))
                with self._guard:
                    self._kept.pop(study, None)
                    self._kept[study] = (seen, opened)
                    while len(self._kept) > _MOST:
                        del self._kept[next(iter(self._kept))]
                return opened
        finally:
            with self._guard:
                self._opening.pop(study, None)

    def _look(self, study: str) -> _Seen | None:
        """Return what changes when the results do."""
        folder = self._project.data / "results" / study
        try:
            current = folder / "current.json"
            seen = [(current, _mark(current))]
            own = folder / str(json.loads(current.read_bytes())["fingerprint"])
            seen.append((own, _mark(own)))
            world = json.loads((own / "study.json").read_bytes())["world"]
            manifests = self._project.data / "manifests" / world
            seen.append((manifests, _mark(manifests)))
        except (OSError, ValueError, KeyError):
            return None
        return _Seen(tuple(seen))


_Mark = tuple[int, int, int]


@dataclass(frozen=True)
class _Seen:
    """Files and folders as they were: files are put in place by renaming."""

    marks: tuple[tuple[Path, _Mark | None], ...]

    def is_current(self) -> bool:
        return all(_mark(path) == mark for path, mark in self.marks)


def _mark(path: Path) -> _Mark | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _hash_of(results: Results) -> str:
    digest = hashlib.sha256(results.fingerprint.encode())
    for piece in results.pieces:
        files = sorted((name, entry["sha256"]) for name, entry in piece.manifest.files.items())
        digest.update(json.dumps([piece.manifest.part, files]).encode())
    return digest.hexdigest()
