"""The kernels of environments: one that resets some of them, one that steps many."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np

from engine.compiled.elementary import log
from engine.compiled.kernel import kernel
from engine.compiled.linking import call_at
from engine.compiled.views import address_of
from engine.environment.acting import ORDER_KINDS, act, is_in_space
from engine.environment.layout import (
    ACTION_KIND,
    ACTION_KINDS,
    AT_ONCE_FILLS,
    AT_REST,
    BARS_PER_YEAR,
    COMMISSION,
    DEEPEST,
    ENDED,
    EQUITY,
    FAILED,
    MARGIN,
    MARGIN_CALLED,
    NOTED,
    NOW,
    ORDERS,
    OUT_OF_SPACE,
    PEAK,
    RETURN,
    REWARD_CODE,
    RUIN,
    SIDES,
    SLIPPAGE,
    START,
    STEPS,
    TERMINATED,
    TRUNCATED,
    WHOLE,
    environments_at,
)
from engine.environment.observing import fill_table, observe
from engine.execution.calling import part
from engine.execution.equity import equity_at, mark_until
from engine.execution.layout import (
    ACTIVE,
    CLOSE,
    COMMISSION_PAID,
    LOST,
    MARGIN_CALLS,
    NOT_FINITE,
    PENDING,
    REJECTED,
    SLIPPAGE_PAID,
    START_CASH,
    STATUS,
    STREAK_MAX,
    TRADES,
    UNITS,
    WINS,
    WON,
)
from engine.execution.linked import broker_calls
from engine.execution.state import first_trading_bar, simulation_at
from engine.strategies.rows import row_filler

__all__ = ["reset_kernel", "step_kernel"]

# The code of a reward, by its address: control block and number of the environment.
_call_reward: Any = call_at(2)
(
    _PNL,
    _GROSS,
    _COMMISSION,
    _SLIPPAGE,
    _CHANGE,
    _EXPOSURE,
    _MARGIN_CALLS,
    _REFUSALS,
    _IDLE,
    _EQUITY,
    _START,
    _DRAWDOWN,
    _DEEPER,
) = range(len(NOW))
_SHARPE, _NET, _FALL, _LOSING, _FACTOR, _RATE, _DIVERSITY, _STEPS = range(len(WHOLE))
_MOST_FACTOR = 10.0


@cache
def reset_kernel() -> Callable[[int, int], int]:
    """Return the kernel that begins the episodes of the first `count` chosen environments.

    It takes the control block's address and `count`, and returns 0, or one plus the number of an
    environment that failed.
    """
    open_path, start, trade_bar, _, _ = broker_calls()
    fill_rows = row_filler()

    @kernel
    def reset(control: int, count: int) -> int:
        e = environments_at(control)
        width = e.frames.shape[1]
        problem = 0
        for place in range(count):
            number = e.chosen[place]
            frame = address_of(e.frames) + 8 * number * width
            s = simulation_at(frame)
            open_path(frame)
            for flag in range(e.flags.shape[1]):
                e.flags[number, flag] = 0
            if e.fresh[place] != 0:
                fill_table(e, number, s, frame, fill_rows)
            start(frame)
            first = first_trading_bar(s)
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, first)
            equity = equity_at(s, CLOSE, first)
            _begin(e, number, s, equity)
            e.bar[number] = first
            observe(e, number, s, first, equity)
            if s.counts[STATUS] != 0:
                e.flags[number, FAILED] = s.counts[STATUS]
            if e.flags[number, FAILED] != 0:
                problem = number + 1
        return problem

    return cast("Callable[[int, int], int]", reset)


@cache
def step_kernel() -> Callable[[int, int, int], int]:
    """Return the kernel that steps the environments from `begin` to before `end` by one bar.

    Those at rest, whose episode is over, are left alone. It takes the control block's address,
    `begin` and `end`, and returns one plus the number of an environment that failed, NOTED, AT_REST
    or 0. An action outside its space is found before anything is stepped.
    """
    _, _, trade_bar, trade_close, finish = broker_calls()

    @kernel
    def step(control: int, begin: int, end: int) -> int:
        e = environments_at(control)
        for number in range(begin, end):
            if e.bar[number] >= 0 and not is_in_space(e, number):
                e.flags[number, FAILED] = OUT_OF_SPACE
                return number + 1
        width = e.frames.shape[1]
        reward_at = int(e.settings[REWARD_CODE])
        at_once = e.settings[AT_ONCE_FILLS] != 0.0
        problem, noted, stepped = 0, 0, 0
        for number in range(begin, end):
            bar = e.bar[number]
            if bar < 0:
                continue
            stepped += 1
            frame = address_of(e.frames) + 8 * number * width
            s = simulation_at(frame)
            flags = e.flags[number]
            for reason in range(MARGIN):
                flags[reason] = -s.counts[REJECTED + reason]
            act(e, number, s, bar)
            if at_once and s.counts[PENDING] != 0:
                trade_close(frame, bar)
            bar += 1
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, bar)
            ended = 0
            if bar == s.path.shape[2] - 1:
                finish(frame, address_of(e.metrics[number]))
                equity = s.curve[bar - first_trading_bar(s)]
                ended = TRUNCATED
            else:
                equity = equity_at(s, CLOSE, bar)
            if equity <= e.settings[RUIN]:
                mark_until(s, bar + 1)
                ended = TERMINATED
            flags[ENDED] = ended
            _look_back(e, number, s, equity)
            if ended != 0:
                _look_over(e, number, s, bar)
            code = _call_reward(reward_at, control, number)
            e.kept[number, RETURN] += e.rewards[number]
            observe(e, number, s, bar, equity)
            e.bar[number] = -1 if ended != 0 else bar
            if s.counts[STATUS] != 0:
                code = s.counts[STATUS]
            elif code == 0 and not np.isfinite(equity):
                code = NOT_FINITE
            if code != 0:
                flags[FAILED] = code
                problem = number + 1
            elif ended != 0 or e.now[number, _REFUSALS] + e.now[number, _MARGIN_CALLS] != 0.0:
                noted = NOTED
        if problem != 0:
            return problem
        return noted if stepped > 0 else AT_REST

    return cast("Callable[[int, int, int], int]", step)


@part
def _begin(e: Any, number: int, s: Any, equity: float) -> None:
    """Forget the episode before."""
    kept = e.kept[number]
    for place in range(kept.shape[0]):
        kept[place] = 0.0
    # What was charged up to the first close, such as interest, counts to the first step.
    start = s.account[START_CASH]
    kept[START] = kept[EQUITY] = start
    kept[PEAK] = max(start, equity)
    kept[DEEPEST] = kept[PEAK] - equity
    for place in range(e.remembered.shape[1]):
        e.remembered[number, place] = 0.0
    for place in range(ACTION_KINDS):
        e.taken[number, place] = 0.0
    for symbol in range(e.sent.shape[1]):
        e.sent[number, symbol] = 0
        e.held[number, symbol] = 0.0
    for place in range(e.metrics.shape[1]):
        e.metrics[number, place] = math.nan


@part
def _look_back(e: Any, number: int, s: Any, equity: float) -> None:
    """Note what happened in a step, for the reward and for `info`."""
    kept, now, flags = e.kept[number], e.now[number], e.flags[number]
    refusals = 0
    for reason in range(MARGIN):
        flags[reason] += s.counts[REJECTED + reason]
        refusals += flags[reason]
    called = s.counts[MARGIN_CALLS] - int(kept[MARGIN_CALLED])
    flags[MARGIN] = called
    symbols = e.limits.shape[0]
    change = exposure = 0.0
    for symbol in range(symbols):
        units, limit = s.positions[symbol, UNITS], e.limits[symbol]
        change += abs(units - e.held[number, symbol]) / limit
        exposure += abs(units) / limit
        e.held[number, symbol] = units
    commission = s.account[COMMISSION_PAID] - kept[COMMISSION]
    slippage = s.account[SLIPPAGE_PAID] - kept[SLIPPAGE]
    pnl = equity - kept[EQUITY]
    peak = max(kept[PEAK], equity)
    drawdown = peak - equity
    deepest = max(kept[DEEPEST], drawdown)
    now[_PNL] = pnl
    now[_GROSS] = pnl + commission + slippage
    now[_COMMISSION] = commission
    now[_SLIPPAGE] = slippage
    now[_CHANGE] = change
    now[_EXPOSURE] = exposure
    now[_MARGIN_CALLS] = called
    now[_REFUSALS] = refusals
    now[_IDLE] = 1.0 if exposure == 0.0 else 0.0
    now[_EQUITY] = equity
    now[_START] = kept[START]
    now[_DRAWDOWN] = drawdown
    now[_DEEPER] = deepest - kept[DEEPEST]
    kept[EQUITY], kept[PEAK], kept[DEEPEST] = equity, peak, deepest
    kept[COMMISSION], kept[SLIPPAGE] = s.account[COMMISSION_PAID], s.account[SLIPPAGE_PAID]
    kept[MARGIN_CALLED] = s.counts[MARGIN_CALLS]
    kept[STEPS] += 1.0


@part
def _look_over(e: Any, number: int, s: Any, bar: int) -> None:
    """Note what an episode came to that ends at the close of `bar`."""
    kept, whole = e.kept[number], e.whole[number]
    trades = s.counts[TRADES]
    won, lost = s.account[WON], abs(s.account[LOST])
    factor = 0.0
    if won > 0.0:
        factor = _MOST_FACTOR if won >= _MOST_FACTOR * lost else won / lost
    whole[_SHARPE] = _sharpe(s, kept[START], bar, e.settings[BARS_PER_YEAR])
    whole[_NET] = kept[EQUITY] - kept[START]
    whole[_FALL] = kept[DEEPEST]
    whole[_LOSING] = s.counts[STREAK_MAX]
    whole[_FACTOR] = factor
    whole[_RATE] = s.counts[WINS] / trades if trades > 0 else 0.0
    kind = e.settings[ACTION_KIND]
    kinds = 3 if kind == SIDES else len(ORDER_KINDS) if kind == ORDERS else ACTION_KINDS
    whole[_DIVERSITY] = _entropy(e.taken[number]) / log(float(kinds))
    whole[_STEPS] = kept[STEPS]


@part
def _sharpe(s: Any, start: float, bar: int, bars_per_year: float) -> float:
    """Annualised Sharpe ratio of the returns from close to close up to `bar`."""
    count = bar - first_trading_bar(s) + 1
    before, mean, square = start, 0.0, 0.0
    for place in range(count):
        found = s.curve[place] / before - 1.0 if before > 0.0 else 0.0
        # Welford's sums: of returns of nearly one size the others leave rounding alone.
        step = found - mean
        mean += step / (place + 1.0)
        square += step * (found - mean)
        before = s.curve[place]
    if count < 2 or square <= 0.0:
        return 0.0
    return mean / math.sqrt(square / (count - 1.0)) * math.sqrt(bars_per_year)


@part
def _entropy(taken: Any) -> float:
    """Shannon entropy of how often actions were taken, in nats."""
    total = 0.0
    for count in taken:
        total += count
    entropy = 0.0
    for count in taken:
        if count > 0.0:
            entropy -= count / total * log(count / total)
    return entropy
