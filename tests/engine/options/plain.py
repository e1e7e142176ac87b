"""Option positions on a path written anew, for reading: the loop must agree with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import engine as mc

__all__ = ["Held", "PlainTerms", "trade_plainly"]


@dataclass
class PlainTerms:
    """What a study of options on a future with a constant volatility says."""

    #: A number, or by strike, years left and price.
    volatility: float | Callable[[float, float, float], float]
    bar_years: float
    rate: float = 0.0
    multiplier: float = 100.0
    spread: float = 0.0
    crossed: float = 0.66
    commission: float = 0.0
    exercise_fee: float = 0.0
    margin: float = 0.1
    cash: float = 100_000.0
    profit_target: float | None = None
    stop_loss: float | None = None
    roll_at_dte: int = 0
    entry_every: int = 0
    #: Of price, strikes, years left and prices of the legs, instead of the share.
    margin_rule: Callable[..., float] | None = None


@dataclass
class Held:
    """What came out: equity at every close, closed positions, entries that margin forbade."""

    curve: list[float] = field(default_factory=list)
    positions: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    margin_use: float = 0.0


def trade_plainly(
    closes: Sequence[float],
    legs: Sequence[tuple[float, bool, Callable[[float], float], int]],
    terms: PlainTerms,
) -> Held:
    """Trade legs of (units, call, strike of the price, bars to expiry) as the page says."""

    def worth(leg: tuple[Any, ...], strike: float, bar: int, left: int) -> float:
        years = left * terms.bar_years
        volatility = terms.volatility
        if not isinstance(volatility, float):
            volatility = volatility(strike, years, closes[bar]) if left else 0.0
        return float(
            mc.black76(closes[bar], strike, years, volatility, rate=terms.rate, call=leg[1]).price
        )

    def margin(bar: int, strikes: list[float], prices: list[float], held: int) -> float:
        if terms.margin_rule is not None:
            years = [(leg[3] - held) * terms.bar_years for leg in legs]
            return terms.margin_rule(closes[bar], strikes, years, prices)
        value = sum(leg[0] * p for leg, p in zip(legs, prices, strict=True)) * terms.multiplier
        short_calls = -sum(units for units, call, _, _ in legs if call)
        short_puts = -sum(units for units, call, _, _ in legs if not call)
        uncovered = max(short_calls, short_puts, 0.0)
        share = terms.margin * abs(closes[bar]) * terms.multiplier
        return share * uncovered + max(-value, 0.0)

    out = Held()
    cash, bar, last = terms.cash, 0, len(closes) - 1
    horizon = min(leg[3] for leg in legs)
    while bar <= last:
        out.curve[bar:] = [cash]
        due = terms.entry_every == 0 or bar % terms.entry_every == 0
        if not due or bar + max(leg[3] for leg in legs) > last:
            bar += 1
            continue
        strikes = [leg[2](closes[bar]) for leg in legs]
        credit = fees = value = 0.0
        prices = [
            worth(leg, strike, bar, leg[3]) for leg, strike in zip(legs, strikes, strict=True)
        ]
        for leg, middle in zip(legs, prices, strict=True):
            half = min(0.5 * terms.spread * middle * terms.crossed, middle)
            credit -= leg[0] * (middle + math.copysign(half, leg[0])) * terms.multiplier
            fees += abs(leg[0]) * terms.commission
            value += leg[0] * middle * terms.multiplier
        needed = margin(bar, strikes, prices, 0)
        if cash + credit - fees + value < needed:
            out.rejected += 1
            bar += 1
            continue
        before, cash = cash, cash + credit - fees
        out.curve[bar:] = [cash + value]
        out.margin_use = max(out.margin_use, needed / (cash + value))
        for held in range(1, horizon + 1):
            now = bar + held
            prices = [
                worth(leg, strike, now, leg[3] - held)
                for leg, strike in zip(legs, strikes, strict=True)
            ]
            value = sum(leg[0] * p for leg, p in zip(legs, prices, strict=True)) * terms.multiplier
            equity = cash + value
            needed = margin(now, strikes, prices, held) if held < horizon else 0.0
            reason = _reason(held, horizon, equity, needed, credit + value, abs(credit), terms)
            if reason:
                break
            out.curve.append(cash + value)
            out.margin_use = max(out.margin_use, needed / equity)
        for leg, price in zip(legs, prices, strict=True):
            if leg[3] == held:
                cash += leg[0] * price * terms.multiplier
                cash -= abs(leg[0]) * terms.exercise_fee if price > 0.0 else 0.0
                continue
            crossed = 1.0 if reason == "margin_call" else terms.crossed
            half = min(0.5 * terms.spread * price * crossed, price)
            cash += leg[0] * (price - math.copysign(half, leg[0])) * terms.multiplier
            cash -= abs(leg[0]) * terms.commission
        out.positions.append(
            {"entry": bar, "exit": now, "reason": reason, "pnl": cash - before, "credit": credit}
        )
        bar = now
    return out


def _reason(
    held: int, horizon: int, equity: float, margin: float, gain: float, premium: float,
    terms: PlainTerms,
) -> str:  # fmt: skip
    if held == horizon:
        return "expiry"
    if equity < margin:
        return "margin_call"
    if terms.stop_loss is not None and gain <= -terms.stop_loss * premium:
        return "stop_loss"
    if terms.profit_target is not None and gain >= terms.profit_target * premium:
        return "profit_target"
    return "days_left" if horizon - held <= terms.roll_at_dte else ""
