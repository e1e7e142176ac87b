"""What a search is told: how, how long, what for."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from engine.errors import Refusal
from engine.jobs.settings import Settings

__all__ = ["Budget", "SearchSettings"]


class Budget(Settings):
    """When a search ends: at the first of these that is reached."""

    sets: int | None = Field(None, gt=0, le=1_000_000, description="Parameter sets that run.")
    simulations: int | None = Field(None, gt=0, le=10**11, description="Sets times paths.")
    seconds: float | None = Field(
        None, gt=0, le=1e7, description="Of this machine: another may get farther."
    )

    @model_validator(mode="after")
    def _some(self) -> Budget:
        if self.sets is None and self.simulations is None and self.seconds is None:
            raise Refusal("", "no end", "sets, simulations or seconds")
        return self


class SearchSettings(Settings):
    """How the parameters of a study are searched."""

    method: str = Field("random", description="How points are chosen.")
    budget: Budget | None = Field(None, description="When it ends; a grid ends by itself.")
    seed: int = Field(0, ge=0, lt=2**64, description="Of the search; paths do not depend on it.")
    leaders: int = Field(
        5, ge=1, le=1_000, description="How many of the best run again on fresh paths."
    )
    hold_out: float = Field(
        0.3,
        ge=0,
        le=0.9,
        description="On history, the share of its bars, the last, that the search does not see "
        "and the leaders run on; 0 keeps none.",
    )

    @field_validator("method")
    @classmethod
    def _known(cls, method: Any) -> Any:
        return "random" if method == "monte_carlo" else method

    @model_validator(mode="after")
    def _ends(self) -> SearchSettings:
        if self.budget is None and self.method != "grid":
            raise Refusal("budget", "none", "such as {sets: 500}")
        return self
