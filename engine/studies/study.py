"""A study: what a study file or a few lines of Python say, ready to run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from engine.calendar import BarCalendar
from engine.studies.definition import (
    RecordDefinition,
    SearchDefinition,
    StudyDefinition,
    UntilDefinition,
)
from engine.studies.errors import ConfigurationError
from engine.studies.loader import configuration_error, load_definition
from engine.studies.market_data import MarketData
from engine.studies.progress import ProgressCallback
from engine.studies.values import parse_values

if TYPE_CHECKING:
    from engine.execution import Execution
    from engine.sources import Source
    from engine.strategies import Strategy
    from engine.studies.job import Job
    from engine.studies.path_metrics import PathMetric
    from engine.studies.results import Results
    from engine.studies.store import Manifest

__all__ = ["BlockResult", "Study", "load_study", "run_block"]

M = TypeVar("M", bound=BaseModel)

# It becomes a folder, whose files are read by patterns.
_NAME = re.compile(r"[^\s./\\*?\[\]][^/\\*?\[\]\x00-\x1f]*")


class Study:
    """A strategy over a parameter space, on paths of a source, one path per seed.

    Parameters
    ----------
    name : str
        Name of the study.
    source : Source
        Where the paths come from.
    strategy : str or type of Strategy
        A registered name or a class.
    parameters : mapping, optional
        Per strategy parameter a value, a list, or a range (`linspace`, `logspace`, `steps`) or
        distribution (`uniform`, `log_uniform`, `integer`, `choice`). A name ``model.x`` sweeps
        the source's parameter ``x``.
    constraint : str, callable or sequence of these, optional
        Expressions such as ``"fast < slow"``, or functions of the mapping of parameter values.
    seeds : iterable of int, int, str
        Seeds, how many from 0, or a seed set of ``seeds/``.
    steps : int, optional
        Bars of each path; by default the source's own ``steps``.
    s0 : float, optional
        Start price; by default the source's choice.
    calendar : BarCalendar, optional
        Length of a bar; by default the source's, or daily bars of the New York Stock Exchange.
    execution : Execution or mapping, optional
        Cash, costs, fills, sizing.
    search : SearchDefinition or mapping, optional
        ``{"method", "count", "seed"}`` for distributions.
    record : mapping, optional
        ``{"equity": points, "trades": bool}``.
    until : UntilDefinition or mapping, optional
        Add seeds until a statistic is precise.
    metrics : mapping of str to callable, optional
        Own metrics: functions of a path's bars, shape (symbols, fields, bars), and of equity at
        every close, shape (bars,), compiled and computed as columns of these names.
    bars : {"ohlc", "close"}
        How much of a bar is simulated.
    sub_bars : int
        Finer bars that a model simulates inside each bar, on which resting orders are worked.
    paths_per_seed : int
        Paths generated from each seed.
    failure_allowance : float
        Share of simulations that may fail.
    workers : "auto" or int
        Threads.

    Raises
    ------
    ConfigurationError
        If something does not fit; names the field, what was found and what is allowed.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        strategy: str | type[Strategy],
        parameters: Mapping[str, Any] | None = None,
        *,
        constraint: str | Callable[[Any], bool] | Sequence[str | Callable[[Any], bool]] = (),
        seeds: Iterable[int] | int | str = 100,
        steps: int | None = None,
        s0: float | None = None,
        calendar: BarCalendar | None = None,
        execution: Execution | Mapping[str, Any] | None = None,
        search: SearchDefinition | Mapping[str, Any] | None = None,
        record: RecordDefinition | Mapping[str, Any] | None = None,
        until: UntilDefinition | Mapping[str, Any] | None = None,
        metrics: Mapping[str, PathMetric] | None = None,
        bars: Literal["ohlc", "close"] = "ohlc",
        sub_bars: int = 1,
        paths_per_seed: int = 1,
        failure_allowance: float = 0.05,
        workers: str | int = "auto",
    ) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(
                "name", repr(name), "text without / \\ * ? [ ] or a dot in front"
            )
        if bars not in ("ohlc", "close"):
            raise ConfigurationError("bars", repr(bars), "'ohlc' or 'close'")
        if not 0 <= failure_allowance <= 1:
            raise ConfigurationError("failure_allowance", repr(failure_allowance), "0 to 1")
        self.name = name
        self.source = source
        self.strategy = strategy
        self.parameters = {}
        for key, values in (parameters or {}).items():
            try:
                self.parameters[key] = parse_values(values)
            except ValueError as error:
                raise ConfigurationError(f"parameters.{key}", *_split(error)) from None
        several = isinstance(constraint, Sequence) and not isinstance(constraint, str)
        self.constraints: list[Any] = list(constraint) if several else [constraint]  # type: ignore[arg-type]
        for given in self.constraints:
            if not (isinstance(given, str) or callable(given)):
                raise ConfigurationError("constraint", repr(given), "an expression or a function")
        # A generator would be used up by the first run.
        self.seeds: Any = list(seeds) if isinstance(seeds, Iterator) else seeds
        self.steps = None if steps is None else _whole("steps", steps)
        self.s0 = s0
        self.calendar = calendar
        self.execution = execution if execution is not None else {}
        self.search = None if search is None else _model(SearchDefinition, search, "search")
        self.record = _model(RecordDefinition, record or {}, "record")
        self.until = None if until is None else _model(UntilDefinition, until, "until")
        self.metrics = dict(metrics or {})
        self.bars = bars
        self.sub_bars = _whole("sub_bars", sub_bars)
        self.paths_per_seed = _whole("paths_per_seed", paths_per_seed)
        self.failure_allowance = failure_allowance
        self.workers = workers if workers == "auto" else _whole("workers", workers)
        self.definition: StudyDefinition | None = None
        self.file: Path | None = None

    @classmethod
    def from_definition(cls, definition: StudyDefinition, file: Path | None = None) -> Study:
        """Make a study of a checked definition; `file` anchors its relative paths."""
        study = cls.__new__(cls)
        study.name = definition.name
        study.strategy = definition.strategy.name
        study.parameters = dict(definition.strategy.parameters)
        study.constraints = list(definition.constraint)
        study.seeds = definition.seeds
        study.steps = definition.source.steps
        study.s0 = definition.source.s0
        study.calendar = None
        study.execution = definition.execution
        study.search = definition.search
        study.record = definition.record
        study.until = definition.until
        study.metrics = {}
        study.bars = definition.source.bars
        study.sub_bars = definition.source.sub_bars
        study.paths_per_seed = definition.paths_per_seed
        study.failure_allowance = definition.failure_allowance
        study.workers = definition.workers
        study.definition = definition
        study.file = file
        return study

    def resolve(self, market_data: MarketData | None = None) -> Job:
        """Turn every name into a thing: bars, calibrations, parameter sets, seeds, fingerprint.

        Raises
        ------
        ConfigurationError
            If one cannot be; names the file too where the study has one.
        """
        from engine.studies.resolve_study import resolve_study

        try:
            return resolve_study(self, market_data)
        except ConfigurationError as error:
            raise (error.in_file(self.file) if self.file else error) from None

    def run(
        self,
        *,
        root: str | Path | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
        progress: ProgressCallback | None = None,
        fresh: bool = False,
    ) -> Results:
        """Run the study, or what is missing of it.

        Parameters
        ----------
        root : path, optional
            Data root for Parquet results; without one results stay in memory.
        market_data : MarketData, optional
            Where symbols are looked up.
        workers : "auto" or int, optional
            Threads; by default the study's own setting.
        progress : callable, optional
            Called with a `Progress` about ten times a second.
        fresh : bool
            Compute finished parts again too.

        Raises
        ------
        StudyFailed
            If more simulations fail than the study allows; results that succeeded are kept.
        StudyInterrupted
            On Ctrl-C; finished parts are kept.
        """
        from engine.studies.execute import execute

        return execute(
            self,
            self.resolve(market_data),
            root=None if root is None else Path(root),
            market_data=market_data,
            workers=self.workers if workers is None else workers,
            progress=progress,
            fresh=fresh,
        )

    def __repr__(self) -> str:
        return f"Study({self.name!r})"


