"""Rows of a study grouped by columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.results.rows import Rows
from engine.results.statistics import COLUMNS, statistics_by

__all__ = ["Grouped"]


@dataclass(frozen=True)
class Grouped:
    """Rows of a study grouped by columns.

    Parameters
    ----------
    rows : Rows
        Of one study.
    names : list of str
        The columns.
    """

    rows: Rows
    names: list[str]

    def statistics(self, *, confidence: float = 0.95) -> pl.DataFrame:
        """Every statistic of every group."""
        return self._table(confidence=confidence)

    def statistic(self, name: str) -> pl.DataFrame:
        """One statistic of every group: estimate, error, interval, n and more.

        Raises
        ------
        Refusal
            If there is no such statistic.
        """
        return self._table(names=[name]).drop("statistic").sort(self.names)

    def _table(self, **settings: Any) -> pl.DataFrame:
        for name in self.names:
            if name in COLUMNS:
                raise Refusal(
                    "column", repr(name), "a name that the table of statistics does not use"
                )
        return statistics_by(self.rows, self.names, **settings)

    def profit_probability(self) -> pl.DataFrame:
        """Share of simulations with ``net_pnl > 0``."""
        return self.statistic("profit_probability")

    def mean_pnl(self) -> pl.DataFrame:
        """Mean net P&L."""
        return self.statistic("mean_net_pnl")

    def sharpe(self) -> pl.DataFrame:
        """Sharpe ratio, pooled over the paths."""
        return self.statistic("sharpe")

    def agg(self, *expressions: pl.Expr, **named: pl.Expr) -> pl.DataFrame:
        """Any Polars aggregation."""
        grouped = self.rows.lazy.group_by(self.names, maintain_order=True)
        return grouped.agg(*expressions, **named).collect()
