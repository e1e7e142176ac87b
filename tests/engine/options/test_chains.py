"""Chains of many layouts become one table, in which nothing is lost and nothing seen too early."""

from __future__ import annotations

import datetime
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc

SPX = "data/options/lean_spx_chain_20151222.csv"
ES = "data/options/lean_es_futures_option_quotes_20200106.csv"
CLOSE = datetime.datetime(2024, 1, 2, 21, 0, tzinfo=datetime.UTC)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def quotes(chain: mc.OptionChain) -> list[tuple]:
    return chain.frame.select("timestamp", "expiry", "strike", "right", "bid", "ask").rows()


EXPECTED = [
    (CLOSE, datetime.date(2024, 2, 16), 470.0, "call", 12.1, 12.2),
    (CLOSE, datetime.date(2024, 2, 16), 470.0, "put", 6.4, 6.5),
]
LONG = "quote_date,expiration,strike,option_type,bid,ask\n"
LAYOUTS = {
    # optopsy and most exports: a row per quote.
    "optopsy": "underlying_symbol,underlying_price,option_type,expiration,quote_date,strike,"
    "bid,ask\n"
    "SPY,472.65,c,2024-02-16,2024-01-02,470,12.1,12.2\n"
    "SPY,472.65,p,2024-02-16,2024-01-02,470,6.4,6.5\n",
    # OptionsDX: a row per strike, brackets around names and blanks behind commas.
    "optionsdx": "[QUOTE_READTIME], [UNDERLYING_LAST], [EXPIRE_DATE], [C_BID], [C_ASK], [STRIKE], "
    "[P_BID], [P_ASK]\n"
    "2024-01-02 16:00, 472.65, 2024-02-16, 12.1, 12.2, 470, 6.4, 6.5\n",
    # ORATS: a row per strike, American dates.
    "orats": "ticker,stkPx,expirDate,strike,cBidPx,cAskPx,pBidPx,pAskPx,trade_date\n"
    "SPY,472.65,02/16/2024,470,12.1,12.2,6.4,6.5,01/02/2024\n",
    # OptionMetrics: strikes in thousandths, days as numbers.
    "optionmetrics": "date,exdate,cp_flag,strike_price,best_bid,best_offer\n"
    "20240102,20240216,C,470000,12.1,12.2\n20240102,20240216,P,470000,6.4,6.5\n",
    "semicolons": "date;expiry;strike;right;bid;ask\n"
    "2024-01-02T21:00:00Z;2024-02-16;470;CALL;12.1;12.2\n"
    "2024-01-02T21:00Z;2024-02-16;470;Put;6.4;6.5\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_vendors_become_the_same_rows(layout, tmp_path):
    chain = mc.read_option_chain(written(tmp_path / "chain.csv", LAYOUTS[layout]))
    assert quotes(chain) == EXPECTED
    assert chain.counts == {}


def test_cboes_file_is_read_at_the_time_of_its_volatilities(tmp_path):
    text = (
        "underlying_symbol,quote_date,root,expiration,strike,option_type,open,close,bid_size_1545,"
        "bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,"
        "implied_volatility_1545,delta_1545,bid_eod,ask_eod\n"
        "^SPX,2024-01-02,SPX,2024-02-16,4700,C,1,2,5,121.0,7,122.0,4740.0,4741.0,0.12,0.6,99,98\n"
    )
    chain = mc.read_option_chain(written(tmp_path / "eod.csv", text))
    (row,) = chain.frame.to_dicts()
    assert row["timestamp"] == CLOSE - datetime.timedelta(minutes=15)
    assert (row["bid"], row["ask"], row["bid_size"]) == (121.0, 122.0, 5.0)
    assert row["underlying_price"] == 4740.5
    assert (row["implied_volatility"], row["delta"]) == (0.12, 0.6)
    assert row["vega"] > 0.0  # computed: the file has none


def test_a_put_of_orats_has_its_own_delta(tmp_path):
    text = (
        LAYOUTS["orats"]
        .replace("trade_date\n", "trade_date,delta\n")
        .replace("2024\n", "2024,0.58\n")
    )
    chain = mc.read_option_chain(written(tmp_path / "orats.csv", text))
    assert chain.frame["delta"].to_list() == [0.58, pytest.approx(-0.42)]


LEAN = "72000000,1216000,1216000,1216000,{},10,1217000,1217000,1217000,{},12\n"


def lean_archive(path: Path, scale: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for right, bid, ask in (("call", 12.1, 12.2), ("put", 6.4, 6.5)):
            name = f"20240102_spy_minute_quote_american_{right}_4700000_20240216.csv"
            row = LEAN.format(f"{bid * scale:.1f}", f"{ask * scale:.1f}")
            archive.writestr(name, row.replace("72000000", "57540000"))
            archive.writestr(name.replace("quote", "trade"), "57540000,1,1,1,1,1\n")
    return path


@pytest.mark.parametrize(("folder", "scale"), [("option", 10_000), ("futureoption", 1)])
def test_an_archive_of_leans_quotes_is_read_at_the_end_of_its_minutes(folder, scale, tmp_path):
    archive = lean_archive(tmp_path / folder / "20240102_quote_american.zip", scale)
    chain = mc.read_option_chain(archive)
    assert quotes(chain) == EXPECTED
    assert chain.frame["underlying"].unique().to_list() == ["SPY"]


def test_days_in_an_archive_and_files_in_a_folder_are_read_together(tmp_path):
    other = LAYOUTS["optopsy"].replace("2024-01-02", "2024-01-03")
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        archive.writestr("2024-01-02.csv", LAYOUTS["optopsy"])
        archive.writestr("2024-01-03.csv", other)
        archive.writestr("readme.md", "notes")
    folder = tmp_path / "days"
    folder.mkdir()
    (folder / "1.csv.gz").write_bytes(gzip.compress(LAYOUTS["optopsy"].encode()))
    pl.read_csv(io.StringIO(other)).write_parquet(folder / "2.parquet")
    zipped, files = (mc.read_option_chain(place) for place in (tmp_path / "both.zip", folder))
    assert len(zipped.timestamps) == 2
    assert quotes(zipped) == quotes(files)


def test_days_are_those_of_the_zone_that_is_given(tmp_path):
    text = f"{LONG}2024-01-02 09:30,2024-01-05,470,call,12.1,12.2\n"
    text += "2024-01-05 15:50,2024-01-05,470,call,12.1,12.2\n"
    chain = mc.read_option_chain(written(tmp_path / "c.csv", text), zone="Asia/Tokyo")
    assert chain.counts == {}
    assert chain.frame["timestamp"][0].hour == 0  # 09:30 in Tokyo
    assert chain.frame["expires"][0].hour == 7
    assert chain.at("2024-01-02").nearest_expiry(3, window=(3, 3)) == datetime.date(2024, 1, 5)


# --- quotes that cannot be used ----------------------------------------------------------------

BROKEN = {
    "missing": "2024-01-02,2024-02-16,471,call,,3.0",
    "crossed": "2024-01-02,2024-02-16,472,call,3.1,3.0",
    "negative": "2024-01-02,2024-02-16,473,call,-0.1,3.0",
    "expired": "2024-01-02,2024-01-01,470,call,2.9,3.0",
    "unreadable": "2024-01-02,2024-02-16,470,straddle,2.9,3.0",
    "duplicate": "2024-01-02,2024-02-16,470,call,9.0,9.1",
}


IMPOSSIBLE = {
    "two thousand years": "2024-01-02,4025-02-16,470,call,2.9,3.0",
    "a huge strike": "2024-01-02,2024-02-16,1e308,call,2.9,3.0",
    "a strike of next to nothing": "2024-01-02,2024-02-16,1e-320,call,2.9,3.0",
    "a huge price": "2024-01-02,2024-02-16,470,call,2.9,1e308",
}


@pytest.mark.parametrize("exercise", ["european", "american"])
def test_numbers_that_no_option_has_are_set_aside_before_anything_grows_by_them(exercise, tmp_path):
    good = "2024-01-02,2024-02-16,470,call,12.1,12.2\n2024-01-02,2024-02-16,470,put,6.4,6.5\n"
    rows = "\n".join(
        [*IMPOSSIBLE.values(), *(row.replace("call", "put") for row in IMPOSSIBLE.values())]
    )
    file = written(tmp_path / "c.csv", f"{LONG}{rows}\n{good}")
    chain = mc.read_option_chain(file, exercise=exercise)
    assert chain.counts == {"impossible": 2 * len(IMPOSSIBLE)}
    assert len(chain) == 2


@pytest.mark.parametrize("reason", BROKEN)
def test_a_quote_that_cannot_be_used_is_set_aside_with_its_reason(reason, tmp_path):
    good = "2024-01-02,2024-02-16,470,call,12.1,12.2\n"
    chain = mc.read_option_chain(written(tmp_path / "c.csv", f"{LONG}{BROKEN[reason]}\n{good}"))
    assert chain.counts == {reason: 1}
    assert quotes(chain) == EXPECTED[:1]
    assert len(chain.set_aside) == 1


def test_an_old_quote_is_stale_where_the_file_says_how_old_it_is(tmp_path):
    text = LONG.replace("ask\n", "ask,quote_age_s\n")
    text += (
        "2024-01-02,2024-02-16,470,call,12.1,12.2,3\n2024-01-02,2024-02-16,470,put,6.4,6.5,900\n"
    )
    file = written(tmp_path / "c.csv", text)
    assert mc.read_option_chain(file).counts == {"stale": 1}
    assert mc.read_option_chain(file, stale_after=1000.0).counts == {}


def test_an_option_without_a_bid_is_kept_and_counted_and_has_no_volatility(tmp_path):
    text = f"{LONG}2024-01-02,2024-02-16,470,call,0,0.05\n2024-01-02,2024-02-16,470,put,6.4,6.5\n"
    chain = mc.read_option_chain(written(tmp_path / "c.csv", text))
    assert chain.counts == {"zero bid": 1}
    assert chain.frame["implied_volatility"][0] is None


def test_a_file_of_closing_prices_says_that_nothing_is_known_of_spreads(tmp_path):
    text = "date,expiry,strike,right,close\n2024-01-02,2024-02-16,470,call,12.1\n"
    chain = mc.read_option_chain(written(tmp_path / "c.csv", text))
    assert chain.counts == {"one price": 1}


CELL = st.sampled_from(["", "0", "-1", "2.5", "3.5", "nan", "x"])
ROW = st.tuples(
    st.sampled_from(["2024-01-02", "2024-03-01", "", "soon"]),
    st.sampled_from(["2024-02-16", "2024-04-19", "?"]),
    st.sampled_from(["100", "105", "-5", ""]),
    st.sampled_from(["C", "put", "x"]),
    CELL,
    CELL,
)


@settings(deadline=None)
@given(st.lists(ROW, max_size=12))
def test_every_row_of_a_file_is_either_used_or_set_aside(rows):
    table = [("2024-01-02", "2024-02-16", "95", "call", "6", "7"), *rows]
    names = ("quote_date", "expiration", "strike", "option_type", "bid", "ask")
    chain = mc.OptionChain.from_frame(pl.DataFrame(table, schema=names, orient="row"))
    assert len(chain) + len(chain.set_aside) == len(table)
    used = chain.frame
    assert (used["bid"] <= used["ask"]).all()
    assert (used["bid"] >= 0.0).all()
    key = used.select("timestamp", "expiry", "strike", "right")
    assert key.is_unique().all()
    assert key.equals(key.sort("timestamp", "expiry", "strike", "right"))
    assert set(chain.counts) - {"zero bid", "one price"} == set(chain.set_aside["reason"])


# --- volatilities and greeks -------------------------------------------------------------------


def made_chain(forward: float, rate: float, volatility: float, days=(30, 90)) -> mc.OptionChain:
    """Quotes around prices of Black's formula."""
    rows = []
    for left in days:
        expiry = datetime.date(2024, 1, 2) + datetime.timedelta(days=left)
        grown = forward * np.exp(0.02 * left / 365)
        for strike in np.arange(0.8, 1.25, 0.05) * forward:
            for right in ("call", "put"):
                value = mc.black76(
                    grown, strike, left / 365, volatility, rate=rate, call=right == "call"
                ).price
                half = 0.001 * float(value)
                rows.append((CLOSE, expiry, strike, right, value - half, value + half))
    names = ("timestamp", "expiry", "strike", "right", "bid", "ask")
    return mc.OptionChain.from_frame(pl.DataFrame(rows, schema=names, orient="row"))


@settings(deadline=None, max_examples=20)
@given(st.floats(20.0, 5000.0), st.floats(0.0, 0.08), st.floats(0.1, 0.8))
def test_forward_rate_and_volatility_come_back_from_prices(forward, rate, volatility):
    chain = made_chain(forward, rate, volatility)
    years = chain.frame["years"].to_numpy()
    found = {name: chain.frame[name].to_numpy() for name in ("forward", "rate")}
    assert np.allclose(found["forward"], forward * np.exp(0.02 * years), rtol=1e-4)
    assert np.allclose(found["rate"], rate, atol=2e-3)
    near = chain.frame.filter(pl.col("delta").abs().is_between(0.1, 0.9))
    assert np.allclose(near["implied_volatility"].to_numpy(), volatility, rtol=5e-3)


def test_an_expiry_between_others_lies_on_the_line_of_their_forwards():
    chain = made_chain(100.0, 0.03, 0.2, days=(30, 60, 90))
    middle = datetime.date(2024, 1, 2) + datetime.timedelta(days=60)
    lone = chain.frame.filter((pl.col("expiry") != middle) | (pl.col("right") == "call"))
    again = mc.OptionChain.from_frame(lone.select(*chain.frame.columns[:8]))
    found = again.frame.filter(pl.col("expiry") == middle)
    assert found["forward"][0] == pytest.approx(100.0 * np.exp(0.02 * 60 / 365), rel=1e-4)
    assert found["implied_volatility"].to_numpy() == pytest.approx(0.2, rel=2e-2)


def test_quotes_on_a_future_imply_the_price_that_it_was_quoted_at(reference):
    chain = mc.read_option_chain(reference / ES, underlying="202003")
    # Middle of the future's own quotes at the two instants.
    forwards = chain.frame["forward"].unique().sort().to_list()
    assert forwards == pytest.approx([3225.625, 3239.625], abs=0.25)
    assert chain.counts == {"missing": 34}
    assert chain.frame["implied_volatility"].is_between(0.05, 0.6).all()


def test_volatilities_of_an_index_are_near_those_that_the_file_states(reference):
    """It does not say at which rates and dividends; near the money and soon they hardly matter."""
    raw = pl.read_csv(reference / SPX)
    at = datetime.datetime(2015, 12, 22, 16, 15)
    stated = mc.OptionChain.from_frame(raw, as_of=at, underlying="SPX")
    bare = raw.drop("implied_volatility", "delta", "gamma", "vega", "theta", "rho")
    found = mc.OptionChain.from_frame(bare, as_of=at, underlying="SPX")
    key = ["expiry", "strike", "right"]
    both = stated.frame.select(*key, "years", "implied_volatility", "delta").join(
        found.frame.select(*key, "implied_volatility", "delta"), on=key
    )
    near = both.filter((pl.col("years") < 0.2) & pl.col("delta").abs().is_between(0.1, 0.9))
    assert len(near) == 19
    off = near["implied_volatility_right"] / near["implied_volatility"] - 1.0
    assert off.abs().max() < 0.07
    assert abs(off.mean()) < 0.03
    assert (near["delta_right"] - near["delta"]).abs().max() < 0.02


# --- what is chosen ----------------------------------------------------------------------------


def test_the_nearest_strike_by_itself_by_moneyness_and_by_delta():
    chain = made_chain(100.0, 0.0, 0.25)
    expiry = chain.nearest_expiry(40)
    assert expiry == datetime.date(2024, 2, 1)
    assert chain.nearest_strike(expiry, "put", strike=93.0) == pytest.approx(95.0)
    assert chain.nearest_strike(expiry, "call", moneyness=1.04) == pytest.approx(105.0)
    deltas = mc.black76(100.16, np.arange(80.0, 125.0, 5.0), 30 / 365, 0.25, call=False).delta
    wanted = np.arange(80.0, 125.0, 5.0)[np.abs(np.abs(deltas) - 0.2).argmin()]
    assert chain.nearest_strike(expiry, "put", delta=-0.2) == pytest.approx(wanted)


def test_nothing_after_an_instant_is_seen_at_it():
    early, late = made_chain(100.0, 0.0, 0.2), made_chain(120.0, 0.0, 0.4)
    day = datetime.timedelta(days=1)
    later = late.frame.with_columns(pl.col("timestamp") + day)
    columns = early.frame.columns[:8]
    both = pl.concat([early.frame.select(columns), later.select(columns)])
    chain = mc.OptionChain.from_frame(both)
    seen = chain.at(CLOSE + day / 2)
    assert seen.frame.equals(early.frame)
    assert chain.at("2024-01-02").frame.equals(seen.frame)
    assert len(chain.at(CLOSE + day)) == len(late)
    with pytest.raises(
        mc.Refusal, match="instant: found 2024-01-01T23:59Z, allowed from 2024-01-02"
    ):
        chain.at(datetime.date(2024, 1, 1))


# --- what cannot be read -----------------------------------------------------------------------

HOSTILE = {
    "no expiry": (
        "date,strike,right,bid,ask\n2024-01-02,1,c,1,2\n",
        "columns: found date, strike, right, bid, ask, allowed one for the expiry",
    ),
    "no strike": (
        "date,expiry,right,bid,ask\n2024-01-02,2024-02-16,c,1,2\n",
        "columns: found date, expiry, right, bid, ask, allowed one for the strike",
    ),
    "no right": (
        "date,expiry,strike,bid,ask\n2024-01-02,2024-02-16,1,1,2\n",
        "columns: found date, expiry, strike, bid, ask, allowed one for the right, or bid and ask "
        "of calls and of puts",
    ),
    "no prices": (
        "date,expiry,strike,right\n2024-01-02,2024-02-16,1,c\n",
        "columns: found date, expiry, strike, right, allowed bid and ask, or a price",
    ),
    "no time": (
        "expiry,strike,right,bid,ask\n2024-02-16,1,c,1,2\n",
        "columns: found expiry, strike, right, bid, ask, allowed one for the time of the quotes; "
        "or give `as_of`",
    ),
    "no dates": (
        f"{LONG}2024-01-02,next month,100,c,1,2\n",
        "expiry: found no row that can be read, allowed dates",
    ),
    "another unit": (
        "date,expiry,strike,right,bid,ask,underlying_price\n"
        "2024-01-02,2024-02-16,470000,c,1,2,470\n",
        "strike: found strikes around 1000 times the underlying's price, allowed strikes in the "
        "unit of prices",
    ),
    "nothing usable": (
        f"{LONG}2024-01-02,2024-02-16,100,c,3,2\n",
        "quotes: found 1 crossed, allowed one that can be used",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_chain_is_refused_in_one_sentence_that_names_it(name, tmp_path):
    text, sentence = HOSTILE[name]
    file = written(tmp_path / "chain.csv", text)
    with pytest.raises(mc.Refusal) as refusal:
        mc.read_option_chain(file)
    assert str(refusal.value) == f"{file}: {sentence}"


def test_other_things_that_are_no_chain_are_refused(tmp_path):
    with pytest.raises(mc.Refusal, match="no file or folder of that name"):
        mc.read_option_chain(tmp_path / "nothing.csv")
    with pytest.raises(
        mc.Refusal, match=r"path: found nothing that could be a chain, allowed files"
    ):
        mc.read_option_chain(tmp_path)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK nonsense")
    with pytest.raises(mc.Refusal, match=r"broken\.zip: content: cannot be read as \.zip"):
        mc.read_option_chain(broken)
    empty = written(tmp_path / "empty.csv", "")
    with pytest.raises(mc.Refusal, match=r"empty\.csv: content: cannot be read as \.csv"):
        mc.read_option_chain(empty)
    two = LAYOUTS["optopsy"].replace("SPY,472.65,p", "QQQ,472.65,p")
    with pytest.raises(
        mc.Refusal, match="underlying: found QQQ, SPY, allowed exactly one of QQQ, SPY"
    ):
        mc.read_option_chain(written(tmp_path / "two.csv", two))
    assert len(mc.read_option_chain(tmp_path / "two.csv", underlying="QQQ")) == 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda chain, day: chain.nearest_strike(day, "put"), "strike: found 0 of strike, moneyn"),
        (
            lambda chain, day: chain.nearest_strike(datetime.date(2030, 1, 1), "put", delta=0.2),
            "delta: found 0.2, allowed an expiry with quoted puts; not 2030-01-01",
        ),
        (
            lambda chain, day: chain.nearest_expiry(45, window=(40, 50)),
            "window: found 40 to 50 days, allowed one with an expiry: 30, 90 days",
        ),
        (lambda chain, day: chain.at("soon"), "instant: found 'soon', allowed an instant"),
        (
            lambda chain, day: mc.OptionChain.from_frame(chain.frame, zone="Mars"),
            "zone: found 'Mars', allowed an IANA zone",
        ),
        (
            lambda chain, day: mc.OptionChain.from_frame(chain.frame, stale_after=0.0),
            "stale_after: found 0.0, allowed more than 0 seconds",
        ),
    ],
)
def test_what_a_chain_does_not_hold_is_said_in_a_sentence(make, sentence):
    chain = made_chain(100.0, 0.0, 0.2)
    with pytest.raises(mc.Refusal) as refusal:
        make(chain, chain.expiries()[0])
    assert str(refusal.value).startswith(sentence)
