"""States through time against dense linear algebra, and innovations against their law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity.calibrations import commodity_curve
from engine.calibration import FuturesPanel, calibrate
from engine.calibration.curve_data import CurveData
from engine.calibration.filtered_states import FilteredStates, kalman_filter
from engine.calibration.kalman import filter_curve
from engine.calibration.residuals import autocorrelation, jarque_bera, ljung_box
from engine.calibration.schwartz_smith import SchwartzSmith
from engine.calibration.smoother import smooth_curve

NATURAL = np.array([1.5, 0.29, 0.16, -0.01, 0.15, 0.01, 0.3])


@pytest.fixture(scope="module")
def panel() -> FuturesPanel:
    return commodity_curve(np.random.default_rng(31), weeks=160)[0]


@pytest.fixture(scope="module")
def found(panel: FuturesPanel) -> FilteredStates:
    return kalman_filter(calibrate("schwartz_smith", panel), panel)


def test_smoothed_states_are_the_conditional_law_given_all_prices(panel):
    few = panel.rows(slice(0, 7))
    prices = few.prices.copy()
    prices[2, 1] = prices[4, :] = np.nan
    few = FuturesPanel.from_arrays(prices, few.maturities, dt=1 / 52)
    data = CurveData.of(few)
    h = np.array([0.03, 0.006, 0.004, 0.004, 0.006]) ** 2
    model = SchwartzSmith().build(NATURAL, h, data)
    states, covariances = smooth_curve(model, filter_curve(data.y, model))
    # All states and prices at once: a joint normal law, conditioned by solving one system.
    n = len(data.y)
    mean, cov = np.zeros(2 * n), np.zeros((2 * n, 2 * n))
    m, p = model.mean, np.array([[model.covariance[0], model.covariance[1]], [0, 0]])
    p = np.array(
        [[model.covariance[0], model.covariance[1]], [model.covariance[1], model.covariance[2]]]
    )
    for i in range(n):
        if i:
            f = np.diag([model.phi[i], 1.0])
            m = f @ m + [model.c1[i], model.c2[i]]
            cov[2 * i : 2 * i + 2, : 2 * i] = f @ cov[2 * i - 2 : 2 * i, : 2 * i]
            cov[: 2 * i, 2 * i : 2 * i + 2] = cov[2 * i : 2 * i + 2, : 2 * i].T
            p = f @ p @ f.T + [[model.q11[i], model.q12[i]], [model.q12[i], model.q22[i]]]
        mean[2 * i : 2 * i + 2] = m
        cov[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = p
    rows, values, noise = [], [], []
    for i, j in np.argwhere(~np.isnan(data.y)):
        load = np.zeros(2 * n)
        load[2 * i], load[2 * i + 1] = model.z[i, j], 1.0
        rows.append(load)
        values.append(data.y[i, j] - model.d[i, j])
        noise.append(h[j])
    z = np.array(rows)
    gain = np.linalg.solve(z @ cov @ z.T + np.diag(noise), z @ cov).T
    given = mean + gain @ (np.array(values) - z @ mean)
    left = cov - gain @ z @ cov
    np.testing.assert_allclose(states.ravel(), given, atol=1e-7)
    for i in range(n):
        block = left[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]
        np.testing.assert_allclose(
            covariances[i], [block[0, 0], block[0, 1], block[1, 1]], rtol=1e-4, atol=1e-9
        )


def test_the_last_filtered_state_is_the_calibrations_start_state_with_its_error(panel, found):
    calibration = calibrate("schwartz_smith", panel)
    assert found.names == ("chi", "xi", "log_spot")
    for j, name in enumerate(("chi", "xi")):
        assert found.filtered[-1, j] == pytest.approx(calibration.start_state[name], rel=1e-9)
        error = math.sqrt(calibration.state_covariance[name][name])
        assert found.filtered_std_error[-1, j] == pytest.approx(error, rel=0.03)
    # Given everything, the last date knows no more than it did.
    np.testing.assert_allclose(found.smoothed[-1], found.filtered[-1], rtol=1e-12)
    assert found.log_likelihood == pytest.approx(calibration.log_likelihood, abs=1e-6)


def test_the_same_curve_has_the_same_spot_in_both_forms_of_the_model(panel, found):
    other = kalman_filter(calibrate("schwartz_2f", panel, rate=0.03), panel)
    assert other.names == ("convenience_yield", "log_spot")
    np.testing.assert_allclose(other.filtered[:, 1], found.filtered[:, 2], atol=1e-6)
    np.testing.assert_allclose(
        other.filtered_std_error[:, 1], found.filtered_std_error[:, 2], rtol=0.02
    )
    last = calibrate("schwartz_2f", panel, rate=0.03)
    assert other.filtered[-1, 0] == pytest.approx(last.start_state["convenience_yield"], rel=1e-6)
    error = math.sqrt(last.state_covariance["convenience_yield"]["convenience_yield"])
    assert other.filtered_std_error[-1, 0] == pytest.approx(error, rel=0.03)


def test_a_one_factor_model_has_its_log_price(panel):
    calibration = calibrate("schwartz_1f", panel)
    one = kalman_filter(calibration, panel)
    assert one.names == ("log_spot",)
    assert math.exp(one.filtered[-1, 0]) == pytest.approx(calibration.start_state["spot"], rel=1e-6)
    assert (one.smoothed_std_error > 0.0).all()


def test_innovations_of_the_right_model_are_white_and_normal_and_of_a_wrong_one_are_not(panel):
    calibration = calibrate("schwartz_smith", panel)
    right = kalman_filter(calibration, panel).innovation_tests()
    assert right.columns[:4] == ["contract", "n", "mean", "deviation"]
    assert right.height == 5
    # Bonferroni over five contracts and two tests.
    assert min(right["ljung_box_p_value"].min(), right["jarque_bera_p_value"].min()) > 1e-4
    assert ((right["deviation"] - 1.0).abs() < 0.25).all()
    wrong = kalman_filter(calibrate("schwartz_1f", panel), panel).innovation_tests()
    assert wrong["ljung_box_p_value"].min() < 1e-6


def test_the_table_has_bands_of_both_kinds(panel, found):
    table = found.table()
    assert table.height == 3 * len(panel)
    chi = table.filter(table["state"] == "chi")
    assert chi["date"].to_list() == list(panel.dates)
    for kind in ("filtered", "smoothed"):
        width = (chi[f"{kind}_high"] - chi[f"{kind}_low"]).to_numpy()
        np.testing.assert_allclose(width, 2 * 1.959964 * chi[f"{kind}_std_error"], rtol=1e-6)


def test_what_has_no_such_states_is_refused(panel):
    calibration = calibrate("schwartz_smith", panel)
    with pytest.raises(ValueError, match="measurement: found 1 errors, allowed the 5"):
        kalman_filter(calibration, panel, measurement="common")
    from benchmarks.validity.calibrations import reverting

    bars, _ = reverting(np.random.default_rng(4), kappa=2.0, years=5)
    with pytest.raises(ValueError, match="calibration: found one of schwartz_1f, allowed"):
        kalman_filter(calibrate("schwartz_1f", bars), panel)


def test_whiteness_and_normality_are_tested_as_by_others():
    rng = np.random.default_rng(3)
    series = rng.standard_normal(400).cumsum() * 0.1 + rng.standard_normal(400)
    centred = series - series.mean()
    rho = [float(np.sum(centred[k:] * centred[:-k]) / np.sum(centred**2)) for k in (1, 2, 3)]
    np.testing.assert_allclose(autocorrelation(series, 3), rho, rtol=1e-12)
    statistic, p = ljung_box(series, 3)
    expected = 400 * 402 * sum(r * r / (400 - k) for k, r in enumerate(rho, 1))
    assert statistic == pytest.approx(expected, rel=1e-12)
    assert p == pytest.approx(stats.chi2.sf(expected, 3), rel=1e-9)
    theirs = stats.jarque_bera(series)
    assert jarque_bera(series) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    holes = series.copy()
    holes[::7] = np.nan
    assert np.isfinite(autocorrelation(holes, 3)).all()
    assert np.isfinite(ljung_box(holes, 3)).all()
    assert np.isfinite(jarque_bera(holes)).all()


def test_agreement_with_statsmodels():
    diagnostic = pytest.importorskip("statsmodels.stats.diagnostic")
    series = np.random.default_rng(5).standard_normal(300).cumsum()
    theirs = diagnostic.acorr_ljungbox(series, lags=[8])
    own = ljung_box(series, 8)
    assert own[0] == pytest.approx(float(theirs["lb_stat"].iloc[0]), rel=1e-9)
    assert own[1] == pytest.approx(float(theirs["lb_pvalue"].iloc[0]), rel=1e-6, abs=1e-300)
