"""Settings that a study file states and a job carries, each with its bounds, once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from engine.errors import Refusal
from engine.execution.metric_groups import ORDER_ENGINE, asked_metrics
from engine.settings import SettingsModel

__all__ = [
    "MOST_SEEDS",
    "JobSettings",
    "PathSettings",
    "RareEvents",
    "Record",
    "Selected",
    "Settings",
    "Until",
]


#: Seeds that a study may count: hours of every core for the simplest of them.
MOST_SEEDS = 100_000_000


class Settings(SettingsModel):
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
