"""Where an order stands in the queue of its price, by the model that the settings name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.compiled.elementary import log
from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.randomness.normals import uniform, words
from engine.ticks import layout as at
from engine.ticks.messages import QUEUE_STREAM

__all__ = ["shift", "unknown_behind"]


@part
def unknown_behind(s: Any) -> bool:
    """Whether nobody says where an order stands behind the touch, until that comes back."""
    return bool(s.times[at.QUEUE] == at.PESSIMISTIC or s.times[at.QUEUE] == at.DRAWN_QUEUE)


@part
def shift(s: Any, event: int, slot: int, was: float, size: float, before: float) -> None:
    """Move an order at the touch in its queue as the displayed size changes."""
    numbers = s.order_numbers
    ahead = numbers[slot, at.ORDER_AHEAD]
    queue = s.times[at.QUEUE]
    if queue <= at.RISK_AVERSE:
        # What left without a trade left from behind, until less is displayed than was ahead.
        if ahead == math.inf:
            numbers[slot, at.ORDER_AHEAD] = size + before
        else:
            numbers[slot, at.ORDER_AHEAD] = min(ahead, size + before)
        return
    # Trades have moved the queue already; only what was cancelled beside them moves it now.
    gone = was - size - numbers[slot, at.ORDER_TRADED]
    numbers[slot, at.ORDER_TRADED] = 0.0
    if queue == at.DRAWN_QUEUE:
        ahead = _drawn_ahead(s, event, ahead, was - ahead, gone, size)
    elif gone > 0.0:
        behind = was - ahead
        share = _share_behind(s, ahead, behind)
        ahead = ahead - (1.0 - share) * gone + min(behind - share * gone, 0.0)
    numbers[slot, at.ORDER_AHEAD] = min(ahead, size + before)


@part
def _share_behind(s: Any, ahead: float, behind: float) -> float:
    """Return the chance that what is cancelled stood behind the order."""
    ahead, behind = max(ahead, 0.0), max(behind, 0.0)
    if s.times[at.QUEUE] == at.BY_POWER:
        front = back = 1.0
        for _ in range(s.times[at.POWER]):
            front *= ahead
            back *= behind
    else:
        front, back = log(1.0 + ahead), log(1.0 + behind)
    if front + back <= 0.0:
        return 1.0
    return float(back / (front + back))


@rare
def _drawn_ahead(
    s: Any, event: int, ahead: float, behind: float, gone: float, size: float
) -> float:
    """Return the units ahead of an order once the seed has drawn where those that left stood.

    Numbers belong to the time of the event: parameter sets of one seed see the same ones.
    """
    keep_apart()
    stamp = np.uint64(s.stamps[event])
    number = (stamp ^ (stamp >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    stream = np.uint64(QUEUE_STREAM + s.symbol[event])
    side, place, _, _ = words(
        np.uint64(s.times[at.SEED]), stream, np.uint64(s.times[at.PATH]), number
    )
    if ahead == math.inf:
        return float(uniform(place) * size)
    if gone <= 0.0:
        return ahead
    behind = max(behind, 0.0)
    if uniform(side) * (ahead + behind) < behind:
        # Those behind leave first; what they do not come to left ahead.
        return float(ahead - max(gone - behind, 0.0))
    return float(max(ahead - gone, 0.0))