@dataclass(frozen=True)
class BlockResult:
    """What running one seed block of a study left.

    Parameters
    ----------
    manifests : list of Manifest
        Its parts.
    rows, failed : int
        Simulations, and those that failed.
    reused : int
        Simulations found finished.
    seconds : float
        Wall-clock time.
    fingerprint : str
        Of the study.
    first_error : str or None
        Error of the first failed simulation.
    """

    manifests: list[Manifest]
    rows: int
    failed: int
    reused: int
    seconds: float
    fingerprint: str
    first_error: str | None = None


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises
    ------
    ConfigurationError
        Names the file, the field, what was found and what is allowed.
    """
    path = Path(path)
    return Study.from_definition(load_definition(path), path)


def run_block(
    study: Study,
    block: int,
    *,
    root: str | Path,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
    progress: ProgressCallback | None = None,
    fresh: bool = False,
) -> BlockResult:
    """Run one of the 16 seed blocks of a study, or what is missing of it.

    A study with ``until`` needs all its blocks to know how many seeds it takes: the first block
    to run then runs them all, and the others find their parts finished.

    Raises
    ------
    StudyFailed
        If more of the block's simulations fail than the study allows.
    """
    from engine.studies.execute import execute_block

    begin = time.perf_counter()
    report, fingerprint = execute_block(
        study.resolve(market_data),
        block,
        root=Path(root),
        workers=study.workers if workers is None else workers,
        progress=progress,
        fresh=fresh,
    )
    return BlockResult(
        manifests=report.manifests,
        rows=report.rows,
        failed=report.failed,
        reused=report.reused,
        seconds=time.perf_counter() - begin,
        fingerprint=fingerprint,
        first_error=report.first_error,
    )


def _whole(field: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ConfigurationError(field, repr(value), "a whole number >= 1")
    return int(value)


def _model(model: type[M], given: M | Mapping[str, Any], field: str) -> M:
    if isinstance(given, model):
        return given
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise configuration_error(error, model, prefix=field) from None


def _split(error: ValueError) -> tuple[str, str]:
    head, _, allowed = str(error).partition(", allowed ")
    return head.removeprefix("found "), allowed
