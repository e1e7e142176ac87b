"""What a body may ask: every field is known, and none of them reaches a file or code.

A study that the project stores may be named, with changes; a study may be stated, of the sources
and strategies that are installed. Files, folders and Python stand in neither.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BacktestRequest",
    "MonteCarloRequest",
    "PanelRequest",
    "SearchRequest",
    "SqlRequest",
    "WalkForwardRequest",
]

Name = Annotated[str, Field(min_length=1, max_length=120, examples=["sma_crossover_gbm"])]
Values = dict[str, Any]
Bars = Annotated[int, Field(strict=True, ge=1)]
Length = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}(d|w|mo|y)$")]

_STUDY = "Name of a study that the project stores, as `GET /v1/studies` lists it."
_DEFINITION = (
    "A study stated here, as a study file says it (`mc schema` prints its JSON Schema): of "
    "installed sources and strategies, without files."
)
_CHANGES = (
    "Changes of settings by their dotted name, such as `strategy.fast` or `source.steps`: a value, "
    "or a list of values of a parameter."
)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _StudyRequest(_Request):
    study: Name | None = Field(None, description=_STUDY)
    definition: Values | None = Field(None, description=_DEFINITION)
    changes: Values = Field(default_factory=dict, description=_CHANGES)
    seeds: int | str | list[int] | dict[str, int] | None = Field(
        None, description="A seed set of the project, a count, numbers, or {count, start}."
    )


class MonteCarloRequest(_StudyRequest):
    """A Monte Carlo study: one that is stored, or one that is stated."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"study": "sma_crossover_gbm", "changes": {"strategy.fast": [5, 10]}, "seeds": 200},
                {
                    "definition": {
                        "name": "crossover on gbm",
                        "source": {
                            "model": "gbm",
                            "parameters": {"mu": 0.05, "sigma": 0.2},
                            "steps": 252,
                        },
                        "strategy": {
                            "name": "sma_crossover",
                            "parameters": {"fast": [5, 10], "slow": [50]},
                        },
                        "seeds": 100,
                    }
                },
            ]
        }
    )


class BacktestRequest(_Request):
    """A strategy on the stored bars of one symbol, as they were."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "strategy": "sma_crossover",
                    "symbol": "SP500",
                    "parameters": {"fast": 20, "slow": 100},
                }
            ]
        }
    )

    strategy: Name = Field(description="Registered name of a strategy.")
    symbol: Name = Field(description="Symbol whose stored bars it trades on.", examples=["SP500"])
    timeframe: str = Field("1d", max_length=8, description="Length of a bar.")
    parameters: Values = Field(
        default_factory=dict, description="A value per parameter, or a list: every combination."
    )
    name: Name | None = Field(
        None, description="Name of the backtest; by default of strategy, symbol and what is asked."
    )
    steps: int | None = Field(None, ge=1, description="Only the last so many bars.")
    execution: Values = Field(
        default_factory=dict, description="Cash, costs, fills, sizing, as a study file says them."
    )


class SearchRequest(_StudyRequest):
    """A search of the parameters of a study that states an objective."""

    method: str | None = Field(None, max_length=40, description="Sampler; else the study's own.")
    samples: int | None = Field(None, ge=1, le=1_000_000, description="Parameter sets to try.")
    seed: int | None = Field(None, ge=0, description="Seed of the search.")
    objective: str | None = Field(None, max_length=80, description="Statistic to maximise.")
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "definition": {
                        "name": "searched",
                        "source": {
                            "model": "gbm",
                            "parameters": {"mu": 0.05, "sigma": 0.2},
                            "steps": 252,
                        },
                        "strategy": {
                            "name": "sma_crossover",
                            "parameters": {
                                "fast": {"integer": [2, 20]},
                                "slow": {"integer": [21, 100]},
                            },
                        },
                        "seeds": 50,
                    },
                    "method": "random",
                    "samples": 40,
                    "seed": 1,
                    "objective": "sharpe",
                }
            ]
        }
    )


class WalkForwardRequest(_StudyRequest):
    """Choose in sample, judge out of sample, window after window."""

    score: Literal["sharpe", "net_pnl", "total_return"] | None = Field(
        None, description="What sets are chosen by."
    )
    windows: int | None = Field(None, ge=1, le=1_000, description="How many windows.")
    in_sample: Bars | Length | None = Field(
        None, description="Bars to choose on, or a length.", examples=["3y"]
    )
    out_of_sample: Bars | Length | None = Field(None, description="Bars to judge on, or a length.")
    dates: list[datetime.date] | None = Field(
        None, min_length=1, max_length=1_000, description="Days on which sets are chosen anew."
    )
    anchored: bool | None = Field(None, description="Whether all begin at the first bar.")
    purge: int | None = Field(None, ge=0, description="Bars left out between the two.")
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"study": "sma_crossover_gbm", "windows": 3, "seeds": 50}]}
    )


class PanelRequest(_Request):
    """One grid of a strategy's parameter sets in every world that a history allows."""

    strategy: Name = Field(description="Registered name of a strategy.")
    symbol: Name = Field(description="Symbol of stored bars.", examples=["SP500"])
    timeframe: str = Field("1d", max_length=8, description="Length of a bar.")
    parameters: Values = Field(
        default_factory=dict, description="A value or a list per parameter; else all are searched."
    )
    statistic: str = Field("sharpe", max_length=80, description="What sets are judged by.")
    tries: int = Field(32, ge=2, le=10_000, description="Parameter sets to try.")
    paths: int = Field(500, ge=10, le=100_000, description="Paths of each world.")
    seed: int = Field(0, ge=0, description="Of the search.")
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"strategy": "buy_and_hold", "symbol": "SP500", "tries": 4, "paths": 50},
            ]
        }
    )


class SqlRequest(_Request):
    """One question to the published tables."""

    query: str = Field(
        min_length=1,
        max_length=20_000,
        description="One statement of DuckDB's SQL that reads.",
        examples=["SELECT study, parameter_set, sharpe FROM parameter_sets LIMIT 5"],
    )
    limit: int = Field(1_000, ge=1, le=10_000, description="Rows at most.")
