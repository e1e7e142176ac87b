"""Detect formats of timestamps and parse them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Final

import polars as pl

from engine.tables.zones import ABBREVIATIONS

__all__ = ["SECONDS", "detect_format", "parse_stamps"]

_EARLIEST: Final = -14_831_769_600_000_000  # 1500-01-01
_LATEST: Final = 253_370_764_800_000_000  # 9999-01-01
# Units of integer timestamps, told by magnitude: seconds have ten digits, nanoseconds nineteen.
_EPOCHS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_ns": 0}
_EXCEL_ORIGIN: Final = -25_569 * 86_400_000_000  # 1899-12-30

_ZONE: Final = re.compile(r" ?([A-Z][A-Za-z]+/[A-Z][A-Za-z_]+|[A-Z]{3,4})$")
#: Seconds from 1985 to 2099; in another unit the same digits mean 1970 or the far future.
SECONDS: Final = (500_000_000, 4_100_000_000)

# Leap seconds: 23:59:60 in UTC.
_LEAP_SECOND: Final = r"(:[0-5]\d:)60"
_COMPACT_LEAP_SECOND: Final = r"((?:19|20)\d{6}[T ]?[0-2]\d[0-5]\d)60"

_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_CELL: Final = re.compile(
    rf"""^\s*
    (?:(?P<weekday>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*),?\s+)?
    (?P<date>\d{{4}}[-/.]\s?\d{{1,2}}[-/.]\s?\d{{1,2}}
            |\d{{4}}[年년]\s?\d{{1,2}}[月월]\s?\d{{1,2}}[日일]
            |\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})
            |\d{{8}}
            |\d{{1,2}}\.?[-\s/]{_MONTH}[-\s/,]+(?:\d{{4}}|\d{{2}})
            |\d{{2}}{_MONTH}(?:\d{{4}}|\d{{2}})
            |\d{{4}}[-\s/]{_MONTH}[-\s/]\d{{1,2}}
            |{_MONTH}[-\s/]\d{{1,2}},?[-\s/]\d{{4}})
    (?:(?P<mark>T|,?\s+)(?P<time>\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:[.]\d+)?)?|\d{{6}}|\d{{4}})
       (?P<half>\s?[ap]m)?)?
    (?P<offset>\s?(?:(?:UTC|GMT)?[+-]\d{{2}}(?::?\d{{2}})?|Z|UTC|GMT|{"|".join(ABBREVIATIONS)})
              |\s[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+)?
    \s*$""",
    re.IGNORECASE | re.VERBOSE,
)


def detect_format(column: pl.Series) -> str | None:
    """Find the format most cells of a stamp column are written in.

    Parameters
    ----------
    column : polars.Series
        Strings, integers, dates or datetimes.

    Returns
    -------
    str or None
        A ``strptime`` format, ``epoch_s|ms|us|ns``, ``excel``, ``native`` for a column that
        holds dates or datetimes already, or None where no cell looks like a stamp.

    Notes
    -----
    ``1/2/2014`` is decided over the whole column: a first number above 12 is a day; else a
    second number above 12 makes the first the month; else the reading that keeps the column
    in order, and its steps short, wins; else a ``.`` between the numbers means the day comes
    first. ``20-01-02`` may also begin with the year.
    """
    if column.dtype.is_temporal():
        return "native"
    if column.dtype.is_numeric():
        values = column.drop_nulls()
        if values.is_empty():
            return None
        clock = _compact_clock(str(values[0])) if column.dtype.is_integer() else None
        return clock or _integer_format(float(values[0]))
    cells = column.drop_nulls()
    head = [cell.strip() for cell in (*cells.head(200), *cells.tail(50))]
    numbers = [cell for cell in head if re.fullmatch(r"\d+(\.\d+)?([eE]\+?\d+)?", cell)]
    if 2 * len(numbers) > len(head):
        # Leading zeros of two-digit years count.
        clock = _compact_clock(numbers[0])
        if clock is not None:
            return clock
        return "%y%m%d" if len(numbers[0]) == 6 else _integer_format(float(numbers[0]))
    ambiguous = any(re.match(r"\d{1,2}[-/.]\d{1,2}[-/.]\d", cell) for cell in head)
    order = _date_order(cells.str.strip_chars()) if ambiguous else "mdy"
    formats = Counter(form for cell in head if (form := _format_of(cell, order)))
    return formats.most_common(1)[0][0] if formats else None


def parse_stamps(
    column: pl.Series, date_format: str | None, *, strictly: bool = False
) -> pl.DataFrame:
    """Parse stamps.

    Parameters
    ----------
    column : polars.Series
        Strings, integers, dates or datetimes.
    date_format : str, optional
        What `detect_format` returned for the whole table, or the configured format.
    strictly : bool
        Leave cells null that are written in another format.

    Returns
    -------
    polars.DataFrame
        ``utc`` (Int64): the instant, where the cell says its zone; ``wall`` (Int64): the
        wall clock as written; both microseconds since 1970-01-01, null where the cell is not
        a stamp; ``dated`` (Boolean): the cell is a day without a time.

    Notes
    -----
    A leap second (``23:59:60``) becomes the last microsecond of its minute, because these counts
    cannot represent it.
    """
    if column.dtype == pl.Date:
        wall = column.cast(pl.Datetime("us")).dt.epoch("us")
        return _stamps(None, wall, dated=True)
    if isinstance(column.dtype, pl.Datetime):
        wall = column.dt.replace_time_zone(None).dt.epoch("us")
        utc = column.dt.epoch("us") if column.dtype.time_zone else None
        return _stamps(utc, wall, dated=False)
    if column.dtype.is_numeric() or date_format in _EPOCHS or date_format == "excel":
        return _integers(column, date_format)
    parsed = _parse_text(column, date_format)
    if parsed["wall"].null_count() == column.null_count():
        return parsed
    cells = column.str.strip_chars()
    parsed = _parse_text(cells, date_format)
    left = parsed["wall"].is_null() & cells.is_not_null()
    if strictly or not left.any():
        return parsed
    # Remaining cells have other formats; parse all cells of a format at once.
    named = re.match(r"(?:%A,? )?%([dmy])[-/.]%([dmy])[-/.]%[dmyY]", date_format or "")
    order = {"d": "dmy", "y": "ymd"}.get(named[1], "mdy") if named else "mdy"
    odd = cells.filter(left).unique()
    forms = [_format_of(cell, order) for cell in odd.to_list()]
    pieces = [
        _parse_text(chosen, form).with_columns(cell=chosen)
        for form in sorted({form for form in forms if form and form != date_format})
        for chosen in [odd.filter(pl.Series([found == form for found in forms]))]
    ]
    if not pieces:
        return parsed
    known = pl.concat(pieces)
    joined = parsed.with_columns(cell=cells).join(
        known, on="cell", how="left", suffix="_odd", maintain_order="left"
    )
    return joined.select(
        pl.coalesce(name, f"{name}_odd").alias(name) for name in ("utc", "wall")
    ).with_columns(dated=joined.select(pl.coalesce("dated_odd", "dated")).to_series())


def _stamps(utc: pl.Series | None, wall: pl.Series, *, dated: bool) -> pl.DataFrame:
    # Years of three or five digits are typing errors, and outside every calendar.
    known = wall.is_between(_EARLIEST, _LATEST)
    if not known.all():
        wall = wall.zip_with(known.fill_null(value=False), _nothing(len(wall)))
        utc = None if utc is None else utc.zip_with(wall.is_not_null(), _nothing(len(wall)))
    return pl.DataFrame(
        {"utc": _nothing(len(wall)) if utc is None else utc, "wall": wall},
        schema={"utc": pl.Int64, "wall": pl.Int64},
    ).with_columns(dated=pl.lit(dated))


def _nothing(count: int) -> pl.Series:
    return pl.repeat(None, count, dtype=pl.Int64, eager=True)


def _compact_clock(digits: str) -> str | None:
    """Format of 20200102093000 or 202001020930, which are not epochs of the 1970s."""
    date = r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])"
    if re.fullmatch(rf"{date}([01]\d|2[0-3])[0-5]\d([0-5]\d)?", digits) is None:
        return None
    return "%Y%m%d%H%M%S" if len(digits) == 14 else "%Y%m%d%H%M"


def _integer_format(value: float) -> str:
    if 19_000_101 <= value <= 21_001_231:
        return "%Y%m%d"
    if value < 100_000:
        return "excel"
    if value < 1_000_000:
        # 200102 is a date, not a second of January 1970.
        return "%y%m%d"
    for name, limit in (("epoch_s", 1e11), ("epoch_ms", 1e14), ("epoch_us", 1e17)):
        if value < limit:
            return name
    return "epoch_ns"


def _integers(column: pl.Series, date_format: str | None) -> pl.DataFrame:
    if date_format in ("%Y%m%d", "%y%m%d"):
        digits = column if column.dtype == pl.String else column.cast(pl.Int64).cast(pl.String)
        width = 8 if date_format == "%Y%m%d" else 6
        return _parse_text(digits.str.strip_chars().str.zfill(width), date_format)
    if date_format in ("%Y%m%d%H%M%S", "%Y%m%d%H%M"):
        return _parse_text(column.cast(pl.Int64).cast(pl.String), date_format)
    if date_format == "excel":
        days = column.cast(pl.Float64, strict=False)
        # Spreadsheets store times as fractions of a day; round to whole seconds.
        wall = ((days * 86_400).round() * 1_000_000 + _EXCEL_ORIGIN).cast(pl.Int64)
        return _stamps(None, wall, dated=bool((days.drop_nulls() % 1 == 0).all()))
    factor = _EPOCHS.get(date_format or "", 1)
    whole = column.cast(pl.Int64, strict=False)
    if column.dtype == pl.String and whole.null_count() > column.null_count():
        column = column.str.strip_chars()
        whole = column.cast(pl.Int64, strict=False)
    utc = whole // 1000 if factor == 0 else whole * factor
    if date_format in _EPOCHS:
        utc = _other_epochs(whole, utc, date_format)
    if whole.null_count() > column.null_count():
        # Timestamps with fractions ("1475798400.25"); whole ones stay exact.
        parts = column.cast(pl.Float64, strict=False) * (factor or 1e-3)
        utc = pl.select(pl.coalesce(utc, parts.round().cast(pl.Int64, strict=False))).to_series()
    return _stamps(utc, utc, dated=False)


def _other_epochs(whole: pl.Series, utc: pl.Series, date_format: str) -> pl.Series:
    """Correct timestamps that are clearly in another unit than most.

    CryptoDataDownload changed from seconds to milliseconds within a column, Binance from
    milliseconds to microseconds.
    """
    first, last = (number * 1_000_000 for number in SECONDS)
    if whole.is_empty() or (utc.is_between(first, last) | utc.is_null()).all():
        return utc
    for form, factor in _EPOCHS.items():
        if form != date_format:
            instants = whole // 1000 if factor == 0 else whole * factor
            other = instants.is_between(first, last) & (whole.abs() < 2**62 // max(factor, 1))
            utc = pl.select(pl.when(other).then(instants).otherwise(utc)).to_series()
    return utc


def _parse_text(cells: pl.Series, form: str | None) -> pl.DataFrame:
    """Parse the cells written exactly in `form`; the rest are null."""
    if not form or form == "native":
        return _stamps(None, _nothing(len(cells)), dated=True)
    timed = "%H" in form or "%I" in form
    if not timed:
        wall = cells.str.to_date(form, strict=False).cast(pl.Datetime("us")).dt.epoch("us")
        return _stamps(None, wall, dated=True)
    if not form.endswith("z"):
        return _named_zone(_clocks(cells, form), form)
    utc = _clocks(cells, form).dt.epoch("us")
    parts = cells.str.extract_groups(r"([+-])(\d{2}):?(\d{2})?$").struct.unnest()
    minutes = parts["2"].cast(pl.Int64) * 60 + parts["3"].cast(pl.Int64).fill_null(0)
    sign = pl.select(pl.when(parts["1"] == "-").then(-1).otherwise(1)).to_series()
    return _stamps(utc, utc + sign * minutes * 60_000_000, dated=False)


def _clocks(cells: pl.Series, form: str) -> pl.Series:
    # Timestamps rarely repeat, so Polars' cache would only cost time.
    clocks = cells.str.to_datetime(form, time_unit="us", strict=False, cache=False)
    if "%S" not in form:
        return clocks
    leap = cells.str.contains(_LEAP_SECOND if ":%S" in form else _COMPACT_LEAP_SECOND)
    if not leap.any():
        return clocks
    # Polars parses 23:59:60 as the following midnight, which is the stamp of the next bar.
    last = cells.str.replace(_LEAP_SECOND, "${1}59").str.replace(_COMPACT_LEAP_SECOND, "${1}59")
    before = last.str.to_datetime(form, time_unit="us", strict=False, cache=False)
    before = before.dt.truncate("1s") + timedelta(microseconds=999_999)
    return clocks.zip_with(~leap.fill_null(value=False), before)


def _named_zone(clocks: pl.Series, form: str) -> pl.DataFrame:
    """Apply the time zone named at the end of the format, if any."""
    wall = clocks.dt.epoch("us")
    zone = _ZONE.search(form)
    if form.endswith("Z") or (zone is not None and zone[1] in ("UTC", "GMT")):
        return _stamps(wall, wall, dated=False)
    if zone is None:
        return _stamps(None, wall, dated=False)
    if "/" not in zone[1]:
        hours = ABBREVIATIONS[zone[1]]
        return _stamps(wall - int(hours * 3_600_000_000), wall, dated=False)
    try:
        utc = clocks.dt.replace_time_zone(zone[1], ambiguous="earliest", non_existent="null")
    except pl.exceptions.ComputeError:
        # Unknown zone: the cells cannot be read.
        return _parse_text(clocks.cast(pl.String), None)
    return _stamps(utc.dt.epoch("us"), wall, dated=False)


def _format_of(cell: str, order: str) -> str | None:
    """``strptime`` format of one cell."""
    match = _CELL.match(cell)
    if match is None:
        return None
    form = "%A, " if match["weekday"] and "," in cell[: match.start("date")] else ""
    if match["weekday"] and not form:
        form = "%A "
    form += _date_format(match["date"], order)
    if match["time"]:
        form += "T" if match["mark"] == "T" else match["mark"]
        form += _time_format(match["time"], match["half"])
    offset = match["offset"]
    if offset:
        # The offset of a date is ignored.
        sign = re.search(r"[+-]", offset)
        minutes = len(offset.rstrip()) - (sign.start() if sign else 0) > 3
        form += offset if sign is None else offset[: sign.start()] + ("%z" if minutes else "%#z")
    return form


def _date_format(date: str, order: str) -> str:
    if re.fullmatch(r"\d{8}", date):
        return "%Y%m%d"
    # 02JAN2020, as SAS writes it.
    close = re.fullmatch(r"\d\d[A-Za-z]+?(\d\d|\d{4})", date)
    if close is not None:
        return "%d%b%Y" if len(close[1]) == 4 else "%d%b%y"
    parts = re.split(r"([-\s/.,年月日년월일]+)", date)
    names = []
    numbers = 0
    for part in parts[::2]:
        if not part:
            names.append("")
        elif part.isalpha():
            names.append("%B" if len(part) > 3 else "%b")
        elif len(part) == 4:
            names.append("%Y")
        else:
            numbers += 1
            names.append(f"number{numbers}")
    if names[0] == "%Y":
        codes = ["%d"] if "%b" in names or "%B" in names else ["%m", "%d"]
    elif "%b" in names or "%B" in names:
        codes = ["%d", "%y"]
    elif numbers < 3:
        # The four-digit year comes last.
        codes = ["%d", "%m"] if order == "dmy" else ["%m", "%d"]
    else:
        codes = [f"%{letter}" for letter in order]
    filled = iter(codes)
    names = [next(filled) if name.startswith("number") else name for name in names]
    return "".join(
        name + (parts[2 * place + 1] if 2 * place + 1 < len(parts) else "")
        for place, name in enumerate(names)
    )


def _time_format(time: str, half: str | None) -> str:
    if ":" not in time:
        return "%H%M%S" if len(time) == 6 else "%H%M"
    hour = "%I" if half else "%H"
    form = f"{hour}:%M" + (":%S" if time.count(":") == 2 else "") + ("%.f" if "." in time else "")
    return form + ("" if half is None else (" %p" if half[0] == " " else "%p"))


def _date_order(cells: pl.Series) -> str:
    """Order of day, month and year in dates written in numbers: ``dmy``, ``mdy`` or ``ymd``."""
    pattern = r"^(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d{1,2})(?:\D|$)"
    parts = cells.str.extract_groups(pattern).struct.unnest().drop_nulls()
    if parts.is_empty():
        return "mdy"
    first, second, third = (parts[name].cast(pl.Int32) for name in ("1", "3", "4"))
    readings = {"mdy": (third, first, second), "dmy": (third, second, first)}
    if parts["4"].str.len_chars().max() == 2 and parts["1"].str.len_chars().min() == 2:
        readings["ymd"] = (first, second, third)

    def disorder(order: str) -> tuple[int, int, int]:
        """Count impossible dates, steps against the direction, and the days all steps span."""
        year, month, day = readings[order]
        valid = month.is_between(1, 12) & day.is_between(1, 31)
        moves = (year * 372 + month * 31 + day).filter(valid).diff().drop_nulls()
        back = min(int((moves < 0).sum()), int((moves > 0).sum()))
        return len(valid) - int(valid.sum()), back, int(moves.abs().sum())

    usual = ("dmy", "mdy") if parts["2"][0] == "." else ("mdy", "dmy")
    best = min(usual, key=disorder)
    # Two-digit years in front are rare: accepted only if they order the dates better.
    if "ymd" in readings and disorder("ymd")[0] == 0 and disorder("ymd")[1:] < disorder(best)[1:]:
        return "ymd"
    return best
