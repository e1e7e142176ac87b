"""What vendors, exports and languages call the columns of bars."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["SPELLINGS", "decorated_prices", "named_volume", "plain_name", "sole_owner"]

_SEEN: Final[dict[str, tuple[str, ...]]] = {
    "timestamp": (
        "unix", "unixtimestamp", "timestamp", "datetime", "date", "timestamputc", "dateutc",
        "datetimeutc", "utc", "t", "ts", "opentime", "opentimestamp", "timeutc", "gmttime",
        "localtime", "day", "dt", "tradingday", "tradedate", "index", "bartime",
        "observationdate", "time", "column1", "indexlevel0", "datum", "data", "fecha", "дата",
        "日期", "日付", "日付け", "날짜", "tarih", "windowstart", "tsevent", "dates",
    ),
    "clock": ("time", "timeutc", "hour", "barclock"),
    "year": ("year", "yyyy"),
    "month": ("month", "mm"),
    "open": (
        "open", "o", "openprice", "opening", "pxopen", "first", "erster", "eröffnung", "eröffn",
        "eroeffnung", "ouverture", "ouv", "apertura", "abertura", "openen", "otwarcie",
        "открытие", "откр", "开盘", "开盘价", "始値", "시가", "açılış", "öppen", "openprc",
    ),
    "high": (
        "high", "h", "highprice", "hi", "pxhigh", "max", "hoch", "haut", "plushaut", "máximo",
        "massimo", "máxima", "hoog", "najwyższy", "максимум", "макс", "最高", "最高价", "高値",
        "고가", "高", "yüksek", "högst", "high1", "tageshoch",
    ),
    "low": (
        "low", "l", "lowprice", "lo", "pxlow", "min", "tief", "bas", "plusbas", "mínimo", "minimo",
        "mínima", "laag", "najniższy", "минимум", "мин", "最低", "最低价", "安値", "저가",
        "低", "düşük", "lägst", "low1", "tagestief",
    ),
    "close": (
        "close", "c", "closeprice", "closelast", "last", "pxlast", "settle", "price",
        "settlement", "lastprice", "adjclose", "adjustedclose", "value", "spot",
        "schlusskurs", "schluss", "zuletzt", "clôture", "dernier", "cierre", "último", "chiusura",
        "ultimo", "fechamento", "slot", "laatste", "zamknięcie", "ostatnio", "закрытие", "цена",
        "收盘", "收盘价", "終値", "終わり値", "종가", "şimdi", "senaste", "trdprc1",
    ),
    "volume": (
        "volume", "v", "vol", "volumebtc", "basevolume", "tickvol", "tickvolume", "pxvolume",
        "qty", "tickqty", "quantity", "shares", "sharestraded", "stuecke", "stücke", "volumen",
        "stück", "umsatz", "wolumen", "wol", "объём", "объем", "成交量", "交易量", "出来高",
        "거래량", "hac", "acvoluns", "numberofshares",
    ),
    "vwap": ("vwap", "vw", "weightedaverage"),
    "trade_count": (
        "tradecount", "n", "trades", "transactions", "numberoftrades", "notrades", "count",
    ),
    "adjusted_close": ("adjclose", "adjustedclose", "adjcloseprice"),
    "symbol": ("symbol", "ticker", "contract", "instrument", "ric", "s"),
}  # fmt: skip

# Price names that may be combined with a common word: "Bid Open", "Close Rate".
_QUARTETS: Final = (
    ("open", "high", "low", "close"),
    ("open", "high", "low", "last"),
    ("o", "h", "l", "c"),
)
# Words in volume columns that do not hold the traded volume.
_OTHER_VOLUMES: Final = ("quote", "taker", "average", "avg", "deliver", "openinterest")


def _folded(text: str) -> str:
    """Lower case, without accents, wide letters as normal ones."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


#: Canonical name to known spellings, in the form of `plain_name`.
SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    canonical: tuple(_folded(spelling) for spelling in spellings)
    for canonical, spellings in _SEEN.items()
}


# Fields of yfinance's tables.
_FIELDS: Final = frozenset(
    ("open", "high", "low", "close", "adj close", "volume", "dividends", "stock splits",
     "capital gains", "repaired?")
)  # fmt: skip


@lru_cache(maxsize=4096)
def plain_name(name: str, symbol: str) -> str:
    """Letters and digits of a column name in lower case, without symbol, number and unit.

    A column of another symbol gets a name with blanks, which matches no spelling.
    """
    if "|" in name:
        name, _, owner = name.partition("|")
        if owner != symbol:
            return f"other symbol {owner} {name}"
    pair = _pair(name)
    if pair is not None:
        name, owner = pair
        if owner not in ("", symbol):
            return f"other symbol {owner} {name}"
    own = re.escape(symbol)
    name = re.sub(rf"(?i)^{own}[_. ](?=.)|(?<=.)[_. ]{own}$", "", name.strip())
    name = re.sub(r"^\d+[a-z]?\.\s*(?=\w)", "", _folded(name))
    name = re.sub(r"\(.*?\)|\[.*?\]", "", name)
    return re.sub(r"[\W_]", "", name)


def sole_owner(names: list[str]) -> str | None:
    """Ticker of a table whose columns are pairs of field and ticker, if it is unique."""
    owners = {pair[1] for name in names if (pair := _pair(name)) is not None} - {""}
    return owners.pop() if len(owners) == 1 else None


def _pair(name: str) -> tuple[str, str] | None:
    """Field and ticker of ``('Close', 'SPY')`` as Python prints it, in either order."""
    match = re.fullmatch(r"\('(.*?)', '(.*?)'\)", name.strip())
    if match is None:
        return None
    first, second = match.groups()
    return (second, first) if second.lower() in _FIELDS or not first else (first, second)


def decorated_prices(candidates: dict[str, str]) -> dict[str, str]:
    """Find four price columns that share a common word.

    Parameters
    ----------
    candidates : dict
        Plain names to columns.

    Returns
    -------
    dict
        ``open high low close`` to columns; empty where there is no such four, or several
        (bid and ask), of which none may be preferred.
    """
    found = {}
    for quartet in _QUARTETS:
        for key in candidates:
            word = key.removesuffix(quartet[3])
            if word not in ("", key) and " " not in word:
                found[f"{word}*"] = [word + price for price in quartet]
            word = key.removeprefix(quartet[3])
            if word not in ("", key) and " " not in word:
                found[f"*{word}"] = [price + word for price in quartet]
    whole = [keys for keys in found.values() if all(key in candidates for key in keys)]
    if len(whole) != 1:
        return {}
    return {
        canonical: candidates[key]
        for canonical, key in zip(("open", "high", "low", "close"), whole[0], strict=True)
    }


def named_volume(candidates: dict[str, str], close: str | None) -> str | None:
    """Column whose name contains ``volume`` or ``quantity``: ``Volume BTC``, ``total_volume``.

    A volume that belongs to another close than `close` is ignored.
    """
    keys = [
        key
        for key in candidates
        if " " not in key
        and not any(other in key for other in _OTHER_VOLUMES)
        and candidates.get(key.replace("volume", "close"), close) in (close, candidates[key])
    ]
    ranked = [key for key in keys if key.startswith("volume")]
    ranked += [key for key in keys if "volume" in key or "quantity" in key or key.endswith("qty")]
    return candidates[ranked[0]] if ranked else None
