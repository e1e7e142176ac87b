"""HTTP for clients that may be slow on purpose: a request that does not arrive ends."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PatientHttp"]

# The head of a request has to be there by then; its body has a limit of its own.
_HEAD_SECONDS: Final = 10.0


class PatientHttp(H11Protocol):
    """Closes a connection that has begun no request, or half of one, for ten seconds.

    uvicorn itself waits forever for the rest of a head, and a thousand such connections use up the
    descriptors of a process.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what has come; stop to wait once the head of a request is whole."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self._is_between_requests() and self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the wait."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self._is_between_requests() and not self.transport.is_closing():
            self.transport.close()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)
