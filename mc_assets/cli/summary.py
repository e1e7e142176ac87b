"""The short table of a study: one row per parameter set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from engine.studies import Results

__all__ = ["json_rows", "summary_frame"]

_COLUMNS = {
    "mean net P&L": "mean_net_pnl",
    "win rate": "win_rate",
    "Sharpe": "sharpe",
    "95 % VaR": "value_at_risk_95",
    "max drawdown": "max_drawdown",
}


def summary_frame(results: Results) -> pl.DataFrame:
    """Parameters and headline statistics, each as ``estimate ± Monte Carlo standard error``."""
    import polars as pl

    table = results.statistics()
    keys = ["parameter_set", *results.parameters]
    columns = []
    for heading, name in _COLUMNS.items():
        own = table.filter(pl.col("statistic") == name)
        text = [
            _with_error(estimate, error)
            for estimate, error in zip(own["estimate"], own["std_error"], strict=True)
        ]
        columns.append(pl.Series(heading, text, dtype=pl.String))
    first = table.filter(pl.col("statistic") == "mean_net_pnl").select(keys)
    return first.with_columns(columns)


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame for JSON, which knows no infinity: null instead."""
    import polars as pl
    import polars.selectors as cs

    numbers = cs.float()
    return frame.with_columns(pl.when(numbers.is_finite()).then(numbers)).to_dicts()


def _with_error(estimate: float | None, error: float | None) -> str:
    if estimate is None:
        return "–"
    large = abs(estimate) >= 100 or (error is not None and abs(error) >= 100)
    form = ",.0f" if large else ".3f"
    text = format(estimate, form)
    return text if error is None else f"{text} ± {format(error, form)}"
