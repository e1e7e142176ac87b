"""Speed of strategies on ticks: ``python -m benchmarks ticks``.

Least processor seconds of rounds on one thread, over a made feed of an event every 13 ms:
the maker of order flow imbalance, with all three latencies, orders at rest and their places in the
queue. A loop of two additions, three products and a division per event is timed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

import engine as mc
from benchmarks.timing import least
from engine.compiled import kernel
from engine.ticks.ofi import OrderFlowImbalance
from engine.ticks.running import TickRun

EVENTS, ROUNDS, SETS = 600_000, 7, 20
CHUNK = 65_536
TERMS = mc.TickSettings.model_validate(
    {
        **{"latency": {"feed": "2ms", "entry": "1ms", "response": "1ms"}, "tick": 0.1},
        **{"lot": 0.01, "maker_fee": -0.0001, "taker_fee": 0.0005},
    }
)


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


def running(feed: Feed, sets: int, most: float) -> Callable[[], None]:
    """Return a call that runs as many sets over the feed."""
    rows = np.column_stack(
        [np.linspace(1.0, 4.0, sets), np.full(sets, 0.95), np.full(sets, 0.05), np.full(sets, most)]
    )

    def run() -> None:
        made = TickRun(OrderFlowImbalance, rows, TERMS, 1e6, feed.symbols)
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
        running(feed, 1, 5.0),
        running(feed, SETS, 5.0),
    ]
    for call in calls:
        call()
    base, one, many = least(calls, ROUNDS)
    scale = 1e9 / EVENTS
    print("| loop | ns an event and set | of the plain loop |")
    print("|---|---|---|")
    print(f"| a few operations | {base * scale:.1f} | 1.0 |")
    print(f"| one set, three latencies, queue | {one * scale:.1f} | {one / base:.1f} |")
    print(f"| {SETS} sets in one pass | {many * scale / SETS:.1f} | {many / base / SETS:.1f} |")


if __name__ == "__main__":
    main()
