"""Summary of a job: what readers of its results need beside the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from engine.calendar import BarCalendar
from engine.clock import bar_years
from engine.errors import Refusal
from engine.execution import layout
from engine.jobs.job import Holds, Job
from engine.jobs.lineage import Lineage
from engine.jobs.manifest import SCHEMA_VERSION
from engine.jobs.settings import Record
from engine.jobs.world import World
from engine.strategies.parameters import Float, Int

__all__ = ["JobSummary"]


@dataclass(frozen=True)
class JobSummary:
    """A job as plain values, written beside its parts.

    Parameters
    ----------
    study, fingerprint, world, description : str
        Name of the study, hash of what it asks, id of its world, and what it asks in words.
    source, strategy : str
        Registered names.
    parameters, metrics : tuple of str
        Columns of parameters and of metrics.
    groups : dict of str to int
        Groups of the metrics that are not its own, and their versions.
    own_metrics : dict of str to str
        Metrics that the study defines itself, with the hashes of their code.
    parameter_sets, dropped_sets, repeated_sets : int
        Kept, dropped by the constraint, drawn again by the search.
    seeds, paths_per_seed : int
        Seeds, and paths of each.
    paths_per_unit : int
        Paths in a row that are one independent observation.
    simulations : int
        Rows when all of it has run.
    first_seeds : int
        Seeds of the study's own; ``until`` added the others.
    steps : int
        Bars of a path.
    returns : int
        Returns whose sums it has: one of every bar, or from mark to mark of ticks.
    exchange, timeframe : str
        Of the calendar.
    bars_per_year : float
        Of the paths: what annual figures count with.
    symbols : tuple of str
        What is traded.
    cash : float
        Of the account at the start.
    lot_costs : tuple of float or None
        What one lot of each symbol takes of the cash at the start price; None where it depends on
        a rate of exchange.
    limits : dict of str to list
        Smallest and largest value that the strategy allows of each numeric parameter; None: any.
    failure_allowance : float
        Share of simulations that may fail.
    record : Record
        What is kept besides the metrics.
    engine_version : str
        Numerical version of the engine.
    statistics : tuple of str
        Those that the study asks for beside the short list.
    seeds_of_set : tuple of int, optional
        How many of the seeds each set runs on; by default all.
    until : dict, optional
        When seeds stop being added.
    stopped : str, optional
        Why no more were added.
    file : str, optional
        The study file.
    definition : dict, optional
        The study as written; None where Python objects are part of it.
    lineage : Lineage
        The bars and the calibration it was made of.
    schema_version : int
        Of the rows.
    """

    study: str
    fingerprint: str
    world: str
    description: str
    source: str
    strategy: str
    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: dict[str, int]
    own_metrics: dict[str, str]
    parameter_sets: int
    dropped_sets: int
    repeated_sets: int
    seeds: int
    paths_per_seed: int
    paths_per_unit: int
    simulations: int
    first_seeds: int
    steps: int
    returns: int
    exchange: str
    timeframe: str
    bars_per_year: float
    symbols: tuple[str, ...]
    cash: float
    lot_costs: tuple[float | None, ...]
    limits: dict[str, list[float | None]]
    failure_allowance: float
    record: Record
    engine_version: str
    statistics: tuple[str, ...] = ()
    seeds_of_set: tuple[int, ...] | None = None
    until: dict[str, Any] | None = None
    stopped: str | None = None
    file: str | None = None
    definition: dict[str, Any] | None = None
    lineage: Lineage = field(default_factory=Lineage)
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(cls, job: Job, stopped: str | None = None) -> JobSummary:
        """Summarise a job; `stopped` says why no more seeds were added."""
        until = job.settings.until
        return cls(
            study=job.study,
            fingerprint=job.fingerprint,
            world=job.world.id,
            description=(job.definition or {}).get("description", ""),
            source=job.world.source.name,
            strategy=job.world.strategy.name,
            parameters=job.space.names,
            metrics=(*job.holds.metrics, *job.metrics),
            groups=dict(job.holds.groups),
            own_metrics=dict(job.holds.own_metrics),
            parameter_sets=len(job.space),
            dropped_sets=job.space.dropped,
            repeated_sets=job.space.repeated,
            seeds=len(job.seeds),
            paths_per_seed=job.world.paths_per_seed,
            paths_per_unit=job.world.paths_per_unit,
            simulations=job.simulations,
            first_seeds=job.first_seeds,
            steps=job.world.steps,
            returns=job.world.returns,
            exchange=job.world.calendar.exchange,
            timeframe=job.world.calendar.timeframe,
            bars_per_year=job.world.bars_per_year,
            symbols=job.world.source.symbols,
            cash=job.world.execution.cash,
            lot_costs=_lot_costs(job.world),
            limits={
                name: [declared.low, declared.high]
                for name, declared in job.world.strategy.parameters.items()
                if isinstance(declared, Int | Float)
            },
            failure_allowance=job.settings.failure_allowance,
            record=job.settings.record,
            engine_version=job.world.engine.version,
            statistics=job.settings.statistics,
            seeds_of_set=None if job.seeds_of_set is None else tuple(job.seeds_of_set.tolist()),
            until=None if until is None else until.model_dump(),
            stopped=stopped,
            file=job.file,
            definition=job.definition,
            lineage=job.lineage,
        )

    @property
    def holds(self) -> Holds:
        """What the parts of the study have to hold."""
        metrics = tuple(name for name in self.metrics if name not in self.own_metrics)
        return Holds(self.record, metrics, self.groups, self.own_metrics)

    @property
    def year(self) -> str:
        """What a year is in annual figures; says so where the bars are not the calendar's."""
        calendar = BarCalendar(self.exchange, self.timeframe)
        text = f"{self.bars_per_year:,.0f} bars of {self.timeframe} on {self.exchange}"
        if bar_years(self.bars_per_year, calendar) == calendar.dt:
            return text
        return f"{text}, whose calendar has {calendar.bars_per_year:,.0f}"

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON values."""
        return asdict(self) | {"record": self.record.model_dump()}

    @classmethod
    def from_json(cls, content: dict[str, Any], where: str) -> JobSummary:
        """Read a summary back.

        Parameters
        ----------
        content : dict
            As `to_json` made it.
        where : str
            The file, for the error.

        Raises
        ------
        Refusal
            If fields are missing or unknown: another version of the engine wrote it.
        """
        if set(content) != {item.name for item in fields(cls)}:
            raise Refusal(
                "results",
                f"{where} was written by another version of the engine",
                hint="run the study again",
            )
        typed: dict[str, Any] = {
            name: tuple(content[name])
            for name in ("parameters", "metrics", "symbols", "lot_costs", "statistics")
        }
        if content["seeds_of_set"] is not None:
            typed["seeds_of_set"] = tuple(content["seeds_of_set"])
        typed["record"] = Record.model_validate(content["record"])
        typed["lineage"] = Lineage.from_json(content["lineage"])
        return cls(**(content | typed))


def _lot_costs(world: World) -> tuple[float | None, ...]:
    """Cash that one lot takes: its margin at the start price; nothing where any fraction trades."""
    symbols = world.source.symbols
    prices = world.source.start_prices(world.path.s0)
    rules = world.execution.rules(symbols, world.calendar.bars_per_year)
    found: list[float | None] = []
    for price, row in zip(prices, rules, strict=True):
        whole = row[layout.LOT_DENOMINATOR]
        lot = row[layout.LOT_NUMERATOR] / whole if whole else 0.0
        margin = abs(price) * row[layout.MULTIPLIER] * row[layout.INITIAL_RATE]
        cost = float(lot * (margin + row[layout.INITIAL_FIXED]))
        found.append(cost if row[layout.RATE_KIND] == 0.0 else None)
    return tuple(found)
