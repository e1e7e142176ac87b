"""Names of orders that follow from what they are: a retry or a restart sends the same order."""

from __future__ import annotations

import hashlib
import json

__all__ = ["client_order_id"]


def client_order_id(study: str, set_id: str, symbol: str, bar: int, order: int) -> str:
    """Return the id under which an order is sent.

    Parameters
    ----------
    study : str
        Name of the study.
    set_id : str
        Its parameter set.
    symbol : str
        What is traded.
    bar : int
        Opening instant, in microseconds since 1970-01-01 UTC, of the bar at whose close the order
        was wanted.
    order : int
        Its number in the replay; below 0 one that closes a position for good.

    Returns
    -------
    str
        35 characters: 128 bits of a SHA-256.

    Examples
    --------
    >>> client_order_id("crossover", "00ff", "SPY", 1_700_000_000_000_000, 3)
    'mc-9a8148b166a49bb4001718685a48a7ad'
    """
    said = json.dumps([study, set_id, symbol, int(bar), int(order)], ensure_ascii=True)
    return f"mc-{hashlib.sha256(said.encode()).hexdigest()[:32]}"
