"""Columns of simulations that follow from their recorded trades and equity curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from engine.errors import Refusal
from engine.jobs.summary import JobSummary
from engine.results.families import MONEY_AT

__all__ = ["AddedColumn", "not_recorded", "recorded_column", "sampled_bars", "what_records"]

_TRADE_SQUARES: Final = "trade_squares"


@dataclass(frozen=True)
class AddedColumn:
    """A column of simulations beside those of the rows.

    Parameters
    ----------
    column : polars.LazyFrame
        ``simulation`` and the column.
    otherwise : float or None
        Its value for simulations that are not among these; None leaves them without one.
    """

    column: pl.LazyFrame
    otherwise: float | None


class Recorded(Protocol):
    """What a study recorded beside its rows."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def summary(self) -> JobSummary:
        """The job that made it."""

    @property
    def equity_lazy(self) -> pl.LazyFrame | None:
        """Equity curves."""

    @property
    def trades_lazy(self) -> pl.LazyFrame | None:
        """Trades."""


def recorded_column(name: str, of: Recorded) -> AddedColumn | None:
    """Return a column that follows from what a study recorded; None if none does.

    Parameters
    ----------
    name : str
        ``trade_squares``, the sum of the squares of a simulation's trades; or
        ``net_pnl_at_bar_N``, its net P&L at the close of the N-th bar of the path, at which equity
        has to be sampled.
    of : Recorded
        The study.

    Returns
    -------
    AddedColumn or None
        Equity is sampled in single precision, so that P&L inside a path is rounded to 6e-8 of
        the equity.
    """
    if name == _TRADE_SQUARES and of.trades_lazy is not None:
        squares = (pl.col("pnl") ** 2).sum().alias(name)
        return AddedColumn(of.trades_lazy.group_by("simulation").agg(squares), 0.0)
    inside = MONEY_AT.fullmatch(name)
    if inside is not None and of.equity_lazy is not None:
        bars = sampled_bars(of.summary)
        if int(inside[1]) in bars:
            place = bars.index(int(inside[1]))
            equity = of.equity_lazy.collect_schema()["equity"]
            curve = pl.col("equity")
            point = curve.arr.get(place) if isinstance(equity, pl.Array) else curve.list.get(place)
            money = (point.cast(pl.Float64) - of.summary.cash).alias(name)
            return AddedColumn(of.equity_lazy.select("simulation", money), None)
    return None


def what_records(column: str) -> str | None:
    """Name the field of `record` that a column follows from; None where it is a metric.

    Parameters
    ----------
    column : str
        What a statistic needs.

    Returns
    -------
    str or None
        ``trades`` or ``equity``.
    """
    if column == _TRADE_SQUARES:
        return "trades"
    return "equity" if MONEY_AT.fullmatch(column) else None


def sampled_bars(summary: JobSummary) -> list[int]:
    """Return the bars of a path, the first of which is 1, at whose closes equity is sampled.

    Parameters
    ----------
    summary : JobSummary
        Of a study.

    Returns
    -------
    list of int
        Ascending; empty where none is recorded.
    """
    points = min(summary.record.equity, summary.steps)
    return [(k + 1) * summary.steps // points for k in range(points)]


def not_recorded(field: str, columns: Sequence[str], of: Recorded) -> Refusal | None:
    """Say what a study has to record for a column; None where none of them follows from records.

    Parameters
    ----------
    field : str
        What asks.
    columns : sequence of str
        What it needs.
    of : Recorded
        The study.

    Returns
    -------
    Refusal or None
        One sentence.
    """
    for name in columns:
        if name == _TRADE_SQUARES:
            return Refusal(
                field,
                f"{of.name} recorded no trades, whose squares are needed",
                hint=f"add `record: {{trades: true}}` to the study, and `mc run {of.name}`",
            )
        inside = MONEY_AT.fullmatch(name)
        if inside is not None:
            bars = sampled_bars(of.summary)
            some = ", ".join(map(str, bars[:12])) + (", …" if len(bars) > 12 else "")
            return Refusal(
                field,
                f"no equity of {of.name} at bar {inside[1]}",
                f"bars {some}" if bars else None,
                hint="`record: {equity: N}` samples N bars evenly, the last included",
            )
    return None
