"""What vendors call the columns of option chains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["GREEKS", "canonical_names", "wide_names"]

#: Derivatives that a chain may bring.
GREEKS: Final = ("delta", "gamma", "vega", "theta")

# Lower case, letters and digits alone; of several in a file the first of a line counts. Cboe's
# files have quotes at 15:45 and at the close: volatilities and greeks are of the former.
_LONG: Final[dict[str, tuple[str, ...]]] = {
    "timestamp": (
        *("timestamp", "asof", "quotereadtime", "quotedatetime", "datetime", "quotedate"),
        *("tradedate", "datadate", "date", "time"),
    ),
    "underlying": (
        *("underlying", "underlyingsymbol", "underlyingmonth", "actsymbol", "ticker", "symbol"),
        "root",
    ),
    "underlying_price": (
        *("underlyingprice", "activeunderlyingprice1545", "underlyinglast", "stockprice", "stkpx"),
        *("spotpx", "spot", "spotprice", "underlyingclose"),
    ),
    "underlying_bid": ("underlyingbid1545", "underlyingbid", "underlyingbideod"),
    "underlying_ask": ("underlyingask1545", "underlyingask", "underlyingaskeod"),
    "expiry": (
        *("expiry", "expiration", "expirationdate", "expirdate", "expiredate", "exdate"),
        *("maturity", "maturitydate", "expirydate"),
    ),
    "strike": ("strike", "strikeprice"),
    "right": ("right", "optiontype", "callput", "putcall", "cpflag", "optionright", "type", "side"),
    "bid": ("bid", "bid1545", "bestbid", "bidprice", "bidpx", "closebid", "bideod"),
    "ask": ("ask", "ask1545", "bestoffer", "bestask", "askprice", "askpx", "offer", "askeod"),
    "bid_size": ("bidsize", "bidsz", "bidsize1545", "bidqty", "bidsizeeod"),
    "ask_size": ("asksize", "asksz", "asksize1545", "askqty", "offersize", "asksizeeod"),
    "close": ("close", "price", "mid", "mark", "settle", "settlement"),
    "quote_age": ("quoteages", "quoteage", "quoteageseconds"),
    "implied_volatility": (
        *("impliedvolatility", "impliedvolatility1545", "impliedvol", "iv", "midiv", "smvvol"),
        "vol",
    ),
    **{name: (name, f"{name}1545") for name in GREEKS},
}
_WIDE: Final[dict[str, tuple[str, ...]]] = {
    "bid": ("{}bid", "{}bidprice", "{}bidpx"),
    "ask": ("{}ask", "{}askprice", "{}askpx"),
    "bid_size": ("{}bidsize", "{}bidsz"),
    "ask_size": ("{}asksize", "{}asksz"),
    "implied_volatility": ("{}iv", "{}midiv", "{}impliedvolatility"),
    **{name: ("{}" + name,) for name in GREEKS},
}


def canonical_names(columns: Iterable[str]) -> dict[str, str]:
    """Return what a file of one row per option has, by canonical name, and its columns.

    Examples
    --------
    >>> canonical_names(["[QUOTE_READTIME]", "[EXPIRE_DATE]", "note"])
    {'timestamp': '[QUOTE_READTIME]', 'expiry': '[EXPIRE_DATE]'}
    """
    return _found(columns, _LONG)


def wide_names(columns: Iterable[str], right: str) -> dict[str, str]:
    """Return what a file with calls and puts of a strike side by side has of one right.

    Examples
    --------
    >>> wide_names(["strike", "cBidPx", "cAskPx", "pBidPx"], "call")
    {'bid': 'cBidPx', 'ask': 'cAskPx'}
    """
    names = {
        name: tuple(form.format(start) for form in forms for start in (right[0], right))
        for name, forms in _WIDE.items()
    }
    return _found(columns, names)


def _found(columns: Iterable[str], names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z0-9]", "", column.lower()): column for column in columns}
    found: dict[str, str] = {}
    for name, spellings in names.items():
        column = next((plain[each] for each in spellings if each in plain), None)
        if column is not None and column not in found.values():
            found[name] = column
    return found
