"""The currency of an account, and where the rates of the others come from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from engine.errors import Refusal
from engine.execution import layout
from engine.execution.instruments import QUOTE, Instrument
from engine.settings import SettingsGroup

__all__ = ["Account", "Conversion", "RateSeries", "conversions", "pair_of"]

_PAIR: Final = re.compile(r"^(?:[A-Z]:)?([A-Z]{3})[/_.\- ]?([A-Z]{3})(?:=X)?$")
_DOLLAR_PAIR: Final = re.compile(r"^([A-Z]{3})=X$")
_DOLLAR: Final = "USD"

PositiveRate = Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]


class RateSeries(SettingsGroup):
    """A symbol of the study whose price is an exchange rate.

    Parameters
    ----------
    symbol : str
        Its name.
    inverse : bool
        Whether it is units of the other currency per unit of the account's.
    """

    symbol: str
    inverse: bool = False


class Account(SettingsGroup):
    """The currency that everything is counted in.

    Parameters
    ----------
    currency : str, optional
        Of cash, equity, profit and commission. Default: that of the instruments; USD where they
        are currency pairs.
    rates : dict of str to float, str or RateSeries
        Account currency per unit of each other currency: a constant; the name of a pair of the
        two among the symbols of the study, quoted either way (``EURUSD``, ``USDJPY``); or any
        symbol of it that is said to be inverse or not. Its open converts what fills, its close
        what is held. Currency pairs that are traded convert themselves.
    """

    currency: str | None = None
    rates: dict[str, PositiveRate | str | RateSeries] = Field(default={})

    @property
    def rate_symbols(self) -> frozenset[str]:
        """Symbols of the study whose prices are rates."""
        return frozenset(
            rate.symbol if isinstance(rate, RateSeries) else rate
            for rate in self.rates.values()
            if not isinstance(rate, float)
        )


class Conversion(NamedTuple):
    """How an instrument's currency becomes the account's, as the rules of a symbol hold it."""

    kind: int  # 0: it is the account's
    rate: float  # a constant, or the number of the symbol whose price it is
    unpaid: bool  # the price is not paid: only the profit is money


def conversions(
    account: Account, symbols: Sequence[str], terms: Sequence[Instrument]
) -> list[Conversion]:
    """Return how the currency of each symbol is converted.

    Parameters
    ----------
    account : Account
        Its currency and rates.
    symbols : sequence of str
        All symbols that are simulated.
    terms : sequence of Instrument
        Their terms, in that sequence.

    Raises
    ------
    Refusal
        If a currency has no rate, or a rate names no symbol or no pair of the two currencies.
    """
    quoted = [
        _quote_of(symbol) if item.currency == QUOTE else item.currency
        for symbol, item in zip(symbols, terms, strict=True)
    ]
    own = _currency_of(account, symbols, terms)
    pairs = tuple(
        symbol for symbol, item in zip(symbols, terms, strict=True) if item.currency == QUOTE
    )
    found = []
    for symbol, item, currency in zip(symbols, terms, quoted, strict=True):
        if currency is None or currency == own:
            found.append(Conversion(0, 1.0, False))
            continue
        kind, rate = _rate_of(account, own, currency, symbol, tuple(symbols), pairs)
        found.append(Conversion(kind, rate, item.futures or item.currency == QUOTE))
    return found


def pair_of(symbol: str) -> tuple[str, str] | None:
    """Return base and quote currency of a pair's name, None of another.

    As data vendors write it: ``EURUSD``, ``EUR/USD``, ``C:EURUSD``, ``EURUSD=X``, ``JPY=X``.
    """
    dollar = _DOLLAR_PAIR.match(symbol)
    if dollar:
        return _DOLLAR, dollar[1]
    match = _PAIR.match(symbol)
    return (match[1], match[2]) if match else None


def _quote_of(symbol: str) -> str | None:
    pair = pair_of(symbol)
    return pair[1] if pair else None


def _currency_of(account: Account, symbols: Sequence[str], terms: Sequence[Instrument]) -> str:
    if account.currency is not None:
        return account.currency
    stated = [
        (symbol, item.currency)
        for symbol, item in zip(symbols, terms, strict=True)
        if item.currency != QUOTE
    ]
    if len({currency for _, currency in stated}) > 1:
        listed = ", ".join(f"{currency} ({symbol})" for symbol, currency in stated)
        raise Refusal(
            "execution.instruments",
            f"currencies {listed} in one portfolio",
            "one, or execution.account with its currency and a rate for each other one",
        )
    return stated[0][1] if stated else _DOLLAR


def _rate_of(
    account: Account,
    own: str,
    currency: str,
    symbol: str,
    symbols: tuple[str, ...],
    pairs: tuple[str, ...],
) -> tuple[int, float]:
    field = f"execution.account.rates.{currency}"
    given = account.rates.get(currency)
    if given is None:
        for pair in pairs:
            kind = _kind_of(pair, own, currency)
            if kind:
                return kind, float(symbols.index(pair))
        raise Refusal(
            "execution.account.rates",
            f"none for {currency}, the currency of {symbol} in an account of currency {own}",
            "a number, or a pair of both among the symbols",
        )
    if isinstance(given, float):
        return layout.CONSTANT_RATE, given
    name = given if isinstance(given, str) else given.symbol
    if name not in symbols:
        raise Refusal(field, f"symbol {name}", ", ".join(symbols))
    if isinstance(given, RateSeries):
        kind = layout.INVERSE_RATE if given.inverse else layout.DIRECT_RATE
        return kind, float(symbols.index(name))
    kind = _kind_of(name, own, currency)
    if not kind:
        raise Refusal(
            field,
            name,
            f"a pair of {currency} and {own}, or a symbol that is said to be inverse or not: "
            "{symbol: ..., inverse: false}",
        )
    return kind, float(symbols.index(name))


def _kind_of(name: str, own: str, currency: str) -> int:
    """Return how the price of a pair converts `currency` into `own`; 0: it does not."""
    pair = pair_of(name)
    if pair == (currency, own):
        return layout.DIRECT_RATE
    return layout.INVERSE_RATE if pair == (own, currency) else 0
