"""A stress scenario of a study file: a shock, or a stretch of history, in its paths."""

from __future__ import annotations

import datetime

from pydantic import Field, model_validator

from engine.errors import Refusal
from engine.jobs.settings import Settings

__all__ = ["StressDefinition"]


class StressDefinition(Settings):
    """What is put into the paths of the source, and when."""

    at: int | float | datetime.date | str = Field(
        0.5,
        description="When: a bar, from 1; a share of the path between 0 and 1; a date, of history; "
        "`random`, any bar that leaves room, drawn for every path by its seed.",
    )
    shock: float | None = Field(
        None,
        gt=-1.0,
        description="Relative move of the price at the bar's open, such as -0.2. Several are swept "
        "by `parameters: {stress.shock: [-0.1, -0.2]}` of the source.",
    )
    over: int = Field(
        1, ge=1, description="Bars over which the shock comes, in equal steps at their opens."
    )
    symbol: str | None = Field(
        None,
        description="Series whose stretch from `start` to `end` takes the place of as many bars.",
    )
    start: datetime.date | None = Field(None, description="First day of the stretch.")
    end: datetime.date | None = Field(None, description="Last day of the stretch.")
    on: list[str] | None = Field(
        None, description="Symbols of the path that are hit; by default all."
    )
    label: str = Field("", description="What reports call the scenario.")

    @model_validator(mode="after")
    def _one_scenario(self) -> StressDefinition:
        stretch = (self.symbol, self.start, self.end)
        if self.shock is None and None in stretch:
            raise Refusal("", "no scenario", "`shock`, or `symbol`, `start` and `end`")
        if self.shock is not None and stretch != (None, None, None):
            raise Refusal("", "a shock beside a stretch of history", "one of them")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise Refusal("end", str(self.end), f"{self.start} or later")
        return self
