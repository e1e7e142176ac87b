"""The engine of ticks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TickEngine:
    """Stub."""
