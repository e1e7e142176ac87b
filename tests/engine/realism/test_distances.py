from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.realism.distances import two_sample_distances


def test_distances_are_those_of_scipy_with_ties_too():
    rng = np.random.default_rng(1)
    for first, second in (
        (rng.standard_normal(200), rng.standard_normal(300) + 0.5),
        (rng.integers(0, 5, 150).astype(float), rng.integers(1, 6, 90).astype(float)),
    ):
        ks, energy = two_sample_distances(first, second)
        assert ks == pytest.approx(stats.ks_2samp(first, second).statistic)
        assert energy == pytest.approx(stats.energy_distance(first, second) ** 2)


def test_a_sample_is_at_no_distance_from_itself():
    x = np.array([3.0, 1.0, 2.0])
    assert two_sample_distances(x, x[::-1]) == (0.0, 0.0)
    with pytest.raises(ValueError, match="samples: found 0 and 3 values"):
        two_sample_distances(x[:0], x)
