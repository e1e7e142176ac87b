"""Settings that a study file states and a job carries, each with its bounds, once."""

from __future__ import annotations

import typing
from collections.abc import Container, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.errors import Refusal, did_you_mean
from engine.execution.metric_groups import ORDER_ENGINE, asked_metrics

__all__ = [
    "MOST_SEEDS",
    "JobSettings",
    "PathSettings",
    "RareEvents",
    "Record",
    "Selected",
    "Settings",
    "Until",
    "settings_refusal",
]


#: Seeds that a study may count: hours of every core for the simplest of them.
MOST_SEEDS = 100_000_000


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, given: Any) -> Any:
        """Take a key with nothing behind it for one that is not there, and true for no number."""
        if not isinstance(given, dict):
            return given
        for name, field in cls.model_fields.items():
            if isinstance(given.get(name), bool) and field.annotation is not bool:
                raise Refusal(name, repr(given[name]), "a setting that is not true or false")
        return {key: value for key, value in given.items() if value is not None}


class PathSettings(Settings):
    """How the paths of a source are made. All of it decides the numbers."""

    steps: int | None = Field(
        None, gt=0, le=100_000_000, description="Bars of each path: the horizon."
    )
    s0: float | tuple[float, ...] | None = Field(
        None,
        description="Price at which paths start, or one per symbol; by default the source's own "
        "choice: the last close where it has bars.",
    )
    bars: Literal["auto", "ohlc", "close"] = Field(
        "auto",
        description="`ohlc` simulates each bar's range, several times the cost of its close; with "
        "`close` high and low are the larger and smaller of open and close, and there are no "
        "excursions (`average_mfe`, `average_mae`). `auto`: ranges where a hook, an indicator, an "
        "order that can rest, a short position, borrowed money, an own metric or the statistic of "
        "`until` reads them. Opens and closes are the same either way.",
    )
    sub_bars: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Finer bars that a model simulates inside each bar. Resting orders are worked "
        "on them, so a bar that touches both sides of a bracket is decided by the path and not by "
        "the pessimistic rule; the strategy still decides at the close of whole bars.",
    )
    warm_up: Literal["auto"] | Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        "auto",
        description="Bars before the path that indicators see: the end of the history that the "
        "path continues, else drawn from the same model. `auto`: as many as the slowest indicator "
        "needs at the upper bounds of the searched parameters. Orders, metrics and equity count "
        "from the path's first bar. 0: indicators warm up on the path itself.",
    )


class Record(Settings):
    """What is kept of every simulation."""

    equity: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Points at which equity is sampled, evenly over the path; 0 keeps none.",
    )
    trades: bool = Field(False, description="Keep every trade of every simulation.")
    metrics: tuple[str, ...] = Field(
        (ORDER_ENGINE,),
        description="Metrics that rows hold: groups, such as `bar_trading`, which stand for all of "
        "theirs, and metrics by name. A group that is not asked for costs no column and is not "
        "computed; the order engine's own is computed in any case, for the trial ledger.",
    )
    precision: Literal["float64", "float32"] = Field(
        "float64",
        description="Of the metrics in rows. `float32` rounds each to 6e-8 of itself and takes "
        "about half the space; what is computed before is in double precision.",
    )

    @field_validator("metrics", mode="before")
    @classmethod
    def _one_or_many(cls, metrics: Any) -> Any:
        return (metrics,) if isinstance(metrics, str) else metrics

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        asked_metrics(metrics, "")
        return metrics


class Selected(Settings):
    """The promise by which the best parameter set is selected."""

    probability: float = Field(
        0.95, gt=0.5, lt=1, description="With which the set selected is the best."
    )
    indifference: float = Field(
        gt=0,
        description="The smallest difference worth telling, in the unit of the statistic: of sets "
        "that are closer one of the good ones is selected.",
    )


class Until(Settings):
    """Add seeds until a statistic is known precisely enough, or the best set is selected.

    For precision at least 200 independent paths are used, and two looks have to agree. For a
    selection all sets run on at least 50, and those that may be the best on more.
    """

    statistic: str = Field("mean_net_pnl", description="A row of the study's statistics.")
    half_width: float | None = Field(
        None, gt=0, description="Wanted half-width of its confidence interval."
    )
    selected: Selected | None = Field(
        None, description="Or: select the set with the largest, with a stated probability."
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="Level of that interval.")
    max_seeds: int = Field(gt=0, le=MOST_SEEDS, description="Never use more seeds than this.")
    leaders: int | None = Field(
        None,
        gt=0,
        description="Ask it of this many parameter sets with the largest estimate "
        "only; by default of all.",
    )

    @model_validator(mode="after")
    def _one_goal(self) -> Until:
        if (self.half_width is None) == (self.selected is None):
            both = "neither" if self.half_width is None else "both"
            raise Refusal("", f"{both} of them", "`half_width` or `selected`")
        if self.selected is not None and self.leaders is not None:
            raise Refusal("leaders", str(self.leaders), "none with `selected`")
        return self


