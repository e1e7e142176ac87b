"""Speed of strategies on ticks: ``python -m benchmarks ticks``.

Least processor seconds of rounds on one thread, over a made feed of an event every 13 ms, with all
three latencies, orders at rest and their places in the queue. `Quoter` follows order flow imbalance
and keeps an order at rest on each side, which it moves now and then; `Rester` does no more than
that, so it tells what the engine takes alone. The maker of order flow imbalance sends, changes or
fills an order with every sixth event of this feed. `Holder` and `BatchHolder` say what to hold by a
fading mean, event by event and for blocks of events. A loop of two additions, three products and a
division per event is timed beside them: where the targets were set it takes 1.7 ns, so a machine on
which it takes longer meets a target "in loops".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import engine as mc
from benchmarks.timing import least
from engine.compiled import kernel
from engine.ticks import EWMA
from engine.ticks.hook_arguments import Tick, TickAccount, TickOrder
from engine.ticks.ofi import OrderFlowImbalance
from engine.ticks.running import TickRun

EVENTS, ROUNDS, SETS = 600_000, 7, 20
#: Nanoseconds of the plain loop on the machine on which the targets were set.
LOOP_OF_TARGETS = 1.7
CHUNK = 65_536
TERMS = mc.TickSettings.model_validate(
    {
        **{"latency": {"feed": "2ms", "entry": "1ms", "response": "1ms"}, "tick": 0.1},
        **{"lot": 0.01, "maker_fee": -0.0001, "taker_fee": 0.0005},
    }
)


class Quoter(mc.Strategy):
    """Follows order flow imbalance, and keeps an order on either side behind the touch."""

    far = mc.Float(0.5, low=0.1, high=5.0)
    flow = 0.0
    bid = 0.0
    ask = 0.0
    bid_size = 0.0
    ask_size = 0.0
    anchor = 0.0

    def on_tick(self, tick: Tick, order: TickOrder, account: TickAccount) -> None:
        """Follow the flow; quote anew once the touch has come near to an order."""
        change = 0.0
        if tick.bid >= self.bid:
            change += tick.bid_size
        if tick.bid <= self.bid:
            change -= self.bid_size
        if tick.ask <= self.ask:
            change -= tick.ask_size
        if tick.ask >= self.ask:
            change += self.ask_size
        self.flow = 0.98 * self.flow + change
        self.bid = tick.bid
        self.ask = tick.ask
        self.bid_size = tick.bid_size
        self.ask_size = tick.ask_size
        if account.open_orders == 0:
            self.anchor = tick.mid
            order.post_only(0.05, tick.bid - self.far)
            order.post_only(-0.05, tick.ask + self.far)
        elif abs(tick.mid - self.anchor) >= self.far and account.open_orders == 2:
            order.cancel_all()


class Rester(mc.Strategy):
    """Keeps the orders of `Quoter`, and computes nothing beside."""

    far = mc.Float(0.5, low=0.1, high=5.0)
    anchor = 0.0

    def on_tick(self, tick: Tick, order: TickOrder, account: TickAccount) -> None:
        """Quote anew once the touch has come near to an order."""
        if account.open_orders == 0:
            self.anchor = tick.mid
            order.post_only(0.05, tick.bid - self.far)
            order.post_only(-0.05, tick.ask + self.far)
        elif abs(tick.mid - self.anchor) >= self.far and account.open_orders == 2:
            order.cancel_all()


class Holder(mc.Strategy):
    """Holds a little on the side to which the middle has left its mean."""

    far = mc.Float(0.5, low=0.1, high=5.0)
    mean = EWMA(halflife="30s")

    def on_tick(self, tick: Tick, order: TickOrder, account: TickAccount) -> None:
        """Send what is missing to the side that the middle is on."""
        wanted = account.position
        if tick.mid > self.mean + self.far:
            wanted = 0.05
        elif tick.mid < self.mean - self.far:
            wanted = -0.05
        if account.open_orders == 0 and abs(wanted - account.position) > 0.005:
            order.market(wanted - account.position)


class BatchHolder(mc.Strategy):
    """`Holder` in the batch form."""

    far = mc.Float(0.5, low=0.1, high=5.0)
    mean = EWMA(halflife="30s")

    def on_ticks(self, ticks: Any, target: Any) -> None:
        """Say what to hold at each event."""
        above = ticks.mid > self.mean + self.far
        below = ticks.mid < self.mean - self.far
        target[:] = np.where(above, 0.05, np.where(below, -0.05, np.nan))


def made_feed() -> mc.TickChunk:
    """Return quotes of one tick's spread that move now and then, and a third of trades."""
    draw = np.random.default_rng(1)
    stamps = 1_700_000_000_000_000_000 + np.cumsum(draw.integers(1_000_000, 25_000_000, EVENTS))
    moves = np.where(draw.random(EVENTS) < 0.15, draw.choice([-1, 1], EVENTS), 0)
    bid = (100_000 + np.cumsum(moves)) / 10
    ask = (100_001 + np.cumsum(moves)) / 10
    sizes = [draw.integers(1, 40, EVENTS) / 100 for _ in range(2)]
    trades = draw.random(EVENTS) < 0.3
    side = np.where(trades, draw.choice([-1, 1], EVENTS), 0).astype(np.int8)
    price = np.where(trades, np.where(side > 0, ask, bid), np.nan)
    size = np.where(trades, draw.integers(1, 20, EVENTS) / 100, np.nan)
    return mc.ArrayTicks(
        stamps, bid, ask, *sizes, trade_price=price, trade_size=size, trade_side=side
    ).whole


