"""One table of a vendor's chain in canonical columns: a row per option and instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from typing import Final

import polars as pl

from engine.errors import Refusal
from engine.options.chain_spellings import GREEKS, canonical_names, wide_names

__all__ = ["COLUMNS", "chain_rows"]

#: Canonical columns; `quote_age` is in seconds, greeks are per unit of the underlying.
COLUMNS: Final[dict[str, pl.DataType]] = {
    "timestamp": pl.Datetime("us", "UTC"),
    "underlying": pl.String(),
    "underlying_price": pl.Float64(),
    "expiry": pl.Date(),
    "strike": pl.Float64(),
    "right": pl.String(),
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "bid_size": pl.Float64(),
    "ask_size": pl.Float64(),
    "quote_age": pl.Float64(),
    "implied_volatility": pl.Float64(),
    **{name: pl.Float64() for name in GREEKS},
}
_NUMBERS: Final = tuple(name for name, kind in COLUMNS.items() if kind == pl.Float64())
_DAYS: Final = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d")
_INSTANTS: Final = (
    *("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"),
    *("%Y%m%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"),
)
# Quotes of a day without a time of day are those of its close.
_CLOSE: Final = timedelta(hours=16)
_AT_1545: Final = timedelta(hours=15, minutes=45)
# OptionMetrics' strikes are in thousandths.
_THOUSANDTHS: Final = {"strike_price", "cp_flag"}
# Half of all strikes lie within this factor of the underlying, or the unit is another.
_FARTHEST: Final = 5.0


def chain_rows(
    table: pl.DataFrame, *, zone: str, as_of: datetime | None, underlying: str | None
) -> pl.DataFrame:
    """Return the rows of a vendor's table in canonical columns.

    Parameters
    ----------
    table : polars.DataFrame
        A row per option, or per strike with call and put side by side.
    zone : str
        IANA zone of stamps that carry none.
    as_of : datetime, optional
        Instant of the quotes, for tables that have no column of it.
    underlying : str, optional
        Name of the underlying, for tables that have none.

    Returns
    -------
    polars.DataFrame
        `COLUMNS`; null where the table has nothing or a value cannot be read.

    Raises
    ------
    Refusal
        If a column is missing, no row can be read, or strikes are in another unit than prices.
    """
    names = canonical_names(table.columns)
    sides = {right: wide_names(table.columns, right) for right in ("call", "put")}
    wide = "right" not in names and all({"bid", "ask"} <= side.keys() for side in sides.values())
    _check_columns(table, names, wide, as_of)
    parts = (
        [_part(table, {**names, **sides[right]}, right) for right in sides]
        if wide
        else [_part(table, names, None)]
    )
    rows = pl.concat(parts)
    if set(table.columns) >= _THOUSANDTHS:
        rows = rows.with_columns(pl.col("strike") / 1000.0)
    rows = rows.with_columns(
        timestamp=_instants(table, names, zone, as_of, len(parts)),
        underlying=pl.lit(underlying or "") if "underlying" not in names else pl.col("underlying"),
    )
    _check_rows(rows)
    return rows.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())


def _check_columns(
    table: pl.DataFrame, names: dict[str, str], wide: bool, as_of: datetime | None
) -> None:
    found = ", ".join(table.columns[:40])
    for name in ("expiry", "strike"):
        if name not in names:
            raise Refusal("columns", found, f"one for the {name}")
    if wide:
        return
    if "right" not in names:
        raise Refusal("columns", found, "one for the right, or bid and ask of calls and of puts")
    if not {"bid", "ask"} <= names.keys() and "close" not in names:
        raise Refusal("columns", found, "bid and ask, or a price")
    if "timestamp" not in names and as_of is None:
        raise Refusal("columns", found, "one for the time of the quotes", hint="or give `as_of`")


def _part(table: pl.DataFrame, names: dict[str, str], right: str | None) -> pl.DataFrame:
    """Return the rows of one right, or of both, without their instants."""
    text = table.with_columns(pl.all().cast(pl.String))
    columns: dict[str, pl.Expr] = {}
    for name in _NUMBERS:
        source = names.get(name)
        columns[name] = _number(source) if source else pl.lit(None, pl.Float64)
    if "bid" not in names or "ask" not in names:
        # A price without quotes is both: `chain.counts` says how many.
        columns["bid"] = columns["ask"] = _number(names["close"])
    if {"underlying_bid", "underlying_ask"} <= names.keys():
        middle = 0.5 * (_number(names["underlying_bid"]) + _number(names["underlying_ask"]))
        columns["underlying_price"] = columns["underlying_price"].fill_null(middle)
    if right == "put" and "delta" in names and names["delta"].lower() == "delta":
        columns["delta"] = columns["delta"] - 1.0  # ORATS states that of the call
    first = pl.col(names["right"]).str.to_lowercase().str.slice(0, 1) if right is None else None
    columns["right"] = (
        pl.lit(right)
        if first is None
        else first.replace_strict({"c": "call", "p": "put"}, default=None)
    )
    columns["expiry"] = _day(pl.col(names["expiry"]))
    columns["underlying"] = (
        pl.col(names["underlying"]) if "underlying" in names else pl.lit(None, pl.String)
    )
    return text.select(**columns)


def _number(column: str) -> pl.Expr:
    value = pl.col(column).str.replace_all(",", "").cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _day(text: pl.Expr) -> pl.Expr:
    plain = text.str.slice(0, 10).str.strip_chars()
    return reduce(
        lambda found, form: found.fill_null(plain.str.to_date(form, strict=False)),
        _DAYS[1:],
        plain.str.to_date(_DAYS[0], strict=False),
    )


def _instants(
    table: pl.DataFrame, names: dict[str, str], zone: str, as_of: datetime | None, times: int
) -> pl.Series:
    """Return the instant of each row's quotes, UTC."""
    if "timestamp" not in names:
        assert as_of is not None
        moment = pl.Series([as_of]).cast(pl.Datetime("us", as_of.tzinfo and "UTC"))
        moment = moment if as_of.tzinfo else _in_utc(moment, zone)
        return pl.concat([moment] * (len(table) * times)) if len(table) else moment.head(0)
    column = table[names["timestamp"]]
    if isinstance(column.dtype, pl.Datetime):
        told = column.dtype.time_zone
        stamps = column.cast(pl.Datetime("us", told))
        found = stamps.dt.convert_time_zone("UTC") if told else _in_utc(stamps, zone)
    else:
        at_1545 = any(name.endswith("_1545") for name in names.values())
        found = _read_instants(column.cast(pl.String), zone, _AT_1545 if at_1545 else _CLOSE)
    return pl.concat([found] * times)


