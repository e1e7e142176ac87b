"""Seasons of futures curves: simulated ones come back, and none is found where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine as mc
from engine.calibration import calibrate, try_calibrate
from engine.calibration.curve_data import year_fraction
from engine.calibration.schwartz_smith import PARAMETERS, filter_schwartz_smith
from engine.sources import RollingFutures, Schwartz2F, SchwartzSmith, make_source
from tests.engine.calibration.seasonal_world import MODEL, SEASON, season, seasonal_panel

TRUE = dict(
    zip(
        ("season_cos_1", "season_sin_1", "season_cos_2", "season_sin_2"),
        [amplitude for pair in SEASON for amplitude in pair],
        strict=True,
    )
)


@pytest.fixture(scope="module")
def panel():
    return seasonal_panel()


@pytest.fixture(scope="module")
def found(panel):
    return calibrate("schwartz_smith", panel, seasonality="auto", measurement="common")


def test_the_criterion_finds_the_season_that_the_world_has(found):
    assert found.diagnostics["season_cycles"] == 2
    bic = found.diagnostics["season_bic"]
    assert min(bic, key=bic.get) == "2"
    assert found.bic == pytest.approx(bic["2"])
    for name, truth in (MODEL | TRUE).items():
        assert abs(found.parameters[name] - truth) < 4.0 * found.std_errors[name], name
    for name in TRUE:
        assert found.std_errors[name] < 0.001


def test_no_season_is_found_where_there_is_none():
    plain = calibrate(
        "schwartz_smith", seasonal_panel((), rows=120), seasonality="auto", measurement="common"
    )
    assert plain.diagnostics["season_cycles"] == 0
    assert tuple(plain.parameters) == PARAMETERS
    assert "year_fraction" not in plain.start_state


def test_the_likelihood_is_that_of_the_prices_without_their_season(found, panel):
    calendar = np.array([day.year for day in panel.dates])[:, None] + panel.maturities
    ahead = found.diagnostics["measurement_sd"][0]
    phase = np.array(
        [(day - day.replace(month=1, day=1)).days for day in panel.dates], dtype=float
    ) / np.array([366 if day.year % 4 == 0 else 365 for day in panel.dates])
    pairs = [
        (found.parameters[f"season_cos_{k}"], found.parameters[f"season_sin_{k}"]) for k in (1, 2)
    ]
    plain = replace(panel, prices=panel.prices / np.exp(season(calendar + phase[:, None], pairs)))
    parameters = {name: found.parameters[name] for name in PARAMETERS}
    filtered = filter_schwartz_smith(plain, parameters, ahead, measurement="common")
    # The diffuse start lies at the first prices, of which one side has the season.
    assert filtered.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-4)
    assert filtered.states[-1] == pytest.approx(
        [found.start_state["chi"], found.start_state["xi"]], abs=1e-6
    )


def test_both_two_factor_models_have_the_same_season(found, panel):
    other = calibrate("schwartz_2f", panel, seasonality=2, measurement="common", rate=0.02)
    assert other.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)
    for name in TRUE:
        assert other.parameters[name] == pytest.approx(found.parameters[name])
        assert other.std_errors[name] == pytest.approx(found.std_errors[name])
    assert other.start_state["spot"] == pytest.approx(found.start_state["spot"])
    assert other.bic == pytest.approx(found.bic)


def test_a_crash_and_another_season_after_the_date_change_nothing(panel):
    last = 150
    prices = panel.prices.copy()
    prices[last + 1 :] *= 0.1 * np.exp(np.sin(np.arange(8)))
    options = {"seasonality": 1, "measurement": "common"}
    cut = calibrate("schwartz_smith", panel.rows(slice(0, last + 1)), **options)
    planted = replace(panel, prices=prices)
    found = calibrate("schwartz_smith", planted, as_of=panel.dates[last], **options)
    assert found.to_rows() == cut.to_rows()


def test_a_one_factor_curve_has_a_season_too():
    # Without shocks of the level the two-factor world has one factor.
    rng = np.random.default_rng(4)
    panel = seasonal_panel(rows=100)
    kappa, mu, sigma, risk = 1.4, 4.1, 0.3, 0.1
    fade = np.exp(-kappa * 7 / 365)
    alpha = mu - sigma**2 / (2 * kappa)
    states = np.empty(100)
    states[0] = alpha
    for i in range(1, 100):
        noise = sigma * np.sqrt((1 - fade**2) / (2 * kappa)) * rng.standard_normal()
        states[i] = alpha + fade * (states[i - 1] - alpha) + noise
    decay = np.exp(-kappa * panel.maturities)
    calendar = np.array([day.year + year_fraction(day) for day in panel.dates])
    logs = decay * states[:, None] + (1 - decay) * (alpha - risk)
    logs += (1 - decay**2) * sigma**2 / (4 * kappa)
    logs += season(calendar[:, None] + panel.maturities, SEASON)
    prices = np.exp(logs + 0.005 * rng.standard_normal(logs.shape))
    panel = replace(panel, prices=prices)
    found = calibrate("schwartz_1f", panel, seasonality=2, measurement="common")
    for name, truth in ({"kappa": kappa, "mu": mu, "sigma": sigma, "lambda_": risk} | TRUE).items():
        assert abs(found.parameters[name] - truth) < 4.0 * found.std_errors[name], name
    spot = np.exp(states[-1] + season(calendar[-1:], SEASON)[0])
    assert (
        abs(found.start_state["spot"] - spot) < 4.0 * found.state_covariance["spot"]["spot"] ** 0.5
    )
    plain = calibrate("schwartz_1f", panel, measurement="common")
    assert found.bic < plain.bic - 100.0
    # The filter and the paths know the season: one sees the spot, the other starts at the curve.
    log_spot = mc.kalman_filter(found, panel, measurement="common").filtered[-1, 0]
    assert log_spot == pytest.approx(np.log(found.start_state["spot"]))
    source = make_source("schwartz_1f", found.parameters).with_start_state(found.start_state)
    assert source.year_fraction == found.start_state["year_fraction"]
    today = mc.term_structure(found, panel)
    assert np.log(today["fitted"] / today["price"]).abs().max() < 4.0 * 0.005


def test_bars_have_no_season_of_expiries():
    day = 86_400_000_000
    close = 50.0 * np.exp(np.sin(np.arange(80.0)) / 50)
    bars = mc.Bars("X", np.arange(80) * day, close, close, close, close, np.ones(80))
    with pytest.raises(mc.Refusal, match="seasonality: found 1 with bars, allowed 0"):
        calibrate("schwartz_1f", bars, seasonality=1)


@pytest.mark.parametrize("model", ["schwartz_smith", "schwartz_2f"])
def test_contracts_on_paths_begin_at_the_calibrated_curve(model, panel):
    found = calibrate(model, panel, seasonality=2, measurement="common")
    source = make_source(
        "rolling_futures",
        found.parameters,
        options={
            "model": model,
            "contracts": (1, 3, 6),
            "bars_per_contract": 42,
            "roll_bars": 0,
            "start_state": found.start_state,
        },
    )
    spot = found.start_state["spot"]
    block = source.paths(seeds=[1], steps=5, s0=spot, dt=1 / 252)
    ahead = np.array([1, 3, 6]) * 42 / 252
    values = {name: found.parameters[name] for name in found.parameters if name in MODEL}
    if model == "schwartz_2f":
        values = found.diagnostics["schwartz_smith"]
    smith = SchwartzSmith(**{n: v for n, v in values.items() if n in PARAMETERS})
    today = found.start_state["year_fraction"]
    amplitudes = [
        (found.parameters[f"season_cos_{k}"], found.parameters[f"season_sin_{k}"]) for k in (1, 2)
    ]
    chi = found.start_state.get("chi")
    if chi is None:
        level = found.start_state["convenience_yield"] - found.parameters["alpha"]
        chi = level / found.parameters["kappa"]
    xi = np.log(spot) - chi - season(np.array(today), amplitudes)
    right = smith.futures(chi, xi, ahead) * np.exp(season(today + ahead, amplitudes))
    np.testing.assert_allclose(block.values[0, :, 0, 0], right, rtol=1e-9)


def test_a_future_that_expires_now_is_the_spot_whatever_the_season():
    model = Schwartz2F(seasonality=[(0.2, 0.1), (0.0, 0.05)], year_fraction=0.3, delta0=0.1)
    source = RollingFutures(model, contracts=(1,), bars_per_contract=10, roll_bars=0)
    block = source.paths(seeds=range(4), steps=40, bars="close")
    at_expiry = block.field("maturity")[..., 9::10]
    np.testing.assert_allclose(at_expiry, 0.0, atol=1e-12)
    np.testing.assert_allclose(block.close[..., 9::10], block.field("spot")[..., 9::10], rtol=1e-12)


def test_filtered_states_are_those_of_the_calibration_and_the_spot_has_the_season(found, panel):
    states = mc.kalman_filter(found, panel, measurement="common")
    assert states.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)
    chi, xi, log_spot = states.filtered[-1]
    assert (chi, xi) == pytest.approx((found.start_state["chi"], found.start_state["xi"]))
    assert log_spot == pytest.approx(np.log(found.start_state["spot"]))
    tests = states.innovation_tests()
    assert (tests["deviation"] - 1.0).abs().max() < 0.2


def test_amplitudes_are_parameters_by_name():
    source = make_source("schwartz_smith", {"kappa": 2.0} | TRUE, options={"year_fraction": 0.25})
    assert source.seasonality == SEASON
    assert {name: source.values[name] for name in TRUE} == TRUE
    moved = source.with_parameters(season_sin_2=0.5, kappa=3.0)
    assert (moved.seasonality[1], moved.kappa) == ((0.02, 0.5), 3.0)
    assert moved.with_start_state({"year_fraction": 0.5, "chi": 0.2}).year_fraction == 0.5
    with pytest.raises(mc.Refusal, match="seasonality: found season_cos_2, season_sin_2, allowed"):
        make_source("schwartz_2f", {"season_cos_2": 0.1, "season_sin_2": 0.1})


def test_what_is_no_season_is_one_sentence(panel):
    for asked, reason in (
        ({"seasonality": 7}, "seasonality: found 7, allowed auto, or 0 to 4 cycles"),
        ({"seasonality": "yes"}, "seasonality: found 'yes', allowed auto, or 0 to 4 cycles"),
        (
            {"seasonality": 1, "initial": "first_price"},
            "initial: found 'first_price' with a season, allowed diffuse or (mean, covariance)",
        ),
    ):
        assert try_calibrate("schwartz_smith", panel, **asked).reason == reason


@pytest.mark.slow
def test_intervals_of_the_season_cover_the_truth():
    hits = dict.fromkeys(TRUE, 0)
    for seed in range(40):
        found = calibrate(
            "schwartz_smith",
            seasonal_panel(rows=120, seed=seed + 10),
            seasonality=2,
            measurement="common",
        )
        for name, truth in TRUE.items():
            hits[name] += truth in found.interval(name)
    # 38 of 40 are expected; four standard errors below are 32.5.
    assert min(hits.values()) >= 33, hits
