"""A study: what a study file or a few lines of Python say, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.files import FileStore, Root, as_files
from engine.jobs.progress import ProgressCallback
from engine.jobs.settings import RareEvents, Record, Until
from engine.jobs.space import MODEL_PREFIX
from engine.market_data import MarketData
from engine.studies.definition import StudyDefinition
from engine.studies.given_source import source_of
from engine.studies.live import Live
from engine.studies.loader import load_definition
from engine.studies.python_fields import as_in_python
from engine.studies.search_definition import SearchDefinition

if TYPE_CHECKING:
    from engine.execution import Execution
    from engine.jobs.executors import Executor
    from engine.jobs.job import Job
    from engine.jobs.path_metrics import PathMetric
    from engine.jobs.prepared_job import PreparedJob
    from engine.results.results import Results
    from engine.sources import Source
    from engine.strategies import Strategy
    from engine.studies.partial import PartialCallback

__all__ = ["Study", "load_study"]


class Study:
    """A strategy over a parameter space, on paths of a source, one path per seed.

    Parameters
    ----------
    name : str
        Name of the study.
    source : Source, Bars, table, TickStream or TickSource
        Where the paths come from; bars, or a table of them, are history as it was, as are ticks. Of
        a `TickBootstrap` or a `ZeroIntelligence` every seed is a stream of `steps` minutes.
    strategy : str or type of Strategy
        A registered name or a class.
    parameters : mapping, optional
        Per strategy parameter a value, a list, or a range (`linspace`, `logspace`, `step_range`)
        or distribution (`uniform`, `log_uniform`, `integer`, `choice`). A name ``model.x`` sweeps
        the source's parameter ``x``.
    constraint : str, callable or sequence of these, optional
        Expressions such as ``"fast < slow"``, or functions of the mapping of parameter values.
    seeds : iterable of int, int, str
        Seeds, how many from 0, or a seed set of ``seeds/``.
    steps : int, optional
        Bars of each path; by default the source's own ``steps``.
    s0 : float or sequence of float, optional
        Start price, or one per symbol; by default the source's choice.
    calendar : BarCalendar, optional
        Length of a bar; by default the source's, or daily bars of the New York Stock Exchange.
    execution : Execution or mapping, optional
        Cash, costs, fills, sizing.
    options : mapping, optional
        Of an option strategy: contract, volatility, costs, margin (`OptionSettings`).
    ticks : mapping, optional
        Of a strategy of ticks: latency, queue, fees, contract, limits (`TickSettings`), and
        ``resample`` (`TickResampling`).
    search : SearchDefinition or mapping, optional
        ``{"method", "count", "seed"}`` for distributions.
    record : Record or mapping, optional
        ``{"equity": points, "trades": bool, "metrics": [...], "precision": "float32"}``: by default
        every metric of trading on bars, in double precision.
    until : Until or mapping, optional
        Add seeds until a statistic is precise.
    statistics : str or sequence of str, optional
        Those of `Results.statistics` beside the short list: names, and ``"complete"``.
    rare_events : RareEvents or mapping, optional
        ``{"events": ["total_return <= -0.5"], "sampled": {"mu": -0.7}, "paths": 4000}``: tells
        probabilities of events from paths of another drift (`Results.rare_events`).
    metrics : mapping of str to callable, optional
        Own metrics: functions of a path's bars, shape (symbols, fields, bars), and of equity at
        every close, shape (bars,), compiled and computed as columns of these names.
    bars : {"auto", "ohlc", "close"}
        How much of a bar is simulated; by default its range where something reads that.
    sub_bars : int
        Finer bars that a model simulates inside each bar, on which resting orders are worked.
    warm_up : "auto" or int
        Bars before each path that indicators see; by default as many as the slowest needs.
    paths_per_seed : int
        Paths generated from each seed.
    failure_allowance : float
        Share of simulations that may fail.
    workers : "auto" or int
        Threads.

    Attributes
    ----------
    definition : StudyDefinition
        All of it that a study file could say.
    live : Live
        The rest.
    file : Path, optional
        The study file; it anchors relative paths.

    Raises
    ------
    Refusal
        If something does not fit; names the field, what was found and what is allowed.
    """

    definition: StudyDefinition
    live: Live
    file: Path | None

    def __init__(
        self,
        name: str,
        source: Source | Any,
        strategy: str | type[Strategy],
        parameters: Mapping[str, Any] | None = None,
        *,
        constraint: str | Callable[[Any], bool] | Sequence[str | Callable[[Any], bool]] = (),
        seeds: Iterable[int] | int | str = 100,
        steps: int | None = None,
        s0: float | Sequence[float] | None = None,
        calendar: BarCalendar | None = None,
        execution: Execution | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        ticks: Mapping[str, Any] | None = None,
        search: SearchDefinition | Mapping[str, Any] | None = None,
        record: Record | Mapping[str, Any] | None = None,
        until: Until | Mapping[str, Any] | None = None,
        statistics: Sequence[str] | str = (),
        rare_events: RareEvents | Mapping[str, Any] | None = None,
        metrics: Mapping[str, PathMetric] | None = None,
        bars: Literal["auto", "ohlc", "close"] = "auto",
        sub_bars: int = 1,
        warm_up: Literal["auto"] | int = "auto",
        paths_per_seed: int = 1,
        failure_allowance: float = 0.05,
        workers: str | int = "auto",
    ) -> None:
        if not isinstance(strategy, str | type):
            raise Refusal("strategy", repr(strategy), "a registered name or a subclass of Strategy")
        several = isinstance(constraint, Sequence) and not isinstance(constraint, str)
        constraints: list[Any] = list(constraint) if several else [constraint]  # type: ignore[arg-type]
        for given in constraints:
            if not (isinstance(given, str) or callable(given)):
                raise Refusal("constraint", repr(given), "an expression or a function")
        source, stream = source_of(source)
        named = dict(parameters or {})
        of_model = {
            key.removeprefix(MODEL_PREFIX): values
            for key, values in named.items()
            if key.startswith(MODEL_PREFIX)
        }
        plain_execution = (
            {} if execution is None or not isinstance(execution, Mapping) else execution
        )
        content = {
            "name": name,
            "source": {
                **{"model": getattr(source, "name", "") or type(source).__name__},
                **{"parameters": of_model, "steps": steps, "s0": s0},
                **{"bars": bars, "sub_bars": sub_bars, "warm_up": warm_up},
            },
            "strategy": {
                "name": strategy if isinstance(strategy, str) else getattr(strategy, "name", ""),
                "parameters": {k: v for k, v in named.items() if not k.startswith(MODEL_PREFIX)},
            },
            "constraint": [given for given in constraints if isinstance(given, str)],
            "search": search,
            "execution": dict(plain_execution),
            "options": dict(options or {}),
            "ticks": dict(ticks or {}),
            # A generator would be used up by the first run.
            "seeds": list(seeds) if isinstance(seeds, Iterator) else seeds,
            "record": record,
            "until": until,
            "statistics": statistics if isinstance(statistics, str) else tuple(statistics),
            "rare_events": rare_events,
            "paths_per_seed": paths_per_seed,
            "failure_allowance": failure_allowance,
            "workers": workers,
        }
        try:
            self.definition = StudyDefinition.of(content)
        except Refusal as refusal:
            raise as_in_python(refusal) from None
        self.live = Live(
            source=source,
            strategy=None if isinstance(strategy, str) else strategy,
            calendar=calendar,
            execution=None if isinstance(execution, Mapping) else execution,
            constraint=tuple(given for given in constraints if not isinstance(given, str)),
            metrics=dict(metrics or {}),
            ticks=stream,
        )
        self.file = None

    @classmethod
    def from_definition(cls, definition: StudyDefinition, file: Path | None = None) -> Study:
        """Make a study of a checked definition; `file` anchors its relative paths."""
        study = cls.__new__(cls)
        study.definition = definition
        study.live = Live()
        study.file = file
        return study

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.definition.name

    def resolve(self, market_data: MarketData | None = None) -> Job:
        """Turn every name into a thing: bars, calibrations, parameter sets, seeds, fingerprint.

        Raises
        ------
        Refusal
            If one cannot be; names the file too where the study has one.
        """
        from engine.studies.resolve import resolve

        try:
            return resolve(self.definition, self.live, self.file, market_data)
        except Refusal as refusal:
            raise (refusal.in_file(self.file) if self.file else refusal) from None

    def run(
        self,
        *,
        root: Root | None = None,
        ledger: str | Path | FileStore | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
        executor: str | Executor = "threads",
        through: str = "Python",
        progress: ProgressCallback | None = None,
        partial: PartialCallback | None = None,
        fresh: bool = False,
        asked_by: str | None = None,
        fills: Any = None,
    ) -> Results:
        """Run the study, or what is missing of it.

        Parameters
        ----------
        root : path, str or FileStore, optional
            Data root for Parquet results, a folder or an address such as ``"s3://lab/data"``;
            without one results stay in memory.
        ledger : path or FileStore, optional
            A data root whose trial ledger counts the sets of a run in memory. Without it, and
            without `root`, nothing is counted.
        market_data : MarketData, optional
            Where symbols are looked up.
        workers : "auto" or int, optional
            Threads, or processes; by default the study's own setting.
        executor : {"threads", "processes"} or Executor
            Who runs the parts; the results are the same bytes. Others than threads write to a
            data root, and a script that starts processes needs ``if __name__ == "__main__":``.
        through : str
            What the user asked through, for the run's record in a data root.
        progress : callable, optional
            Called with a `Progress` about ten times a second.
        partial : callable, optional
            Called with the `Results` of the parts that have finished, every two seconds at most;
            `Results.partial` of them is true.
        fresh : bool
            Compute finished parts again too.
        asked_by : str, optional
            Who asks, for the trial ledger; by default the method of the search.
        fills : FillTape or DataFrame, optional
            Recorded fills, of a study of history in memory, as `engine.backtest` takes them.

        Raises
        ------
        StudyFailed
            If more simulations fail than the study allows; results that succeeded are kept.
        StudyInterrupted
            On Ctrl-C; finished parts are kept.
        WorkerLost
            If a process that ran parts died; finished parts are kept.
        """
        from engine.jobs.executors import executor_of
        from engine.studies.execute import execute
        from engine.studies.recorded_job import with_fills

        def resolved() -> Job:
            job = self.resolve(market_data)
            job = job if fills is None else with_fills(job, fills, in_memory=root is None)
            return job if asked_by is None else replace(job, asked_by=asked_by)

        return execute(
            resolved(),
            remake=resolved,
            root=None if root is None else as_files(root),
            ledger=None if ledger is None else as_files(ledger),
            executor=executor_of(executor, self.definition.workers if workers is None else workers),
            through=through,
            progress=progress,
            partial=partial,
            fresh=fresh,
        )

    def prepare(
        self,
        *,
        ledger: str | Path | FileStore | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
        asked_by: str | None = None,
    ) -> PreparedJob:
        """Resolve, compile and open the source once, to run batch after batch of parameter sets.

        The study's parameters say which ones a set must name, and how many bars indicators warm up
        on; a constraint drops no set of a batch: whoever asks for one has chosen it.

        Parameters
        ----------
        ledger : path or FileStore, optional
            The data root whose trial ledger counts the sets; without one nothing is counted.
        market_data : MarketData, optional
            Where symbols are looked up.
        workers : "auto" or int, optional
            Threads; by default the study's own setting.
        asked_by : str, optional
            How sets are chosen, as the ledger tells it; by default as the study says.

        Returns
        -------
        PreparedJob
            To be closed, or used in a ``with`` statement.

        Raises
        ------
        Refusal
            If a name of the study cannot be resolved.

        Examples
        --------
        >>> import engine as mc
        >>> grid = {"fast": [5, 10], "slow": [20, 50]}
        >>> study = mc.Study("search", mc.GBM(), "sma_crossover", grid, seeds=8, steps=60)
        >>> with study.prepare(workers=1) as prepared:
        ...     batch = prepared.run([{"fast": fast, "slow": 30} for fast in range(5, 9)])
        >>> batch.metric("net_pnl").shape
        (4, 8)
        """
        from engine.jobs.prepared_job import PreparedJob
        from engine.studies.further_sets import FurtherSets

        job = self.resolve(market_data)
        if asked_by is not None:
            job = replace(job, asked_by=asked_by)
        return PreparedJob(
            job,
            ledger=None if ledger is None else as_files(ledger),
            workers=self.definition.workers if workers is None else workers,
            check=FurtherSets(job, self.definition),
        )

    def __repr__(self) -> str:
        return f"Study({self.name!r})"

    def _repr_html_(self) -> str:
        from engine.plots.snippet import facts

        asked = self.definition
        shown: dict[str, object] = {
            "source": asked.source.model,
            "strategy": asked.strategy.name,
            **{name: str(values) for name, values in asked.strategy.parameters.items()},
            "constraint": "; ".join(map(str, asked.constraint)) or None,
        }
        return facts(f"Study {self.name}", shown)


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises
    ------
    Refusal
        Names the file, the field, what was found and what is allowed.
    """
    path = Path(path)
    return Study.from_definition(load_definition(path), path)
