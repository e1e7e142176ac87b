"""What jobs ask of an engine: of bars, options or ticks, they drive all of them through this.

An engine runs the strategies of its kind. Jobs bring it paths and parameter sets, and take metrics,
statuses, equity and trades; how a decision becomes a fill they do not know. A strategy class names
its engine (`Strategy.engine`), a world carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.execution import Execution
    from engine.strategies import Strategy

__all__ = ["Engine", "OrderTape", "PreparedEngine", "Tape"]


class Tape(Protocol):
    """Trades of the simulations of one call, in their order.

    Attributes
    ----------
    columns : ndarray of float64, shape (columns, capacity)
        A row per column of the engine's table of trades.
    ends : ndarray of int64, shape (simulations,)
        Trades up to the end of each simulation, paths before sets.
    """

    columns: NDArray[np.float64]
    ends: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Trades of all simulations."""


@runtime_checkable
class OrderTape(Protocol):
    """A tape of an engine whose orders are told beside its trades."""

    def order_events(self, first_bar: int) -> list[pl.Series]:
        """Return columns of what happened to the orders of the last simulation, an event a row.

        ``bar`` is counted from `first_bar`; ``symbol``, ``event``, ``units`` and ``price`` are
        among the others.
        """


class PreparedEngine(Protocol):
    """An engine bound to a strategy, to settings and to the shape of a price block.

    Threads share it; what changes belongs to the scratch that each of them has.

    Attributes
    ----------
    metric_names : tuple of str
        Along the last axis of the metrics. ``net_pnl`` is among them; where ``sharpe`` is, the
        trial ledger has its mean.
    sample_bars : ndarray of int64, shape (samples,)
        Bars at whose close equity is sampled, counted from the first that trades.
    raised : int
        Status of a simulation whose strategy raised: `failure` says why. Statuses are 0 where all
        went well, and below 126.
    sets_at_once : int or None
        None where paths are in memory. Where a path is long and read from a file: most parameter
        sets that read it together. Such an engine takes ``unfinished``, and which sets run together
        depends on their number alone, so that a run that was killed finds what it kept.
    """

    metric_names: tuple[str, ...]
    sample_bars: NDArray[np.int64]
    raised: int
    sets_at_once: int | None

    def scratch(self) -> Any:
        """Return work space for one thread."""

    def tape(self) -> Tape:
        """Return an empty tape of trades for one thread."""

    def run(
        self,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: Any,
        equity: NDArray[np.float64] | None = None,
        trades: Any = None,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> None:
        """Run every parameter set on every path, with the GIL released where it can be.

        Parameters
        ----------
        values : ndarray of float64, shape (paths, symbols, fields, bars)
            The paths, in C order, to be read only.
        parameters : ndarray of float64, shape (sets, parameters)
            Encoded, in the order of the strategy's declarations.
        metrics : ndarray of float64, shape (paths, sets, metrics)
            Output; NaN where a metric is undefined.
        status : ndarray of int8, shape (paths, sets)
            Output.
        scratch : object
            Of `scratch`, the calling thread's own.
        equity : ndarray of float64, shape (paths, sets, samples), optional
            Output; equity at `sample_bars`.
        trades : Tape, optional
            Output, of `tape`, where trades are recorded; begun anew by every call.
        seeds, paths : ndarray of uint64, shape (paths,), optional
            Seed of each path, and its number within the seed: what happens by chance after the
            path is made is a function of them. An engine with `sets_at_once` takes another keyword,
            ``unfinished``: a `engine.jobs.unfinished.Unfinished` where it keeps, and finds, what
            simulations under way have come to; None where nothing is kept.
        """

    def status_text(self, code: int) -> str:
        """Return what a status means."""

    def failure(
        self,
        code: int,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        scratch: Any,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> str:
        """Return why one simulation failed; arrays as in `run`, of one path and one set."""

    def trade_columns(
        self, columns: NDArray[np.float64], first_bar: int, *, with_ranges: bool
    ) -> list[pl.Series]:
        """Return the columns of a tape as a table has them.

        Parameters
        ----------
        columns : ndarray of float64, shape (columns, trades)
            Of a `Tape`.
        first_bar : int
            Bar of the path that is 0 in the results.
        with_ranges : bool
            Whether high and low of a bar were prices that were traded.
        """


class Engine(Protocol):
    """An engine, before it knows what it will run; pickled with the world that it belongs to.

    Attributes
    ----------
    version : str
        Changes whenever the same inputs would give other bits; part of a world's id, and another
        one in every engine.
    metric_names : tuple of str
        The columns that it can compute.
    range_metrics : tuple of str
        Those of them that have no value where bars have no ranges.
    closes_suffice : bool
        Whether `engine.strategies.range_reads` can tell that its strategies need no ranges.
    settings : dict of str to object
        What a study's section for it says; part of a world's id, empty where there is none.
    reads_dynamics : bool
        Whether the paths bring the constants of their model (`engine.sources.dynamics`).
    """

    @property
    def version(self) -> str:
        """Numerical version."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Columns."""

    @property
    def range_metrics(self) -> tuple[str, ...]:
        """Columns that need ranges."""

    @property
    def settings(self) -> dict[str, Any]:
        """Section of the study, as plain values."""

    @property
    def reads_dynamics(self) -> bool:
        """Whether constants of the model are among the fields."""

    def with_options(self, options: Mapping[str, Any]) -> Engine:
        """Return the engine with the section `options` of a study.

        Raises
        ------
        Refusal
            If it takes none.
        ValidationError
            If it does, but not this.
        """

    def check(
        self,
        strategy: type[Strategy],
        execution: Execution,
        parameters: NDArray[np.float64],
        *,
        source: str,
        symbols: tuple[str, ...],
        fields: tuple[str, ...],
        lowest: float,
        steps: int,
        bars_per_session: float,
    ) -> None:
        """Refuse a world and sets that no simulation could run on.

        Parameters
        ----------
        strategy, execution
            Of the world.
        parameters : ndarray of float64, shape (sets, parameters)
            Encoded, in the order of the strategy's declarations.
        source : str
            Name of the source.
        symbols, fields : tuple of str
            Of its paths.
        lowest : float
            Lowest price of the bars that it holds; infinity where it holds none.
        steps : int
            Bars of a path that count.
        bars_per_session : float
            Of the paths.

        Raises
        ------
        Refusal
            If there is something; one sentence.
        """

    def asked_metrics(self, asked: Sequence[str], field: str) -> tuple[str, ...]:
        """Return the columns that groups and names of `record.metrics` come to, in their order.

        Raises
        ------
        Refusal
            If one is unknown; names `field`.
        """

    def returns_in(self, steps: int) -> int:
        """Return how many returns the sums of a simulation of some bars are of."""

    def group_versions(self, metrics: Sequence[str]) -> dict[str, int]:
        """Return the versions of the groups that some columns belong to, by name."""

    @property
    def closes_suffice(self) -> bool:
        """Whether it may be given bars of closes."""

    def prepare(
        self,
        strategy: type[Strategy],
        execution: Execution,
        *,
        symbols: tuple[str, ...],
        fields: tuple[str, ...],
        steps: int,
        bars_per_year: float,
        bars_per_session: float,
        warm_up: int,
        record_equity: int,
        record_trades: bool,
        groups: tuple[str, ...],
        timestamps: NDArray[np.int64] | None,
        exchange: str | None,
        timeframe: str | None,
        history: tuple[Bars, ...] | None,
    ) -> PreparedEngine:
        """Bind it to a strategy and a world; `engine.strategies.prepare_strategy` documents all."""
