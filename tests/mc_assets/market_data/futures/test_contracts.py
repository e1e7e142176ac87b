"""Names of contracts: every common way to write a month, or a place among the nearby ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import MarketDataError
from mc_assets.market_data.futures import read_curve, read_expiries
from mc_assets.market_data.futures.contracts import contract_labels

LETTERS = "FGHJKMNQUVXZ"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Last trade dates of CLF2020 ... CLZ2030: the 20th of the month before.
ENDS = {
    (year, month): (date(year, month, 1) - timedelta(days=5)).replace(day=20)
    for year in range(2020, 2031)
    for month in range(1, 13)
}
DAYS = [date(2020, 1, 14) + timedelta(days=day) for day in range(14)]
NEAR = {day: [key for key, end in ENDS.items() if end >= day][:4] for day in DAYS}
PRICES = {
    (day, (year, month)): year - 1970 + day.day / 8 + month / 100
    for day in DAYS
    for year, month in NEAR[day]
}
CONTRACTS = sorted({key for _, key in PRICES})
WIDE: dict[str, Callable[[int, int], str]] = {
    "CLG20": lambda y, m: f"CL{LETTERS[m - 1]}{y % 100}",
    "G20": lambda y, m: f"{LETTERS[m - 1]}{y % 100}",
    "G2020": lambda y, m: f"{LETTERS[m - 1]}{y}",
    "G0": lambda y, m: f"{LETTERS[m - 1]}{y % 10}",
    "CLG0": lambda y, m: f"CL{LETTERS[m - 1]}{y % 10}",
    "Feb-20": lambda y, m: f"{MONTHS[m - 1]}-{y % 100}",
    "FEB20": lambda y, m: f"{MONTHS[m - 1].upper()}{y % 100}",
    "FEB 20": lambda y, m: f"{MONTHS[m - 1].upper()} {y % 100}",
    "February 2020": lambda y, m: f"{date(y, m, 1):%B %Y}",
    "CL Feb-20": lambda y, m: f"CL {MONTHS[m - 1]}-{y % 100}",
    "CL 02-20": lambda y, m: f"CL {m:02}-{y % 100}",
    "CL_2020_02": lambda y, m: f"CL_{y}_{m:02}",
    "2020-02": lambda y, m: f"{y}-{m:02}",
    "202002": lambda y, m: f"{y}{m:02}",
    "02/2020": lambda y, m: f"{m:02}/{y}",
    "2020-02-01": lambda y, m: f"{y}-{m:02}-01",
    "last trade date": lambda y, m: f"{ENDS[y, m]}",
    "/CLG20": lambda y, m: f"/CL{LETTERS[m - 1]}{y % 100}",
    "NYMEX:CLG2020": lambda y, m: f"NYMEX:CL{LETTERS[m - 1]}{y}",
    "CME_CLG2020": lambda y, m: f"CME_CL{LETTERS[m - 1]}{y}",
    "CLG20 Comdty": lambda y, m: f"CL{LETTERS[m - 1]}{y % 100} Comdty",
    "CLG20 Settle": lambda y, m: f"CL{LETTERS[m - 1]}{y % 100} Settle",
}
NEARBY: dict[str, Callable[[int], str]] = {
    "CL01": lambda n: f"CL{n:02}",
    "CLc1": lambda n: f"CLc{n}",
    "CL1!": lambda n: f"NYMEX:CL{n}!",
    "CHRIS": lambda n: f"CHRIS/CME_CL{n} - Settle",
    "from zero": lambda n: f"CL.c.{n - 1}",
    "F1": lambda n: f"F{n}",
    "M+1": lambda n: f"M+{n}",
    "1": str,
    "EIA": lambda n: f'"Cushing, OK Crude Oil Future Contract {n} (Dollars per Barrel)"',
}
LONG: dict[str, tuple[str, Callable[[int, int], str]]] = {
    "one digit": ("symbol", lambda y, m: f"CL{LETTERS[m - 1]}{y % 10}"),
    "month by name": ("delivery", lambda y, m: f"{MONTHS[m - 1]}-{y % 100}"),
    "first of the month": ("maturity", lambda y, m: f"{y}-{m:02}-01"),
    "ICE's strip": ("CONTRACT,STRIP", lambda y, m: f"T,{m}/1/{y}"),
    "year and month": ("Contract Month,Contract Year", lambda y, m: f"{m},{y}"),
    "CME's bulletin": (
        "PRODUCT SYMBOL,CONTRACT MONTH,CONTRACT YEAR,CONTRACT",
        lambda y, m: f"CL,{m:02},{y},CL{LETTERS[m - 1]}{y % 10}",
    ),
    "Cboe's file": ("Futures", lambda y, m: f"{LETTERS[m - 1]} ({MONTHS[m - 1]} {y})"),
}


@pytest.fixture
def expiries(tmp_path: Path) -> pl.DataFrame:
    rows = (f"CL{LETTERS[m - 1]}{y},{end}\n" for (y, m), end in ENDS.items())
    (tmp_path / "expiries.csv").write_text("contract,last_trade\n" + "".join(rows))
    return read_expiries(tmp_path / "expiries.csv", "CL")


def check(path: Path, text: str, expiries: pl.DataFrame) -> None:
    path.write_text(text)
    found = read_curve(path, expiries, "CL")
    assert found.quarantine.is_empty()
    rows = found.rows.select("date", "contract", "price").iter_rows()
    assert {(day, name): price for day, name, price in rows} == {
        (day, f"CL{LETTERS[m - 1]}{y}"): price for (day, (y, m)), price in PRICES.items()
    }


@pytest.mark.parametrize("name", WIDE)
def test_a_column_per_contract_is_read_however_it_writes_the_month(
    tmp_path: Path, expiries: pl.DataFrame, name: str
) -> None:
    lines = [",".join(["Date", *(WIDE[name](*key) for key in CONTRACTS)])]
    for day in DAYS:
        cells = [str(PRICES.get((day, key), "")) for key in CONTRACTS]
        lines.append(",".join([str(day), *cells]))
    check(tmp_path / "wide.csv", "\n".join(lines), expiries)


@pytest.mark.parametrize("name", NEARBY)
def test_a_column_per_place_is_read_however_it_counts(
    tmp_path: Path, expiries: pl.DataFrame, name: str
) -> None:
    lines = [",".join(["Date", *(NEARBY[name](place) for place in range(1, 5))])]
    for day in DAYS:
        lines.append(",".join([str(day), *(str(PRICES[day, key]) for key in NEAR[day])]))
    check(tmp_path / "nearby.csv", "\n".join(lines), expiries)


@pytest.mark.parametrize("name", LONG)
def test_a_row_per_contract_is_read_however_it_names_the_contract(
    tmp_path: Path, expiries: pl.DataFrame, name: str
) -> None:
    header, cells = LONG[name]
    lines = [f"Trade Date,{header},Settle"]
    lines += [f"{day},{cells(*key)},{price}" for (day, key), price in PRICES.items()]
    check(tmp_path / "long.csv", "\n".join(lines), expiries)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("Feb 20,Mrz 20", "found the column Mrz 20 beside Feb 20, allowed English names of months"),
        ("CL1 Last,CL1 Close", "found the columns CL1 Last and CL1 Close of one contract"),
        ("20-Feb,20-Mar", "found columns Date, 20-Feb, 20-Mar, allowed nearby contracts"),
    ],
)
def test_columns_whose_contract_is_in_doubt_are_one_sentence(
    tmp_path: Path, expiries: pl.DataFrame, columns: str, message: str
) -> None:
    (tmp_path / "c.csv").write_text(f"Date,{columns}\n2020-01-14,50,51\n")
    with pytest.raises(MarketDataError, match=message):
        read_curve(tmp_path / "c.csv", expiries, "CL")


def test_the_settlement_is_taken_where_several_fields_of_a_contract_stand_side_by_side() -> None:
    names = ["CL1 - Open", "CL1 - Last", "CL1 - Settle", "CL1 - Volume"]
    assert set(contract_labels(names, "CL")) == {"CL1 - Last", "CL1 - Settle"}


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["F1", "F5", "F13", "F20"], ["#1", "#5", "#13", "#20"]),
        (["F20", "G20", "H20"], ["CLF2020", "CLG2020", "CLH2020"]),
        (["F0", "G0", "H1"], ["?F0", "?G0", "?H1"]),
        (["JAN20", "JAN21"], ["CLF2020", "CLF2021"]),
        (["CL1", "CL2", "OI1", "OI2"], ["#1", "#2", None, None]),
        (["SMA 20", "Volume"], [None, None]),
    ],
)
def test_texts_are_judged_together(texts: list[str], labels: list[str | None]) -> None:
    found = contract_labels(texts, "CL")
    assert [found.get(text) for text in texts] == labels


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Symbol,Last Trade Date", "CL{letter}{digit},{end:%m/%d/%Y}"),
        ("Contract Month,Product Code,First Trade,Last Trade",
         "{first:%b %Y},CL{letter}{short},20 Nov 2013,{end:%d %b %Y}"),
        ("CONTRACT SYMBOL,FTD,LTD", "{first:%b%y},2019-01-01,{end}"),
        ("Delivery Month,Expiration Date", "{first:%B %Y},{end}"),
        ("raw_symbol,expiration,asset", "CL{letter}{digit},{end}T19:30:00.000000000Z,CL"),
        ("Ticker,FUT_LAST_TRADE_DT", "CL{letter}{short} Comdty,{end}"),
        ("root,year,month,expiry", "CL,{first.year},{letter},{end}"),
        ("Year,Month,Last Trade Date", "{short},{first:%b},{end}"),
        ("Year,Month,Last Trade Date", "{short},{first.month},{end}"),
    ],
)  # fmt: skip
def test_an_expiry_table_is_read_however_it_names_the_contract(
    tmp_path: Path, expiries: pl.DataFrame, header: str, row: str
) -> None:
    lines = [header]
    for (year, month), end in ENDS.items():
        short, letter = f"{year % 100}", LETTERS[month - 1]
        first = date(year, month, 1)
        lines.append(row.format(first=first, end=end, short=short, letter=letter, digit=short[-1]))
    (tmp_path / "table.csv").write_text("\n".join(lines))
    assert read_expiries(tmp_path / "table.csv", "CL").equals(expiries)
