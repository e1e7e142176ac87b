"""Splits and dividends: raw prices and a factor table in, adjusted views out."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.calendar import EXCHANGES
from engine.local_time import evening, instants_of, session_days
from engine.tables.columns import PRICES
from mc_assets.providers import MarketDataError

__all__ = [
    "FACTOR_COLUMNS",
    "adjust",
    "dividend_yields",
    "factors_at",
    "factors_from_events",
    "read_factors",
    "with_ends",
]

FACTOR_COLUMNS: Final = ("date", "price_factor", "split_factor")

_DAY: Final = 86_400_000_000  # microseconds


def adjust(
    bars: pl.DataFrame,
    factors: pl.DataFrame,
    *,
    adjustment: Literal["split", "dividend", "all"] = "all",
    exchange: str = "XNYS",
    unchanged: int | None = None,
) -> pl.DataFrame:
    """Adjust raw bars by a factor table.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical raw bars of one symbol.
    factors : polars.DataFrame
        ``date`` (Date), ``price_factor`` (dividends) and ``split_factor``, oldest first. A
        row holds for the sessions up to and including its date.
    adjustment : {"split", "dividend", "all"}
        Which factors to apply.
    exchange : str
        Name in `exchange_calendars`; decides which session a bar belongs to.
    unchanged : int, optional
        Row of a bar that keeps its prices, so that what happened after it changes none before
        it. By default these are the bars after the last row of the table.

    Returns
    -------
    polars.DataFrame
        Bars with ``adjustment`` set; prices (and vwap) times the factor of the first row
        whose date is the session's or later, volume divided by the split factor. Sessions
        after the last row keep their prices.

    Raises
    ------
    MarketDataError
        If the bars are adjusted already, or the table is no factor table.

    Notes
    -----
    ``adjusted = raw × price_factor × split_factor``, the convention of QuantConnect's LEAN
    factor files.
    """
    found = bars["adjustment"].unique().to_list()
    if found not in ([], ["raw"]):
        raise MarketDataError("adjustment", f"{found[0]!r} bars", "raw bars")
    split, price = factors_at(bars, factors, exchange=exchange)
    if unchanged is not None:
        split, price = split / split[unchanged], price / price[unchanged]
    factor = {"split": split, "dividend": price, "all": price * split}[adjustment]
    by = pl.Series(factor)
    changed = [pl.col(name) * by for name in (*PRICES, "vwap")]
    if adjustment != "dividend":
        changed.append(pl.col("volume") / pl.Series(split))
    return bars.with_columns(*changed, adjustment=pl.lit(adjustment))


def factors_at(
    bars: pl.DataFrame, factors: pl.DataFrame, *, exchange: str = "XNYS"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split and price factor of each bar, as `adjust` applies them."""
    _check_factors(factors)
    # By the exchange's clock: of bars before its opening and behind its close, too.
    days = session_days(bars["timestamp"].dt.epoch("us").to_numpy(), exchange)
    dates = factors["date"].cast(pl.Int32).to_numpy()
    row = np.searchsorted(dates, days, side="left")
    split, price = (
        np.append(factors[name].to_numpy(), 1.0)[row] for name in ("split_factor", "price_factor")
    )
    return split, price