class RareEvents(Settings):
    """Events that hardly any path meets, told from paths of a world in which they are less rare."""

    events: tuple[str, ...] = Field(
        min_length=1,
        description="What a path comes to: a metric, a comparison and a number, such as "
        "`total_return <= -0.5` or `max_drawdown <= -0.4`.",
    )
    sampled: dict[str, float] = Field(
        description="Parameters of the world that paths are drawn from: `mu`, a drift at which the "
        "events are common. Each path counts with its likelihood in the study's own world."
    )
    paths: int = Field(
        4000, ge=100, le=10_000_000, description="Paths of that world, beside the study's own."
    )

    @field_validator("events", mode="before")
    @classmethod
    def _one_or_many_events(cls, events: Any) -> Any:
        return (events,) if isinstance(events, str) else events


class JobSettings(Settings):
    """What a study says of its run as a whole: a job carries it as it is."""

    paths_per_seed: int = Field(1, gt=0, description="Paths generated from each seed.")
    record: Record = Field(
        default_factory=lambda: Record.model_validate({}),
        description="What is kept of each simulation beside its metrics, and of these which.",
    )
    until: Until | None = Field(
        None,
        description="Add seeds, after those given, until a statistic is precise enough or the best "
        "set is selected.",
    )
    statistics: tuple[str, ...] = Field(
        (),
        description="Statistics beside the short list that every study has: names, and `complete` "
        "for all that the rows of the study can tell.",
    )
    rare_events: RareEvents | None = Field(
        None,
        description="Probabilities of events that hardly any path meets, by importance sampling: "
        "of paths of `gbm`.",
    )
    failure_allowance: float = Field(
        0.05, ge=0, le=1, description="Share of simulations that may fail before the study does."
    )

    @field_validator("statistics", mode="before")
    @classmethod
    def _one_or_many_statistics(cls, statistics: Any) -> Any:
        return (statistics,) if isinstance(statistics, str) else statistics


def settings_refusal(error: ValidationError, model: type[BaseModel]) -> Refusal:
    """Turn Pydantic's report into one sentence about its most telling entry.

    Of a union Pydantic reports every branch; a misspelt key explains more than the rest, and the
    deepest entry belongs to the branch that was meant.
    """
    branches = _kinds(model)
    located = [(_place(entry["loc"], entry["type"], branches), entry) for entry in error.errors()]
    location, entry = max(
        located, key=lambda item: (item[1]["type"] == "extra_forbidden", len(item[0]))
    )
    field = ".".join(str(part) for part in location)
    kind, cause = entry["type"], entry.get("ctx", {}).get("error")
    if kind == "extra_forbidden":
        kinds = [branches[part] for part in entry["loc"] if part in branches]
        names = sorted(kinds[0].model_fields) if kinds else _field_names(model, location[:-1])
        near = did_you_mean(location[-1], names)
        return Refusal(field, f"unknown key{near}", ", ".join(names))
    if kind == "missing":
        return Refusal(field, "this field is required")
    if isinstance(cause, Refusal):
        return cause.within(field)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_refusal(field, entry["ctx"], entry["input"])
    if kind in ("model_type", "model_attributes_type"):
        return Refusal(field, repr(entry["input"]), "a mapping")
    # Of "a valid number, unable to parse string as a number" the first half says it.
    messages = [
        "a mapping" if other["type"] == "model_type" else other["msg"].split(", unable")[0]
        for place, other in located
        if place == location
    ]
    allowed = " or ".join(dict.fromkeys(text.removeprefix("Input should be ") for text in messages))
    return Refusal(field or "study", repr(entry["input"]), allowed)


def _tag_refusal(field: str, about: dict[str, Any], given: Any) -> Refusal:
    """Refuse a group of settings whose key `kind`, or one like it, names none of the kinds."""
    key = str(about["discriminator"]).strip("'")
    place = f"{field}.{key}"
    if "tag" in about:
        return Refusal(place, repr(about["tag"]), about["expected_tags"])
    if isinstance(given, dict):
        return Refusal(place, "this field is required")
    return Refusal(field, repr(given), f"a mapping with `{key}`")


def _place(
    parts: tuple[int | str, ...], kind: str, branches: Container[int | str]
) -> list[int | str]:
    """Where in the document an entry is; an unknown key counts however it is spelt."""
    last = parts[-1:] if kind == "extra_forbidden" else ()
    before = parts[: len(parts) - len(last)]
    return [*(part for part in before if part not in branches and not _is_branch(part)), *last]


def _kinds(model: type[BaseModel]) -> dict[int | str, type[BaseModel]]:
    """Return the groups of settings that the one word of a key tells apart, by that word."""
    found: dict[int | str, type[BaseModel]] = {}
    for field in model.model_fields.values():
        for option in typing.get_args(field.annotation):
            if isinstance(option, type) and issubclass(option, BaseModel):
                keys = [typing.get_args(key.annotation) for key in option.model_fields.values()]
                words = [key for key in keys if len(key) == 1 and isinstance(key[0], str)]
                found |= dict.fromkeys(words[0] if words else (), option)
    return found


def _is_branch(part: int | str) -> bool:
    """Whether Pydantic named a branch of a union rather than a field."""
    text = str(part)
    return any(mark in text for mark in ("[", "(", "-")) or text in (
        "str",
        "int",
        "date",
        "SeedRange",
        "RateSeries",
        "StoredRate",
        "constrained",
    )


def _field_names(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            return sorted(model.model_fields)
        options = [field.annotation, *typing.get_args(field.annotation)]
        inner = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not inner:
            break
        model = inner[0]
    return sorted(model.model_fields)
