"""How often and how much at once each key may ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limiter", "TooMany"]

# Keys that have not asked for so long are forgotten: their bucket is full again.
_FORGOTTEN_SECONDS = 60.0


class TooMany(Exception):
    """A key that asks too often, or too much at once.

    Attributes
    ----------
    seconds : int
        When to ask again.
    """

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = max(1, int(seconds + 0.999))


@dataclass
class _Bucket:
    tokens: float
    at: float
    running: int = 0


class Limiter:
    """A bucket of tokens for each key, and a count of what it has running.

    Parameters
    ----------
    per_second : float
        Tokens that come each second; a bucket holds those of two.
    concurrent : int
        Requests that may run at once.
    clock : callable
        Seconds, monotone.

    Examples
    --------
    >>> limiter = Limiter(per_second=1.0, concurrent=5, clock=lambda: 0.0)
    >>> limiter.enter("desk"), limiter.enter("desk")
    (None, None)
    >>> limiter.enter("desk")
    Traceback (most recent call last):
    ...
    mc_assets.service.limits.TooMany: more than 1 requests a second
    """

    def __init__(
        self, per_second: float, concurrent: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._most = per_second, concurrent
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._guard = threading.Lock()

    def enter(self, key: str) -> None:
        """Begin a request; `leave` ends it.

        Raises
        ------
        TooMany
            If the key has no token left, or as many running as it may.
        """
        now, full = self._clock(), max(2.0 * self._rate, 1.0)
        with self._guard:
            bucket = self._buckets.setdefault(key, _Bucket(full, now))
            bucket.tokens = min(full, bucket.tokens + (now - bucket.at) * self._rate)
            bucket.at = now
            if bucket.running >= self._most:
                raise TooMany(f"more than {self._most:,} requests at once", 1.0)
            if bucket.tokens < 1.0:
                wait = (1.0 - bucket.tokens) / self._rate
                raise TooMany(f"more than {self._rate:g} requests a second", wait)
            bucket.tokens -= 1.0
            bucket.running += 1
            self._forget(now)

    def leave(self, key: str) -> None:
        """End a request that `enter` began."""
        with self._guard:
            self._buckets[key].running -= 1

    def _forget(self, now: float) -> None:
        if len(self._buckets) > 1_000:
            self._buckets = {
                key: bucket
                for key, bucket in self._buckets.items()
                if bucket.running or now - bucket.at < _FORGOTTEN_SECONDS
            }