def with_ends(factors: pl.DataFrame, exchange: str) -> pl.DataFrame:
    """Add to each row of a factor table the instant from which it no longer holds, for SQL.

    Parameters
    ----------
    factors : polars.DataFrame
        See `adjust`.
    exchange : str
        By whose clock a day ends.

    Returns
    -------
    polars.DataFrame
        With ``until`` (UTC): the first instant of the day after ``date``. Sessions that open on
        the evening before belong to the next day from that hour on.
    """
    terms = EXCHANGES[exchange]
    days = factors["date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    ends = instants_of((days + 1) * _DAY - evening(terms), terms.zone)
    return factors.with_columns(until=pl.Series(ends).cast(pl.Datetime("us", "UTC")))


def dividend_yields(
    bars: pl.DataFrame, factors: pl.DataFrame, *, exchange: str = "XNYS"
) -> NDArray[np.float64]:
    """Return what is paid at the open of each bar, as a share of the close before.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical bars of one symbol.
    factors : polars.DataFrame
        Its factor table, see `adjust`.
    exchange : str
        Name in `exchange_calendars`.

    Returns
    -------
    ndarray of float64, shape (bars,)
        0 but on the first bar of an ex-date.

    Notes
    -----
    Over an ex-date the price factor grows from ``f (1 - amount / close)`` to ``f``.
    """
    _, price = factors_at(bars, factors, exchange=exchange)
    return np.concatenate([[0.0], 1.0 - price[:-1] / price[1:]])[: len(price)]


def read_factors(path: Path | str) -> pl.DataFrame:
    """Read a factor table from CSV.

    Parameters
    ----------
    path : Path or str
        Columns ``date`` (ISO or YYYYMMDD), ``price_factor`` and ``split_factor``; others are
        passed over. LEAN's own files have no header.

    Raises
    ------
    MarketDataError
        If a column is missing or a cell is no number.
    """
    from engine.tables.csv_text import read_text_table
    from engine.tables.numbers import parse_numbers
    from engine.tables.timestamps import detect_format, parse_stamps

    path = Path(path)
    table, _ = read_text_table(path)
    if "date" not in table.columns and table.columns[0] in ("column_1", "timestamp"):
        table.columns = [*FACTOR_COLUMNS, *table.columns[3:]]
    for name in FACTOR_COLUMNS:
        if name not in table.columns:
            shown = ", ".join(column for column in table.columns if column[0] != "_")
            raise MarketDataError(path.name, f"columns {shown}", f"one named {name}")
    columns: dict[str, pl.Series] = {}
    walls = parse_stamps(table["date"], detect_format(table["date"]))["wall"]
    columns["date"] = walls.cast(pl.Datetime("us")).dt.date()
    for name in FACTOR_COLUMNS[1:]:
        columns[name], _ = parse_numbers(table[name])
    for name, column in columns.items():
        if column.has_nulls():
            row = int(column.is_null().arg_max() or 0)
            raise MarketDataError(
                f"{path.name} line {table['_line'][row]}, column {name}",
                repr(table[name][row]),
                f"a {('date' if name == 'date' else 'number')}",
            )
        wrong = column.is_duplicated() if name == "date" else ~(column > 0)
        if wrong.any():
            # Of two rows with the same date, report the second.
            row = int(wrong.arg_max() or 0) if name != "date" else wrong.arg_true()[-1]
            raise MarketDataError(
                f"{path.name} line {table['_line'][row]}, column {name}",
                repr(table[name][row]),
                "each date once" if name == "date" else "> 0",
            )
    factors = pl.DataFrame(columns).sort("date")
    _check_factors(factors)
    return factors


def factors_from_events(
    bars: pl.DataFrame, splits: pl.DataFrame, dividends: pl.DataFrame
) -> pl.DataFrame:
    """Make a factor table of splits and dividends.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical raw bars; the close before an ex-date is a dividend's reference price.
    splits : polars.DataFrame
        ``date`` (first session at the new price) and ``ratio`` (new shares per old share).
    dividends : polars.DataFrame
        ``date`` (ex-date) and ``amount``, in the currency and shares of that day.

    Returns
    -------
    polars.DataFrame
        `FACTOR_COLUMNS`, with a last row of ones in 2050.

    Raises
    ------
    MarketDataError
        If a dividend has no close before it, or is as large as that close.

    Notes
    -----
    Working back from today, a split divides the split factor by its ratio; a dividend
    multiplies the price factor by ``1 - amount / close`` of the session before (Center for
    Research in Security Prices, "Adjustment methods").
    """
    days = bars.select(date=pl.col("timestamp").dt.date(), close="close").sort("date")
    events: dict[object, tuple[float, float]] = {}
    for day, amount in dividends.select("date", "amount").iter_rows():
        before = days.filter(pl.col("date") < day)
        if before.is_empty() or amount >= before["close"][-1]:
            raise MarketDataError(f"dividend of {day}", amount, "less than a close before it")
        price, split = events.get(day, (1.0, 1.0))
        events[day] = (price * (1.0 - amount / before["close"][-1]), split)
    for day, ratio in splits.select("date", "ratio").iter_rows():
        if ratio <= 0:
            raise MarketDataError(f"split of {day}", f"ratio {ratio}", "> 0")
        price, split = events.get(day, (1.0, 1.0))
        events[day] = (price, split / ratio)
    rows = [{"day": day, "price": p, "split": s} for day, (p, s) in events.items()]
    table = pl.DataFrame(
        rows, schema={"day": pl.Date, "price": pl.Float64, "split": pl.Float64}
    ).sort("day", descending=True)
    history = table.select(
        date=pl.col("day").dt.offset_by("-1d"),
        price_factor=pl.col("price").cum_prod(),
        split_factor=pl.col("split").cum_prod(),
    )
    last = pl.DataFrame(
        {"date": ["2050-12-31"], "price_factor": [1.0], "split_factor": [1.0]}
    ).with_columns(pl.col("date").str.to_date())
    return pl.concat([last, history]).sort("date")


def _check_factors(factors: pl.DataFrame) -> None:
    for name in FACTOR_COLUMNS:
        if name not in factors.columns:
            raise MarketDataError(
                "factors", f"columns {', '.join(factors.columns)}", f"one named {name}"
            )
    for name in FACTOR_COLUMNS[1:]:
        wrong = factors[name].filter(factors[name] <= 0)
        if len(wrong):
            raise MarketDataError(f"factors: {name}", str(wrong[0]), "> 0")
    if not factors["date"].is_sorted():
        raise MarketDataError("factors: date", "dates out of order", "oldest first")
