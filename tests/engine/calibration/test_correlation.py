from __future__ import annotations

import numpy as np
import pytest

from engine.calibration import estimate_correlation, nearest_correlation


def histories(make_bars, rng, matrix, n=2000):
    returns = 0.01 * rng.standard_normal((n, len(matrix))) @ np.linalg.cholesky(matrix).T
    closes = 100.0 * np.exp(np.cumsum(returns, axis=0))
    return [make_bars(closes[:, i], symbol=f"S{i}") for i in range(len(matrix))]


def test_known_correlations_come_back_within_their_errors(make_bars):
    truth = np.array([[1.0, 0.7, -0.2], [0.7, 1.0, 0.0], [-0.2, 0.0, 1.0]])
    found = estimate_correlation(histories(make_bars, np.random.default_rng(1), truth))
    off = ~np.eye(3, dtype=bool)
    assert np.all(np.abs(found.matrix - truth)[off] < 4.0 * found.std_errors[off])
    assert found.repair_distance == 0.0
    assert len(found.to_rows()) == 3


def test_highams_example_gets_its_nearest_correlation_matrix():
    # Higham (2002), section 4: the nearest to this tridiagonal matrix
    found = nearest_correlation(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    expected = np.array([[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]])
    np.testing.assert_allclose(found, expected, atol=5e-5)
    assert np.linalg.eigvalsh(found)[0] > -1e-12


def test_pairs_that_contradict_each_other_are_repaired_and_reported(make_bars):
    rng = np.random.default_rng(2)
    noise = 0.01 * rng.standard_normal(1200)
    other = 0.01 * rng.standard_normal(1200)
    # a with b in the first third, b with c in the second, a against c in the last
    a, b, c = np.full((3, 1200), np.nan)
    a[:400], b[:400] = noise[:400], noise[:400]
    b[400:800], c[400:800] = noise[400:800], noise[400:800]
    a[800:], c[800:] = other[800:], -other[800:]
    bars = []
    for name, own in (("A", a), ("B", b), ("C", c)):
        seen = np.isfinite(own)
        full = make_bars(100.0 * np.exp(np.cumsum(np.where(seen, own, 0.0))), symbol=name)
        keep = np.flatnonzero(seen)
        bars.append(make_bars(full.close[keep], symbol=name, timestamps=full.timestamps[keep]))
    found = estimate_correlation(bars, missing="pairwise")
    assert found.smallest_eigenvalue < -0.5
    assert found.repair_distance > 0.3
    assert np.linalg.eigvalsh(found.matrix)[0] > -1e-10
    np.testing.assert_array_equal(np.diag(found.matrix), 1.0)


def test_shrinkage_moves_towards_the_identity(make_bars):
    bars = histories(make_bars, np.random.default_rng(3), np.eye(4), n=80)
    plain, shrunk = (estimate_correlation(bars, shrinkage=s) for s in ("none", "auto"))
    assert shrunk.shrinkage > 0.3
    np.testing.assert_allclose(
        shrunk.matrix - np.eye(4), (1.0 - shrunk.shrinkage) * (plain.matrix - np.eye(4)), atol=1e-12
    )
    with pytest.raises(ValueError, match=r"shrinkage: found 1\.5"):
        estimate_correlation(bars, shrinkage=1.5)


def test_one_symbol_or_no_common_days_are_refused(make_bars):
    closes = 100.0 + np.sin(np.arange(100.0))
    bars = make_bars(closes)
    with pytest.raises(ValueError, match="symbols: found"):
        estimate_correlation([bars])
    later = make_bars(closes, symbol="LATER", timestamps=bars.timestamps + 10**16)
    with pytest.raises(ValueError, match="found 0 in common, allowed >= 30"):
        estimate_correlation([bars, later], as_of=None)
