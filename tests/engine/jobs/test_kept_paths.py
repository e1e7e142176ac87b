"""Paths that stay from batch to batch change no bit of what comes out."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import engine as mc

GRID = {"fast": [3, 6, 9], "slow": [20, 40]}


def _batches(prepared: Any, sets: list[dict[str, Any]], seeds: list[range]) -> list[np.ndarray]:
    return [prepared.run(sets, list(some)).metrics for some in seeds]


@pytest.mark.parametrize("changed", [{}, {"paths_per_seed": 2}, {"bars": "ohlc"}])
def test_batches_on_kept_paths_are_those_on_paths_made_anew(
    changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = mc.Study(*("kept", mc.GBM(), "sma_crossover", GRID), seeds=300, steps=100, **changed)
    sets = [{"fast": fast, "slow": 30} for fast in range(3, 9)]
    # The same seeds again, a part of them, others, and the first again.
    asked = [range(300), range(300), range(50), range(300, 500), range(300)]
    with study.prepare(workers=2) as prepared:
        kept = _batches(prepared, sets, asked)
    module = sys.modules["engine.jobs.kept_paths"]
    monkeypatch.setattr(module, "_MOST_BYTES", 0)
    with study.prepare(workers=1) as prepared:
        anew = _batches(prepared, sets, asked)
    for one, other in zip(kept, anew, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_seeds_are_filled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    study = mc.Study("once", mc.GBM(), "sma_crossover", GRID, seeds=64, steps=60, warm_up=0)
    sets = [{"fast": fast, "slow": 30} for fast in range(3, 9)]
    with study.prepare(workers=1) as prepared:
        prepared.run(sets)
        generator = type(prepared._prepared.generator((), 0))
        filled: list[int] = []
        fill = generator.fill

        def counted(self: Any, seeds: Any, paths: Any, out: Any, scratch: Any) -> None:
            filled.append(len(seeds))
            fill(self, seeds, paths, out, scratch)

        monkeypatch.setattr(generator, "fill", counted)
        prepared.run(sets[:2])
        assert filled == []
        prepared.run(sets[:2], range(64, 96))
        assert sum(filled) == 32


def test_threads_share_the_room_that_was_made_before_they_began() -> None:
    study = mc.Study("shared", mc.GBM(), "sma_crossover", GRID, seeds=40, steps=40)
    sets = [{"fast": fast, "slow": 30} for fast in range(3, 9)]
    with study.prepare(workers=1) as alone, study.prepare(workers=4) as many:
        # Every batch has other seeds, so that each makes room anew.
        for first in range(0, 4_000, 400):
            seeds = range(first, first + 400)
            one, other = (job.run(sets, seeds).metrics for job in (alone, many))
            np.testing.assert_array_equal(one, other)
