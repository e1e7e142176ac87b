"""What a run under way has come to, kept now and then so that a killed one goes on from there."""

from __future__ import annotations

import logging
import time
from typing import Final, Protocol

from engine.errors import Refusal

__all__ = ["RunKeeper", "StatePlace"]

log = logging.getLogger(__name__)

_SECONDS: Final = 1.0
_SHARE: Final = 0.02


class StatePlace(Protocol):
    """Where states are kept by name, whole or not at all."""

    def load(self, name: str) -> bytes | None:
        """Return what was kept last; None where nothing is."""

    def save(self, name: str, content: bytes) -> None:
        """Keep a content in place of the last one."""


class _Run(Protocol):
    """A run that can be left and gone on with between two chunks."""

    def state(self) -> bytes:
        """Return everything that decides how it goes on."""

    def restore(self, content: bytes) -> None:
        """Stand where the run stood that had this state."""


class RunKeeper:
    """Keeps the state of one run at ends of chunks, about once a second.

    Parameters
    ----------
    place : StatePlace
        Where.
    name : str
        Of the run: what it is of and the version of the loop, as another run may not go on from it.
    seconds : float, optional
        Least time from one state to the next.
    share : float, optional
        Share of the time that keeping states may take; infinite: any.
    """

    def __init__(
        self,
        place: StatePlace,
        name: str,
        *,
        seconds: float = _SECONDS,
        share: float = _SHARE,
    ) -> None:
        self._place, self._name = place, name
        self._seconds, self._share = seconds, share
        self._due = time.monotonic() + seconds

    def resume(self, run: _Run) -> None:
        """Let a run that is to begin go on from the state that was kept, if there is one."""
        content = self._place.load(self._name)
        if content is None:
            return
        try:
            run.restore(content)
        except Refusal as refusal:
            log.warning("%s: it begins anew", refusal)

    def offer(self, run: _Run) -> None:
        """Keep the state of a run that stands between two chunks, if it is time to."""
        begin = time.monotonic()
        if begin < self._due:
            return
        try:
            self._place.save(self._name, run.state())
        except OSError as error:
            # Without a state a killed run begins anew; that is no reason to end this one.
            log.warning("the state of a run on ticks cannot be kept: %s", error)
        end = time.monotonic()
        self._due = end + max(self._seconds, (end - begin) / self._share)
