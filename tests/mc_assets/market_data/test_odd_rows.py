"""Rows that are no data: zeros for prices, volumes that are not given, prices in 32nds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.bars import Bars
from mc_assets.market_data import Normalised, bars_from_file
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.quality.values import value_findings

HEADER = "date,open,high,low,close,volume\n"
PRICE = "100,101,99,100.5,1000"


def read(folder: Path, text: str, **options: object) -> Normalised:
    (folder / "x.csv").write_text(text)
    return bars_from_file(folder / "x.csv", "X", **options)  # type: ignore[arg-type]


def table(*rows: str, header: str = HEADER) -> str:
    return header + "".join(f"2020-02-{day:02d},{row}\n" for day, row in enumerate(rows, 3))


@pytest.mark.parametrize(
    "zeros",
    ["0,0,0,0,0", "0.00,0.00,0.00,0.00,0", "-0,0,0,-0.0,0", "0,0,0,0,", "0e0,0,0,0,0.0"],
)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_row_of_zeros_among_prices_is_a_missing_bar(
    tmp_path: Path, zeros: str, place: int
) -> None:
    rows = [PRICE] * 4
    rows.insert(place, zeros)
    bars, quarantine = read(tmp_path, table(*rows))
    assert bars["close"].to_list() == [100.5] * 4
    assert quarantine.select("reason", "line").rows() == [("missing_price", place + 2)]
    assert "found zeros in place of prices" in quarantine["message"][0]


def test_several_rows_of_zeros_in_a_row_are_missing_bars(tmp_path: Path) -> None:
    zeros = "0,0,0,0,0"
    bars, quarantine = read(tmp_path, table(zeros, zeros, PRICE, zeros, zeros, PRICE, zeros))
    assert (bars.height, quarantine.height) == (2, 5)
    assert read(tmp_path, table(zeros, zeros)).bars.is_empty()


def test_a_zero_among_single_prices_is_a_missing_bar(tmp_path: Path) -> None:
    rows = ["100.5", "101", "0", "100.25", "0.0", "99.75"]
    bars, quarantine = read(tmp_path, table(*rows, header="date,close\n"))
    assert bars["close"].to_list() == [100.5, 101.0, 100.25, 99.75]
    assert quarantine["reason"].to_list() == ["missing_price"] * 2


@pytest.mark.parametrize(
    "rows",
    [
        ["0.05", "0.02", "0.00", "0.01", "0.04"],  # a rate at the zero bound
        ["-12.5", "-3.25", "0", "4.5", "11.75"],  # a spread
        ["30.5", "10.01", "0", "-37.63", "10.01"],  # WTI in April 2020
    ],
)
def test_a_zero_that_may_be_a_price_stays_one(tmp_path: Path, rows: list[str]) -> None:
    bars, quarantine = read(tmp_path, table(*rows, header="date,close\n"))
    assert bars["close"].to_list() == [float(row) for row in rows]
    assert quarantine.is_empty()


@pytest.mark.parametrize("row", ["0,0,0,0,1000", "-1,0,-2,-1,0", "0,101,0,100,0", "0,0,-1,0,0"])
def test_other_prices_of_zero_or_less_stay_as_they_are(tmp_path: Path, row: str) -> None:
    bars, quarantine = read(tmp_path, table(PRICE, row, PRICE))
    assert bars.height == 3
    assert quarantine.is_empty()


def test_a_volume_of_zero_and_one_that_is_not_given_are_told_apart(tmp_path: Path) -> None:
    prices = PRICE.removesuffix("1000")
    rows = [f"{prices}{volume}" for volume in ("500", "0", "", "NaN", "n/a", "250")]
    bars, quarantine = read(tmp_path, table(*rows))
    assert bars["volume"].to_list() == [500.0, 0.0, None, None, None, 250.0]
    assert quarantine.is_empty()
    series = SeriesConfig(symbol="X", provider="csv", start=date(2020, 1, 1))
    found = {item.check: item.count for item in value_findings(bars, series.quality)}
    assert (found["zero_volume"], found["missing_volume"]) == (1, 3)
    assert Bars.from_frame(bars).volume.tolist() == [500.0, 0.0, 0.0, 0.0, 0.0, 250.0]


def test_a_series_without_volumes_lacks_none(tmp_path: Path) -> None:
    bars, _ = read(tmp_path, table("100", "101", header="date,close\n"))
    assert bars["volume"].to_list() == [None, None]
    series = SeriesConfig(symbol="X", provider="csv", start=date(2020, 1, 1))
    assert not any(item.count for item in value_findings(bars, series.quality))


def test_prices_in_32nds_become_decimals_and_volumes_keep_their_thousands(tmp_path: Path) -> None:
    rows = ["110'165,110'17+,110'16,110'167,1'000", "110-165,111-00,110-16+,110-24,2'500'000"]
    bars, quarantine = read(tmp_path, table(*rows))
    assert quarantine.is_empty()
    assert bars.select("open", "high", "low", "close", "volume").rows() == [
        (110.515625, 110.546875, 110.5, 110.5234375, 1000.0),
        (110.515625, 111.0, 110.515625, 110.75, 2_500_000.0),
    ]


def test_a_price_that_is_neither_32nds_nor_thousands_is_refused(tmp_path: Path) -> None:
    rows = ["110'165,110'17+,110'16,110'169,10", "110'165,110'40,110'16,110'16,10"]
    bars, quarantine = read(tmp_path, table(*rows))
    assert bars.is_empty()
    assert quarantine["reason"].to_list() == ["text_cell"] * 2


def test_swiss_thousands_are_read_as_ever_and_can_be_told(tmp_path: Path) -> None:
    rows = ["1'234.50,1'240,1'230,1'235,1'000", "1'235,1'240,1'230,1'235,1'000"]
    bars, _ = read(tmp_path, table(*rows))
    assert bars["close"].to_list() == [1235.0, 1235.0]
    whole = ["11'234,11'240,11'230,11'235,10"]
    assert read(tmp_path, table(*whole)).bars.is_empty()
    assert read(tmp_path, table(*whole), ticks=False).bars["close"].to_list() == [11235.0]
