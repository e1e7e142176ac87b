"""Stamps as providers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tables.timestamps import detect_format, parse_stamps

NOON = 1583150400_000_000  # 2020-03-02 12:00Z
MIDNIGHT = NOON - 43_200_000_000


@pytest.mark.parametrize(
    ("cell", "utc", "wall"),
    [
        ("2020-03-02T12:00:00Z", NOON, NOON),
        ("2020-03-02T12:00:00.000Z", NOON, NOON),
        ("2020-03-02 12:00:00+00:00", NOON, NOON),
        ("2020-03-02T07:00:00-05:00", NOON, NOON - 18_000_000_000),
        ("2020-03-02T17:30:00+0530", NOON, NOON + 19_800_000_000),
        ("2020-03-02 12:00:00 UTC", NOON, NOON),
        ("2020-03-02 12:00", None, NOON),
        ("3/2/2020 12:00:00 PM", None, NOON),
        ("03/02/2020 12:00", None, NOON),
        ("20200302 120000", None, NOON),
        ("1583150400", NOON, NOON),
        ("1583150400000", NOON, NOON),
        ("1583150400000000", NOON, NOON),
        ("1583150400000000000", NOON, NOON),
        ("1583150400.0", NOON, NOON),
        ("20200302120000", None, NOON),
        ("202003021200", None, NOON),
        ("20200302 07:00:00 US/Eastern", NOON, NOON - 18_000_000_000),
        ("2020-03-02 07:00:00 EST", NOON, NOON - 18_000_000_000),
        ("2020-03-02 07:00:00-05", NOON, NOON - 18_000_000_000),
        ("02.03.2020 07:00:00.000 GMT-0500", NOON, NOON - 18_000_000_000),
        ("43892.500001", None, NOON),
    ],
)
def test_a_written_instant_is_read(cell: str, utc: int | None, wall: int) -> None:
    column = pl.Series([cell])
    row = parse_stamps(column, detect_format(column)).row(0, named=True)
    assert row == {"utc": utc, "wall": wall, "dated": False}


@pytest.mark.parametrize(
    "cell",
    ["2020-03-02", "2020/03/02", "20200302", "3/2/2020", "03/02/20", "02.03.2020", "02-Mar-2020",
     "2 March 2020", "Mar 2, 2020", "March 02, 2020", "Mon, 02 Mar 2020", "43892",
     "02MAR2020", "02Mar20", "2. March 2020", "200302"],
)  # fmt: skip
def test_a_written_day_is_read(cell: str) -> None:
    column = pl.Series([cell])
    row = parse_stamps(column, detect_format(column)).row(0, named=True)
    assert row == {"utc": None, "wall": MIDNIGHT, "dated": True}


@pytest.mark.parametrize(
    "cell", ["soon", "2020-13-02", "2020-02-31", "0202-03-02", "-12020-03-02", "", None]
)
def test_what_is_no_time_is_null(cell: str | None) -> None:
    column = pl.Series(["2020-03-02", cell])
    assert parse_stamps(column, detect_format(column))["wall"].to_list() == [MIDNIGHT, None]


def test_zones_in_letters_change_with_the_season() -> None:
    column = pl.Series(["2020-03-06 16:00:00 EST", "2020-03-09 16:00:00 EDT"])
    utc = parse_stamps(column, detect_format(column))["utc"].cast(pl.Datetime("us"))
    assert utc.dt.hour().to_list() == [21, 20]


def test_a_zone_that_is_none_is_no_time() -> None:
    column = pl.Series(["2020-03-02 12:00:00 Mars/Olympus"])
    parsed = parse_stamps(column, detect_format(column))
    assert parsed.select("utc", "wall").row(0) == (None, None)


@pytest.mark.parametrize(
    "stamps",
    [[1583150400, 1583150400000], [1583150400000, 1583150400]],
    ids=["seconds first", "milliseconds first"],
)
@pytest.mark.parametrize("kind", [pl.Int64, pl.String])
def test_a_column_that_changes_its_unit_is_read_cell_by_cell(
    stamps: list[int], kind: type[pl.DataType]
) -> None:
    column = pl.Series(stamps).cast(kind)
    assert parse_stamps(column, detect_format(column))["utc"].to_list() == [NOON, NOON]


def test_cells_of_several_formats_are_each_read() -> None:
    column = pl.Series(["2020-03-02", "2020-03-02T12:00:00Z", "Mar 2, 2020"])
    parsed = parse_stamps(column, detect_format(column))
    assert parsed["wall"].to_list() == [MIDNIGHT, NOON, MIDNIGHT]
    assert parsed["utc"].to_list() == [None, NOON, None]
    assert parsed["dated"].to_list() == [True, False, True]


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["01/02/2020", "31/01/2020"], date(2020, 2, 1)),
        (["01/02/2020", "01/31/2020"], date(2020, 1, 2)),
        (["01/02/2020", "02/02/2020", "03/02/2020"], date(2020, 2, 1)),
        (["01/02/2020", "01/03/2020", "01/06/2020"], date(2020, 1, 2)),
        (["01.02.2020"], date(2020, 2, 1)),
        (["01/02/2020"], date(2020, 1, 2)),
    ],
    ids=["day above 12 first", "day above 12 second", "days in order", "months in order",
         "points", "nothing to go by"],
)  # fmt: skip
def test_day_and_month_are_told_apart_by_the_whole_column(cells: list[str], first: date) -> None:
    column = pl.Series(cells)
    wall = parse_stamps(column, detect_format(column))["wall"]
    ordered = wall.cast(pl.Datetime("us")).dt.date()
    assert ordered[0] == first


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)))
def test_every_iso_instant_comes_back(moment: datetime) -> None:
    column = pl.Series([moment.replace(tzinfo=UTC).isoformat()])
    expected = (moment - datetime(1970, 1, 1)).total_seconds()
    parsed = parse_stamps(column, detect_format(column))["utc"]
    assert parsed[0] == pytest.approx(expected * 1e6, abs=2)
