"""What a study says of walking forward: which windows, and how sets are chosen in them."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field, StrictInt

from engine.jobs.settings import Settings

__all__ = ["WalkForwardDefinition"]


class WalkForwardDefinition(Settings):
    """How `mc walk-forward` and the asset `walk_forward_windows` walk the study forward."""

    windows: int = Field(
        5,
        ge=1,
        le=1_000,
        description="How many, 70 % of the bars of each in sample; with lengths, the partitions "
        "that `mc ui` offers.",
    )
    in_sample: StrictInt | str | None = Field(
        None,
        description="With `out_of_sample`, in place of a count: bars to choose on, or a length "
        "such as `3y`, `6mo`, `26w` or `90d`.",
    )
    out_of_sample: StrictInt | str | None = Field(
        None, description="Bars to judge on, or a length; windows move by it."
    )
    dates: list[datetime.date] | None = Field(
        None,
        min_length=1,
        max_length=1_000,
        description="On history, the days on which sets are chosen anew, on `in_sample` before "
        "each, by default on all bars before.",
    )
    score: Literal["sharpe", "net_pnl", "total_return"] = Field(
        "sharpe", description="What sets are chosen by, of the bars of a window."
    )
    anchored: bool = Field(False, description="Whether every window begins at the first bar.")
    purge: int = Field(
        0, ge=0, description="Bars left out between those in sample and those out of sample."
    )
    at_seam: Literal["carried", "flat"] = Field(
        "carried",
        description="`carried`: a chosen set is taken with the position that it holds at the seam. "
        "`flat`, on history: each stretch of bars is an account of its own, without a position at "
        "its ends.",
    )
    model: str | None = Field(
        None,
        description="On history: choose on paths of this model, calibrated on the bars in sample, "
        "in place of these bars.",
    )
    model_paths: int = Field(200, ge=1, le=100_000, description="With a model: how many paths.")
