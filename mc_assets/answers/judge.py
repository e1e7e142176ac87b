"""Whether a strategy has an edge on a series or on a file of bars."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.bars import Bars
from engine.judging import Judgement, judge
from mc_assets.answers.strategy_on_bars import find_history, find_strategy
from mc_assets.project import Project

__all__ = ["Judgement", "judge_strategy"]


def judge_strategy(
    project: Project,
    strategy: str,
    *,
    bars_file: Path | None = None,
    symbol: str | None = None,
    timeframe: str = "1d",
    exchange: str = "XNYS",
    constraint: tuple[str, ...] = (),
    commission: float = 0.0,
    slippage: float = 0.0,
    tries: int = 256,
    paths: int = 2_000,
    seed: int = 0,
    page: Path | None = None,
) -> Judgement:
    """Judge a strategy on a series of the project or on a file.

    Parameters
    ----------
    project : Project
        Its data folder keeps the trial ledger.
    strategy : str
        Name of a strategy, or a Python file with one.
    bars_file : Path, optional
        CSV or Parquet file of bars.
    symbol : str, optional
        Series of the project; with `bars_file`, the name the file's bars get.
    timeframe, exchange : str
        Of the bars; a series of the project has its own exchange.
    constraint : tuple of str
        Expressions over parameter names.
    commission, slippage : float
        Share of the traded value, and basis points of the price, that every fill costs.
    tries, paths, seed : int
        As of `engine.judging.judge`.
    page : Path, optional
        HTML file to write the judgement to, with a model-risk panel of the same history.

    Raises
    ------
    Refusal
        If there is no such strategy, neither a file nor a series is given, or the history is too
        short.
    """
    name = find_strategy(project, strategy)
    history = find_history(project, bars_file, symbol, timeframe, exchange)
    execution = {"commission": {"rate": commission}, "slippage": {"bps": slippage}}
    found = judge(
        name,
        history,
        constraint=constraint,
        execution=execution,
        tries=tries,
        paths=paths,
        seed=seed,
        root=project.data,
    )
    if page is not None:
        _write_page(project, page, found, name, history, execution, constraint, seed)
    return found


def _write_page(
    project: Project,
    path: Path,
    found: Judgement,
    strategy: str,
    history: Bars,
    execution: Mapping[str, Any],
    constraint: tuple[str, ...],
    seed: int,
) -> None:
    import numpy as np

    from engine.errors import Refusal
    from engine.files import write_output
    from engine.judging import model_risk_panel
    from engine.strategies import backtest
    from mc_assets.answers.panel import write_panel
    from mc_assets.reports.judgement_page import judgement_page

    # The bars that the judgement counted, so that the picture is of the numbers beside it.
    days = history.timestamps.astype("datetime64[us]").astype("datetime64[D]")
    before = int((days < np.datetime64(found.first)).sum())
    course = backtest(strategy, history, found.parameters, execution, warm_up=before)
    panel = None
    with suppress(Refusal):  # of a strategy that can be simulated in no world
        panel = model_risk_panel(
            strategy,
            history,
            constraint=constraint,
            execution=execution,
            seed=seed,
            root=project.data,
        )
        write_panel(project.data, panel)
    write_output(path, judgement_page(found, panel, course).encode())
