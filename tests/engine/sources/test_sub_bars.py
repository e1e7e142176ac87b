"""Bars with finer bars inside them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import BAR_FIELDS, SUB_BAR_FIELDS, Bars, split_fields, sub_bar_fields
from engine.models import BUILT_IN
from engine.sources import (
    GBM,
    Bootstrap,
    Correlated,
    Heston,
    Historical,
    Merton,
    RegimeSwitching,
    Source,
    get_source,
)

MODELS: tuple[Source, ...] = (
    # Every built-in model that knows the path inside a bar, with its defaults.
    *(
        source()
        for source in map(get_source, BUILT_IN)
        if source.parameters and source.has_sub_bars
    ),
    RegimeSwitching(),
    Correlated({"A": GBM(), "B": Merton()}, correlation=[[1.0, 0.5], [0.5, 1.0]]),
)


@pytest.mark.parametrize("source", MODELS, ids=lambda source: source.name)
def test_a_bar_is_what_its_sub_bars_make_of_it(source: Source) -> None:
    count, steps, seeds = 5, 40, range(9)
    fine = source.paths(seeds=seeds, steps=steps * count, dt=1 / 252 / count)
    block = source.paths(seeds=seeds, steps=steps, dt=1 / 252, sub_bars=count)
    assert block.fields == fine.fields + sub_bar_fields(count)
    assert block.dt == 1 / 252
    parts = fine.values.reshape(*fine.values.shape[:3], steps, count)
    whole = block.values[:, :, : len(fine.fields)]
    np.testing.assert_array_equal(whole[:, :, 0], parts[:, :, 0, :, 0])
    np.testing.assert_array_equal(whole[:, :, 1], parts[:, :, 1].max(axis=-1))
    np.testing.assert_array_equal(whole[:, :, 2], parts[:, :, 2].min(axis=-1))
    np.testing.assert_array_equal(whole[:, :, 3], parts[:, :, 3, :, -1])
    np.testing.assert_array_equal(whole[:, :, 5:], parts[:, :, 5:, :, -1])
    for number in range(count):
        for index, name in enumerate(SUB_BAR_FIELDS):
            found = block.values[:, :, block.fields.index(f"{name}.{number}")]
            np.testing.assert_array_equal(found, parts[:, :, index, :, number])


def test_the_volume_of_a_bar_stays_that_of_a_bar() -> None:
    block = GBM(volume=250.0).paths(seeds=3, steps=10, sub_bars=4)
    assert (block.volume == 250.0).all()


def test_paths_with_sub_bars_do_not_depend_on_threads_or_company() -> None:
    source = Heston()
    many = source.paths(seeds=range(70), steps=30, sub_bars=3, threads=2)
    alone = source.paths(seeds=[41], steps=30, sub_bars=3)
    np.testing.assert_array_equal(many.values[41], alone.values[0])


def test_ranges_keep_their_law_where_the_model_is_exact() -> None:
    coarse = GBM(sigma=0.3).paths(seeds=range(400), steps=100)
    joined = GBM(sigma=0.3).paths(seeds=range(400, 800), steps=100, sub_bars=8)
    for extreme in ("high", "low"):
        one = np.log(coarse.field(extreme) / coarse.open).ravel()
        other = np.log(joined.field(extreme) / joined.open).ravel()
        for power in (1, 2, 3):
            difference = (one**power).mean() - (other**power).mean()
            error = np.hypot((one**power).std(), (other**power).std()) / np.sqrt(one.size)
            assert abs(difference) < 4 * error


@pytest.mark.parametrize("kind", [Bootstrap, Historical])
def test_sources_that_only_know_bars_have_no_sub_bars(kind) -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 300)))
    stamps = np.arange(300, dtype=np.int64) * 86_400_000_000
    bars = Bars("X", stamps, close, close, close, close, np.ones(300))
    with pytest.raises(
        ValueError, match=r"sub_bars: found 4, allowed 1 for (bootstrap|historical)"
    ):
        kind(bars).paths(seeds=1, steps=20, sub_bars=4)


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_a_count_that_is_none_is_refused(count) -> None:
    with pytest.raises(ValueError, match=r"sub_bars: found .*, allowed a whole number >= 1"):
        GBM().paths(seeds=1, steps=20, sub_bars=count)


def test_fields_are_split_into_whole_bars_and_sub_bars() -> None:
    assert split_fields(BAR_FIELDS) == (BAR_FIELDS, 1)
    fields = (*BAR_FIELDS, "variance")
    assert split_fields(fields + sub_bar_fields(26)) == (fields, 26)
