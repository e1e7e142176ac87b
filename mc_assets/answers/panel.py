"""One grid of a strategy's parameter sets in every world that a history allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.judging import Panel
from mc_assets.answers.strategy_on_bars import find_history, find_strategy, parameter_values
from mc_assets.project import Project

__all__ = ["Panel", "make_panel", "write_panel"]


def make_panel(
    project: Project,
    strategy: str,
    *,
    bars_file: Path | None = None,
    symbol: str | None = None,
    timeframe: str = "1d",
    exchange: str = "XNYS",
    values: Sequence[str] = (),
    constraint: tuple[str, ...] = (),
    commission: float = 0.0,
    slippage: float = 0.0,
    statistic: str = "sharpe",
    tries: int = 32,
    paths: int = 500,
    seed: int = 0,
) -> Panel:
    """Run the grid, count its trials, and write the table.

    Parameters
    ----------
    project : Project
        Its data folder keeps the table and the trial ledger.
    strategy : str
        Name of a strategy, or a Python file with one.
    bars_file, symbol, timeframe, exchange
        As of `find_history`.
    values : sequence of str
        Parameters as ``name=value`` or ``name=value,value``; by default every declared one is
        searched.
    constraint : tuple of str
        Expressions over parameter names.
    commission, slippage : float
        Share of the traded value, and basis points of the price, that every fill costs.
    statistic, tries, paths, seed
        As of `engine.judging.model_risk_panel`.

    Raises
    ------
    Refusal
        If something named is not there or not allowed, or the history is too short.
    """
    from engine.judging import model_risk_panel

    panel = model_risk_panel(
        find_strategy(project, strategy),
        find_history(project, bars_file, symbol, timeframe, exchange),
        parameter_values(values) or None,
        constraint=constraint,
        execution={"commission": {"rate": commission}, "slippage": {"bps": slippage}},
        statistic=statistic,
        tries=tries,
        paths=paths,
        seed=seed,
        root=project.data,
    )
    write_panel(project.data, panel)
    return panel


def write_panel(data: Path, panel: Panel) -> Path:
    """Write the table of a panel in place of an earlier one of the same strategy and series."""
    from engine.files import write_parquet

    first = panel.table.row(0, named=True)
    series = f"{first['symbol']}@{first['timeframe']}.parquet"
    path: Path = data / "panel" / str(first["strategy"]) / series
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(panel.table, path)
    return path
