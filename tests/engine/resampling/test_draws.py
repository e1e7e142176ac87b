"""Kernels that draw courses, against plain Python on the reference generator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.randomness import Stream, philox_reference
from engine.resampling.courses import METHODS, Courses
from engine.resampling.draws import (
    draw_blocks,
    draw_delayed,
    draw_fitted,
    draw_shuffled,
    draw_skipped,
)

SEED, FIRST, COUNT = 7, 3, 12
RECORD = np.array([0.02, -0.01, 0.03, -0.02, 0.0, 0.05, -0.04, 0.01, -0.01, 0.02, 0.04, -0.03])


def uniforms(course: int, index: int, part: int = 0) -> list[float]:
    words = philox_reference([index, int(Stream.RESAMPLE) + part, course, 0], [SEED, 0])
    return [(word + 0.5) / 2.0**32 for word in words]


def places(course: int, part: int, restart: float, steps: int) -> list[int]:
    found: list[int] = []
    for i in range(steps):
        u, v, *_ = uniforms(course, i, part)
        fresh = i == 0 or u < restart
        found.append(int(v * COUNT) if fresh else (found[-1] + 1) % COUNT)
    return found


@pytest.mark.parametrize("anew", [False, True])
def test_blocks_are_runs_of_the_record_or_of_one_drawn_anew(anew: bool) -> None:
    out = np.empty((4, 20))
    draw_blocks(np.uint64(SEED), FIRST, RECORD, 0.3, anew, out)
    for d, row in enumerate(out):
        drawn = places(FIRST + d, 1, 0.3, COUNT) if anew else list(range(COUNT))
        expected = [RECORD[drawn[i]] for i in places(FIRST + d, 0, 0.3, 20)]
        assert row.tolist() == expected


def test_a_shuffle_is_fisher_and_yates() -> None:
    out = np.empty((4, COUNT))
    draw_shuffled(np.uint64(SEED), FIRST, RECORD, out)
    for d, row in enumerate(out):
        expected = RECORD.tolist()
        for i in range(COUNT - 1, 0, -1):
            j = int(uniforms(FIRST + d, i)[0] * (i + 1))
            expected[i], expected[j] = expected[j], expected[i]
        assert row.tolist() == expected
        assert sorted(row) == sorted(RECORD)


def test_a_missed_trade_earns_nothing() -> None:
    out = np.empty((4, COUNT))
    draw_skipped(np.uint64(SEED), FIRST, RECORD, 0.4, out)
    for d, row in enumerate(out):
        missed = [uniforms(FIRST + d, i)[0] < 0.4 for i in range(COUNT)]
        assert row.tolist() == np.where(missed, 0.0, RECORD).tolist()


def test_a_late_fill_has_one_of_the_delays() -> None:
    by_delay = np.stack([RECORD, RECORD - 1.0, RECORD - 2.0], axis=1)
    out = np.empty((4, COUNT))
    draw_delayed(np.uint64(SEED), FIRST, by_delay, out)
    for d, row in enumerate(out):
        delays = [int(uniforms(FIRST + d, i)[0] * 3) for i in range(COUNT)]
        assert row.tolist() == by_delay[np.arange(COUNT), delays].tolist()


@pytest.mark.parametrize("anew", [False, True])
def test_fitted_gains_and_losses_have_the_moments_of_the_record(anew: bool) -> None:
    out = np.empty((2_000, 200))
    draw_fitted(np.uint64(SEED), 0, RECORD, anew, out)
    gains, losses = RECORD[RECORD > 0.0], -RECORD[RECORD < 0.0]
    # Redrawn records differ, so that outcomes of one course depend on each other.
    error = out.mean(axis=1).std() / math.sqrt(len(out))
    assert abs(out.mean() - RECORD.mean()) < 4.0 * error
    if anew:
        return
    assert abs((out > 0.0).mean() - len(gains) / COUNT) < 4.0 * math.sqrt(0.25 / out.size)
    for drawn, observed in ((out[out > 0.0], gains), (-out[out < 0.0], losses)):
        assert drawn.mean() == pytest.approx(observed.mean(), rel=0.01)
        assert drawn.std() == pytest.approx(observed.std(), rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_a_course_does_not_depend_on_the_chunk_that_it_lies_in(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = np.stack([RECORD, -RECORD], axis=1) if method == "delay" else RECORD
    courses = Courses(method, record, COUNT, 50, SEED, 2.0, True, 0.2)
    whole = np.concatenate(list(courses.chunks()))
    monkeypatch.setattr("engine.resampling.courses._CHUNK", 7 * COUNT)
    assert np.array_equal(np.concatenate(list(courses.chunks())), whole)
    assert whole.shape == (50, COUNT)
