"""Futures: calendars, curves, continuous series, and what a holder earns."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mc_assets.market_data import BarStore, MarketDataError, ingest_raw, load_series, normalise_year
from mc_assets.market_data.futures import (
    RollRule,
    continuous,
    continuous_bars,
    held_contracts,
    holding_pnl,
    read_curve,
    read_expiries,
)
from mc_assets.market_data.futures.contracts import parse_contract
from mc_assets.market_data.futures.curve_store import load_curve, store_curve

EXPIRIES = """contract,last_trade_date
XF20,2020-01-03
XG20,2020-01-08
XH20,2020-02-10
"""
# Days 2, 3, 6, 7, 8, 9 January; F expires on the 3rd, G on the 8th.
LONG = """date,contract,settle,volume
2020-01-02,XF20,100,90
2020-01-02,XG20,110,95
2020-01-03,XF20,101,80
2020-01-03,XG20,112,99
2020-01-06,XG20,113,90
2020-01-06,XH20,120,10
2020-01-07,XG20,115,50
2020-01-07,XH20,121,60
2020-01-08,XG20,114,20
2020-01-08,XH20,123,90
2020-01-09,XH20,125,90
"""


@pytest.fixture
def expiries(tmp_path: Path) -> pl.DataFrame:
    (tmp_path / "expiries.csv").write_text(EXPIRIES)
    return read_expiries(tmp_path / "expiries.csv", "X")


@pytest.fixture
def curve(tmp_path: Path, expiries: pl.DataFrame) -> pl.DataFrame:
    (tmp_path / "curve.csv").write_text(LONG)
    found = read_curve(tmp_path / "curve.csv", expiries, "X")
    assert found.quarantine.is_empty()
    return found.rows


@pytest.fixture(scope="module")
def crude(reference: Path) -> pl.DataFrame:
    folder = reference / "data/futures"
    expiries = read_expiries(folder / "rtl_expiry_table.csv", "CL")
    return read_curve(folder / "rtl_cl_generic_settle_2007_2016.csv", expiries, "CL").rows


def test_the_curve_knows_days_and_rank(curve: pl.DataFrame) -> None:
    first = curve.filter(pl.col("date") == date(2020, 1, 3))
    assert first["contract"].to_list() == ["XF2020", "XG2020"]
    assert first["days"].to_list() == [0, 5]
    assert first["rank"].to_list() == [1, 2]
    assert curve.filter(pl.col("date") == date(2020, 1, 6))["rank"].to_list() == [1, 2]


def test_every_layout_gives_the_same_curve(
    tmp_path: Path, expiries: pl.DataFrame, curve: pl.DataFrame
) -> None:
    wide = {
        "contracts.csv": "date,XF20,XG20,XH20\n2020-01-02,100,110,\n2020-01-03,101,112,\n"
        "2020-01-06,,113,120\n2020-01-07,,115,121\n2020-01-08,,114,123\n2020-01-09,,,125\n",
        "nearby.csv": "Date,X01,X02\n2020-01-02,100,110\n2020-01-03,101,112\n2020-01-06,113,120\n"
        "2020-01-07,115,121\n2020-01-08,114,123\n2020-01-09,125,\n",
        "numbered.csv": ",date,X c1,X c2\n1,2020-01-02,100,110\n2,2020-01-03,101,112\n"
        "3,2020-01-06,113,120\n4,2020-01-07,115,121\n5,2020-01-08,114,123\n6,2020-01-09,125,\n",
        "bloomberg.csv": "Date,X1 Comdty,X2 Comdty\n2020-01-02,100,110\n2020-01-03,101,112\n"
        "2020-01-06,113,120\n2020-01-07,115,121\n2020-01-08,114,123\n2020-01-09,125,\n",
        "expiry.csv": LONG.replace("contract", "Expiry").replace("XF20", "2020-01-03").replace(
            "XG20", "2020-01-08").replace("XH20", "2020-02-10"),
        "months.csv": LONG.replace("XF20", "202001").replace("XG20", "202002").replace(
            "XH20", "202003"
        ),
    }  # fmt: skip
    for name, text in wide.items():
        (tmp_path / name).write_text(text)
        found = read_curve(tmp_path / name, expiries, "X")
        assert found.quarantine.is_empty()
        assert found.rows.drop("volume").equals(curve.drop("volume"))


def test_a_roll_on_the_last_trade_date_holds_the_next_contract_overnight(
    curve: pl.DataFrame,
) -> None:
    held = held_contracts(curve, RollRule())
    assert held["contract"].to_list() == ["XF2020", *["XG2020"] * 3, *["XH2020"] * 2]


def test_a_roll_days_before_expiry_counts_trading_days(curve: pl.DataFrame) -> None:
    held = held_contracts(curve, RollRule(days=1))
    assert held["contract"].to_list() == [*["XG2020"] * 3, *["XH2020"] * 3]


def test_a_volume_roll_follows_the_busier_contract_and_never_goes_back(
    curve: pl.DataFrame,
) -> None:
    held = held_contracts(curve, RollRule(rule="volume"))
    assert held["contract"].to_list() == [*["XG2020"] * 3, *["XH2020"] * 3]


def test_holding_earns_the_contracts_changes_and_not_the_jump(curve: pl.DataFrame) -> None:
    # By hand: F 100 to 101; G 112 to 113, 115, 114; H 123 to 125.
    pnl = holding_pnl(curve, multiplier=10.0)
    assert pnl["pnl"].to_list() == [0.0, 10.0, 10.0, 20.0, -10.0, 20.0]
    assert pnl["cumulative"][-1] == 50.0
    assert pnl["rolled"].to_list() == [False, True, False, False, True, False]
    paid = holding_pnl(curve, multiplier=10.0, contracts=-2.0, cost=1.5)
    assert paid["cumulative"][-1] == -2 * 50.0 - 2 * 2 * 2 * 1.5


def test_difference_adjustment_moves_as_the_holder_earns(curve: pl.DataFrame) -> None:
    series = continuous(curve, adjust="difference")
    # Gaps: 112 - 101 = 11 on the 3rd, 123 - 114 = 9 on the 8th.
    assert series["price"].to_list() == [120.0, 121.0, 122.0, 124.0, 123.0, 125.0]
    assert series["price"].diff().drop_nulls().to_list() == holding_pnl(curve)["pnl"][1:].to_list()


def test_ratio_adjustment_keeps_the_holders_returns(curve: pl.DataFrame) -> None:
    price = continuous(curve, adjust="ratio")["price"].to_numpy()
    returns = np.array([101 / 100, 113 / 112, 115 / 113, 114 / 115, 125 / 123])
    assert price[1:] / price[:-1] == pytest.approx(returns, rel=1e-14)
    assert price[-1] == 125.0


def test_unadjusted_prices_are_the_contracts_own(curve: pl.DataFrame) -> None:
    assert continuous(curve)["price"].to_list() == [100.0, 112.0, 113.0, 115.0, 123.0, 125.0]


def test_ratio_adjustment_refuses_a_negative_price(tmp_path: Path, expiries: pl.DataFrame) -> None:
    (tmp_path / "curve.csv").write_text(LONG.replace("XG20,115", "XG20,-37.63"))
    curve = read_curve(tmp_path / "curve.csv", expiries, "X").rows
    message = "XG2020 on 2020-01-07: found the price -37.63, allowed > 0 for ratio adjustment"
    with pytest.raises(MarketDataError, match=message):
        continuous(curve, adjust="ratio")
    assert continuous(curve, adjust="difference").height == 6


def test_crude_oil_agrees_with_a_loop_over_the_wide_file(
    reference: Path, crude: pl.DataFrame
) -> None:
    # Independent: the file's own columns and the expiry dates, no curve table.
    folder = reference / "data/futures"
    wide = pl.read_csv(folder / "rtl_cl_generic_settle_2007_2016.csv", try_parse_dates=True)
    table = pl.read_csv(folder / "rtl_expiry_table.csv", try_parse_dates=True)
    ends = table.filter(pl.col("tick.prefix") == "CL")["Last.Trade"].sort().to_list()
    total = 0.0
    rows = wide.rows()
    for before, today in pairwise(rows):
        front = sum(end < before[0] for end in ends)
        rolled = before[0] in ends  # its last day: the next contract is held overnight
        now = sum(end < today[0] for end in ends)
        contract = front + rolled
        total += today[1 + contract - now] - before[1 + contract - front]
    pnl = holding_pnl(crude)
    assert pnl["cumulative"][-1] == pytest.approx(total, abs=1e-9)
    # The spot went from 61.05 to 53.72; the holder lost far more to contango.
    assert pnl["cumulative"][-1] < -50.0
    assert int(pnl["rolled"].sum()) == 120


def test_a_curve_cell_that_is_text_is_named(tmp_path: Path, expiries: pl.DataFrame) -> None:
    (tmp_path / "curve.csv").write_text("date,X01,X02\n2020-01-02,100,abc\n2020-01-03,101,112\n")
    found = read_curve(tmp_path / "curve.csv", expiries, "X")
    assert found.rows.height == 3
    assert found.quarantine["message"].to_list() == [
        "curve.csv line 2, column X02: found 'abc', allowed a number"
    ]


def test_a_contract_without_expiry_is_quarantined(tmp_path: Path, expiries: pl.DataFrame) -> None:
    (tmp_path / "curve.csv").write_text("date,XF20,XZ20\n2020-01-02,100,130\n")
    found = read_curve(tmp_path / "curve.csv", expiries, "X")
    assert found.rows["contract"].to_list() == ["XF2020"]
    assert found.quarantine["reason"].to_list() == ["bad_contract"]


def test_an_expiry_table_of_a_data_frame_is_read(tmp_path: Path, expiries: pl.DataFrame) -> None:
    (tmp_path / "frame.csv").write_text(
        "root,Year,Month,Last.Trade\nx,2020.0,1.0,2020-01-03\nx,2020.0,2.0,2020-01-08\n"
        "x,2020.0,3.0,2020-02-10\nx,2020.0,3.0,2020-02-10\nY,,,\n"
    )
    assert read_expiries(tmp_path / "frame.csv", "X").equals(expiries)


@pytest.mark.parametrize(
    ("text", "root", "message"),
    [
        (EXPIRIES, "Y", "line 2, column contract: found 'XF20', allowed a contract such as YG07"),
        (EXPIRIES.replace("2020-01-08", "soon"), "X", "line 3, column last_trade_date: found 's"),
        (EXPIRIES + "XF20,2020-01-04\n", "X", "found XF2020 more than once"),
        ("a,b\nXF20,x\n", "X", "found columns a, b, allowed a last trade date"),
    ],
)
def test_a_wrong_expiry_table_is_one_sentence(
    tmp_path: Path, text: str, root: str, message: str
) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(MarketDataError, match=message):
        read_expiries(tmp_path / "e.csv", root)


def test_a_continuous_series_becomes_bars(curve: pl.DataFrame) -> None:
    bars = continuous_bars(continuous(curve), "X")
    assert bars["close"].to_list() == [100.0, 112.0, 113.0, 115.0, 123.0, 125.0]
    assert bars["timestamp"][0] == datetime(2020, 1, 1, 23, tzinfo=UTC)


def test_a_futures_series_is_ingested_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "expiries.csv").write_text(EXPIRIES)
    (tmp_path / "curve.csv").write_text(LONG)
    (tmp_path / "series.yaml").write_text(
        "series:\n  - symbol: X\n    provider: futures\n    exchange: CMES\n"
        "    start: 2020-01-02\n    end: 2020-01-09\n    options:\n"
        "      {path: curve.csv, expiries: expiries.csv, adjust: difference, roll: {days: 0}}\n"
    )
    config, root = load_series(tmp_path / "series.yaml"), tmp_path / "data"
    ingest_raw(config, "X@1d", 2020, root)
    result = normalise_year(config, "X@1d", 2020, root)
    assert (result.rows, result.quarantined) == (6, 0)
    assert BarStore(root).read("X", "1d")["close"][0] == 120.0
    store_curve(config, "X@1d", root)
    assert load_curve(root, "X").height == 11


@pytest.mark.parametrize(
    ("change", "bars", "reason", "message"),
    [
        (("XG20,115,50", "XG20,#REF!,50"), 5, "text_cell", "line 8, column settle: found '#REF!'"),
        (("XG20,115,50", "XG20,inf,50"), 5, "non_finite", "line 8, column settle: found 'inf'"),
        (("XG20,115,50", "XG20,115,much"), 6, "text_cell", "line 8, column volume: found 'much'"),
        (("XG20,115,50", "XG20,115,-5"), 6, "negative_volume", "column volume: found '-5'"),
        (("XG20,115,50", "XG20,115,50,7"), 5, "bad_row", "line 8, found surplus cells '7'"),
        (("2020-01-07,XG20", "soon,XG20"), 5, "bad_timestamp", "column date: found 'soon'"),
        (("XH20,121", "XZ20,121"), 6, "bad_contract", "of the contract 'XZ2020', allowed one of"),
        (("XH20,121", "XF20,121"), 6, "bad_contract", "XF2020 on 2020-01-07, after its last trad"),
        (("XH20,121", "XG20,121"), 6, "repeated_timestamp", "line 9, .* XG2020 again on 2020-01"),
        (("XG20,115,50", "XG20,n/a,50"), 5, None, None),
        (("XG20,115,50", 'XG20,"1,115.0",50'), 6, None, None),
        (("XG20,115,50", "XG20,-37.63,50"), 6, None, None),
    ],
)
def test_a_bad_cell_of_a_curve_is_quarantined_and_the_rest_lands(
    tmp_path: Path, change: tuple[str, str], bars: int, reason: str | None, message: str | None
) -> None:
    (tmp_path / "expiries.csv").write_text(EXPIRIES)
    assert LONG.count(change[0]) == 1
    (tmp_path / "curve.csv").write_text(LONG.replace(*change))
    (tmp_path / "series.yaml").write_text(
        "series:\n  - {symbol: X, provider: futures, exchange: CMES, start: 2020-01-02,\n"
        "     end: 2020-01-09, options: {path: curve.csv, expiries: expiries.csv}}\n"
    )
    config, root = load_series(tmp_path / "series.yaml"), tmp_path / "data"
    ingest_raw(config, "X@1d", 2020, root)
    result = normalise_year(config, "X@1d", 2020, root)
    quarantine = BarStore(root).quarantine("X", "1d")
    assert result.rows == bars
    assert quarantine["reason"].to_list() == ([reason] if reason else [])
    assert not ingest_raw(config, "X@1d", 2020, root).changed
    if message:
        assert quarantine["file"].to_list() == ["curve.csv"]
        assert re.search(message, quarantine["message"][0]), quarantine["message"][0]
    else:
        gap = next(check for check in result.checks if check.check == "gap")
        assert gap.count == 6 - bars


def test_a_roll_without_a_price_moves_to_a_day_that_has_both(
    tmp_path: Path, expiries: pl.DataFrame
) -> None:
    def held(text: str) -> list[str]:
        (tmp_path / "curve.csv").write_text(text)
        series = continuous(read_curve(tmp_path / "curve.csv", expiries, "X").rows)
        assert series["settle"].null_count() == 0
        return [name[1] for name in series["contract"]]

    assert held(LONG) == ["F", "G", "G", "G", "H", "H"]
    # Rolled a day before: the next contract has no price on the last trade date.
    assert held(LONG.replace("2020-01-03,XG20,112,99\n", "")) == ["G", "G", "G", "H", "H"]
    assert held(LONG.replace("08,XG20,114", "08,XG20,-")) == ["F", "G", "G", "H", "H", "H"]
    curve = read_curve(tmp_path / "curve.csv", expiries, "X").rows
    # F 100 to 101; G 112 to 113, 115; H 121 to 123, 125.
    assert holding_pnl(curve)["pnl"].to_list() == [0.0, 1.0, 1.0, 2.0, 2.0, 2.0]


def test_contracts_that_never_trade_together_cannot_be_joined(
    tmp_path: Path, expiries: pl.DataFrame
) -> None:
    text = "date,XF20,XG20\n2020-01-02,100,\n2020-01-03,101,\n2020-01-06,,113\n"
    (tmp_path / "curve.csv").write_text(text)
    curve = read_curve(tmp_path / "curve.csv", expiries, "X").rows
    with pytest.raises(MarketDataError, match="XG2020: found no day with a price of it and of XF2"):
        continuous(curve)


@pytest.mark.parametrize(
    ("code", "name"),
    [("CLG07", "CLG2007"), ("G2007", "CLG2007"), ("200702", "CLG2007"), ("2007-02", "CLG2007"),
     ("Feb-07", "CLG2007"), ("FEB 2007", "CLG2007"), ("CLG07.NYM", "CLG2007"), ("CLZ99", "CLZ1999"),
     ("NGG07", None), ("2007-13", None), ("soon", None)],
)  # fmt: skip
def test_a_contract_is_known_by_every_common_code(code: str, name: str | None) -> None:
    assert parse_contract(code, "CL") == name


def test_a_maturity_may_be_the_last_trade_date_and_stand_before_the_date(
    tmp_path: Path, expiries: pl.DataFrame, curve: pl.DataFrame
) -> None:
    text = LONG.replace("contract", "maturity").replace("XF20", "2020-01-03")
    text = text.replace("XG20", "2020-01-08").replace("XH20", "2020-02-10")
    turned = [",".join([row.split(",")[1], row.split(",")[0], *row.split(",")[2:]])
              for row in text.splitlines()]  # fmt: skip
    (tmp_path / "curve.csv").write_text("\n".join(turned))
    assert read_curve(tmp_path / "curve.csv", expiries, "X").rows.equals(curve)
