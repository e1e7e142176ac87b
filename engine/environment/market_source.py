"""Where the paths of an environment come from, and which fields their bars have."""

from __future__ import annotations

from typing import Any

from engine.bars import BAR_FIELDS
from engine.errors import Refusal
from engine.sources import GBM, Source, get_source

__all__ = ["fields_of", "source_of"]


def source_of(given: Any, volatility: float) -> Any:
    """Return a source as it is or by its name; by default a random walk of this volatility a year.

    Raises
    ------
    Refusal
        If it is neither a source nor the name of one.
    """
    if given is None:
        return GBM(mu=0.0, sigma=volatility)
    if isinstance(given, str):
        return get_source(given)()
    if not isinstance(given, Source):
        raise Refusal("source", repr(given), "a source of price paths, or the name of one")
    return given


def fields_of(source: Source) -> tuple[str, ...]:
    """Return the fields of a bar: prices and volume, and the states of the source."""
    return (*BAR_FIELDS, *source.states)
