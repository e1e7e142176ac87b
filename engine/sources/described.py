"""Fields of a source as plain values: what its fingerprint is made of."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engine.bars import Bars
from engine.calendar import BarCalendar

__all__ = ["described"]


@runtime_checkable
class _Fingerprinted(Protocol):
    """A source inside a source."""

    def fingerprint(self) -> dict[str, Any]: ...


def described(value: Any) -> Any:
    """Return a field of a source as JSON-able values: bars and arrays by their hash.

    Parameters
    ----------
    value : Any
        A number, text, bars, array, calendar or source, or a sequence of them.
    """
    if isinstance(value, Bars):
        return {"symbol": value.symbol, "data_hash": value.data_hash}
    if isinstance(value, _Fingerprinted):
        return value.fingerprint()
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value, dtype="<f8").tobytes()
        return {"shape": list(value.shape), "sha256": hashlib.sha256(content).hexdigest()}
    if isinstance(value, tuple | list):
        return [described(item) for item in value]
    if isinstance(value, BarCalendar):
        return {"exchange": value.exchange, "timeframe": value.timeframe}
    return value
