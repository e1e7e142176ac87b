"""Spans of time as settings spell them, in nanoseconds."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import Refusal

__all__ = ["nanoseconds_of"]

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_SPAN: Final = re.compile(r"(\d{1,9})(\.\d{1,9})?(ns|us|ms|s|m|h|d)")
_ALLOWED: Final = "a number and ns, us, ms, s, m, h or d, such as 2ms"


def nanoseconds_of(text: object, field: str) -> int:
    """Return the nanoseconds of a span such as ``2ms``.

    Parameters
    ----------
    text : object
        What stands there.
    field : str
        Where it stands, for the error.

    Raises
    ------
    Refusal
        If it is no span.

    Examples
    --------
    >>> nanoseconds_of("1.5ms", "latency.feed")
    1500000
    """
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise Refusal(field, repr(text), _ALLOWED)
    whole, fraction, unit = found.groups()
    scale = _UNITS[unit]
    part = int((fraction or ".0")[1:]) * scale // 10 ** len((fraction or ".0")[1:])
    return int(int(whole) * scale + part)
