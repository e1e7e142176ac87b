"""The state of a run between two chunks as bytes: everything that decides how it goes on."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.ticks.chunk import CHUNK_COLUMNS, TickChunk
from engine.ticks.state import RECORDED, Desks

__all__ = ["RunState"]

_DESK: Final = "desk_"
_CHUNK: Final = "chunk_"
_BATCH: Final = "batch_"
# What its arrays mean: one of another form is not gone on from.
_FORM: Final = 2
# Settings, which a run has anyway.
_GIVEN: Final = ("rules", "times")


@dataclass(frozen=True, eq=False)
class RunState:
    """What passes from one chunk to the next.

    Parameters
    ----------
    desks : Desks
        Of every simulation.
    failed : ndarray of int8, shape (simulations,)
        How each ended that failed; 0 where it goes on.
    events : int
        Events taken: the number of the next one.
    heard_last : int
        When the last of them is heard of, in nanoseconds.
    ended : bool
        Whether there are no more.
    waiting : TickChunk, optional
        Events that were not heard of yet.
    waiting_heard : ndarray of int64, shape (events,)
        When they are, less the delay of a feed that is fixed.
    waiting_targets : ndarray of float64, shape (simulations, events)
        What the batch form wants to hold at them; of no events without it.
    batch : dict of str to ndarray
        What the batch form carries from block to block.
    """

    desks: Desks
    failed: NDArray[np.int8]
    events: int
    heard_last: int
    ended: bool
    waiting: TickChunk | None
    waiting_heard: NDArray[np.int64]
    waiting_targets: NDArray[np.float64]
    batch: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """Return it as a compressed archive of arrays."""
        arrays = {
            _DESK + field.name: getattr(self.desks, field.name)
            for field in fields(self.desks)
            if field.name not in _GIVEN
        }
        if self.waiting is not None:
            arrays |= {_CHUNK + name: getattr(self.waiting, name) for name in CHUNK_COLUMNS}
        arrays |= {_BATCH + name: array for name, array in self.batch.items()}
        content = io.BytesIO()
        np.savez_compressed(
            content,
            failed=self.failed,
            place=np.array([_FORM, self.events, self.heard_last, int(self.ended)], np.int64),
            waiting_heard=self.waiting_heard,
            waiting_targets=self.waiting_targets,
            **arrays,
        )
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, like: Desks) -> RunState:
        """Return what `to_bytes` made.

        Parameters
        ----------
        content : bytes
            The archive.
        like : Desks
            Of the run that is to go on: its settings, and how large its arrays are.

        Raises
        ------
        Refusal
            If it is damaged, or of another run.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
            desks = {name: getattr(like, name) for name in _GIVEN}
            for field in fields(like):
                if field.name in _GIVEN:
                    continue
                array, wanted = found[_DESK + field.name], getattr(like, field.name)
                fixed = 1 if field.name not in RECORDED else 2
                same = (array.shape[0], array.shape[fixed:]) == (
                    wanted.shape[0],
                    wanted.shape[fixed:],
                )
                if array.dtype != wanted.dtype or not same:
                    raise ValueError(field.name)
                desks[field.name] = array
            waiting = None
            if _CHUNK + "stamps" in found:
                waiting = TickChunk(*(found[_CHUNK + name] for name in CHUNK_COLUMNS))
            form, events, heard_last, ended = found["place"].tolist()
            if form != _FORM:
                raise ValueError(f"form {form}")
            batch = {n[len(_BATCH) :]: a for n, a in found.items() if n.startswith(_BATCH)}
            return cls(
                Desks(**desks), found["failed"], events, heard_last, bool(ended), waiting,
                found["waiting_heard"], found["waiting_targets"], batch,
            )  # fmt: skip
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise Refusal("state", f"one that is damaged or of another run ({error})") from None
