"""Outcomes of simulations, many parameter sets at once, under the rule of undefined values.

The rule (`engine.statistics`) holds for every statistic, so that no path is dropped for how it came
out. Here it reads: an idle path, which never held a position, earned nothing and counts with 0; the
growth of an account that lost everything is -1; what a metric leaves undefined on such a path is
taken from its sums. Failed simulations alone are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.metric_names import EXCURSIONS
from engine.statistics.autocorrelation import lag_count, lag_weights
from engine.statistics.layout import Layout
from engine.statistics.order_statistics import Ordered
from engine.statistics.pooled import POOLED

__all__ = ["IDLE_NEEDS", "Outcomes", "columns_for"]

Floats = NDArray[np.float64]
Made = TypeVar("Made")

#: Columns that say whether a path is idle.
IDLE_NEEDS: Final = ("trades", "exposure")


@dataclass(frozen=True)
class Outcomes:
    """Rows of successful simulations, sorted by group and, within one, by simulation.

    Parameters
    ----------
    groups : polars.DataFrame
        The keys of each group, a row each, in the order of `layout`.
    columns : dict of str to ndarray of float64, shape (simulations,)
        Metrics; NaN where null.
    layout : Layout
        Group and independent unit of each row.
    bar_count : int
        Bars of a path, or what else its returns are of.
    years : float
        How long a path lasts.
    """

    groups: pl.DataFrame
    columns: Mapping[str, Floats]
    layout: Layout
    bar_count: int
    years: float
    # What several statistics need, made once; shared with the same outcomes laid out otherwise,
    # but for what follows from the layout.
    _made: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False)
    _orders: dict[tuple[object, ...], Ordered] = field(default_factory=dict, init=False, repr=False)

    @property
    def idle(self) -> Floats:
        """1 where no position was ever held, else 0, per simulation; NaN where rows do not say."""
        return self._once(("idle",), self._idle)

    def _idle(self) -> Floats:
        if not self.columns.keys() >= {*IDLE_NEEDS}:
            return np.full(int(self.layout.rows.sum()), np.nan)
        never = (self.columns["trades"] == 0.0) & (self.columns["exposure"] == 0.0)
        return np.where(never, 1.0, 0.0)

    @cached_property
    def idle_share(self) -> Floats:
        """Share of idle paths per group; NaN where rows do not say."""
        return self.layout.sum_rows(self.idle) / self.layout.row_counts

    def metric(self, name: str) -> Floats:
        """Return a metric of every simulation, with the value the rule gives it where it is null.

        NaN is left where it gives none: a metric of one's own, a turnover of negative equity.
        """
        if name not in _DEFINED:
            return self.columns[name]
        return self._once(("metric", name), lambda: _DEFINED[name][1](self))

    def ordered(self, name: str, sign: float = 1.0) -> Ordered:
        """Return a metric, or with a sign of -1 what is lost of it, ranked within each group."""
        # Adding zero leaves no minus zero.
        return self._ranked(("ordered", name, sign), lambda: sign * self.metric(name) + 0.0)

    def ordered_ratios(self, ratio: str) -> Ordered:
        """Return `ratio_of_paths` ranked within each group."""
        return self._ranked(("ratios", ratio), lambda: self.ratio_of_paths(ratio))

    def _ranked(self, what: tuple[object, ...], make: Callable[[], Floats]) -> Ordered:
        if what not in self._orders:
            self._orders[what] = Ordered.of(self._once(what, make), self.layout)
        return self._orders[what]

    def _once(self, what: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """Return what several statistics need, made once."""
        if what not in self._made:
            self._made[what] = make()
        found: Made = self._made[what]
        return found

    def sums(self, ratio: str) -> dict[str, Floats]:
        """Return the sums per simulation that a ratio of `POOLED` follows from.

        Raises
        ------
        Refusal
            For an excursion of bars without ranges.
        """
        found = self._sums(ratio)
        if ratio in EXCURSIONS and not _finite(found):
            raise Refusal(
                "statistics",
                f"{ratio!r} of bars without ranges",
                "a statistic that closes decide",
                hint="`bars: ohlc` in the study's source simulates ranges",
            )
        return found

    def tells(self, ratio: str) -> bool:
        """Whether every simulation has the sums that a ratio of `POOLED` follows from."""
        unknown = np.zeros(int(self.layout.rows.sum()))
        for values in self._sums(ratio).values():
            unknown += ~np.isfinite(values)
        return not self.layout.sum_rows(unknown).any()

    def _sums(self, ratio: str) -> dict[str, Floats]:
        return {name: _SUMS[name][1](self) for name in POOLED[ratio].columns}

    def ratio_of_paths(self, ratio: str) -> Floats:
        """Return a ratio of every single path.

        0 of an idle path, and wherever numerator and denominator are 0; infinite with the
        numerator's sign where the denominator alone is: a Sortino ratio without a falling bar.
        """
        sums = self.sums(ratio)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, _ = POOLED[ratio].function(sums, np.ones(1))
        about_paths = ("bars", "years", "paths", "lag_weight")
        earned = next(sums[name] for name in sums if name not in about_paths)
        limit = np.where(earned == 0.0, 0.0, np.copysign(np.inf, earned))
        return np.where(np.isnan(value), limit, value)


def _finite(sums: Mapping[str, Floats]) -> bool:
    return all(bool(np.isfinite(values).all()) for values in sums.values())


def columns_for(*, metric: str | None = None, ratio: str | None = None) -> tuple[str, ...]:
    """Name the columns that `Outcomes.metric` or `Outcomes.sums` reads."""
    if metric is not None:
        return _DEFINED[metric][0] if metric in _DEFINED else (metric,)
    assert ratio is not None
    needed = [column for name in POOLED[ratio].columns for column in _SUMS[name][0]]
    return tuple(dict.fromkeys(needed))


# --- the rule ----------------------------------------------------------------------------------

Derived = tuple[tuple[str, ...], Callable[[Outcomes], Floats]]

# The largest growth that has a float64, as in the metric `cagr`.
_LARGEST_GROWTH: Final = np.expm1(690.0)


def _growth(o: Outcomes) -> Floats:
    rate = o.columns["cagr"]
    lost = np.where(o.columns["final_equity"] <= 0.0, -1.0, _LARGEST_GROWTH)
    return np.where(np.isnan(rate), lost, rate)


def _volatility(o: Outcomes) -> Floats:
    found, total = o.columns["volatility"], o.columns["return_sum"]
    if o.bar_count < 2:
        return found
    apart = np.maximum(o.columns["return_squares"] - total * total / o.bar_count, 0.0)
    return np.where(
        np.isnan(found), np.sqrt(apart / (o.bar_count - 1) * (o.bar_count / o.years)), found
    )


def _none_of_no_trades(name: str) -> Derived:
    return (name,), lambda o: np.nan_to_num(o.columns[name], nan=0.0)


_DEFINED: Final[dict[str, Derived]] = {
    "cagr": (("cagr", "final_equity"), _growth),
    "volatility": (("volatility", "return_sum", "return_squares"), _volatility),
    "longest_trade_duration": _none_of_no_trades("longest_trade_duration"),
    "max_consecutive_losses": _none_of_no_trades("max_consecutive_losses"),
}


# --- sums per simulation -----------------------------------------------------------------------


def _times_trades(mean: str) -> Derived:
    """Sum over the trades, from their mean; no trade adds 0."""

    def added_up(o: Outcomes) -> Floats:
        trades = o.columns["trades"]
        return np.where(trades > 0.0, o.columns[mean], 0.0) * trades

    return (mean, "trades"), added_up


def _wins(o: Outcomes) -> Floats:
    return np.rint(np.nan_to_num(o.columns["win_rate"]) * o.columns["trades"])


def _gross_profit(o: Outcomes) -> Floats:
    return np.nan_to_num(o.columns["average_win"]) * _wins(o)


def _gross_loss(o: Outcomes) -> Floats:
    """Sum of losses, from 0 up: of the profit factor, or of all trades where none won."""
    profit, factor = _gross_profit(o), o.columns["profit_factor"]
    lost = -np.nan_to_num(o.columns["expectancy"]) * o.columns["trades"]
    ratio = np.divide(profit, factor, out=lost, where=factor > 0.0)
    return np.where(np.isnan(factor), 0.0, ratio)


def _losses(o: Outcomes) -> Floats:
    mean = -np.nan_to_num(o.columns["average_loss"])
    return np.rint(np.divide(_gross_loss(o), mean, out=np.zeros(len(mean)), where=mean > 0.0))


def _of(name: str) -> Derived:
    return (name,), lambda o: o.columns[name]


def _constant(value: Callable[[Outcomes], float]) -> Derived:
    return (), lambda o: np.broadcast_to(np.float64(value(o)), (int(o.layout.rows.sum()),))


def _lag_weight(o: Outcomes) -> float:
    weights = lag_weights(lag_count(o.bar_count), o.bar_count / o.years)
    products = o.bar_count - np.arange(1, len(weights) + 1)
    return float(weights @ products)


_PROFIT: Final = ("average_win", "win_rate", "trades")
_LOSS: Final = (*_PROFIT, "profit_factor", "expectancy")

_SUMS: Final[dict[str, Derived]] = {
    "bars": _constant(lambda o: float(o.bar_count)),
    "years": _constant(lambda o: o.years),
    "paths": _constant(lambda o: 1.0),
    "return_sum": _of("return_sum"),
    "return_squares": _of("return_squares"),
    "downside_squares": _of("downside_squares"),
    "upside_sum": _of("upside_sum"),
    "downside_sum": (
        ("upside_sum", "return_sum"),
        lambda o: np.maximum(o.columns["upside_sum"] - o.columns["return_sum"], 0.0),
    ),
    "return_sum_squares": (("return_sum",), lambda o: o.columns["return_sum"] ** 2),
    "growth": _DEFINED["cagr"],
    "drawdown_depth": (("max_drawdown",), lambda o: -o.columns["max_drawdown"]),
    "gain": (("net_pnl",), lambda o: np.maximum(o.columns["net_pnl"], 0.0)),
    "loss": (("net_pnl",), lambda o: np.maximum(-o.columns["net_pnl"], 0.0)),
    "trades": _of("trades"),
    "wins": (("win_rate", "trades"), _wins),
    "losses": ((*_LOSS, "average_loss"), _losses),
    "gross_profit": (_PROFIT, _gross_profit),
    "gross_loss": (_LOSS, _gross_loss),
    "trade_sum": _times_trades("expectancy"),
    "trade_squares": _of("trade_squares"),
    "lagged_products": _of("lagged_products"),
    "lag_weight": _constant(_lag_weight),
    "benchmark_sum": _of("benchmark_sum"),
    "benchmark_squares": _of("benchmark_squares"),
    "benchmark_products": _of("benchmark_products"),
    "duration_sum": _times_trades("average_trade_duration"),
    "mfe_sum": _times_trades("average_mfe"),
    "mae_sum": _times_trades("average_mae"),
}
