"""Calibrations as text: JSON in which undefined numbers are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

__all__ = ["as_date", "defined", "from_json", "number", "to_json"]


def defined(value: float) -> float | None:
    """Return a number, or None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def number(value: float | None) -> float:
    """Return what `defined` was given, NaN for None."""
    return math.nan if value is None else float(value)


def as_date(value: Any) -> date:
    """Return a date that was stored as date, instant or text."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def to_json(value: Any) -> str:
    """Write a value as JSON; numbers of NumPy as plain ones, undefined ones as null."""
    return json.dumps(_plain(value), allow_nan=False, sort_keys=isinstance(value, dict))


def from_json(text: str) -> Any:
    """Read what `to_json` wrote."""
    return json.loads(text)


def _plain(value: Any) -> Any:
    """Convert NumPy values to JSON values, undefined numbers to null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return defined(float(value))
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value
