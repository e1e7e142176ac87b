"""Effective trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.sharpe_inference import expected_maximum
from engine.statistics.trials import effective_trials


def correlated(seed: int, trials: int, blocks: int, correlation: float) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    common = math.sqrt(correlation) * rng.normal(size=blocks)
    return common + math.sqrt(1 - correlation) * rng.normal(size=(trials, blocks))


def test_independent_trials_count_each() -> None:
    found = effective_trials(correlated(1, 60, 400, 0.0), seed=1)
    assert found.tried == 60
    assert found.count > 48
    assert found.expected_maximum == pytest.approx(expected_maximum(60), rel=0.03)


def test_equally_correlated_trials_have_the_maximum_of_their_own_parts() -> None:
    found = effective_trials(correlated(2, 100, 1000, 0.5), seed=1)
    assert found.expected_maximum == pytest.approx(math.sqrt(0.5) * expected_maximum(100), rel=0.06)
    assert 1.0 < found.count < 30.0


@pytest.mark.parametrize("groups", [3, 10])
def test_groups_of_alike_trials_are_found(groups: int) -> None:
    rng = np.random.Generator(np.random.Philox(3))
    base = rng.normal(size=(groups, 250))
    labels = np.repeat(np.arange(groups), 12)
    found = effective_trials(
        0.95 * base[labels] + 0.2 * rng.normal(size=(12 * groups, 250)), seed=1
    )
    assert found.cluster_count == groups
    assert found.clusters.tolist() == labels.tolist()
    assert found.count < 4 * groups


def test_copies_of_one_trial_are_one_and_idle_ones_none() -> None:
    x = np.repeat(correlated(4, 1, 200, 0.0), 50, axis=0)
    x[7] = 0.0
    found = effective_trials(x, seed=1)
    assert found.tried == 49
    assert found.count == pytest.approx(1.0, abs=1e-6)
    assert found.clusters[7] == -1


def test_the_same_seed_gives_the_same_count() -> None:
    x = correlated(5, 20, 50, 0.3)
    assert effective_trials(x, seed=9).count == effective_trials(x, seed=9).count


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="outcomes: found shape"):
        effective_trials(np.zeros((3, 2)), seed=1)
    with pytest.raises(ValueError, match="not finite"):
        effective_trials(np.full((3, 5), np.nan), seed=1)
    with pytest.raises(ValueError, match="without variance"):
        effective_trials(np.ones((3, 5)), seed=1)
