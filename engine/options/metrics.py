"""The metrics of a simulation of option positions, from its totals."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.execution import layout as account
from engine.execution.calling import part
from engine.execution.option_metric_names import METRICS
from engine.execution.state import Simulation
from engine.options import layout

__all__ = ["no_options", "write_account", "write_options"]

Array = NDArray[np.float64]

_METRICS: Final = len(METRICS)
_REASONS: Final = len(layout.EXIT_REASONS)
_GREEKS: Final = 4


@part
def no_options(s: Simulation, out: Array) -> None:
    """Write the group ``options`` of a simulation that trades bars: it has none."""
    for index in range(_METRICS):
        out[index] = np.nan


@inlined
def write_options(totals: Array, net_pnl: float, greeks: bool, out: Array) -> None:
    """Write the group ``options``, in the order of `METRICS`.

    Profit by greek is known where the book was asked for it; the rest is all that no greek
    explains of `net_pnl`, costs among it.
    """
    size = totals[layout.PREMIUM_SIZE]
    out[0] = totals[layout.PREMIUM]
    out[1] = totals[layout.KEPT] / size if size > 0.0 else math.nan
    out[2] = totals[layout.WORST]
    out[3] = totals[layout.WORST_SHARE]
    out[4] = totals[layout.MARGIN_USE]
    out[5] = totals[layout.ASSIGNED]
    for reason in range(_REASONS):
        out[6 + reason] = totals[layout.EXITS + reason]
    after = 6 + _REASONS
    out[after] = totals[layout.HEDGES]
    out[after + 1] = totals[layout.UNDERLYING_PNL]
    out[after + 2] = totals[layout.SHORTS_ASSIGNED]
    out[after + 3] = totals[layout.EARLY]
    out[after + 4] = totals[layout.UNQUOTED]
    out[after + 5] = totals[layout.CARRIED]
    after += 6
    explained = 0.0
    for greek in range(_GREEKS):
        profit = totals[layout.OF_DELTA + greek] if greeks else math.nan
        out[after + greek] = profit
        explained += profit
    out[after + _GREEKS] = net_pnl - explained


@part
def write_account(s: Simulation, totals: Array, cash: float) -> None:
    """Enter the totals where the metrics of trading are computed from: a position is a trade."""
    for index in range(s.account.shape[0]):
        s.account[index] = 0.0
    for index in range(account.TRADES, account.TRADE_ROWS):
        s.counts[index] = 0
    for reason in range(len(account.REJECTIONS)):
        s.counts[account.REJECTED + reason] = 0
    s.account[account.START_CASH] = cash
    s.account[account.COMMISSION_PAID] = totals[layout.COMMISSION_PAID]
    s.account[account.SLIPPAGE_PAID] = totals[layout.SLIPPAGE_PAID]
    s.account[account.TRADED_VALUE] = totals[layout.TRADED_VALUE]
    s.account[account.WON] = totals[layout.WON]
    s.account[account.LOST] = totals[layout.LOST]
    s.account[account.DURATION_SUM] = totals[layout.DURATION_SUM]
    s.account[account.DURATION_MAX] = totals[layout.DURATION_MAX]
    s.account[account.MFE_SUM] = np.nan
    s.account[account.MAE_SUM] = np.nan
    s.counts[account.EXPOSED] = int(totals[layout.EXPOSED])
    s.counts[account.TRADES] = int(totals[layout.TRADES])
    s.counts[account.WINS] = int(totals[layout.WINS])
    s.counts[account.LOSSES] = int(totals[layout.LOSSES])
    s.counts[account.STREAK_MAX] = int(totals[layout.STREAK_MAX])
    s.counts[account.REJECTED + account.BUYING_POWER] = int(totals[layout.REJECTED])
    s.counts[account.MARGIN_CALLS] = int(totals[layout.EXITS + layout.MARGIN_CALL])
