"""What a bar charges and pays for what is held: interest, fees, funding and dividends."""

from __future__ import annotations

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.currencies import is_unpaid, point_value
from engine.execution.layout import (
    BARS_PER_YEAR,
    BORROW_FEES,
    BORROW_RATE,
    BORROW_RATE_FIELD,
    CASH,
    CASH_INTEREST,
    CASH_RATE,
    CASH_RATE_FIELD,
    CLOSE,
    COST,
    DIVIDEND_FIELD,
    DIVIDENDS,
    FINANCING_PAID,
    FUNDING_FIELD,
    FUNDING_PAID,
    FUNDING_RATE,
    FUNDING_RATE_FIELD,
    FUTURES,
    INTEREST_RATE,
    INTEREST_RATE_FIELD,
    MARGIN_INTEREST,
    MULTIPLIER,
    NO_RATE,
    OPEN,
    STATUS,
    UNITS,
)
from engine.execution.marks import price_of
from engine.execution.state import Simulation

__all__ = ["finance", "settled_cash"]


@part
def finance(s: Simulation, bar: int) -> None:
    """Charge interest on negative cash, borrow fees and funding for one bar, and pay what is due.

    Interest on cash above zero and dividends are paid. Rates are, where bars have timestamps, for
    the time since the open of the bar before. Dividends are of the holdings of the close before.
    """
    charge = funding = borrowing = accrued = 0.0
    cash = settled_cash(s)
    if cash < 0.0:
        charge -= cash * _rate(s, 0, CASH_RATE, CASH_RATE_FIELD, bar)
    elif cash > 0.0:
        charge -= cash * _rate(s, 0, INTEREST_RATE, INTEREST_RATE_FIELD, bar)
    interest = charge
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units == 0.0 or bar == 0:
            continue
        rules = s.rules[symbol]
        funded = rules[FUNDING_RATE] != 0.0 or rules[FUNDING_RATE_FIELD] != 0.0
        if units < 0.0 or funded or rules[FUNDING_FIELD] != 0.0:
            price = price_of(s, symbol, CLOSE, bar - 1)
            value = units * price * point_value(s, symbol, CLOSE, bar - 1)
            if units < 0.0:
                fee = abs(value) * _rate(s, symbol, BORROW_RATE, BORROW_RATE_FIELD, bar)
                charge += fee
                borrowing += fee
            owed = value * _rate(s, symbol, FUNDING_RATE, FUNDING_RATE_FIELD, bar)
            charge += owed
            accrued += owed
            if rules[FUNDING_FIELD] != 0.0:
                share = s.path[symbol, int(rules[FUNDING_FIELD]), bar]
                funding += value * share if share == share else 0.0
        if rules[DIVIDEND_FIELD] != 0.0:
            _pay_dividend(s, symbol, bar)
    time = s.elapsed[bar] if s.elapsed.shape[0] > 0 else 1.0
    charge *= time
    s.account[CASH] -= charge + funding
    s.account[FINANCING_PAID] += charge + funding
    if charge != 0.0 or funding != 0.0:
        s.account[MARGIN_INTEREST if cash < 0.0 else CASH_INTEREST] += interest * time
        s.account[BORROW_FEES] += borrowing * time
        s.account[FUNDING_PAID] += accrued * time + funding


@part
def settled_cash(s: Simulation) -> float:
    """Cash as a broker states it: the price of futures is not paid."""
    cash = s.account[CASH]
    for symbol in range(s.positions.shape[0]):
        if s.rules[symbol, FUTURES] != 0.0 and not is_unpaid(s, symbol):
            cash += s.positions[symbol, COST] * s.rules[symbol, MULTIPLIER]
    return cash


@part
def _rate(s: Simulation, symbol: int, constant: int, field: int, bar: int) -> float:
    """Rate per mean bar: a constant, or what the bars said of the year at the close before."""
    if s.rules[symbol, field] == 0.0:
        return s.rules[symbol, constant]
    return _rate_of_bar(s, symbol, int(s.rules[symbol, field]), bar)


@rare
def _rate_of_bar(s: Simulation, symbol: int, field: int, bar: int) -> float:
    keep_apart()
    rate = s.path[symbol, field, max(bar - 1, 0)] / s.rules[symbol, BARS_PER_YEAR]
    if rate != rate:
        s.counts[STATUS] = NO_RATE
        return 0.0
    return rate


@rare
def _pay_dividend(s: Simulation, symbol: int, bar: int) -> None:
    """Pay the share of the close before that the bar says; a short position pays it."""
    keep_apart()
    share = s.path[symbol, int(s.rules[symbol, DIVIDEND_FIELD]), bar]
    if share == share and share != 0.0:
        each = share * s.path[symbol, CLOSE, bar - 1]
        paid = s.positions[symbol, UNITS] * each * point_value(s, symbol, OPEN, bar)
        s.account[CASH] += paid
        s.account[DIVIDENDS] += paid
