"""The definition of a study: what a study file may say, field by field."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from engine.studies.values import VALUES_SCHEMA, Distribution, Scalar, parse_values

__all__ = [
    "RecordDefinition",
    "SearchDefinition",
    "SeedRange",
    "SourceDefinition",
    "StrategyDefinition",
    "StudyDefinition",
    "UntilDefinition",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _dump_values(values: list[Scalar] | Distribution) -> Any:
    if isinstance(values, Distribution):
        arguments = list(values.arguments)
        return {values.kind: arguments}
    return values[0] if len(values) == 1 else values


ParameterValues = Annotated[
    Any,
    PlainValidator(parse_values),
    PlainSerializer(_dump_values),
    WithJsonSchema(VALUES_SCHEMA),
]


class _Definition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, given: Any) -> Any:
        """Take a key with nothing behind it for one that is not there, and true for no number."""
        if not isinstance(given, dict):
            return given
        for name, field in cls.model_fields.items():
            if isinstance(given.get(name), bool) and field.annotation is not bool:
                raise ValueError(
                    f"{name}: found {given[name]!r}, allowed a setting that is not true or false"
                )
        return {key: value for key, value in given.items() if value is not None}


class SourceDefinition(_Definition):
    """Where the price paths come from."""

    model: str = Field(description="Name of a price source, as `mc studies --sources` lists them.")
    symbol: str | list[str] | None = Field(
        None,
        description="Instrument whose bars or calibration the source uses; several for one "
        "path of several symbols.",
    )
    timeframe: str = Field("1d", description="Length of a bar; with the exchange it gives dt.")
    exchange: str = Field(
        "XNYS", description="Calendar for a source without a symbol; bars bring their own."
    )
    calibration: Literal["latest"] | datetime.date | None = Field(
        None,
        description="Take the source's parameters from the symbol's calibration: the "
        "latest, or the one as of a date.",
    )
    parameters: dict[str, ParameterValues] | Literal["draw"] = Field(
        default_factory=dict,
        description="Source parameters that replace calibrated or default ones; lists and ranges "
        "are swept (`model.NAME` in results and constraints). `draw` draws every path's "
        "parameters from the calibration's estimate and covariance: parameter uncertainty.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the source that are not numbers of the model, such as the "
        "bootstrap's `method` and `block_length`.",
    )
    steps: int | None = Field(None, gt=0, description="Bars of each path: the horizon.")
    s0: float | None = Field(
        None,
        description="Price at which paths start; by default the source's own choice: the "
        "last close where it has bars.",
    )
    bars: Literal["ohlc", "close"] = Field(
        "ohlc",
        description="`ohlc` simulates each bar's range; `close` is cheaper: high and low "
        "are the larger and smaller of open and close.",
    )
    sub_bars: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Finer bars that a model simulates inside each bar. Resting orders are worked "
        "on them, so a bar that touches both sides of a bracket is decided by the path and not by "
        "the pessimistic rule; the strategy still decides at the close of whole bars.",
    )
    file: str | None = Field(
        None,
        description="Python file or folder with the user's own source, relative to the study file.",
    )


class StrategyDefinition(_Definition):
    """What trades on the paths."""

    name: str = Field(description="Registered name, as `mc studies --strategies` lists them.")
    parameters: dict[str, ParameterValues] = Field(
        default_factory=dict,
        description="A value, a list, a range or a distribution per parameter; the others keep "
        "their defaults.",
    )
    file: str | None = Field(
        None,
        description="Python file or folder with the user's own strategy, relative to the "
        "study file.",
    )


class SearchDefinition(_Definition):
    """How parameters with distributions are searched."""

    method: Literal["random", "sobol"] = Field("random", description="Random points, or Sobol's.")
    count: int = Field(gt=0, description="Points to draw, before the constraint.")
    seed: int = Field(0, ge=0, lt=2**64, description="Of the search; paths do not depend on it.")


class SeedRange(_Definition):
    """Consecutive seeds."""

    count: int = Field(gt=0, le=100_000_000, description="How many seeds.")
    start: int = Field(0, ge=0, description="The first one.")


class RecordDefinition(_Definition):
    """What is kept besides the metrics of every simulation."""

    equity: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Points at which equity is sampled, evenly over the path; 0 keeps none.",
    )
    trades: bool = Field(False, description="Keep every trade of every simulation.")


class UntilDefinition(_Definition):
    """Add seeds until a statistic is known precisely enough."""

    statistic: str = Field("mean_net_pnl", description="A row of the study's statistics.")
    half_width: float = Field(gt=0, description="Wanted half-width of its confidence interval.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Level of that interval.")
    max_seeds: int = Field(gt=0, description="Never use more seeds than this.")
    leaders: int | None = Field(
        None,
        gt=0,
        description="Ask it of this many parameter sets with the largest estimate "
        "only; by default of all.",
    )


class StudyDefinition(_Definition):
    """A study: a strategy over a parameter space, on paths of a source, one path per seed."""

    name: str = Field(description="Name of the study: letters, digits, `_`, `-` and `.`.")
    description: str = Field("", description="What the study asks, in a sentence.")
    source: SourceDefinition
    strategy: StrategyDefinition
    constraint: list[str] = Field(
        default_factory=list,
        description="Expressions over parameter names, such as `fast < slow`; parameter sets for "
        "which one is false are dropped.",
    )
    search: SearchDefinition | None = Field(
        None, description="Needed when a parameter has a distribution."
    )
    execution: dict[str, Any] = Field(
        default_factory=dict, description="Cash, costs, fills, instrument and sizing."
    )
    seeds: str | Annotated[int, Field(gt=0, le=100_000_000)] | list[Any] | SeedRange = Field(
        description="A file of `seeds/`, a list of numbers, a count (from 0), or {count, start}."
    )
    paths_per_seed: int = Field(1, gt=0, description="Paths generated from each seed.")
    record: RecordDefinition = Field(default_factory=lambda: RecordDefinition.model_validate({}))
    until: UntilDefinition | None = Field(
        None, description="Add seeds, after those given, until a statistic is precise enough."
    )
    storage: Literal["parquet", "memory", "sqlite", "csv"] = Field(
        "parquet", description="Where results go; `sqlite` and `csv` add a file beside the Parquet."
    )
    workers: Literal["auto"] | Annotated[int, Field(gt=0)] = Field(
        "auto", description="Threads; `auto` uses every core."
    )
    failure_allowance: float = Field(
        0.05, ge=0, le=1, description="Share of simulations that may fail before the study does."
    )
    nightly: bool = Field(False, description="Run it on every new calibration.")

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        # The name becomes a folder.
        if not _NAME.fullmatch(name):
            raise ValueError(f"found {name!r}, allowed letters, digits, '_', '-' and '.'")
        return name

    @field_validator("constraint", mode="before")
    @classmethod
    def _one_or_many(cls, constraint: Any) -> Any:
        return [constraint] if isinstance(constraint, str) else constraint

    @model_validator(mode="after")
    def _draw_needs_calibration(self) -> StudyDefinition:
        if self.source.parameters == "draw" and self.source.calibration is None:
            raise ValueError(
                "source.parameters: found 'draw' without a calibration, "
                "allowed with `calibration: latest` or a date"
            )
        return self
