"""The definition of a study: what a study file may say, field by field."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from engine.errors import Refusal
from engine.jobs.settings import JobSettings, PathSettings, Settings
from engine.jobs.space import Scalar
from engine.market_data import Adjustment
from engine.sources.history import Join
from engine.studies.file_names import FileName
from engine.studies.search_definition import SearchDefinition
from engine.studies.seeds import SEEDS_SCHEMA, dump_seeds, parse_seeds
from engine.studies.stress_definition import StressDefinition
from engine.studies.study_name import check_study_name
from engine.studies.trained_policies import strategy_name
from engine.studies.values import VALUES_SCHEMA, Distribution, parse_values
from engine.studies.walk_forward_definition import WalkForwardDefinition

__all__ = ["SourceDefinition", "StrategyDefinition", "StudyDefinition"]


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

Seeds = Annotated[
    Any,
    PlainValidator(parse_seeds),
    PlainSerializer(dump_seeds),
    WithJsonSchema(SEEDS_SCHEMA),
]


class SourceDefinition(PathSettings):
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
    join: Join = Field(
        "common",
        description="Which bars several symbols of differing calendars have: those that all have, "
        "or those that any has, in which the others repeat their last price and do not trade.",
    )
    adjustment: Adjustment = Field(
        "all",
        description="What is taken out of the prices of `symbol`: splits and dividends; splits "
        "alone, or nothing, where dividends are paid in cash at the open of their day.",
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
        "parameters, and the filtered states that it starts from, from the calibration's estimate "
        "and covariance: parameter uncertainty.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the source that are not numbers of the model, such as the "
        "bootstrap's `method` and `block_length`.",
    )
    file: FileName | None = Field(
        None,
        description="Python file or folder with the user's own source, relative to the study file.",
    )
    stress: StressDefinition | None = Field(
        None,
        description="A scenario that is put into every path: a shock, or a stretch of history such "
        "as a crash.",
    )
    columns: FileName | list[FileName] | None = Field(
        None,
        description="Columns of one's own for the bars of `symbol`. A name is one that the series "
        "stores: `vwap`, `trade_count`, or of its `columns`. A name with an ending is a CSV or "
        "Parquet file, relative to the study file: `timestamp`, the instant at which the other "
        "values became known, or `date`, the day of the bar at whose close they are known; and "
        "numbers.",
    )

    @property
    def column_files(self) -> list[str]:
        """The files among `columns`."""
        return [name for name in self._columns if Path(name).suffix]

    @property
    def stored_columns(self) -> list[str]:
        """The columns of the stored series among `columns`."""
        return [name for name in self._columns if not Path(name).suffix]

    @property
    def _columns(self) -> list[str]:
        return [self.columns] if isinstance(self.columns, str) else self.columns or []


class StrategyDefinition(Settings):
    """What trades on the paths."""

    name: str = Field(description="Registered name, as `mc studies --strategies` lists them.")
    parameters: dict[str, ParameterValues] = Field(
        default_factory=dict,
        description="A value, a list, a range or a distribution per parameter; the others keep "
        "their defaults.",
    )
    file: FileName | None = Field(
        None,
        description="Python file or folder with the user's own strategy, relative to the "
        "study file.",
    )
    policy: str | None = Field(
        None,
        description="In place of `name` and `file`: a policy of `studies/policies/` that "
        "`mc train` has trained. Its parameter `training` says which training decides.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_policy(cls, content: Any) -> Any:
        if not isinstance(content, Mapping) or not isinstance(content.get("policy"), str):
            return content
        name = strategy_name(content["policy"])
        for other, allowed in (("file", None), ("name", name)):
            if content.get(other) not in (None, allowed):
                raise Refusal(other, repr(content[other]), "nothing beside `policy`")
        return {**content, "name": name}

    @field_validator("policy")
    @classmethod
    def _plain_policy(cls, policy: str | None) -> str | None:
        return None if policy is None else check_study_name(policy)


class _Question(Settings):
    """What trades on which paths."""

    @model_validator(mode="before")
    @classmethod
    def _bars_of_ticks(cls, content: Any) -> Any:
        """Let a study of ticks do without a source: it has bars of its ticks."""
        if isinstance(content, Mapping) and content.get("ticks") and "source" not in content:
            return {**content, "source": {"model": "historical"}}
        return content

    name: str = Field(description="Name of the study; it names folders.")
    description: str = Field("", description="What the study asks, in a sentence.")
    source: SourceDefinition = Field(
        description="Where prices come from: a model, a bootstrap or history."
    )
    strategy: StrategyDefinition = Field(description="What trades, with which parameters.")
    constraint: list[str] = Field(
        default_factory=list,
        description="Expressions over parameter names, such as `fast < slow`; parameter sets for "
        "which one is false are dropped.",
    )
    search: SearchDefinition | None = Field(
        None, description="Needed when a parameter has a distribution."
    )
    when: dict[str, str] = Field(
        default_factory=dict,
        description="With an objective of the search: parameters that matter only where an "
        "expression over the others holds, such as `trail: exit == 'trailing'`; elsewhere they "
        "have their defaults and are not moved.",
    )
    require: dict[str, str] = Field(
        default_factory=dict,
        description="With an objective of the search: what statistics of a parameter set must be "
        'for it to count, such as `trades: ">= 100"`.',
    )
    execution: dict[str, Any] = Field(
        default_factory=dict, description="Cash, costs, fills, instrument and sizing."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Of an option strategy: contract, volatility, costs, margin.",
    )
    ticks: dict[str, Any] = Field(
        default_factory=dict,
        description="Of a strategy of ticks: `path` of the file or folder, relative to the study "
        "file, with `symbol` where it has several; latency, queue, fees, contract, limits; "
        "`resample`, where every seed is to be a stream made of the ticks. Such a study needs no "
        "`source`.",
    )
    seeds: Seeds = Field(
        description="A file of `seeds/`, a list of numbers, a count (from 0), or {count, start}."
    )


class StudyDefinition(JobSettings, _Question):
    """A study: a strategy over a parameter space, on paths of a source, one path per seed."""

    storage: Literal["parquet", "memory", "sqlite", "csv"] = Field(
        "parquet", description="Where results go; `sqlite` and `csv` add a file beside the Parquet."
    )
    workers: Literal["auto"] | Annotated[int, Field(gt=0, le=1_024)] = Field(
        "auto", description="Threads; `auto` uses every core."
    )
    walk_forward: WalkForwardDefinition | None = Field(
        None, description="How the study is walked forward."
    )
    nightly: bool = Field(
        False,
        description="Run it on every new calibration; every night search it, if it has an "
        "objective, and walk it forward, if it says how.",
    )

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        return check_study_name(name)

    @field_validator("constraint", mode="before")
    @classmethod
    def _one_or_many(cls, constraint: Any) -> Any:
        return [constraint] if isinstance(constraint, str) else constraint

    @model_validator(mode="after")
    def _draw_needs_calibration(self) -> StudyDefinition:
        if self.source.parameters == "draw" and self.source.calibration is None:
            raise Refusal(
                "source.parameters",
                "'draw' without a calibration",
                "with `calibration: latest` or a date",
            )
        return self
