from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from engine.calendar import BarCalendar
from engine.calibration import estimate_correlation, nearest_correlation
from tests.engine.calibration.conftest import DAY, bars_from_closes, midnight


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
    found = estimate_correlation(bars, missing="pairwise", as_of=date(2005, 1, 3))
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
    with pytest.raises(ValueError, match="LATER as_of: found 2000-05-19, allowed >= 2316"):
        estimate_correlation([bars, later])
    even = make_bars(closes[::2], symbol="EVEN", timestamps=bars.timestamps[::2])
    odd = make_bars(closes[1::2], symbol="ODD", timestamps=bars.timestamps[1::2])
    with pytest.raises(ValueError, match="found 0 in common, allowed >= 30"):
        estimate_correlation([even, odd])


def always_open(closes, symbol):
    calendar = BarCalendar("24/7", "1d")
    stamps = midnight(date(2000, 1, 3)) + np.arange(len(closes)) * DAY
    return bars_from_closes(closes, symbol=symbol, calendar=calendar, timestamps=stamps)


def test_symbols_that_rest_on_other_days_are_compared_over_the_same_time(make_bars):
    rng = np.random.default_rng(4)
    market = always_open(100.0 * np.exp(np.cumsum(0.02 * rng.standard_normal(700))), "COIN")
    weekday = (market.timestamps // DAY + 3) % 7 < 5
    # The same prices, seen on weekdays alone; and with some holidays of its own.
    fund = make_bars(3.0 * market.close[weekday], timestamps=market.timestamps[weekday])
    open_days = np.flatnonzero(weekday & (rng.random(700) > 0.05))
    other = make_bars(
        market.close[open_days] ** 2, symbol="OTHER", timestamps=market.timestamps[open_days]
    )
    for missing in ("common", "pairwise"):
        found = estimate_correlation([market, fund, other], missing=missing)
        np.testing.assert_allclose(found.matrix, 1.0, atol=1e-12)
        assert np.all(found.matrix <= 1.0)
        assert np.all(found.std_errors >= 0.0)
    assert found.n[0, 1] == weekday.sum() - 1
    assert found.n[0, 2] == len(open_days) - 1


def test_a_price_left_out_breaks_the_returns_around_it_for_all(make_bars):
    rng = np.random.default_rng(5)
    closes = 100.0 * np.exp(np.cumsum(0.02 * rng.standard_normal(200)))
    broken = closes.copy()
    broken[100] = -37.0
    bars = [make_bars(closes, symbol="A"), make_bars(broken, symbol="B")]
    found = estimate_correlation(bars, non_positive="exclude")
    assert found.n[0, 1] == 197
    assert found.matrix[0, 1] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("window", ["rolling:0.3y", "exponential:0.1y"])
def test_all_windows_end_where_the_shortest_history_does(window, make_bars):
    bars = histories(make_bars, np.random.default_rng(6), np.array([[1.0, 0.5], [0.5, 1.0]]), 300)
    short = [bars[0], bars[1][:200]]
    found = estimate_correlation(short, window=window)
    end = date(2000, 1, 3) + timedelta(days=277)
    assert found.as_of == end
    expected = estimate_correlation([bars[0][:200], bars[1][:200]], window=window)
    np.testing.assert_array_equal(found.matrix, expected.matrix)
    np.testing.assert_array_equal(found.std_errors, expected.std_errors)


def test_a_symbol_that_rests_while_the_other_trades_is_named(make_bars):
    rng = np.random.default_rng(7)
    moves = 0.01 * rng.standard_normal(300)
    first = make_bars(100.0 * np.exp(np.cumsum(moves))[200:], symbol="A")
    first = make_bars(first.close, symbol="A", timestamps=make_bars(moves + 1).timestamps[200:])
    moves[150:] = 0.0
    rested = make_bars(100.0 * np.exp(np.cumsum(moves)), symbol="B")
    with pytest.raises(ValueError, match="found the same return of B in all 99"):
        estimate_correlation([first, rested])


def test_bars_of_two_timeframes_are_refused(make_bars):
    closes = 100.0 + np.sin(np.arange(100.0))
    weekly = make_bars(closes, symbol="W", calendar=BarCalendar("XNYS", "1w"))
    with pytest.raises(ValueError, match="timeframes: found 1d, 1w, allowed one for all"):
        estimate_correlation([make_bars(closes), weekly])
