"""Experiment files: a strategy, a file of bars or ticks and what to search, in one YAML mapping."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, field_validator

from engine.errors import Refusal
from engine.jobs.settings import Settings
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.search import Search

__all__ = ["ExperimentFile", "is_experiment"]

_TICKS: Final = ("l1_quote", "quotes", "ticks")
# What file systems hold, in bytes.
_LONGEST_PATH: Final = 4_096
_LONGEST_NAME: Final = 255
# Bounds that are written as `min_NAME` or `max_NAME`, and mean a statistic of another name or sign.
_DRAWDOWN: Final = "max_drawdown"


class _Data(Settings):
    """Where the bars or ticks are."""

    path: str = Field(
        description="CSV or Parquet file, or a folder of ticks, relative to the experiment file."
    )
    format: Literal["csv", "parquet"] | None = Field(None, description="By default its ending.")
    # `schema` is a method of the base class.
    kind: str | None = Field(
        None,
        alias="schema",
        description="What a row is: `bars`, or `l1_quote` (also `quotes`, `ticks`); by default as "
        "the strategy trades.",
    )
    symbol: str | None = Field(None, description="Name of the instrument; by default the file's.")
    timeframe: str = Field("1d", description="Length of a bar.")
    exchange: str = Field("XNYS", description="Calendar of the bars.")

    @field_validator("path")
    @classmethod
    def _path_can_be(cls, path: str) -> str:
        return _possible_path(path)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str | None) -> str | None:
        if kind not in (None, "bars", *_TICKS):
            raise Refusal("", repr(kind), ", ".join(("bars", *_TICKS)))
        return kind

    def check_strategy(self, name: str, *, hears_ticks: bool) -> None:
        """Refuse rows that are not what the strategy trades on."""
        if self.kind is not None and (self.kind in _TICKS) != hears_ticks:
            wanted = f"one of {', '.join(_TICKS)}" if hears_ticks else "bars"
            said = f"{self.kind!r} for {name}, which trades on {'ticks' if hears_ticks else 'bars'}"
            raise Refusal("data.schema", said, wanted)


class _Optimization(Settings):
    """How the search goes."""

    method: str = Field("random", description="As `search.method` of a study, or `monte_carlo`.")
    samples: int = Field(100, gt=0, description="Parameter sets to try.")
    seed: int = Field(0, ge=0, lt=2**64, description="Of the search.")
    parallel_workers: int = Field(0, ge=0, le=1_024, description="Threads; 0 uses every core.")
    objective: Any = Field("sharpe", description="As `search.objective` of a study.")


class _Parameter(Settings):
    """What a parameter may be."""

    type: Literal["int", "float", "choice"] = Field("float", description="Kind of number.")
    distribution: Literal["uniform", "log_uniform", "normal", "choice"] = Field(
        "uniform", description="How values are drawn."
    )
    min: float | None = Field(None, description="Smallest value.")
    max: float | None = Field(None, description="Largest value.")
    mean: float | None = Field(None, description="Of a normal law.")
    std: float | None = Field(None, gt=0, description="Of a normal law.")
    values: list[Any] | None = Field(None, description="Of a choice.")


class ExperimentFile(Settings):
    """An experiment: ``experiment_name``, ``data``, ``strategy``, ``optimization``, and more."""

    experiment_name: str = Field(description="Names its folder.")
    data: _Data
    strategy: str = Field(description="Name of a strategy, or a Python file with one.")
    optimization: _Optimization = Field(default_factory=lambda: _Optimization.model_validate({}))
    parameters: dict[str, _Parameter] = Field(
        default_factory=dict,
        description="What is searched; by default every declared parameter between its bounds.",
    )
    bounds: dict[str, float] = Field(
        default_factory=dict,
        alias="constraints",
        description="`min_STATISTIC` or `max_STATISTIC`: what it must be.",
    )
    constraint: list[str] = Field(
        default_factory=list, description="Of parameters, such as `fast < slow`."
    )
    execution: dict[str, Any] = Field(default_factory=dict, description="As of a study.")
    ticks: dict[str, Any] = Field(
        default_factory=dict,
        description="As of a study, without `path`: how orders of a strategy of ticks fill.",
    )

    @field_validator("strategy")
    @classmethod
    def _strategy_can_be(cls, strategy: str) -> str:
        return _possible_path(strategy)

    def search(self, project: Project, folder: Path) -> Search:
        """Return the search that it describes.

        Parameters
        ----------
        project : Project
            Where strategies are looked up.
        folder : Path
            The file's own.

        Raises
        ------
        Refusal
            If there is no such strategy or file, or a parameter cannot be searched.
        """
        from engine.search import Search
        from engine.sources import Historical
        from engine.strategies import get_strategy
        from engine.studies import Study
        from mc_assets.answers.strategy_on_bars import find_history, find_strategy, find_ticks

        own = folder / self.strategy
        strategy = find_strategy(
            project, str(own) if self.strategy.endswith(".py") else self.strategy
        )
        hears_ticks = get_strategy(strategy).hears_ticks()
        self.data.check_strategy(self.strategy, hears_ticks=hears_ticks)
        source: Any = None
        if hears_ticks:
            source = find_ticks(folder / self.data.path, self.data.symbol)
        else:
            source = Historical(
                find_history(
                    project,
                    folder / self.data.path,
                    self.data.symbol,
                    self.data.timeframe,
                    self.data.exchange,
                )
            )
        parameters = {name: _values(name, one) for name, one in self.parameters.items()}
        try:
            study = Study(
                self.experiment_name,
                source,
                strategy,
                parameters,
                constraint=tuple(self.constraint),
                execution=self.execution,
                ticks=self.ticks,
                seeds=1,
            )
        except Refusal as refusal:
            if refusal.field != "name":
                raise
            raise Refusal("experiment_name", refusal.found, refusal.allowed) from None
        return Search(
            study,
            objective=self.optimization.objective,
            method=self.optimization.method,
            budget={"sets": self.optimization.samples},
            seed=self.optimization.seed,
            require=dict(_requirement(name, bound) for name, bound in self.bounds.items()),
        )


def is_experiment(content: Mapping[str, Any]) -> bool:
    """Whether a YAML mapping is an experiment rather than a study."""
    return "experiment_name" in content or "optimization" in content


def _possible_path(text: str) -> str:
    """Return a path that a file system may hold."""
    names = [name.encode(errors="surrogatepass") for name in Path(text).parts]
    if (
        "\0" in text
        or len(text) > _LONGEST_PATH
        or any(len(name) > _LONGEST_NAME for name in names)
    ):
        raise Refusal("", repr(text[:40]), "the path of a file")
    return text


def _values(name: str, given: _Parameter) -> Any:
    from engine.studies import choice, integer, log_integer, log_uniform, normal, uniform

    field = f"parameters.{name}"
    whole = given.type == "int"
    try:
        if given.values is not None or "choice" in (given.type, given.distribution):
            if not given.values:
                raise Refusal("values", "none", "a list of values")
            return choice(given.values)
        if given.distribution == "normal":
            if given.mean is None or given.std is None:
                raise Refusal("distribution", "normal without mean or std", "both")
            return normal(given.mean, given.std, given.min, given.max)
        if given.min is None or given.max is None:
            raise Refusal("", "no min or no max", "both")
        by_kind: dict[str, Any] = {
            "uniform": integer if whole else uniform,
            "log_uniform": log_integer if whole else log_uniform,
        }
        return by_kind[given.distribution](given.min, given.max)
    except Refusal as refusal:
        raise refusal.within(field) from None


def _requirement(name: str, bound: float) -> tuple[str, str]:
    if name == _DRAWDOWN:
        # Written from 0 up or from 0 down; a drawdown of ours is at most 0.
        return _DRAWDOWN, f">= {-abs(bound):g}"
    for prefix, comparison in (("min_", ">="), ("max_", "<=")):
        if name.startswith(prefix) and len(name) > len(prefix):
            return name.removeprefix(prefix), f"{comparison} {bound:g}"
    raise Refusal(f"constraints.{name}", "a name without a side", "min_STATISTIC or max_STATISTIC")
