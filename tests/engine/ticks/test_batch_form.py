"""The batch form of a strategy of ticks, against the same strategy with `on_tick`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.strategies import StrategyError
from engine.ticks import OFI
from engine.ticks.backtest import encoded
from engine.ticks.batch_run import BLOCK, whole_blocks
from engine.ticks.running import TickRun
from tests.engine.ticks.test_twin import made_feed

_TERMS = {
    **{"latency": {"feed": "40ms", "entry": {"least": "1ms", "mean": "9ms"}, "response": "20ms"}},
    **{"tick": 0.1, "lot": 0.01, "maker_fee": -0.0001, "taker_fee": 0.0005},
}


class Each(mc.Strategy):
    """Follows the flow while the middle does not fall over two events, event by event."""

    bound = mc.Float(0.5, low=0.0, high=9.0)
    flow = OFI(halflife="2s")
    last = np.nan
    before = np.nan

    def on_tick(self, tick, order, account):
        wanted = 0.3 if self.flow > self.bound else 0.0
        if self.flow < -self.bound:
            wanted = -0.3
        missing = wanted - account.position
        known = tick.mid >= self.before or tick.trade
        if known and account.open_orders == 0 and abs(missing) > 0.005:
            order.market(missing)
        self.before = self.last
        self.last = tick.mid


class AtOnce(mc.Strategy):
    """The same for all events at once."""

    LOOKBACK = 2
    bound = mc.Float(0.5, low=0.0, high=9.0)
    flow = OFI(halflife="2s")

    def on_ticks(self, ticks, target):
        before = np.full(target.size, np.nan)
        before[2:] = ticks.mid[:-2]
        known = (ticks.mid >= before) | ticks.trade
        wanted = np.where(self.flow > self.bound, 0.3, 0.0)
        wanted = np.where(self.flow < -self.bound, -0.3, wanted)
        target[:] = np.where(known, wanted, np.nan)


class Wrong(mc.Strategy):
    """Knows the last event of what it is given, or raises."""

    raises = mc.Int(0, low=0, high=1)

    def on_ticks(self, ticks, target):
        if self.raises == 1:
            raise ValueError("no")
        target[:] = np.where(ticks.bid < ticks.bid[-1], 1.0, 0.0)


@pytest.fixture(scope="module")
def feed() -> dict[str, Any]:
    """Two blocks and a half."""
    return made_feed(3, events=5 * BLOCK // 2)


def _same(one: mc.TickBacktest, other: mc.TickBacktest) -> None:
    assert one.fills.equals(other.fills)
    assert one.orders.equals(other.orders)
    assert one.equity.equals(other.equity)
    assert one.metrics == other.metrics


@pytest.mark.parametrize("seed", [3, 4])
def test_positions_of_all_events_at_once_trade_as_on_tick_bit_for_bit(seed: int) -> None:
    ticks = mc.ArrayTicks(**made_feed(seed, events=5 * BLOCK // 2))
    each = mc.backtest_ticks(Each, ticks, {"bound": 0.8}, _TERMS, seed=seed)
    at_once = mc.backtest_ticks(AtOnce, ticks, {"bound": 0.8}, _TERMS, seed=seed)
    assert len(each.fills) > 300
    _same(each, at_once)


@pytest.mark.parametrize("size", [700, BLOCK + 1])
def test_the_size_of_chunks_changes_no_bit_of_the_batch_form(
    feed: dict[str, Any], size: int
) -> None:
    whole = mc.backtest_ticks(AtOnce, mc.ArrayTicks(**feed), {}, _TERMS)
    _same(whole, mc.backtest_ticks(AtOnce, mc.ArrayTicks(**feed, chunk_events=size), {}, _TERMS))


def _run(sets: int = 1) -> TickRun:
    rows = np.vstack([encoded(AtOnce, {"bound": 0.4 + 0.3 * number}) for number in range(sets)])
    terms = mc.TickSettings.model_validate(_TERMS)
    return TickRun(AtOnce, rows, terms, 100_000.0, ("ticks",), record_fills=True)


def test_a_run_that_is_gone_on_with_after_a_block_comes_to_the_same(feed: dict[str, Any]) -> None:
    stream = mc.ArrayTicks(**feed)
    whole = _run(2)
    whole.follow(stream)
    first = _run(2)
    first.take(next(whole_blocks(stream.chunks())))
    second = _run(2)
    second.restore(first.state())
    second.follow(mc.ArrayTicks(**feed, chunk_events=999))
    for number in range(2):
        assert len(whole.fills(number)) > 300
        assert whole.fills(number).equals(second.fills(number))
        assert whole.equity(number).equals(second.equity(number))


def test_sets_of_the_batch_form_in_one_pass_trade_as_alone(feed: dict[str, Any]) -> None:
    together = _run(2)
    together.follow(mc.ArrayTicks(**feed))
    alone = mc.backtest_ticks(AtOnce, mc.ArrayTicks(**feed), {"bound": 0.7}, _TERMS)
    assert together.fills(1).equals(alone.fills)


def test_a_study_runs_the_batch_form(feed: dict[str, Any]) -> None:
    study = mc.Study(
        "at_once", mc.ArrayTicks(**feed), AtOnce, {"bound": [0.5, 0.8]}, ticks=_TERMS, seeds=1
    )
    alone = mc.backtest_ticks(AtOnce, mc.ArrayTicks(**feed), {"bound": 0.8}, _TERMS)
    found = study.run().frame.row(1, named=True)
    assert found["trades"] > 100
    assert found["net_pnl"] == alone.metrics["net_pnl"]


def test_a_batch_form_that_reads_ahead_or_raises_says_so(feed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="wrong: on_ticks reads ahead: without the later half"):
        mc.backtest_ticks(Wrong, mc.ArrayTicks(**feed))
    with pytest.raises(ValueError, match="wrong: the strategy raised ValueError"):
        mc.backtest_ticks(Wrong, mc.ArrayTicks(**feed), {"raises": 1})


def test_blocks_are_counted_from_the_first_event(feed: dict[str, Any]) -> None:
    for size in (100, BLOCK, 65_536):
        blocks = list(whole_blocks(mc.ArrayTicks(**feed, chunk_events=size).chunks()))
        assert [len(block) for block in blocks] == [BLOCK, BLOCK, BLOCK // 2]
        assert np.array_equal(np.concatenate([b.stamps for b in blocks]), feed["stamps"])


def test_what_the_batch_form_cannot_do_is_refused_in_one_sentence() -> None:
    class Beside(mc.Strategy):
        def on_ticks(self, ticks, target):
            target[:] = 0.0

        def on_fill(self, fill):
            pass

    class Counts(mc.Strategy):
        count = 0

        def on_ticks(self, ticks, target):
            target[:] = 0.0

    class Far(mc.Strategy):
        LOOKBACK = -1

        def on_ticks(self, ticks, target):
            target[:] = 0.0

    class Asks(mc.Strategy):
        def on_ticks(self, ticks, target):
            target[:] = ticks.index

    class Takes(mc.Strategy):
        def on_ticks(self, ticks, target, account):
            target[:] = 0.0

    class Changes(mc.Strategy):
        def on_ticks(self, ticks, target):
            ticks.bid[:] = 0.0

    ticks = mc.ArrayTicks([1, 2], [9.0, 9.0], [10.0, 10.0], [5, 5], [5, 5])
    for wrong, sentence in (
        (Beside, "Beside: found on_fill beside on_ticks, allowed on_ticks alone; it says what"),
        (Counts, "Counts: found the changing number count beside on_ticks"),
        (Far, "Far.LOOKBACK: found -1, allowed events, 0 to 65536"),
        (Asks, "found ticks.index, allowed ticks. and bid, ask"),
        (Takes, r"on_ticks: found \['self', 'ticks', 'target', 'account'\], allowed self, ticks"),
        (Changes, "ticks and indicators cannot be assigned"),
    ):
        with pytest.raises(StrategyError, match=sentence):
            mc.backtest_ticks(wrong, ticks)
    two = mc.ArrayTicks([1], [9.0], [10.0], [5], [5], symbols=("A", "B"))
    with pytest.raises(StrategyError, match="on_ticks reads the events of one symbol, found 2"):
        mc.backtest_ticks(AtOnce, two)
