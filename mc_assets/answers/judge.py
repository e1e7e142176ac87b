"""Whether a strategy has an edge on a series or on a file of bars."""

from __future__ import annotations

from pathlib import Path

from engine.bars import Bars
from engine.judging import Judgement, judge
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

    Raises
    ------
    Refusal
        If there is no such strategy, neither a file nor a series is given, or the history is too
        short.
    """
    from engine.errors import Refusal
    from mc_assets.stored_market_data import StoredMarketData

    name = _strategy(project, strategy)
    if bars_file is not None:
        history = _from_file(bars_file, symbol, timeframe, exchange)
    elif symbol is not None:
        history = StoredMarketData(project).bars(symbol, timeframe)
    else:
        raise Refusal("bars", "neither --bars nor --symbol", "a file of bars, or a series")
    return judge(
        name,
        history,
        constraint=constraint,
        execution={"commission": {"rate": commission}, "slippage": {"bps": slippage}},
        tries=tries,
        paths=paths,
        seed=seed,
        root=project.data,
    )


def _strategy(project: Project, strategy: str) -> str:
    from engine.errors import Refusal
    from engine.strategies import load_user_strategies, strategy_names
    from mc_assets.answers.catalogue import load_code_of_studies

    if strategy.endswith(".py"):
        file = Path(strategy)
        if not file.is_file():
            raise Refusal("strategy", f"there is no file {file}")
        found = sorted(load_user_strategies(file))
        if len(found) != 1:
            raise Refusal(
                "strategy",
                f"{', '.join(found) or 'no strategy'} in {file}",
                "a file with one strategy, or its name",
            )
        return found[0]
    if strategy not in strategy_names():
        load_code_of_studies(project)
    if strategy not in strategy_names():
        raise Refusal("strategy", repr(strategy), ", ".join(strategy_names()))
    return strategy


def _from_file(path: Path, symbol: str | None, timeframe: str, exchange: str) -> Bars:
    from engine.calendar import BarCalendar
    from engine.errors import Refusal
    from mc_assets.market_data.one_file import bars_from_file

    if not path.is_file():
        raise Refusal("bars", f"there is no file {path}")
    name = symbol or path.stem
    provider = "parquet" if path.suffix == ".parquet" else "csv"
    found = bars_from_file(
        path.resolve(), name, timeframe=timeframe, exchange=exchange, provider=provider
    )
    if found.bars.is_empty():
        raise Refusal("bars", f"no row of {path} that is a bar", "a table of bars")
    return Bars.from_frame(found.bars, symbol=name, calendar=BarCalendar(exchange, timeframe))