def _read_instants(text: pl.Series, zone: str, day_time: timedelta) -> pl.Series:
    frame = pl.DataFrame({"text": text})
    # A minute without seconds and a zone is too short a form for the parser of whole instants.
    zoned = pl.col("text").str.contains(r"\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})$")
    local = reduce(
        lambda found, form: found.fill_null(pl.col("text").str.to_datetime(form, strict=False)),
        _INSTANTS[1:],
        pl.col("text").str.to_datetime(_INSTANTS[0], strict=False, time_unit="us"),
    )
    plain = pl.col("text").str.replace(r"Z$", "+0000").str.replace(r"([+-]\d{2}):(\d{2})$", "$1$2")
    utc = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us").fill_null(
        plain.str.to_datetime("%Y-%m-%dT%H:%M%z", strict=False, time_unit="us")
    )
    day = _day(pl.col("text")).cast(pl.Datetime("us")) + day_time
    naive = frame.select(pl.when(~zoned).then(local.fill_null(day))).to_series()
    aware = frame.select(pl.when(zoned).then(utc)).to_series().dt.convert_time_zone("UTC")
    return _in_utc(naive, zone).zip_with(aware.is_null(), aware)


def _in_utc(naive: pl.Series, zone: str) -> pl.Series:
    return naive.dt.replace_time_zone(
        zone, ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")


def _check_rows(rows: pl.DataFrame) -> None:
    for name, told in (("expiry", "dates"), ("strike", "numbers"), ("timestamp", "instants")):
        if rows[name].is_null().all():
            raise Refusal(name, "no row that can be read", told)
    ratio = (rows["strike"] / rows["underlying_price"]).drop_nulls()
    middle = ratio.median() if len(ratio) else None
    if isinstance(middle, float) and not 1.0 / _FARTHEST <= middle <= _FARTHEST:
        raise Refusal(
            "strike",
            f"strikes around {middle:g} times the underlying's price",
            "strikes in the unit of prices",
        )
