"""Progress of a running study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "ProgressCallback"]


@dataclass(frozen=True)
class Progress:
    """A moment of a running study.

    Parameters
    ----------
    done, total : int
        Simulations, those reused from an earlier run included.
    reused : int
        Simulations of parts that were finished before.
    failed : int
        Simulations with ``status = 'failed'``.
    seconds : float
        Since the run began.
    """

    done: int
    total: int
    reused: int
    failed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Simulations per second of this run."""
        return (self.done - self.reused) / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float:
        """Seconds left at this rate; infinite before the first simulation."""
        left = self.total - self.done
        if left == 0:
            return 0.0
        return left / self.rate if self.rate > 0 else float("inf")

    def __str__(self) -> str:
        text = f"{self.done:,} / {self.total:,} simulations"
        if self.rate > 0:
            text += f", {self.rate:,.0f}/s"
            if self.remaining > 0:
                text += f", {_duration(self.remaining)} left"
        if self.failed:
            text += f", {self.failed:,} failed"
        return text


ProgressCallback = Callable[[Progress], None]


def _duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
