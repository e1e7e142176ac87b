"""Bars before a path: the path stays as it is, and what lies before it joins its start price."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS, Bars
from engine.errors import Refusal
from engine.randomness import Stream
from engine.randomness.philox import philox_reference
from engine.sources import (
    GBM,
    Bootstrap,
    Correlated,
    Heston,
    Historical,
    Merton,
    RegimeSwitching,
    Schwartz1F,
    Source,
)
from engine.sources.warm_up import seeds_before
from engine.testing.prices import random_path

DAY = 86_400_000_000


def history(count: int = 120, shift: float = 0.0, symbol: str = "X") -> Bars:
    o, h, low, c, v = random_path(np.random.default_rng(8), count, 0.01, 0.0)
    stamps = np.arange(count, dtype=np.int64) * DAY
    return Bars(symbol, stamps, o + shift, h + shift, low + shift, c + shift, v)


SOURCES: dict[str, Source] = {
    "gbm": GBM(sigma=0.3),
    "antithetic": GBM(sigma=0.3, sampling="antithetic"),
    "heston": Heston(),
    "merton": Merton(),
    "regimes": RegimeSwitching(),
    "schwartz": Schwartz1F(),
    "correlated": Correlated({"A": GBM(), "B": Merton()}, correlation=[[1.0, 0.5], [0.5, 1.0]]),
    "bootstrap": Bootstrap(history(), block_length=5.0),
    "differences": Bootstrap(history(shift=-100.0), block_length=5.0, returns="difference"),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("bars", ["ohlc", "close"])
def test_the_path_is_bit_for_bit_the_path_without_bars_before(name: str, bars: str) -> None:
    source = SOURCES[name]
    options = {"seeds": [1, 2**63 + 5], "steps": 70, "paths_per_seed": 2, "bars": bars}
    plain, warm = source.paths(**options), source.paths(**options, warm_up=33)
    assert (warm.bar_count, warm.warm_up) == (103, 33)
    assert np.array_equal(plain.values, warm.values[..., 33:])


@pytest.mark.parametrize("name", SOURCES)
def test_the_last_close_before_the_path_is_its_start_price(name: str) -> None:
    source = SOURCES[name]
    s0 = 250.0 if name != "differences" else -3.5
    block = source.paths(seeds=range(20), steps=10, s0=s0, warm_up=40, paths_per_seed=2)
    close = block.values[:, :, 3, 39]
    np.testing.assert_allclose(close, s0, rtol=1e-12)
    for field, compare in (("high", np.greater_equal), ("low", np.less_equal)):
        edge = block.values[:, :, BAR_FIELDS.index(field), :40]
        for inner in (0, 3):
            assert compare(edge, block.values[:, :, inner, :40]).all()


@pytest.mark.parametrize("name", ["gbm", "heston", "merton", "correlated"])
def test_models_draw_the_bars_before_by_a_seed_of_their_own(name: str) -> None:
    source = SOURCES[name]
    seeds = np.arange(6, dtype=np.uint64)
    block = source.paths(seeds=seeds, steps=10, s0=100.0, warm_up=25)
    drawn = source.paths(seeds=seeds_before(seeds), steps=25, s0=100.0)
    factor = 100.0 / drawn.values[:, :, 3:4, -1:]
    np.testing.assert_allclose(
        block.values[:, :, :4, :25], drawn.values[:, :, :4] * factor, rtol=1e-13
    )
    assert np.array_equal(block.values[:, :, 4:, :25], drawn.values[:, :, 4:])


def test_seeds_before_are_words_of_their_stream_in_the_reference_generator() -> None:
    seeds = [0, 42, 2**64 - 1]
    expected = []
    for seed in seeds:
        key = [seed & 0xFFFFFFFF, seed >> 32]
        words = philox_reference([0, int(Stream.WARM_UP), 0, 0], key)
        expected.append(words[0] | words[1] << 32)
    assert seeds_before(np.array(seeds, dtype=np.uint64)).tolist() == expected


def test_returns_before_and_on_the_path_have_one_law_and_no_correlation() -> None:
    block = GBM(mu=0.0, sigma=0.2).paths(seeds=range(4000), steps=20, warm_up=20)
    changes = np.diff(np.log(block.close), axis=1)
    before, after = changes[:, :19], changes[:, 20:]
    count = before.size
    sigma = 0.2 / np.sqrt(252)
    for part in (before, after):
        assert abs(part.std() / sigma - 1.0) < 4.0 / np.sqrt(2.0 * count)
    correlation = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    assert abs(correlation) < 4.0 / np.sqrt(count)


def test_a_bootstrap_continues_its_history() -> None:
    bars = history()
    block = SOURCES["bootstrap"].paths(seeds=[3], steps=10, warm_up=50)
    for number, name in enumerate(BAR_FIELDS):
        assert block.values[0, 0, number, :50].tolist() == getattr(bars, name)[-50:].tolist()


def test_a_history_of_negative_prices_is_shifted_to_the_start_price() -> None:
    bars = history(shift=-100.0)
    block = SOURCES["differences"].paths(seeds=[3], steps=10, s0=7.0, warm_up=50)
    expected = bars.close[-50:] + (7.0 - bars.close[-1])
    np.testing.assert_allclose(block.close[0, :50], expected, rtol=1e-12)


def test_history_warms_up_on_itself() -> None:
    bars = history(100)
    whole = Historical(bars).paths(seeds=[0])
    warm = Historical(bars).paths(seeds=[0], warm_up=30)
    assert (warm.bar_count, warm.warm_up) == (100, 30)
    assert np.array_equal(whole.values, warm.values)
    last = Historical(bars, steps=20).paths(seeds=[0], warm_up=30)
    assert np.array_equal(last.values, whole.values[..., 50:])
    assert np.array_equal(last.timestamps, bars.timestamps[50:])


def test_several_series_go_before_the_paths_of_their_symbols() -> None:
    pair = history(), history(shift=20.0, symbol="Y")
    block = Bootstrap(pair, block_length=4.0).paths(seeds=[1], steps=5, warm_up=15)
    assert block.values[0, 1, 3, :15].tolist() == pair[1].close[-15:].tolist()


def test_a_model_may_be_given_the_history_that_it_continues() -> None:
    bars = history()
    generator = GBM().prepare(steps=10, s0=50.0, warm_up=20, history=(bars,))
    out = np.empty((2, 1, 5, 30))
    seeds, ids = np.array([1, 2], dtype=np.uint64), np.zeros(2, dtype=np.uint64)
    generator.fill(seeds, ids, out, generator.scratch(2))
    expected = bars.close[-20:] * (50.0 / bars.close[-1])
    assert out[0, 0, 3, :20].tolist() == expected.tolist() == out[1, 0, 3, :20].tolist()
    assert np.array_equal(out[:, 0, 3, 20:], GBM().paths(seeds=[1, 2], steps=10, s0=50.0).close)


def test_sub_bars_lie_inside_the_bars_of_the_path_alone_to_the_bit() -> None:
    plain = Heston().paths(seeds=[1, 2], steps=12, sub_bars=4)
    warm = Heston().paths(seeds=[1, 2], steps=12, sub_bars=4, warm_up=7)
    assert plain.fields == warm.fields
    assert np.array_equal(plain.values, warm.values[..., 7:])


@settings(deadline=None)
@given(warm_up=st.integers(1, 90), steps=st.integers(1, 40), count=st.integers(1, 9))
def test_blocks_of_any_size_hold_the_same_paths(warm_up: int, steps: int, count: int) -> None:
    source = Merton()
    whole = source.paths(seeds=range(count), steps=steps, warm_up=warm_up)
    for number in range(count):
        alone = source.paths(seeds=[number], steps=steps, warm_up=warm_up)
        assert np.array_equal(alone.values[0], whole.values[number])


@pytest.mark.parametrize("found", [-1, 1.5, True])
def test_bars_before_are_a_whole_number(found: object) -> None:
    with pytest.raises(Refusal, match=r"warm_up: found .*, allowed a whole number of bars"):
        GBM().paths(seeds=[1], steps=5, warm_up=found)  # type: ignore[arg-type]


def test_a_history_that_is_too_short_is_one_sentence() -> None:
    with pytest.raises(Refusal, match=r"warm_up: found 500 bars .* at most the 120 bars of hist"):
        SOURCES["bootstrap"].paths(seeds=[1], steps=5, warm_up=500)
    with pytest.raises(Refusal, match=r"warm_up: found 120 of the 120 bars of history"):
        Historical(history()).paths(seeds=[1], warm_up=120)
    with pytest.raises(Refusal, match=r"steps: found 100 beside 30 to warm up on, allowed <= 90"):
        Historical(history(), steps=100).paths(seeds=[1], warm_up=30)


def test_a_history_that_ends_below_zero_cannot_be_scaled() -> None:
    bars = history(shift=-1e4)
    with pytest.raises(Refusal, match="a history that ends above 0, or `warm_up: 0`"):
        GBM().prepare(steps=10, warm_up=20, history=(bars,))
