"""Spacing the requests of a provider, and waiting between them."""

from __future__ import annotations

import threading
import time
from typing import Final

__all__ = ["RateLimiter", "limiter_of", "rest"]


class RateLimiter:
    """Spaces requests evenly; one per provider and process, shared by its threads.

    Parameters
    ----------
    per_minute : float, optional
        Requests a minute; None means unlimited.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.spacing = 0.0 if per_minute is None else 60.0 / per_minute
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self.spacing
        if mine > now:
            rest(mine - now)


def limiter_of(name: str, per_minute: float | None) -> RateLimiter:
    """Return the process's rate limiter of a provider; a new rate makes a new one."""
    key = f"{name} {per_minute}"
    with _LIMITERS_LOCK:
        return _LIMITERS.setdefault(key, RateLimiter(per_minute))


def rest(seconds: float) -> None:
    """Sleep; tests replace this function."""
    time.sleep(seconds)


_LIMITERS: Final[dict[str, RateLimiter]] = {}
_LIMITERS_LOCK: Final = threading.Lock()
