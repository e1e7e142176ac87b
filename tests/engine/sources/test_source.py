"""What holds for every source, over the whole range of its parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.models import BUILT_IN
from engine.sources import GBM, Bootstrap, RegimeSwitching, get_source, make_source
from engine.testing import source_parameters

QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))
MODELS = [source for source in map(get_source, BUILT_IN) if source.parameters]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@QUICK
@given(data=st.data())
def test_any_parameters_within_bounds_give_finite_consistent_bars_or_a_clear_error(model, data):
    values = data.draw(source_parameters(model))
    steps = data.draw(st.sampled_from([1, 2, 63, 257]))
    dt = data.draw(st.sampled_from([1e-6, 1 / 252, 1.0]))
    try:
        block = model(**values).paths(seeds=[0, 2**64 - 1], steps=steps, dt=dt)
    except ValueError as error:
        clear = "found" in str(error) and "allowed" in str(error)
        if not clear:
            raise
        return
    assert np.isfinite(block.values).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low > 0).all()
    assert (block.open[:, 0] == 100.0).all()


@QUICK
@given(
    count=st.integers(1, 5),
    data=st.data(),
)
def test_any_chain_gives_finite_paths(count, data):
    row = st.lists(st.sampled_from([0.0, 1e-9, 0.1, 1.0, 3.0]), min_size=count, max_size=count)
    table = np.array([data.draw(row.filter(any)) for _ in range(count)])
    source = RegimeSwitching(
        mu=data.draw(st.lists(st.floats(-2, 2), min_size=count, max_size=count)),
        sigma=data.draw(st.lists(st.floats(0, 2), min_size=count, max_size=count)),
        transition=table / table.sum(axis=1, keepdims=True),
    )
    block = source.paths(seeds=[1, 2], steps=300)
    assert np.isfinite(block.values).all()
    stationary = source.stationary()
    assert stationary.sum() == pytest.approx(1.0)
    assert (stationary >= 0).all()
    assert stationary @ np.array(source.transition) == pytest.approx(stationary, abs=1e-9)
    assert np.isin(block.field("regime"), np.arange(count)).all()


@QUICK
@given(
    steps=st.integers(1, 600),
    length=st.integers(1, 60),
    method=st.sampled_from(["stationary", "circular_block", "moving_block", "iid"]),
)
def test_any_block_length_resamples_bars_of_history(steps, length, method):
    close = 100 + np.cumsum(np.sin(np.arange(61)))
    stamps = np.arange(61, dtype=np.int64) * 86_400_000_000
    bars = Bars("A", stamps, close, close + 1, close - 1, close, np.arange(61.0))
    block = Bootstrap(bars, method=method, block_length=length).paths(seeds=[3], steps=steps)
    drawn = block.volume[0].astype(int)
    returns = block.close[0] / np.concatenate([[close[-1]], block.close[0, :-1]])
    assert returns == pytest.approx(close[drawn] / close[drawn - 1], rel=1e-12)
    assert drawn.min() >= 1


@pytest.mark.parametrize("model", [*MODELS, RegimeSwitching], ids=lambda model: model.name)
def test_parameters_out_of_bounds_are_named_with_value_and_range(model):
    for name, declared in model.parameters.items():
        for value in (math.nan, math.inf, "x", None):
            with pytest.raises(ValueError, match=rf"{name}: found .*, allowed"):
                model(**{name: value})
        if declared.low > -math.inf:
            with pytest.raises(ValueError, match=rf"{name}: found .*, allowed >"):
                model(**{name: declared.low - 1.0})
        assert declared.doc


def test_a_stream_gives_the_same_paths_in_one_buffer():
    whole = GBM().paths(seeds=range(10), steps=20)
    parts, buffers = [], set()
    for block in GBM().stream(seeds=range(10), steps=20, paths_per_chunk=4):
        parts.append(block.values.copy())
        buffers.add(block.values.__array_interface__["data"][0])
    assert (np.concatenate(parts) == whole.values).all()
    assert len(buffers) == 1
    with pytest.raises(ValueError, match="paths_per_chunk: found 0"):
        next(GBM().stream(seeds=[1], steps=2, paths_per_chunk=0))


def test_a_stream_needs_the_memory_of_one_chunk():
    import tracemalloc

    one = 64 * 5 * 252 * 8
    for _ in GBM().stream(seeds=range(2), steps=252):  # compile first
        pass
    tracemalloc.start()
    for _ in GBM().stream(seeds=range(6400), steps=252, paths_per_chunk=64):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * one


def test_a_calendar_gives_the_time_step():
    from engine.calendar import BarCalendar

    assert GBM().prepare(steps=1, calendar=BarCalendar("XNYS", "1m")).dt == pytest.approx(1 / 98280)
    assert GBM().prepare(steps=1).dt == pytest.approx(1 / 252)
    assert GBM().prepare(steps=1, dt=0.5, calendar=BarCalendar()).dt == 0.5


def test_volume_is_constant_or_drawn_from_history():
    assert (GBM(volume=5.0).paths(seeds=[1], steps=3).volume == 5.0).all()
    drawn = GBM(volume=[1.0, 2.0, 4.0]).paths(seeds=range(20), steps=300).volume
    shares = [(drawn == v).mean() for v in (1.0, 2.0, 4.0)]
    assert shares == pytest.approx([1 / 3] * 3, abs=4 * math.sqrt(2 / 9 / drawn.size))


def test_a_study_may_draw_volumes_from_the_symbols_history():
    price = np.linspace(10, 20, 50)
    stamps = np.arange(50, dtype=np.int64) * 86_400_000_000
    bars = Bars("A", stamps, price, price, price, price, np.arange(50.0))
    source = make_source("gbm", bars=bars, options={"volume": "history"})
    assert np.isin(source.paths(seeds=[1], steps=300).volume, np.arange(50.0)).all()
    with pytest.raises(ValueError, match="volume: found 'history', allowed a number"):
        make_source("gbm", options={"volume": "history"})


def test_sources_cannot_be_changed():
    import dataclasses

    with pytest.raises(dataclasses.FrozenInstanceError):
        GBM().mu = 1.0
