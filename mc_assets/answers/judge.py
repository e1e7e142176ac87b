"""Whether a strategy has an edge on a series or on a file of bars."""

from __future__ import annotations

from pathlib import Path

from engine.judging import Judgement, judge
from mc_assets.answers.strategy_on_bars import find_history, find_strategy
from mc_assets.project import Project

__all__ = ["Judgement", "judge_strategy"]


def judge_strategy(
    project: Project,
    strategy: str,
    *,
    bars: Path | None = None,
    symbol: str | None = None,
    timeframe: str = "1d",
    exchange: str = "XNYS",
    constraint: tuple[str, ...] = (),
    commission: float = 0.0,
    slippage: float = 0.0,
    tries: int = 256,
    paths: int = 2_000,
    seed: int = 0,
) -> Judgement:
    """Judge a strategy on a series of the project or on a file.

    Parameters
    ----------
    project : Project
        Its data folder keeps the trial ledger.
    strategy : str
        Name of a strategy, or a Python file with one.
    bars : Path, optional
        CSV or Parquet file of bars.
    symbol : str, optional
        Series of the project; with `bars`, the name the file's bars get.
    timeframe, exchange : str
        Of the bars; a series of the project has its own exchange.
    constraint : tuple of str
        Expressions over parameter names.
    commission, slippage : float
        Share of the traded value, and basis points of the price, that every fill costs.
    tries, paths, seed : int
        As of `engine.judging.judge`.

    Raises
    ------
    Refusal
        If there is no such strategy, neither a file nor a series is given, or the history is too
        short.
    """
    return judge(
        find_strategy(project, strategy),
        find_history(project, bars, symbol, timeframe, exchange),
        constraint=constraint,
        execution={"commission": {"rate": commission}, "slippage": {"bps": slippage}},
        tries=tries,
        paths=paths,
        seed=seed,
        root=project.data,
    )
