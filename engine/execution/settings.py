"""Execution settings of a study: cash, costs, instruments, sizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from engine.errors import Refusal
from engine.execution import layout
from engine.execution.conversion import Account, conversions
from engine.execution.cost_settings import Commission, Slippage
from engine.execution.instruments import INSTRUMENTS, QUOTE, Instrument, named_instrument
from engine.execution.own_bars import OwnBars
from engine.execution.rates import InterestRate, MarginRate, Rate, StoredRate
from engine.execution.session import Session
from engine.execution.session_bars import closed_of, last_bars_of
from engine.execution.sizing_rules import (
    MOST_UNITS,
    SMALL,
    EqualWeight,
    FixedQuantity,
    FixedRisk,
    Kelly,
    PercentOfEquity,
    Sizing,
)
from engine.settings import SettingsGroup

__all__ = ["Commission", "Execution", "Instrument", "Slippage"]


_MINUTE: Final = 60_000_000
_DAY_MINUTES: Final = 1440  # bars as long, and longer ones, are each the last of a session

_BRACKET_RULES: Final = {
    "pessimistic": layout.PESSIMISTIC,
    "backtesting_py": layout.BACKTESTING_PY,
    "tradingview": layout.TRADINGVIEW,
}


def _not_of_an_instrument(given: object) -> object:
    """Refuse a margin of an instrument's where that of the account is asked for."""
    if given == "published":
        allowed = "cross, isolated; instrument: {preset: ES, margin: published} is a contract's"
        raise Refusal("", "'published'", allowed)
    return given


AnyInstrument = Annotated[Instrument, BeforeValidator(named_instrument)]


