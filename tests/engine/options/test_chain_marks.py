"""Rows of quotes over time against a plain search, and what is filled at them."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.options.chain_marks import quote_fill

HOUR = 3_600_000_000
START = datetime.datetime(2024, 1, 2, 15, 0, tzinfo=datetime.UTC)
BASE = int(START.timestamp() * 1e6)
EXPIRY = datetime.date(2024, 1, 5)


def chain_of(rows) -> mc.OptionChain:
    """Quotes (hours, strike, bid, ask) of calls."""
    stamped = [
        (START + datetime.timedelta(hours=hours), EXPIRY, strike, "call", bid, ask)
        for hours, strike, bid, ask in rows
    ]
    names = ("timestamp", "expiry", "strike", "right", "bid", "ask")
    return mc.OptionChain.from_frame(pl.DataFrame(stamped, schema=names, orient="row"))


QUOTE = st.tuples(
    st.integers(0, 84),
    st.sampled_from([100.0, 105.0, 110.0]),
    st.sampled_from([0.0, 1.0, 2.0]),
    st.sampled_from([2.0, 2.5, 3.0]),
)


@settings(deadline=None)
@given(
    st.lists(QUOTE, min_size=1, max_size=25),
    st.lists(st.integers(-5, 120), min_size=1, max_size=15, unique=True).map(sorted),
    st.sampled_from([0, 3, 24, 1000]),
)
def test_each_cell_holds_the_newest_quote_that_is_known_and_not_too_old(rows, hours, stale):
    chain = chain_of(rows)
    found = mc.chain_marks(chain, BASE + np.array(hours) * HOUR, stale_after=stale * 3600.0)
    last = {}  # of several at an instant the last of the file counts
    for at, strike, bid, ask in rows:
        last[at, strike] = bid, ask
    closes = 78  # 16:00 in New York on the day of expiry
    seen = dict.fromkeys(("quoted", "zero bid", "stale", "missing", "expired"), 0)
    for c, (_, strike, _) in enumerate(found.contracts):
        for i, now in enumerate(hours):
            known = [at for at, k in last if k == strike and at <= now]
            fresh = bool(known) and now - max(known) <= stale
            if now > closes:
                seen["expired"] += 1
            elif not known:
                seen["missing"] += 1
            elif not fresh:
                seen["stale"] += 1
            if now <= closes and fresh:
                bid, ask = last[max(known), strike]
                seen["quoted"] += 1
                seen["zero bid"] += bid == 0.0
                assert (found.bid[c, i], found.ask[c, i]) == (bid, ask)
                assert found.mark[c, i] == 0.5 * (bid + ask)
            else:
                assert np.isnan([found.bid[c, i], found.ask[c, i], found.mark[c, i]]).all()
    assert found.counts == seen


def test_a_later_quote_changes_no_earlier_cell():
    rows = [(0, 100.0, 5.0, 5.2), (10, 100.0, 6.0, 6.2)]
    times = BASE + np.arange(30) * HOUR
    before = mc.chain_marks(chain_of(rows), times)
    after = mc.chain_marks(chain_of([*rows, (20, 100.0, 9.0, 9.2)]), times)
    assert np.array_equal(before.bid[:, :20], after.bid[:, :20], equal_nan=True)
    assert after.bid[0, 20] == 9.0


def test_contracts_come_in_the_order_that_was_asked_for():
    chain = chain_of([(0, 100.0, 5.0, 5.2), (0, 105.0, 2.0, 2.2), (0, 110.0, 1.0, 1.2)])
    wanted = [(EXPIRY, 110.0, "call"), (EXPIRY, 100.0, "call")]
    found = mc.chain_marks(chain, [BASE], wanted)
    assert found.contracts == wanted
    assert found.bid[:, 0].tolist() == [1.0, 5.0]
    assert found.delta.shape == found.implied_volatility.shape == (2, 1)


def test_fills_lie_between_the_middle_and_the_quote():
    found = mc.chain_marks(chain_of([(0, 100.0, 5.0, 5.4), (0, 105.0, 0.0, 0.2)]), [BASE])
    assert found.fills("buy", 1.0)[:, 0].tolist() == [5.4, 0.2]
    assert found.fills("sell", 1.0)[0, 0] == 5.0
    assert found.fills("buy", 0.0)[0, 0] == found.fills("sell", 0.0)[0, 0] == found.mark[0, 0]
    assert found.fills("buy", 0.5)[0, 0] == pytest.approx(5.3)
    assert np.isnan(found.fills("sell", 0.3)[1, 0])  # nobody bids


@given(st.floats(0.0, 10.0), st.floats(0.0, 2.0), st.booleans(), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_the_compiled_fill_is_that_of_the_rows(bid, spread, buys, crossed):
    rows = mc.ChainMarks([], np.zeros(0, np.int64), *(np.array([[x]]) for x in (bid, bid + spread)),
                         np.zeros((1, 1)), np.zeros((1, 1)), {})  # fmt: skip
    expected = rows.fills("buy" if buys else "sell", crossed)[0, 0]
    assert np.array_equal(quote_fill(bid, bid + spread, buys, crossed), expected, equal_nan=True)


def test_buying_and_selling_the_same_costs_the_share_of_the_spread():
    found = mc.chain_marks(chain_of([(0, 100.0, 5.0, 5.4)]), [BASE])
    cost = found.fills("buy", 0.6) - found.fills("sell", 0.6)
    assert cost[0, 0] == pytest.approx(0.6 * 0.4)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda chain: mc.chain_marks(chain, [2, 1]),
            "times: found some that do not ascend, allowed ascending instants",
        ),
        (
            lambda chain: mc.chain_marks(chain, [BASE], stale_after=-1.0),
            "stale_after: found -1.0, allowed 0 seconds or more",
        ),
        (
            lambda chain: mc.chain_marks(chain, [BASE], [(EXPIRY, 101.0, "call")]),
            "contracts: found 2024-01-05 101 call, allowed quoted ones; strikes of that day: 100",
        ),
        (
            lambda chain: mc.chain_marks(chain, [BASE]).fills("sell", 75.0),
            "crossed: found 75.0, allowed a share from 0 to 1",
        ),
        (
            lambda chain: mc.chain_marks(chain, [BASE]).fills("short", 0.5),
            "side: found 'short', allowed buy, sell",
        ),
    ],
)
def test_what_cannot_be_marked_is_said_in_a_sentence(make, sentence):
    with pytest.raises(mc.Refusal) as refusal:
        make(chain_of([(0, 100.0, 5.0, 5.4)]))
    assert str(refusal.value) == sentence
