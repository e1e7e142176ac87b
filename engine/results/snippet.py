"""Results as a notebook shows them."""

from __future__ import annotations

import polars as pl

from engine.results.definitions import statistics_of
from engine.results.rows import Rows
from engine.results.statistics import study_statistics

__all__ = ["results_snippet"]


def results_snippet(rows: Rows) -> str:
    """Return a few facts of a study's results as HTML.

    Parameters
    ----------
    rows : Rows
        Of one study.

    Returns
    -------
    str
        A small table.
    """
    from engine.plots.snippet import facts

    ok = pl.col("status") == "ok"
    simulations, failed = rows.lazy.select(pl.len(), (~ok).sum().alias("failed")).collect().row(0)
    summary = rows.summary
    shown = {
        "strategy": summary.strategy,
        "simulations": simulations,
        "parameter sets": summary.parameter_sets,
        "failed": failed,
    }
    if "sharpe" in statistics_of(rows) and failed < simulations:
        ranked = study_statistics(rows, names=["sharpe"]).sort(
            "supported", "estimate", descending=True, nulls_last=True, maintain_order=True
        )
        row = ranked.row(0, named=True)
        values = ", ".join(f"{name} {row[name]}" for name in rows.parameters)
        shown |= {"best by Sharpe ratio": values, "its Sharpe ratio": row.get("estimate")}
    return facts(f"Results of {rows.name}", shown)
