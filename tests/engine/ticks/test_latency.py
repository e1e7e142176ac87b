"""Delays of feed and orders: fixed, recorded, drawn."""

from __future__ import annotations

import numpy as np
import pytest

import engine as mc
from engine.randomness.philox import philox_reference
from engine.randomness.streams import Stream
from engine.ticks.durations import nanoseconds_of
from engine.ticks.feed import Feed
from engine.ticks.settings import DrawnDelay

_SECOND = 1_000_000_000
_DRAWN = {"least": "1ms", "mean": "4ms"}


class Once(mc.Strategy):
    """Buys with the first tick, and notes when it hears."""

    sent = False

    def on_tick(self, tick, order, account):
        if not self.sent:
            order.market(1.0)
            self.sent = True


def _ticks(count: int = 6, local: np.ndarray | None = None) -> mc.ArrayTicks:
    stamps = _SECOND * np.arange(1, count + 1)
    flat = np.full(count, 1.0)
    return mc.ArrayTicks(stamps, 10.0 * flat, 10.1 * flat, flat, flat, local=local)


def _first(latency: dict[str, object], ticks: mc.ArrayTicks, seed: int = 0) -> tuple[int, int]:
    terms = {"latency": latency}
    fills = mc.backtest_ticks(Once, ticks, settings=terms, seed=seed).fills
    row: tuple[int, int] = fills.select("stamp", "heard").row(0)
    return row


def test_feed_entry_and_response_add_up() -> None:
    latency: dict[str, object] = {"feed": "2ms", "entry": "300us", "response": "0.5s"}
    stamp, heard = _first(latency, _ticks())
    assert stamp == _SECOND + 2_300_000
    assert heard == stamp + 500_000_000


def test_recorded_delays_are_those_of_the_stream() -> None:
    local = _SECOND * np.arange(1, 7) + 7_000_001
    latency: dict[str, object] = {"feed": "data", "entry": "data", "response": "data"}
    stamp, heard = _first(latency, _ticks(local=local))
    assert stamp == _SECOND + 2 * 7_000_001
    assert heard == stamp + 7_000_001


def test_recorded_delays_need_local_times_on_a_clock_that_is_not_behind() -> None:
    with pytest.raises(
        mc.Refusal, match=r"latency\.feed: found data, but event 0 has no local time"
    ):
        _first({"feed": "data"}, _ticks())
    behind = _SECOND * np.arange(1, 7) - 1_250_000_000
    with pytest.raises(mc.Refusal, match=r"event 0 arrived 1.25 s before it happened: the two cl"):
        _first({"feed": "data"}, _ticks(local=behind))


def test_drawn_delays_are_functions_of_seed_and_event_and_never_overtake() -> None:
    feed = Feed(DrawnDelay.model_validate(_DRAWN), seed=11)
    chunk = _ticks(50).whole
    heard = feed.heard(chunk)
    expected = []
    for number in range(50):
        stream = int(Stream.EXECUTION) + 0x100
        word = philox_reference([number, stream, 0, 0], [11, 0])[0]
        waited = -np.log((word + 0.5) / 2**32)
        expected.append(_SECOND * (number + 1) + 1_000_000 + int(3_000_000 * waited))
    np.testing.assert_allclose(heard - chunk.stamps, expected - chunk.stamps, atol=2)
    assert (np.diff(heard) >= 0).all()
    two = Feed(DrawnDelay.model_validate(_DRAWN), seed=11)
    halves = np.concatenate([two.heard(chunk.part(0, 20)), two.heard(chunk.part(20, 50))])
    assert (halves == heard).all()


def test_drawn_delays_have_the_mean_that_was_asked_for() -> None:
    feed = Feed(DrawnDelay.model_validate(_DRAWN), seed=3)
    chunk = _ticks(20_000).whole
    waited = (feed.heard(chunk) - chunk.stamps) / 1e6
    assert waited.min() >= 1.0
    assert abs(waited.mean() - 4.0) < 4.0 * 3.0 / np.sqrt(20_000)


def test_seeds_draw_other_delays_of_orders() -> None:
    latency: dict[str, object] = {"entry": _DRAWN, "response": _DRAWN}
    one, other = (_first(latency, _ticks(), seed) for seed in (1, 2))
    assert one != other
    assert one == _first(latency, _ticks(), 1)


@pytest.mark.parametrize(
    ("text", "found"), [("2ms", 2_000_000), ("1.5us", 1_500), ("1m", 60 * _SECOND), ("7ns", 7)]
)
def test_spans_are_read_to_the_nanosecond(text: str, found: int) -> None:
    assert nanoseconds_of(text, "x") == found


@pytest.mark.parametrize("text", ["2", "ms", "-1ms", 3, "1 fortnight", "2h"])
def test_what_is_no_delay_is_refused_in_one_sentence(text: object) -> None:
    with pytest.raises(ValueError, match="latency"):
        mc.TickSettings.model_validate({"latency": {"feed": text}})
