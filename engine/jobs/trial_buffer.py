"""Trials of batches on their way to the ledger, so that no batch waits for a file."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from engine.files import FileStore, as_files
from engine.files.documents import path_of
from engine.jobs.errors import StorageError, clear_errors
from engine.jobs.ledger import write_trials
from engine.jobs.part import Terms
from engine.jobs.prepared import Prepared
from engine.jobs.trial_rows import Outcomes, trial_rows
from engine.jobs.trial_status import TrialStatus

__all__ = ["TrialBuffer"]

log = logging.getLogger(__name__)

# How long trials may wait, and how many simulations of them: 60 MB.
_SECONDS = 1.0
_SIMULATIONS = 2**21


class TrialBuffer:
    """Collects the trials of batches and writes them together, once a second and at the end.

    Parameters
    ----------
    root : Path or FileStore
        The data root whose ledger counts them.
    terms : Terms
        Who asks.
    prepared : Prepared
        The world.
    """

    def __init__(self, root: Path | FileStore, terms: Terms, prepared: Prepared) -> None:
        self._files, self._terms, self._prepared = as_files(root), terms, prepared
        self._lock = threading.Lock()
        self._waiting: dict[tuple[bytes, TrialStatus], list[Outcomes]] = {}
        self._simulations = 0
        self._since = 0.0
        # Whether the last `flush` failed, and said so.
        self._told = False
        # Which seeds of each set are counted: numbers of groups of seeds, which most sets share.
        self._groups: dict[bytes, int] = {}
        self._counted: dict[str, tuple[int, ...]] = {}

    def add(self, outcomes: Outcomes, status: TrialStatus = "finished") -> None:
        """Take the trials of a batch; those that have waited long enough are written."""
        with self._lock:
            if not self._waiting:
                self._since = time.monotonic()
            for new in self._new(outcomes):
                # Batches on the same seeds become one table: most of its cost is by its columns.
                self._waiting.setdefault((new.seeds.tobytes(), status), []).append(new)
                self._simulations += new.ok.size
            due = time.monotonic() - self._since > _SECONDS or self._simulations > _SIMULATIONS
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        with self._lock:
            if not self._waiting:
                return
            frames, digest = [], hashlib.sha256()
            for (seeds, status), several in self._waiting.items():
                joined = several[0].joined(several[1:]) if len(several) > 1 else several[0]
                digest.update(seeds + "".join(joined.sets.ids.tolist()).encode())
                if status == "pruned":
                    digest.update(b"pruned")  # who finishes the same cells is told from it
                blocks = [joined] if joined.time_blocks is not None else joined.by_block()
                told = self._prepared, self._terms, status
                frames += [trial_rows(one, *told) for one in blocks]
            world, name = self._terms.world.id, f"part-batch-{digest.hexdigest()[:16]}"
            self._told = True
            with clear_errors(path_of(self._files, f"ledger/{world}")):
                write_trials(self._files, world, name, pl.concat(frames))
            self._told = False
            self._waiting, self._simulations = {}, 0

    def end(self) -> None:
        """Write what waits as its job is dropped, where an error would reach nobody.

        What cannot be written is told in the log, unless a `flush` has said so.
        """
        told = self._told
        try:
            self.flush()
        except StorageError as error:
            if not told:
                log.warning("%s", error)

    def _new(self, outcomes: Outcomes) -> Iterator[Outcomes]:
        """Leave out the cells that an earlier batch has counted."""
        group = self._groups.setdefault(outcomes.seeds.tobytes(), len(self._groups))
        before: dict[tuple[int, ...], list[int]] = {}
        for position, name in enumerate(outcomes.sets.ids.tolist()):
            groups = self._counted.get(name, ())
            if group not in groups:
                before.setdefault(groups, []).append(position)
                self._counted[name] = (*groups, group)
        if list(before) == [()] and len(before[()]) == len(outcomes.sets):
            yield outcomes
            return
        known = [np.frombuffer(seeds, dtype=np.uint64) for seeds in self._groups]
        for groups, positions in before.items():
            new = np.ones(len(outcomes.seeds), dtype=np.bool_)
            for number in groups:
                new &= ~np.isin(outcomes.seeds, known[number])
            if outcomes.time_blocks is not None and groups:
                continue  # every seed of history is the same path
            if new.any():
                yield outcomes.chosen(np.array(positions), np.flatnonzero(new))
