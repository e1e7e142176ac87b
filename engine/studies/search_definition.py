"""What a study says of a search: which points are tried, for what, and for how long."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from engine.errors import Refusal
from engine.jobs.settings import Settings

__all__ = ["Budget", "Method", "SearchDefinition"]

Method = Literal["grid", "random", "sobol", "genetic", "nsga2", "tpe", "cma_es"]


class Budget(Settings):
    """When a search ends: at the first of these that is reached."""

    sets: int | None = Field(None, gt=0, le=1_000_000, description="Parameter sets that run.")
    simulations: int | None = Field(None, gt=0, le=10**11, description="Sets times paths.")
    seconds: float | None = Field(
        None, gt=0, le=1e7, description="On this machine: another may get farther."
    )

    @model_validator(mode="after")
    def _some(self) -> Budget:
        if self.sets is None and self.simulations is None and self.seconds is None:
            raise Refusal("", "no end", "sets, simulations or seconds")
        return self


class SearchDefinition(Settings):
    """How parameters are searched.

    Without an objective, `count` points are drawn and all of them run, as a grid would. With one,
    `mc optimise run` looks for the best set until the budget is spent.
    """

    method: Method = Field(
        "random",
        description="Random points (also `monte_carlo`) or Sobol's; with an objective also every "
        "point of a grid, a genetic search, and Optuna's `tpe`, `cma_es` and `nsga2`.",
    )
    count: int | None = Field(
        None, gt=0, description="Without an objective: points to draw, before the constraint."
    )
    seed: int = Field(0, ge=0, lt=2**64, description="Of the search; paths do not depend on it.")
    objective: Any = Field(
        None,
        description="What is wanted: a statistic to maximise, {maximise: STATISTIC}, "
        "{minimise: STATISTIC}, or a list of these for a Pareto front.",
    )
    budget: Budget | None = Field(
        None, description="With an objective: when the search ends; a grid ends by itself."
    )
    race: bool = Field(
        False,
        description="With an objective: sets that are clearly behind the best leave before all "
        "seeds have run.",
    )
    leaders: int = Field(
        5,
        ge=1,
        le=1_000,
        description="With an objective: how many of the best run again on fresh paths.",
    )
    hold_out: float = Field(
        0.3,
        ge=0,
        le=0.9,
        description="With an objective, on history: the share of its bars, the last ones, that the "
        "search does not see and the leaders run on; 0 keeps none.",
    )

    @field_validator("method", mode="before")
    @classmethod
    def _one_word(cls, method: Any) -> Any:
        return "random" if method == "monte_carlo" else method

    @model_validator(mode="after")
    def _fits(self) -> SearchDefinition:
        if self.objective is None:
            if self.method not in ("random", "sobol"):
                raise Refusal("objective", f"none, which {self.method} needs", "a statistic")
            if self.count is None:
                raise Refusal("count", "this field is required")
            if self.budget is not None:
                raise Refusal("budget", "a budget without an objective", "count: N")
        elif self.count is not None:
            raise Refusal("count", f"{self.count} beside an objective", "budget: {sets: N}")
        elif self.budget is None and self.method != "grid":
            raise Refusal("budget", "none", "such as {sets: 500}")
        return self
