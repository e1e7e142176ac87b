"""Indicators of ticks against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import engine as mc
from engine.ticks.indicators import EWMA, OFI, VWAP, Imbalance, RealisedVolatility
from tests.engine.ticks.test_twin import made_feed

_SECOND = 1_000_000_000


class Reads(mc.Strategy):
    """Sends an order at the last event whose units tell what an indicator came to."""

    flow = OFI()
    fading = OFI(halflife="2s")
    mean = EWMA(halflife="5s")
    leaning = EWMA("5s", of="microprice")
    price = VWAP("1m")
    shown = Imbalance()
    moves = RealisedVolatility("1m")
    which = mc.Int(0, low=0, high=6)
    until = mc.Int(1, low=0, high=100_000)

    def on_tick(self, tick, order, account):
        if tick.index == self.until:
            value = self.flow
            if self.which == 1:
                value = self.fading
            elif self.which == 2:
                value = self.mean
            elif self.which == 3:
                value = self.leaning
            elif self.which == 4:
                value = self.price
            elif self.which == 5:
                value = self.shown
            elif self.which == 6:
                value = self.moves
            order.market(1000.0 + value)


def _read(feed: dict[str, np.ndarray], which: int) -> float:
    """Return the value at the event before the last."""
    last = len(feed["stamps"]) - 2
    terms = {"partial_fills": False, "lot": 1e-9}
    found = mc.backtest_ticks(Reads, mc.ArrayTicks(**feed), {"which": which, "until": last}, terms)
    return float(found.fills["units"][0]) - 1000.0


def _feed() -> dict[str, np.ndarray]:
    feed = made_feed(8, events=600)
    whole = ~np.isnan(feed["bid_price"])
    feed = {name: values[whole] for name, values in feed.items()}
    feed["stamps"] = feed["stamps"] + np.arange(len(feed["stamps"]))
    return feed


def _imbalances(feed: dict[str, np.ndarray]) -> np.ndarray:
    """Order flow imbalance of each event after the first, as Cont, Kukanov and Stoikov write it."""
    bid, ask, bid_size, ask_size = (
        feed[name] for name in ("bid_price", "ask_price", "bid_size", "ask_size")
    )
    return (
        (bid[1:] >= bid[:-1]) * bid_size[1:]
        - (bid[1:] <= bid[:-1]) * bid_size[:-1]
        - (ask[1:] <= ask[:-1]) * ask_size[1:]
        + (ask[1:] >= ask[:-1]) * ask_size[:-1]
    )


def test_indicators_are_those_of_numpy() -> None:
    feed = _feed()
    seen = {name: values[:-1] for name, values in feed.items()}
    stamps, flow = seen["stamps"], _imbalances(seen)
    assert _read(feed, 0) == pytest.approx(flow.sum(), abs=1e-8)
    left = 0.5 ** ((stamps[-1] - stamps[1:]) / (2 * _SECOND))
    assert _read(feed, 1) == pytest.approx((flow * left).sum(), abs=1e-8)
    bid, ask = seen["bid_price"], seen["ask_price"]
    bid_size, ask_size = seen["bid_size"], seen["ask_size"]
    micro = (bid * ask_size + ask * bid_size) / (bid_size + ask_size)
    for which, price in ((2, 0.5 * (bid + ask)), (3, micro)):
        mean = price[0]
        for now, passed in zip(price[1:], np.diff(stamps), strict=True):
            mean = now + 0.5 ** (passed / (5 * _SECOND)) * (mean - now)
        assert _read(feed, which) == pytest.approx(mean, abs=1e-8)
    traded = ~np.isnan(seen["trade_price"])
    minute = stamps[traded] // (60 * _SECOND)
    inside = minute == minute[-1]
    price, size = seen["trade_price"][traded][inside], seen["trade_size"][traded][inside]
    assert _read(feed, 4) == pytest.approx((price * size).sum() / size.sum(), abs=1e-8)
    shown = (bid_size[-1] - ask_size[-1]) / (bid_size[-1] + ask_size[-1])
    assert _read(feed, 5) == pytest.approx(shown, abs=1e-8)
    mid = 0.5 * (bid + ask)
    left = 0.5 ** ((stamps[-1] - stamps[1:]) / (60 * _SECOND))
    squares, spans = (np.diff(mid) / mid[:-1]) ** 2, np.diff(stamps) / 1e9
    rate = (squares * left).sum() / (spans * left).sum()
    annual = np.sqrt(rate * 365.25 * 86_400)
    assert _read(feed, 6) == pytest.approx(annual, rel=1e-8)


def test_another_half_life_is_another_strategy() -> None:
    class Short(mc.Strategy):
        mean = EWMA("1s")

        def on_tick(self, tick, order):
            order.market(self.mean)

    one = Short.code_hash()
    Short.mean = EWMA("2s")
    assert Short.code_hash() != one


def test_a_span_that_is_none_is_refused() -> None:
    with pytest.raises(mc.Refusal, match="halflife: found 'soon'"):
        EWMA("soon")
    with pytest.raises(mc.Refusal, match="of: found 'last'"):
        EWMA("1s", of="last")
