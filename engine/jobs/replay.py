"""Replay of one simulation from its seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.execution.layout import EVENT_COLUMNS, ORDER_ROWS, TRADE_ROWS
from engine.execution.metric_names import EXCURSIONS, METRIC_NAMES
from engine.jobs.engine import OrderTape
from engine.jobs.job import Job
from engine.jobs.parameter_text import parameter_text
from engine.jobs.prepared import prepare
from engine.jobs.space import MODEL_PREFIX
from engine.jobs.world import World
from engine.sources import Generator
from engine.strategies.bar_engine import BarEngine
from engine.strategies.bars_table import bars_table
from engine.strategies.trade_columns import order_columns, trade_columns

if TYPE_CHECKING:
    from engine.plots import Chart

__all__ = ["Replay", "simulate_one"]


@dataclass(frozen=True)
class Replay:
    """One simulation, with everything that happened in it.

    Parameters
    ----------
    simulation : int
        Its id.
    seed, path : int
        What made its prices: the seed, and the path's number within the seed.
    parameters : dict
        Its parameter set.
    bars : polars.DataFrame
        Per bar and symbol: ``bar``, ``symbol``, ``open``, ``high``, ``low``, ``close``,
        ``volume``, the model's states, and timestamps where the source has them. Bar 0 is the
        first that counts; those to warm up on have numbers below.
    equity : ndarray of float64, shape (bars,)
        Equity at the close of every bar that counts, in account currency.
    orders : polars.DataFrame
        One row per event of an order (submitted, filled, cancelled, expired, rejected and why); of
        options none: ``bar``, ``order``, ``symbol``, ``kind``, ``event``, ``units``, ``price``,
        ``commission``, ``size``. Of ticks ``bar`` and what `TickBacktest.orders` has.
    trades : polars.DataFrame
        One row per closed lot, of options per closed leg: ``symbol``, ``units``, ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price``, ``pnl``, ``commission``, ``mfe``, ``mae``,
        ``entry_tag``, ``exit_tag``.
    metrics : dict
        Its metrics: those of its row, the others of their groups, and its trading metrics.
    status : str
        ``ok``, or what went wrong.
    """

    simulation: int
    seed: int
    path: int
    parameters: dict[str, Any]
    bars: pl.DataFrame
    equity: NDArray[np.float64]
    orders: pl.DataFrame
    trades: pl.DataFrame
    metrics: dict[str, float | None]
    status: str

    def plot(self, indicators: Mapping[str, ArrayLike] | None = None) -> Chart:
        """Draw candles with fills and indicators, equity and drawdown, zoomed together.

        Of options closes, and every leg at its strike from its entry to its exit.

        Parameters
        ----------
        indicators : mapping of str to array_like of shape (bars,), optional
            One value per bar, those to warm up on included.

        Raises
        ------
        Refusal
            If the simulation failed.
        """
        from engine.plots.simulation import simulation_chart

        final, earned = self.metrics.get("final_equity"), self.metrics.get("net_pnl")
        if final is None or earned is None:
            raise Refusal("simulation", f"one that failed ({self.status})", "one that succeeded")
        title = f"simulation {self.simulation}, seed {self.seed}: {self.values}"
        start = final - earned
        return simulation_chart(
            title, self.bars, self.equity, self.orders, start, indicators, self.legs
        )

    @property
    def values(self) -> str:
        """Its parameter set in words."""
        return ", ".join(
            f"{name} {parameter_text(value)}" for name, value in self.parameters.items()
        )

    @property
    def legs(self) -> pl.DataFrame | None:
        """Its closed legs, where it traded options.

        Returns
        -------
        polars.DataFrame or None
            `trades`, a row a leg; None of a simulation without options.
        """
        return self.trades if "rest_pnl" in self.trades.columns else None


def simulate_one(job: Job, simulation: int) -> Replay:
    """Run one simulation of a job, keeping equity at every bar and every trade."""
    if isinstance(simulation, bool) or not hasattr(simulation, "__index__"):
        raise Refusal("simulation", repr(simulation), "a whole number")
    simulation = int(simulation)
    if not 0 <= simulation < job.simulations:
        raise Refusal(
            "simulation", str(simulation), f"0 to {job.simulations - 1:,} in study {job.study}"
        )
    world = job.world
    path, index = divmod(simulation, len(job.space))
    seed = int(job.seeds[path // world.paths_per_seed])
    number = path % world.paths_per_seed
    of_source = tuple(job.sets.of_source[index].tolist())
    # Closes alone show nothing inside a bar; with ranges the closes are the same.
    seen = world.with_ranges()
    prepared = prepare(seen, job.holds, job.metrics, of_source, seed)
    generator = prepared.generator(of_source, seed)
    window = world.window
    values = np.empty((1, len(generator.symbols), len(generator.fields), window.bar_count))
    seeds, paths = np.array([seed], dtype=np.uint64), np.array([number], dtype=np.uint64)
    generator.fill(seeds, paths, values, generator.scratch(1))
    encoded = job.sets.of_strategy[index : index + 1]
    shape = _shape(job, generator)
    happen = _bars_happen if isinstance(world.engine, BarEngine) else _others_happen
    happened = happen(world, shape, values, encoded, seeds, paths)
    metrics = happened.metrics
    if not world.has_ranges:
        metrics[[METRIC_NAMES.index(name) for name in EXCURSIONS]] = np.nan
    found = metrics.tolist()
    first = window.first_trading_bar
    if prepared.path_metrics is not None:
        own = np.empty((1, 1, len(prepared.path_metrics.names)))
        trading = np.ascontiguousarray(values[..., first:])
        prepared.path_metrics.run(trading, happened.equity.reshape(1, 1, -1), own)
        found += own[0, 0].tolist()
    named = zip(prepared.metric_names, found, strict=True)
    return Replay(
        simulation=simulation,
        seed=seed,
        path=number,
        parameters={**_model_parameters(job, index, seed), **job.space[index]},
        bars=bars_table(
            values[0], generator.symbols, generator.fields, generator.timestamps, first
        ),
        equity=happened.equity,
        orders=pl.DataFrame(happened.orders),
        trades=pl.DataFrame(happened.trades),
        metrics={name: None if np.isnan(value) else value for name, value in named},
        status=happened.status,
    )


@dataclass(frozen=True)
class _Happened:
    """What one simulation left: metrics, equity at each bar, columns of orders and trades."""

    metrics: NDArray[np.float64]
    equity: NDArray[np.float64]
    orders: list[pl.Series]
    trades: list[pl.Series]
    status: str


def _shape(job: Job, generator: Generator) -> dict[str, Any]:
    """Return what an engine is told of the paths."""
    world = job.world
    return {
        "symbols": generator.symbols,
        "fields": generator.fields,
        "steps": world.window.bar_count,
        "bars_per_year": world.bars_per_year,
        "bars_per_session": world.bars_per_session,
        "warm_up": world.window.warm_up,
        "record_trades": True,
        "groups": tuple(job.holds.groups),
        "timestamps": generator.timestamps,
        "exchange": world.calendar.exchange,
        "timeframe": world.calendar.timeframe,
    }


def _bars_happen(
    world: World,
    shape: dict[str, Any],
    values: NDArray[np.float64],
    encoded: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    paths: NDArray[np.uint64],
) -> _Happened:
    """Run a strategy of bars, whose orders are told as well."""
    engine: Any = world.engine.prepare(world.strategy, world.execution, **shape)
    metrics = np.full((1, 1, len(engine.metric_names)), np.nan)
    status = np.zeros((1, 1), dtype=np.int8)
    scratch = engine.scratch(record_orders=True)
    identity: dict[str, Any] = {"seeds": seeds, "paths": paths}
    engine.run(values, encoded, metrics, status, scratch, **identity)
    left, code = scratch.simulation, int(status[0, 0])
    symbols, first = shape["symbols"], world.window.first_trading_bar
    text = "ok"
    if code != 0:
        text = engine.failure(code, values, encoded, engine.scratch(), **identity)
    return _Happened(
        metrics[0, 0],
        left.curve.copy(),
        order_columns(left.events[: left.counts[ORDER_ROWS]].T, symbols, first),
        trade_columns(left.trades[: left.counts[TRADE_ROWS]].T, symbols, first),
        text,
    )


def _others_happen(
    world: World,
    shape: dict[str, Any],
    values: NDArray[np.float64],
    encoded: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    paths: NDArray[np.uint64],
) -> _Happened:
    """Run a strategy of any engine; its orders are told where its tape tells them."""
    engine = world.engine.prepare(
        world.strategy, world.execution, record_equity=world.steps, **shape
    )
    metrics = np.full((1, 1, len(engine.metric_names)), np.nan)
    status, tape = np.zeros((1, 1), dtype=np.int8), engine.tape()
    equity, scratch = np.empty((1, 1, len(engine.sample_bars))), engine.scratch()
    identity: dict[str, Any] = {"seeds": seeds, "paths": paths}
    engine.run(values, encoded, metrics, status, scratch, equity, tape, **identity)
    code, first = int(status[0, 0]), world.window.first_trading_bar
    text = "ok"
    if code != 0:
        text = engine.failure(code, values, encoded, scratch, **identity)
    if isinstance(tape, OrderTape):
        orders = tape.order_events(first)
    else:
        orders = order_columns(np.empty((len(EVENT_COLUMNS), 0)), shape["symbols"], first)
    return _Happened(
        metrics[0, 0],
        equity[0, 0],
        orders,
        engine.trade_columns(tape.columns[:, : tape.count], first, with_ranges=world.has_ranges),
        text,
    )


def _model_parameters(job: Job, index: int, seed: int) -> dict[str, Any]:
    world = job.world
    source = world.source
    if world.swept:
        values = job.sets.of_source[index].tolist()
        source = source.with_parameters(**dict(zip(world.swept, values, strict=True)))
    values = source.values if world.draw is None else world.draw.apply(source, seed).values
    return {MODEL_PREFIX + name: value for name, value in values.items()}
