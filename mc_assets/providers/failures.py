"""How a request of a network provider fails."""

from __future__ import annotations

__all__ = ["Failure", "LimitReached", "Transient"]


class Failure(Exception):
    """A request that failed permanently.

    Parameters
    ----------
    reason : str
        Part of a sentence, for the user; never holds a key.
    status : int, optional
        HTTP status.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Transient(Failure):
    """A request that may succeed when tried again.

    Parameters
    ----------
    reason, status
        As of `Failure`.
    retry_after : float, optional
        Seconds the server asked to wait.
    """

    def __init__(
        self, reason: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after


class LimitReached(Failure):
    """The server sent more or took longer than the options allow."""
