"""What else one backtest of a strategy could have come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mc_assets.answers.strategy_on_bars import find_history, find_strategy, parameter_values
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.resampling import Resampled, RuinBySize

__all__ = ["ResampledBacktest", "resample_backtest"]


@dataclass(frozen=True)
class ResampledBacktest:
    """A backtest, resampled, with its risk of ruin by size.

    Parameters
    ----------
    strategy, symbol : str
        What was run, on which series.
    parameters : dict
        Values that were given.
    resampled : Resampled
        Bands and distributions.
    ruin : RuinBySize
        Risk of ruin against the size traded.
    """

    strategy: str
    symbol: str
    parameters: dict[str, Any]
    resampled: Resampled
    ruin: RuinBySize

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        found, largest = self.resampled, asdict(self.ruin.largest)
        return {
            "strategy": self.strategy,
            "symbol": self.symbol,
            "parameters": self.parameters,
            "method": found.courses.method,
            "draws": found.courses.draws,
            "seed": found.courses.seed,
            "block_length": found.courses.block_length,
            "unit": found.unit,
            "record": len(found.seen),
            "statistics": found.statistics(),
            "bands": found.bands,
            "ruin": {
                "loss": self.ruin.loss,
                "bound": self.ruin.bound,
                "largest_size": {name: _finite(value) for name, value in largest.items()},
                "optimal_size": _finite(self.ruin.optimal),
                "table": self.ruin.table,
            },
        }


def resample_backtest(
    project: Project,
    strategy: str,
    *,
    bars_file: Path | None = None,
    symbol: str | None = None,
    timeframe: str = "1d",
    exchange: str = "XNYS",
    values: Sequence[str] = (),
    commission: float = 0.0,
    slippage: float = 0.0,
    method: str = "trades",
    draws: int = 10_000,
    seed: int = 0,
    compound: bool = True,
    block_length: float | None = None,
    skip: float | None = None,
    delay: int | None = None,
    loss: float = 0.5,
    bound: float = 0.01,
) -> ResampledBacktest:
    """Run a strategy over a history and resample what it did.

    Parameters
    ----------
    project : Project
        Where series and strategies lie.
    strategy : str
        Name of a strategy, or a Python file with one.
    bars_file, symbol, timeframe, exchange
        As of `find_history`.
    values : sequence of str
        Parameters as ``name=value``; the others have their defaults.
    commission, slippage : float
        Share of the traded value, and basis points of the price, that every fill costs.
    method, draws, seed, compound, block_length, skip, delay
        As of `engine.resampling.resample`.
    loss, bound : float
        As of `engine.resampling.ruin_by_size`.

    Raises
    ------
    Refusal
        If something named is not there or not allowed, or there are too few trades.
    """
    from engine.resampling import resample
    from engine.strategies import backtest

    parameters = parameter_values(values)
    name = find_strategy(project, strategy)
    history = find_history(project, bars_file, symbol, timeframe, exchange)
    found = backtest(
        name,
        history,
        parameters,
        {"commission": {"rate": commission}, "slippage": {"bps": slippage}},
        warm_up="auto",
    )
    resampled = resample(
        found,
        method,
        draws=draws,
        seed=seed,
        compound=compound,
        block_length=block_length,
        skip=skip,
        delay=delay,
    )
    return ResampledBacktest(
        name, history.symbol, parameters, resampled, resampled.ruin(loss, bound)
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
