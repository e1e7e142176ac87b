"""Judging a strategy: a search on one history, its cost in false hope, and other worlds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal
from engine.execution import Execution
from engine.judging.judgement import Judgement
from engine.judging.warm_up import is_drawn, warm_up_on
from engine.judging.worlds import SimulatedWorld, simulated_worlds
from engine.results import Results
from engine.search.declared import declared_space
from engine.sources import Historical
from engine.sources.block_length import optimal_block_length
from engine.statistics.edge import excess_over_market, find_edge
from engine.strategies import Strategy, get_strategy
from engine.studies import Study

__all__ = ["judge"]

# Points at which equity is compared: weeks of ten years of daily bars.
_PERIODS = 512
# A path of a simulated world: a year of bars, within these bounds.
_FEWEST_BARS, _MOST_BARS = 60, 2_520
_FEWEST_BARS_OF_HISTORY = 250


def judge(
    strategy: type[Strategy] | str,
    bars: Bars,
    parameters: Mapping[str, Any] | None = None,
    *,
    constraint: str | tuple[str, ...] = (),
    execution: Execution | Mapping[str, Any] | None = None,
    tries: int = 256,
    paths: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
    smallest_edge: float = 0.5,
    root: Path | None = None,
) -> Judgement:
    """Say whether a strategy has an edge on a history, after a search over its parameters.

    Parameters
    ----------
    strategy : type of Strategy or str
        A class or its registry name.
    bars : Bars
        The history, of one symbol.
    parameters : mapping, optional
        Values, lists or distributions by name (as of `Study`); by default every declared parameter
        is searched between its bounds.
    constraint : str or tuple of str
        Expressions such as ``"fast < slow"``.
    execution : Execution or mapping, optional
        Cash, costs, fills.
    tries : int
        Points of the search, Sobol's; as many as are tried are paid for in the verdict.
    paths : int
        Paths of each simulated world.
    seed : int
        Of the search, the resampling and the paths.
    confidence : float
        One less the chance of finding an edge where there is none.
    smallest_edge : float
        Annual Sharpe ratio, beyond the exposure to the market, below which an edge does not matter.
    root : Path, optional
        Data root: then every set tried is in the trial ledger.

    Returns
    -------
    Judgement
        With the verdict, its sentence, and the best set in simulated worlds.

    Raises
    ------
    Refusal
        If the history is too short, a setting is not allowed, or no simulation succeeds.

    Notes
    -----
    Evidence comes from the history alone: the returns of every set tried, less what their average
    exposure to the market earned, in up to 512 periods (`engine.statistics.edge`). The simulated
    worlds say how the best set fares where the history is one of many; on a model without
    predictability no timing has an edge.

    Examples
    --------
    >>> from engine.sources import GBM
    >>> block = GBM(mu=0.08, sigma=0.2).paths(seeds=[4], steps=1500)
    >>> stamps = np.arange(1500) * 86_400_000_000
    >>> bars = Bars("X", stamps, block.open[0], block.high[0], block.low[0], block.close[0],
    ...             block.volume[0])
    >>> judge("sma_crossover", bars, {"fast": [5, 10], "slow": [50, 100]}, paths=50).verdict
    'not to be told'
    """
    begin = time.perf_counter()
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    if len(bars) < _FEWEST_BARS_OF_HISTORY:
        raise Refusal("bars", f"{len(bars)} bars", f"at least {_FEWEST_BARS_OF_HISTORY}")
    if tries < 1 or paths < 10:
        raise Refusal("tries, paths", f"{tries}, {paths}", "at least 1 and 10")
    searched = dict(parameters) if parameters is not None else declared_space(cls)
    search = {"method": "sobol", "count": tries, "seed": seed}
    study = Study(
        f"judge {cls.name} on {bars.symbol}",
        Historical(bars),
        cls,
        searched,
        constraint=constraint,
        execution=execution,
        search=search if any(is_drawn(values) for values in searched.values()) else None,
        seeds=1,
        record={"equity": _PERIODS},
        warm_up=warm_up_on(cls, searched, bars),
        failure_allowance=0.99,
    )
    results = study.run(root=root)
    returns, market, years, first_bar = _returns(results, bars)
    excess = excess_over_market(returns, market)
    some = excess.T[:: max(1, excess.shape[1] // 16)]
    length = float(np.median([optimal_block_length(column)[0] for column in some]))
    edge = find_edge(
        excess,
        years=years,
        block_length=float(np.clip(length, 1.0, len(excess) / 4)),
        seed=seed,
        confidence=confidence,
        smallest_edge=smallest_edge,
    )
    rows = results.frame.filter(pl.col("status") == "ok")
    row = rows.row(edge.best, named=True)
    chosen = {name: row[name] for name in cls.parameters if name in row}
    days = np.datetime_as_string(
        bars.timestamps[[first_bar, -1]].astype("datetime64[us]"), unit="D"
    )
    return Judgement(
        strategy=cls.name,
        symbol=bars.symbol,
        first=str(days[0]),
        last=str(days[1]),
        edge=edge,
        parameters=chosen,
        history={name: row[name] for name in results.metrics},
        worlds=_in_worlds(cls, bars, chosen, execution, paths, seed),
        seconds=time.perf_counter() - begin,
    )


def _returns(
    results: Results, bars: Bars
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, int]:
    """Return the returns of every set and of the market, the years, and the first bar traded."""
    curves = results.equity().sort("simulation")
    good = results.lazy.filter(pl.col("status") == "ok").select("simulation").collect()
    curves = curves.join(good, on="simulation", how="semi", maintain_order="left")
    if curves.is_empty():
        results.check_failures()
        raise Refusal(
            "strategy",
            "none of its parameter sets could be simulated",
            hint="give it other values",
        )
    equity = np.vstack(curves["equity"].to_list()).astype(np.float64)
    steps, samples = results.summary.steps, equity.shape[1]
    first_bar = len(bars) - steps
    ends = first_bar + np.array([(k + 1) * steps // samples - 1 for k in range(samples)])
    start = np.full((len(equity), 1), _cash(results))
    before = np.concatenate([start, equity[:, :-1]], axis=1)
    returns = np.divide(equity - before, before, out=np.zeros_like(equity), where=before > 0.0)
    closes = np.concatenate([[bars.open[first_bar]], bars.close[ends]])
    market = np.diff(closes) / np.abs(closes[:-1])
    return returns.T, market, float(steps / bars.bars_per_year), first_bar


def _cash(results: Results) -> float:
    rows = results.lazy.filter(pl.col("status") == "ok").select("final_equity", "net_pnl")
    final, pnl = rows.head(1).collect().row(0)
    return float(final - pnl)


def _in_worlds(
    cls: type[Strategy],
    bars: Bars,
    chosen: dict[str, Any],
    execution: Execution | Mapping[str, Any] | None,
    paths: int,
    seed: int,
) -> pl.DataFrame:
    """Run the chosen set over a year in every simulated world."""
    year = int(np.clip(round(bars.bars_per_year), _FEWEST_BARS, _MOST_BARS))
    rows = [
        _in_world(world, cls, bars, chosen, execution, year, range(seed, seed + paths))
        for world in simulated_worlds(bars)
    ]
    schema = {
        **dict.fromkeys(("world", "kind"), pl.String),
        "paths": pl.Int64,
        **dict.fromkeys(("mean_return", "std_error", "ci_low", "ci_high"), pl.Float64),
        **dict.fromkeys(("profit_probability", "drawdown_q05"), pl.Float64),
        "status": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _in_world(
    world: SimulatedWorld,
    cls: type[Strategy],
    bars: Bars,
    chosen: dict[str, Any],
    execution: Execution | Mapping[str, Any] | None,
    year: int,
    seeds: range,
) -> tuple[Any, ...]:
    nothing: tuple[Any, ...] = (None,) * 6
    if world.source is None:
        return (world.name, world.kind, 0, *nothing, world.reason)
    study = Study(
        f"judge in {world.name}",
        world.source,
        cls,
        chosen,
        seeds=seeds,
        steps=year,
        s0=float(bars.close[-1]),
        calendar=bars.calendar,
        execution=execution,
        failure_allowance=1.0,
        warm_up="auto",
    )
    try:
        results = study.run()
    except ValueError as error:
        # A model has no columns of the user's own, say.
        return (world.name, world.kind, 0, *nothing, str(error).splitlines()[0])
    table = results.statistics(
        names=["total_return", "profit_probability", "max_drawdown_q05"]
    ).rows_by_key("statistic", named=True, unique=True)
    if "total_return" not in table:
        return (world.name, world.kind, 0, *nothing, "every simulation failed")
    mean = table["total_return"]
    return (
        *(world.name, world.kind, mean["n"], mean["estimate"], mean["std_error"]),
        *(mean["ci_low"], mean["ci_high"]),
        table["profit_probability"]["estimate"],
        table["max_drawdown_q05"]["estimate"],
        "ok",
    )
