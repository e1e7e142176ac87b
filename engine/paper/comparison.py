"""Paper against simulation: what fills really cost, and how often limits that are reached fill."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from engine.bars import Bars
from engine.paper.booking import first_bar_of
from engine.paper.books import Books
from engine.paper.replay import Replayed, replay
from engine.paper.terms import Terms
from engine.strategies import backtest

__all__ = ["COMPARISON_SCHEMA", "PaperComparison", "compare_with_simulation"]

#: Columns of a comparison.
COMPARISON_SCHEMA: Final[Mapping[str, Any]] = {
    "session": pl.String,
    "statistic": pl.String,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
    "assumed": pl.Float64,
    "drift": pl.Float64,
}
_NORMAL: Final = 1.959963984540054
# Fewer observations have no error that could be believed.
_LEAST: Final = 5


@dataclass(frozen=True, eq=False)
class PaperComparison:
    """What a session measured, beside what its study assumes.

    Parameters
    ----------
    table : polars.DataFrame
        One row per ``statistic`` of a ``session``: ``estimate``, ``std_error``, ``ci_low``,
        ``ci_high``, ``n``, what the study has ``assumed``, and the ``drift`` of the estimate from
        it in standard errors; null where fewer than five observations tell.
    """

    table: pl.DataFrame

    @property
    def yaml(self) -> str:
        """The section `execution` of a study with what was measured, with errors as remarks."""
        lines = ["execution:"]
        for row in self.table.iter_rows(named=True):
            place = _SETTINGS.get(row["statistic"])
            if place is None or row["std_error"] is None:
                continue
            value = max(row["estimate"], 0.0)
            error = f"  # ± {row['std_error']:.3g}, n = {row['n']}"
            lines += [line.format(f"{value:.6g}") for line in place[:-1]]
            lines.append(place[-1].format(f"{value:.6g}") + error)
        return "\n".join(lines) + "\n" if len(lines) > 1 else ""

    def drifted(self, most: float = 3.0) -> list[str]:
        """Return a sentence for each statistic that lies farther off than so many errors."""
        return [
            f"{row['statistic']}: measured {row['estimate']:.4g} ± {row['std_error']:.2g} over "
            f"{row['n']}, the study assumes {row['assumed']:.4g}"
            for row in self.table.iter_rows(named=True)
            if row["drift"] is not None and abs(row["drift"]) > most
        ]


_SETTINGS: Final = {
    "slippage_bps": ("  slippage:", "    bps: {}"),
    "limit_fill_rate": ("  limit_fill_probability: {}",),
    "commission_rate": ("  commission:", "    rate: {}"),
}


def compare_with_simulation(terms: Terms, bars: Sequence[Bars], books: Books) -> PaperComparison:
    """Measure slippage, fill rate, commission and the difference in profit.

    Parameters
    ----------
    terms : Terms
        What was traded.
    bars : sequence of Bars
        Closed bars of the session, as it saw them.
    books : Books
        What was filled.

    Notes
    -----
    Slippage of market and stop fills is the price behind the reference that the engine would
    take, the open, or the stop where the open has not passed it: ``side (price / reference - 1)``
    in basis points, with the error of the mean, ``s / sqrt(n)``. The fill rate is the share of
    the bars that reach a waiting limit in which it fills, its error that of a binomial share.
    """
    first = first_bar_of(books, bars)
    last = max(books.decided, 0)
    seen = tuple(item[: first + last + 1] for item in bars)
    real = replay(terms, seen, first, books.tape(last))
    model = backtest(terms.strategy, list(seen), terms.parameters, terms.execution, warm_up=first)
    slipped, commissions = _costs(real, books)
    reached, filled = _limits(real)
    settings = terms.execution
    rows = [
        _row(terms, "slippage_bps", slipped, settings.slippage.bps),
        _row(terms, "commission_rate", commissions, settings.commission.rate),
        _share(terms, filled, reached, settings.limit_fill_probability),
        _difference(terms, real, float(model.equity[-1])),
    ]
    return PaperComparison(pl.DataFrame(rows, schema=dict(COMPARISON_SCHEMA)))


def _costs(real: Replayed, books: Books) -> tuple[list[float], list[float]]:
    """Slippage of each market and stop fill in basis points, and commission of each as a share."""
    placed = {
        row["order"]: row
        for row in real.found.orders.filter(pl.col("event") == "submitted").iter_rows(named=True)
    }
    slipped, commissions = [], []
    for row in real.found.orders.filter(pl.col("event") == "filled").iter_rows(named=True):
        price, units = row["price"], row["units"]
        commissions.append(row["commission"] / abs(units * price))
        order = placed.get(row["order"])
        if order is None or order["kind"] not in ("market", "stop"):
            continue
        series = next(item for item in real.bars if item.symbol == row["symbol"])
        reference = float(series.open[real.first_bar + row["bar"]])
        side = 1.0 if units > 0.0 else -1.0
        if order["kind"] == "stop":
            stop = order["price"]
            reference = max(reference, stop) if units > 0.0 else min(reference, stop)
        slipped.append(side * (price / reference - 1.0) * 1e4)
    return slipped, commissions


def _limits(real: Replayed) -> tuple[int, int]:
    """Bars that reached a waiting limit, and those of them in which it filled."""
    orders, last = real.found.orders, real.last_bar
    ends: dict[int, int] = {}
    fills: set[tuple[int, int]] = set()
    for row in orders.iter_rows(named=True):
        if row["event"] == "filled":
            fills.add((row["order"], row["bar"]))
        if row["event"] != "submitted":
            ends[row["order"]] = row["bar"]
    reached = filled = 0
    placed = orders.filter((pl.col("event") == "submitted") & (pl.col("kind") == "limit"))
    for row in placed.iter_rows(named=True):
        series = next(item for item in real.bars if item.symbol == row["symbol"])
        for bar in range(row["bar"] + 1, ends.get(row["order"], last) + 1):
            place = real.first_bar + bar
            buys, limit = row["units"] > 0.0, row["price"]
            there = series.low[place] <= limit if buys else series.high[place] >= limit
            if there or (row["order"], bar) in fills:
                reached += 1
                filled += (row["order"], bar) in fills
    return reached, filled


def _row(terms: Terms, name: str, values: Sequence[float], assumed: float) -> dict[str, Any]:
    n = len(values)
    mean = float(np.mean(values)) if n else None
    error = float(np.std(values, ddof=1)) / math.sqrt(n) if n >= _LEAST else None
    return _with_interval(terms, name, mean, error, n, assumed)


def _share(terms: Terms, filled: int, reached: int, assumed: float) -> dict[str, Any]:
    """Return a share with Agresti and Coull's error, which is not zero where all or none fill."""
    share = filled / reached if reached else None
    error = None
    if reached >= _LEAST:
        near = (filled + 2.0) / (reached + 4.0)
        error = math.sqrt(near * (1.0 - near) / (reached + 4.0))
    row = _with_interval(terms, "limit_fill_rate", share, error, reached, assumed)
    if error is not None:
        row |= {"ci_low": max(row["ci_low"], 0.0), "ci_high": min(row["ci_high"], 1.0)}
    return row


def _difference(terms: Terms, real: Replayed, simulated: float) -> dict[str, Any]:
    found = float(real.found.equity[-1])
    name, bars = "net_pnl_difference", real.last_bar + 1
    return _with_interval(terms, name, found - simulated, None, bars, 0.0)


def _with_interval(
    terms: Terms, name: str, mean: float | None, error: float | None, n: int, assumed: float
) -> dict[str, Any]:
    known = mean is not None and error is not None
    off = (mean or 0.0) - assumed
    drift = None
    if known and error is not None:
        drift = off / error if error > 0.0 else (0.0 if abs(off) < 1e-9 else math.copysign(99, off))
    return {
        **{"session": terms.session, "statistic": name, "estimate": mean, "std_error": error},
        "ci_low": (mean or 0.0) - _NORMAL * (error or 0.0) if known else None,
        "ci_high": (mean or 0.0) + _NORMAL * (error or 0.0) if known else None,
        **{"n": n, "assumed": float(assumed), "drift": drift},
    }