class Feed:
    """The feed in chunks, as files have it."""

    symbols = ("made",)

    def __init__(self, whole: mc.TickChunk) -> None:
        self._parts = [
            whole.part(first, min(first + CHUNK, EVENTS)) for first in range(0, EVENTS, CHUNK)
        ]

    def chunks(self, start_event: int = 0) -> Iterator[mc.TickChunk]:
        """Yield the chunks."""
        assert start_event == 0
        yield from self._parts


def makers(sets: int) -> NDArray[np.float64]:
    """Return as many parameter sets of the maker of order flow imbalance."""
    return np.column_stack(
        [np.linspace(1.0, 4.0, sets), np.full(sets, 0.95), np.full(sets, 0.05), np.full(sets, 5.0)]
    )


def quoters(sets: int) -> NDArray[np.float64]:
    """Return as many parameter sets of `Quoter` from its nearest to its farthest; one: between."""
    nearest, farthest = (0.5, 2.0) if sets > 1 else (1.25, 1.25)
    return np.linspace(nearest, farthest, sets).reshape(-1, 1)


def running(feed: Feed, cls: type[mc.Strategy], rows: NDArray[np.float64]) -> Callable[[], None]:
    """Return a call that runs parameter sets over the feed."""

    def run() -> None:
        made = TickRun(cls, rows, TERMS, 1e6, feed.symbols)
        made.follow(feed)  # type: ignore[arg-type]
        assert not made.failed.any()

    return run


@kernel
def few_operations(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    """Return what a chain of a few operations per event comes to."""
    total = 0.0
    for event in range(a.size):
        total = 0.98 * total + (a[event] - b[event]) * c[event] / (1.0 + c[event])
    return total


def main() -> None:
    """Print the table."""
    whole = made_feed()
    feed = Feed(whole)
    calls: list[Callable[[], object]] = [
        lambda: few_operations(whole.bid_price, whole.ask_price, whole.bid_size),
        running(feed, Rester, quoters(1)),
        running(feed, Rester, quoters(SETS)),
        running(feed, Quoter, quoters(1)),
        running(feed, Quoter, quoters(SETS)),
        running(feed, OrderFlowImbalance, makers(1)),
        running(feed, OrderFlowImbalance, makers(SETS)),
        running(feed, Holder, quoters(SETS)),
        running(feed, BatchHolder, quoters(SETS)),
    ]
    for call in calls:
        call()
    base, *spent = least(calls, ROUNDS)
    scale = 1e9 / EVENTS
    one, many = "one set", f"{SETS} sets in one pass"
    rows = [
        (f"orders at rest, nothing else in the hook, {one}", spent[0], None),
        (f"the same, {many}", spent[1] / SETS, None),
        (f"orders at rest, {one}", spent[2], 12),
        (f"the same, {many}", spent[3] / SETS, 9),
        (f"an order sent, changed or filled every six events, {one}", spent[4], None),
        (f"the same, {many}", spent[5] / SETS, None),
        (f"what to hold by a fading mean, `on_tick`, {many}", spent[6] / SETS, None),
        (f"the same in the batch form, `on_ticks`, {many}", spent[7] / SETS, None),
    ]
    print("| loop | ns an event and set | of the plain loop | target, ns | met |")
    print("|---|---:|---:|---|---|")
    print(f"| a few operations | {base * scale:.1f} | 1.0 |  |  |")
    for name, seconds, most in rows:
        found, loops = seconds * scale, seconds / base
        told = " |  "
        if most is not None:
            in_loops = "in loops" if loops <= most / LOOP_OF_TARGETS else "no"
            told = f"≤ {most} | {'yes' if found <= most else in_loops}"
        print(f"| {name} | {found:.1f} | {loops:.1f} | {told} |")


if __name__ == "__main__":
    main()