class Execution(SettingsGroup):
    """How a strategy's orders become fills.

    Parameters
    ----------
    cash : float
        Starting cash in account currency.
    account : Account
        Its currency, and the rates of others that instruments are traded in. Without a rate,
        instruments of differing currencies are refused.
    fill : {"next_open", "same_close"}
        A decision taken at the close of a bar fills at the next bar's open, or, which is
        optimistic, at that very close.
    commission, slippage : Commission, Slippage
        Costs of a fill.
    sizing : PercentOfEquity, FixedQuantity, FixedRisk, Kelly, EqualWeight or VolatilityTarget
        Size of the positions that ``order.long()`` and ``order.short()`` open. A size that
        follows from equity, by these rules or in percent within the margin limit, is cut to what
        margin and costs leave; one in units is rejected instead.
    margin_interest : float, str or StoredRate
        Annual rate on negative cash: a constant; the name of a column of the bars, of the first
        symbol where there are several, which holds from the close of its bar on; or a stored
        series, ``{series: ^IRX, scale: 0.01}``, in a study of bars.
    cash_interest : float, str or StoredRate
        Annual rate paid on cash above zero, what short sales brought included.
    risk_free_rate : float, str or StoredRate
        Annual rate above which returns count in the Sharpe and Sortino ratios, in Omega and in
        the sums of returns that pooled ratios are made of. Every row states it.
    margin : {"cross", "isolated"}
        Whether all positions stand for each other, or each symbol for itself, with the initial
        margin of its open lots and what they have gained.
    liquidate : {"all", "to_maintenance"}
        What a margin call closes: everything, or as much of every position as leaves the rest
        covered to the end of the bar. Margin is checked at the open of a bar and at the extreme
        that harms the holding, for several symbols at the sum of their extremes; with sub-bars at
        each of them. The liquidation fills where maintenance is crossed on the way there.
    position_limit : float, optional
        Largest position of a symbol, in units.
    volume_limit : float, optional
        Largest share of a bar's volume that is traded, over all orders of a symbol. An order that
        wants more fills in part, and the rest stays for the bars that follow: see
        `engine.execution.volume`.
    limit_fill_probability : float
        Probability with which a limit order that the range of a bar reaches fills in that bar, by
        seed, path, symbol, bar and order; see `engine.execution.chance`.
    stop_loss, take_profit : float, optional
        Exits of every position that an order without exits opens, as shares of the price of its
        fill: 0.02 is 2 %.
    at_end : {"mark", "close"}
        What becomes of positions that are open at the end: valued at the last close, so that they
        are in the equity and in no metric of trades, or closed there, at the costs of a market
        order.
    flat_at : {"never", "close"}
        Whether every session ends without a position, whatever the strategy: at the close of its
        last bar what is held is closed, at the costs of a market order, and no order rests any
        longer; those that would open a position at that very close are rejected (``halted``).
        Orders sent at that close are for the next session. Sessions are those of orders with
        time in force "day".
    bracket_rule : {"pessimistic", "backtesting_py", "tradingview"}
        What a bar (a sub-bar, where a model simulates them) does that touches more of a bracket
        than one price. Pessimistic: the stop-loss
        fills, unless the open has already passed the take-profit; on the bar inside which a stop
        or limit order opened the position, the stop-loss fills if the bar touched it at all.
        "backtesting_py" follows that program trade for trade: the stop-loss fills even if the
        open has passed the take-profit, and the bracket of a position opened by a stop or limit
        order waits for the next bar, and every order by units fills for itself, exits of one
        position among them (`engine.execution.reducing`). "tradingview" walks the bar as that
        program does: open, high, low, close where the high is nearer to the open, else open, low,
        high, close; all orders fill as the price passes them, of two at one price the buy first,
        and a bracket works from its entry on.
    instrument : Instrument or str
        Terms of every symbol not named in `instruments`; a string names a preset, such as ``NQ``,
        and ``{preset: NQ, maintenance_margin_per_unit: 25000}`` one with other terms.
        ``session: published`` are a futures contract's hours, ``margin: published`` what its
        clearing house asked.
    instruments : dict of str to Instrument or str
        Terms by symbol.
    """

    cash: float = Field(default=100_000.0, ge=0.01, le=1e15)
    account: Account = Account()
    fill: Literal["next_open", "same_close"] = "next_open"
    commission: Commission = Commission()
    slippage: Slippage = Slippage()
    sizing: Sizing = PercentOfEquity()
    margin_interest: MarginRate = 0.0
    cash_interest: InterestRate = 0.0
    risk_free_rate: InterestRate = 0.0
    margin: Annotated[Literal["cross", "isolated"], BeforeValidator(_not_of_an_instrument)] = (
        "cross"
    )
    liquidate: Literal["all", "to_maintenance"] = "all"
    position_limit: float | None = Field(default=None, ge=SMALL, le=MOST_UNITS)
    volume_limit: float | None = Field(default=None, ge=SMALL, le=1)
    limit_fill_probability: float = Field(default=1.0, ge=0, le=1)
    stop_loss: float | None = Field(default=None, ge=1e-6, le=100)
    take_profit: float | None = Field(default=None, ge=1e-6, le=100)
    at_end: Literal["mark", "close"] = "mark"
    flat_at: Literal["never", "close"] = "never"
    bracket_rule: Literal["pessimistic", "backtesting_py", "tradingview"] = "pessimistic"
    instrument: AnyInstrument = INSTRUMENTS["equity"]
    instruments: dict[str, AnyInstrument] = Field(default={})

    @model_validator(mode="after")
    def _isolated_positions_close_whole(self) -> Execution:
        if self.margin == "isolated" and self.liquidate == "to_maintenance":
            # Half of it has half the margin: what is left would be as far below.
            raise Refusal("liquidate", "'to_maintenance' beside margin 'isolated'", "'all'")
        return self

    @property
    def shortable(self) -> bool:
        """Whether any position may be negative."""
        return any(terms.shortable for terms in self._every_terms())

    def range_reads(self) -> tuple[str, ...]:
        """Return which settings make something happen inside a bar to an account without shorts.

        They let it be called for margin there, or place exits.

        Returns
        -------
        tuple of str
            Names of settings, as ``initial_margin``; empty for paid positions in one currency.
        """
        found = {"account.rates"} if self.account.rates else set()
        found |= {name for name in ("stop_loss", "take_profit") if getattr(self, name) is not None}
        for terms in self._every_terms():
            found |= {
                name
                for name, lends in (
                    ("funding", terms.funding != 0.0),
                    ("futures", terms.futures),
                    ("initial_margin", terms.initial_margin < 1.0),
                    ("maintenance_margin", terms.maintenance_margin > 1.0),
                    ("currency", terms.currency == QUOTE),
                    ("initial_margin_per_unit", terms.initial_margin_per_unit > 0.0),
                    ("maintenance_margin_per_unit", terms.maintenance_margin_per_unit > 0.0),
                )
                if lends
            }
        return tuple(sorted(found))

    def _every_terms(self) -> tuple[Instrument, ...]:
        return (self.instrument, *self.instruments.values())

    def stored_rates(self) -> dict[str, StoredRate]:
        """Return the rates that are stored series, by the name of their setting."""
        names = ("margin_interest", "cash_interest", "risk_free_rate")
        found = {name: getattr(self, name) for name in names}
        for symbol, terms in (("", self.instrument), *self.instruments.items()):
            place = f"instruments.{symbol}" if symbol else "instrument"
            found |= {
                f"{place}.{name}": getattr(terms, name) for name in ("borrow_rate", "funding")
            }
        return {name: rate for name, rate in found.items() if isinstance(rate, StoredRate)}

    def rules(
        self, symbols: tuple[str, ...], bars_per_year: float, bars_per_session: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the settings as the order engine reads them (`engine.execution.layout`).

        Returns
        -------
        ndarray of float64, shape (symbols, RULES_WIDTH)
            One row per symbol.

        Raises
        ------
        ValueError
            If `instruments` names a symbol that is not simulated, or a currency has no rate.
        """
        unknown = sorted(set(self.instruments) - set(symbols))
        if unknown:
            raise Refusal("execution.instruments", ", ".join(unknown), ", ".join(symbols))
        rules = np.zeros((len(symbols), layout.RULES_WIDTH))
        terms = [self.terms_of(symbol) for symbol in symbols]
        converted = conversions(self.account, symbols, terms)
        for row, item, conversion in zip(rules, terms, converted, strict=True):
            self._fill_terms(row, item, bars_per_year)
            row[[layout.RATE_KIND, layout.RATE, layout.UNPAID]] = conversion
            self._fill_costs(row)
            self._fill_sizing(row)
            row[layout.SAME_CLOSE] = self.fill == "same_close"
            row[layout.POSITION_CAP] = self.position_limit or np.inf
            row[layout.BRACKET_RULE] = _BRACKET_RULES[self.bracket_rule]
            row[layout.ISOLATED] = self.margin == "isolated"
            row[layout.CLOSE_AT_END] = self.at_end == "close"
            row[layout.FLAT_AT_CLOSE] = self.flat_at == "close"
            margin = item.maintenance_margin + item.maintenance_margin_per_unit
            row[layout.WATCHED] = margin > 0.0 or item.funding != 0.0
            row[layout.TO_MAINTENANCE] = self.liquidate == "to_maintenance"
            row[layout.EVERY_BAR] = self.flat_at == "close" or self.cash_interest != 0.0
            row[layout.CASH_RATE] = _constant(self.margin_interest) / bars_per_year
            row[layout.INTEREST_RATE] = _constant(self.cash_interest) / bars_per_year
            row[layout.RISK_FREE] = _constant(self.risk_free_rate)
            row[layout.VOLUME_LIMIT] = self.volume_limit or 0.0
            row[layout.MAY_REST] = item.session is not None or self.volume_limit is not None
            row[layout.FILL_PROBABILITY] = self.limit_fill_probability
            row[layout.STOP_LOSS] = self.stop_loss or 0.0
            row[layout.TAKE_PROFIT] = self.take_profit or 0.0
            row[layout.BARS_PER_YEAR] = bars_per_year
            # Of a session of 6.5 hours the seventh hourly bar is a short one.
            row[layout.SESSION_BARS] = max(1.0, math.ceil(bars_per_session - 1e-9))
            row[layout.INITIAL_CASH] = self.cash
        return rules

    def closed(
        self,
        symbols: tuple[str, ...],
        timestamps: NDArray[np.int64] | None,
        exchange: str | None = None,
        minutes: int | None = None,
        own_bars: Sequence[OwnBars] | None = None,
    ) -> NDArray[np.int64] | None:
        """Return where symbols do not trade, or outside the hours of their exchange.

        Parameters are those of `last_bars`.

        Returns
        -------
        ndarray of int64, shape (symbols, bars), optional
            RESTS, OFF_HOURS or 0 (`engine.execution.layout`); None if it is 0 everywhere.

        Raises
        ------
        ValueError
            If an instrument has a session and the bars have no timestamps.
        """
        return closed_of(self._hours(symbols, exchange, own_bars), timestamps, minutes)

    def _hours(
        self, symbols: tuple[str, ...], exchange: str | None, own_bars: Sequence[OwnBars] | None
    ) -> list[Session | str | None]:
        """Return the hours of each symbol: of its instrument, else its exchange's."""
        own = [exchange] * len(symbols)
        if own_bars is not None and exchange is not None:
            own = [item.exchange for item in own_bars]
        terms = [self.instruments.get(symbol, self.instrument) for symbol in symbols]
        return [item.session or listed for item, listed in zip(terms, own, strict=True)]

    def terms_of(self, symbol: str) -> Instrument:
        """Return the terms of a symbol; one that is there for its rate is a currency pair."""
        if symbol in self.instruments or symbol not in self.account.rate_symbols:
            return self.instruments.get(symbol, self.instrument)
        return self.instrument.model_copy(update={"currency": QUOTE})

    def last_bars(
        self,
        symbols: tuple[str, ...],
        timestamps: NDArray[np.int64] | None,
        exchange: str | None,
        minutes: int | None = None,
        own_bars: Sequence[OwnBars] | None = None,
    ) -> NDArray[np.int64] | None:
        """Return up to which bar an order for the day lives that can first fill at each bar.

        Parameters
        ----------
        symbols : tuple of str
            All that are simulated.
        timestamps : ndarray of int64, shape (bars,), optional
            Opening instants of the bars.
        exchange : str, optional
            Whose days count for instruments without hours of their own.
        minutes : int, optional
            Length of a bar; None: the shortest time between two of them.
        own_bars : sequence of OwnBars, optional
            Of each symbol, where they share a clock that is not their own: only bars that it has
            count, by the sessions of its own exchange.

        Returns
        -------
        ndarray of int64, shape (symbols, bars), optional
            The number of bars where the day ends behind them. None where there are no timestamps
            or no exchange: sessions are counted in bars.
        """
        if timestamps is None or exchange is None:
            return None
        traded = [None] * len(symbols) if own_bars is None else [own.traded for own in own_bars]
        hours = self._hours(symbols, exchange, own_bars)
        found = [
            last_bars_of(item or exchange, timestamps, minutes, own)
            for item, own in zip(hours, traded, strict=True)
        ]
        return np.stack(found)

    @staticmethod
    def _fill_terms(row: NDArray[np.float64], terms: Instrument, bars_per_year: float) -> None:
        row[layout.MULTIPLIER] = terms.multiplier
        row[layout.TICK] = terms.tick_size
        row[[layout.LOT_NUMERATOR, layout.LOT_DENOMINATOR]] = terms.lot_size_as_fraction
        row[[layout.TICK_NUMERATOR, layout.TICK_DENOMINATOR]] = terms.tick_as_fraction
        row[layout.INITIAL_RATE] = terms.initial_margin
        row[layout.INITIAL_FIXED] = terms.initial_margin_per_unit
        row[layout.MAINTENANCE_RATE] = terms.maintenance_margin
        row[layout.MAINTENANCE_FIXED] = terms.maintenance_margin_per_unit
        row[layout.SHORTABLE] = terms.shortable
        row[layout.BORROW_RATE] = _constant(terms.borrow_rate) / bars_per_year
        row[layout.FUTURES] = terms.futures
        row[layout.FUNDING_RATE] = _constant(terms.funding) / bars_per_year

    def _fill_costs(self, row: NDArray[np.float64]) -> None:
        commission, slippage = self.commission, self.slippage
        maker = commission.rate if commission.maker_rate is None else commission.maker_rate
        row[layout.COMMISSION_PERCENT] = commission.rate
        row[layout.COMMISSION_MAKER] = maker
        row[layout.COMMISSION_PER_UNIT] = commission.per_unit
        row[layout.COMMISSION_FIXED] = commission.fixed
        row[layout.COMMISSION_MINIMUM] = commission.minimum
        row[layout.SLIPPAGE_BPS] = slippage.bps * 1e-4
        row[layout.SLIPPAGE_TICKS] = slippage.ticks
        row[layout.SLIPPAGE_VOLUME] = slippage.volume_share
        row[layout.SLIPPAGE_IMPACT] = slippage.impact
        row[layout.SLIPPAGE_VOLUME_CAP] = slippage.volume_cap
        row[layout.DAILY_VOLATILITY] = slippage.daily_volatility

    def _fill_sizing(self, row: NDArray[np.float64]) -> None:
        sizing = self.sizing
        row[layout.SIZING_CAP] = np.inf
        if isinstance(sizing, PercentOfEquity):
            row[layout.SIZING_KIND], row[layout.SIZING_VALUE] = layout.PERCENT, sizing.share
        elif isinstance(sizing, FixedQuantity):
            row[layout.SIZING_KIND], row[layout.SIZING_VALUE] = layout.FIXED, sizing.units
        elif isinstance(sizing, FixedRisk):
            row[layout.SIZING_KIND], row[layout.SIZING_VALUE] = layout.RISK, sizing.risk
        elif isinstance(sizing, EqualWeight):
            row[layout.SIZING_KIND], row[layout.SIZING_VALUE] = layout.EQUAL_WEIGHT, sizing.share
        elif isinstance(sizing, Kelly):
            row[layout.SIZING_KIND], row[layout.SIZING_VALUE] = layout.KELLY, sizing.fraction
            row[layout.SIZING_WINDOW], row[layout.SIZING_CAP] = sizing.trades, sizing.cap
        else:
            row[layout.SIZING_KIND] = layout.VOLATILITY
            row[layout.SIZING_VALUE] = sizing.volatility
            row[layout.SIZING_WINDOW], row[layout.SIZING_CAP] = sizing.window, sizing.cap


def _constant(rate: Rate) -> float:
    """Return a rate that is one number, 0 of one that changes from bar to bar."""
    return rate if isinstance(rate, float) else 0.0
