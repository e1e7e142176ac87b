"""Lagged returns and regressors in switching models, against statsmodels and NumPy."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

import engine as mc
from engine.calibration import calibrate, try_calibrate
from engine.calibration.switching import fit_switching
from engine.sources import make_source
from tests.engine.calibration.conftest import bars_from_closes

CHAIN = np.array([[0.97, 0.03], [0.08, 0.92]])
MEANS, DEVIATIONS = np.array([0.001, -0.002]), np.array([0.006, 0.02])
AR, BETA = 0.25, 0.004


def world(seed: int, count: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Returns that depend on the one before and on a regressor known then."""
    rng = np.random.default_rng(seed)
    regressor = np.zeros(count)
    returns = np.zeros(count)
    regime = 0
    for t in range(1, count):
        regressor[t] = 0.8 * regressor[t - 1] + rng.standard_normal()
        regime = rng.choice(2, p=CHAIN[regime])
        mean = MEANS[regime] + AR * returns[t - 1] + BETA * regressor[t - 1]
        returns[t] = mean + DEVIATIONS[regime] * rng.standard_normal()
    return returns, regressor


def bars_of(seed: int, count: int = 1500) -> mc.Bars:
    returns, regressor = world(seed, count)
    bars = bars_from_closes(100.0 * np.exp(np.cumsum(returns)))
    return replace(bars, columns={"surprise": regressor})


def fitted(seed: int):
    returns, regressor = world(seed)
    table = np.column_stack([returns[:-1], regressor[:-1]])
    return returns[1:], table, fit_switching(returns[1:], explanatory=table)


def test_the_likelihood_is_that_of_markov_regression_of_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    y, table, found = fitted(1)
    model = sm.tsa.MarkovRegression(
        100.0 * y, 2, exog=np.column_stack([100.0 * table[:, 0], table[:, 1]]),
        switching_exog=False, switching_variance=True,
    )  # fmt: skip
    # p[0->0], p[1->0], two constants, two coefficients, two variances
    ours = [
        *found.transition[:, 0],
        *(100.0 * found.means),
        found.coefficients[0],
        100.0 * found.coefficients[1],
        *(1e4 * found.deviations**2),
    ]
    order = model.param_names
    assert order[:4] == ["p[0->0]", "p[1->0]", "const[0]", "const[1]"]
    shift = len(y) * math.log(100.0)
    assert model.loglike(np.array(ours)) + shift == pytest.approx(found.log_likelihood, abs=1e-6)


@pytest.mark.slow
def test_markov_regression_of_statsmodels_finds_no_higher_likelihood():
    sm = pytest.importorskip("statsmodels.api")
    y, table, found = fitted(1)
    model = sm.tsa.MarkovRegression(
        y / y.std(),
        2,
        exog=table / table.std(axis=0),
        switching_exog=False,
        switching_variance=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        best = model.fit(disp=False, search_reps=20)
    assert found.log_likelihood >= best.llf - len(y) * math.log(y.std()) - 1e-3


def test_the_likelihood_is_that_of_markov_autoregression_where_the_mean_is_common():
    sm = pytest.importorskip("statsmodels.api")
    returns, _ = world(2)
    y = 100.0 * returns
    found = fit_switching(
        y[2:], switching_mean=False, explanatory=np.column_stack([y[1:-1], y[:-2]])
    )
    model = sm.tsa.MarkovAutoregression(
        y, 2, 2, switching_trend=False, switching_ar=False, switching_variance=True
    )
    names = ["p[0->0]", "p[1->0]", "const", "sigma2[0]", "sigma2[1]", "ar.L1", "ar.L2"]
    assert model.param_names == names
    first, second = found.coefficients
    # The constant of their form is the mean.
    ours = [
        *found.transition[:, 0],
        found.means[0] / (1.0 - first - second),
        *found.deviations**2,
        first,
        second,
    ]
    assert model.loglike(np.array(ours)) == pytest.approx(found.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("worlds", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_intervals_cover_the_truth(worlds):
    truth = {"coefficient_1": AR, "coefficient_2": BETA, "mean_1": MEANS[0]}
    truth |= {"deviation_1": DEVIATIONS[0], "deviation_2": DEVIATIONS[1], "p_11": CHAIN[0, 0]}
    hits = dict.fromkeys(truth, 0)
    for seed in range(worlds):
        _, _, found = fitted(seed + 100)
        values = dict(zip(found.names[-2:], found.coefficients, strict=True))
        values |= {"mean_1": found.means[0], "p_11": found.transition[0, 0]}
        values |= {f"deviation_{k + 1}": found.deviations[k] for k in (0, 1)}
        for name, value in truth.items():
            hits[name] += abs(values[name] - value) < 1.96 * found.std_errors[name]
    fewest = 0.95 * worlds - 4.0 * math.sqrt(0.95 * 0.05 * worlds)
    assert min(hits.values()) >= fewest, hits


def test_bars_give_the_same_fit_and_the_state_of_the_next_bar():
    bars = bars_of(3)
    found = calibrate("regime_switching", bars, ar=2, regressors=["surprise"])
    r, x = np.diff(np.log(bars.close)), bars.columns["surprise"]
    table = np.column_stack([r[1:-1], r[:-2], x[2:-1]])
    plain = fit_switching(r[2:], explanatory=table)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert found.n == len(r) - 2
    names = ("ar_1", "ar_2", "beta_surprise")
    for name, value, error in zip(
        names, plain.coefficients, list(plain.std_errors.values())[-3:], strict=True
    ):
        assert found.parameters[name] == pytest.approx(value, rel=1e-6)
        assert found.std_errors[name] == pytest.approx(error, rel=1e-4)
    assert found.start_state["return_1"] == pytest.approx(r[-1])
    assert found.start_state["return_2"] == pytest.approx(r[-2])
    assert found.start_state["value_surprise"] == x[-1]
    # Free: two means, two deviations, two probabilities, three coefficients
    assert found.aic == pytest.approx(18.0 - 2.0 * found.log_likelihood)


def test_planted_future_returns_and_regressors_change_nothing():
    bars = bars_of(4, 900)
    last = 800
    day = np.datetime64(int(bars.timestamps[last]), "us").astype("datetime64[D]").astype(object)
    crash = {
        name: np.where(np.arange(900) > last, 0.1, 1.0) * getattr(bars, name)
        for name in ("open", "high", "low", "close")
    }
    column = np.where(np.arange(900) > last, 1e6, bars.columns["surprise"])
    planted = replace(bars, **crash, columns={"surprise": column})
    options = {"ar": 1, "regressors": ["surprise"]}
    cut = calibrate("regime_switching", bars[: last + 1], **options)
    assert calibrate("regime_switching", planted, as_of=day, **options).to_rows() == cut.to_rows()


def test_paths_are_the_twin_of_the_recursion_and_begin_at_the_calibrated_state():
    found = calibrate("regime_switching", bars_of(5), ar=2, regressors=["surprise"])
    options = {"start_state": found.start_state}
    source = make_source("regime_switching", found.parameters, options=options)
    p = found.parameters
    plain = make_source(
        "regime_switching",
        {n: v for n, v in p.items() if not n.startswith(("ar_", "beta_"))},
        options={"start_state": {n: v for n, v in found.start_state.items() if "regime" in n}},
    )
    ours, news = (s.paths(seeds=range(4), steps=300, dt=1 / 252) for s in (source, plain))
    assert (ours.field("regime") == news.field("regime")).all()
    moves = np.diff(np.log(news.close / 100.0), prepend=0.0)
    shift = p["beta_surprise"] * found.start_state["value_surprise"]
    twin = np.empty_like(moves)
    for path in range(4):
        before = [found.start_state["return_1"], found.start_state["return_2"]]
        for t in range(300):
            move = moves[path, t] + shift + p["ar_1"] * before[0] + p["ar_2"] * before[1]
            before, twin[path, t] = [move, before[0]], move
    np.testing.assert_allclose(np.log(ours.close / 100.0), twin.cumsum(axis=1), atol=1e-11)
    assert (ours.high >= np.maximum(ours.open, ours.close)).all()
    assert (source.paths(seeds=range(4), steps=300, dt=1 / 252, bars="close").close
            == ours.close).all()  # fmt: skip


def test_simulated_autocorrelation_is_the_coefficient():
    source = mc.RegimeSwitching(
        mu=(0.05,),
        sigma=(0.2,),
        transition=((1.0,),),
        ar=(0.4,),
        betas={"x": 0.01},
        held={"x": 0.5},
    )
    moves = np.diff(np.log(source.paths(seeds=range(200), steps=1000).close), axis=1)
    one, two = moves[:, 1:].ravel(), moves[:, :-1].ravel()
    slope = np.cov(one, two)[0, 1] / two.var()
    assert slope == pytest.approx(0.4, abs=4 / math.sqrt(len(two)))
    level = (0.05 / 252 + 0.005) / (1.0 - 0.4)
    assert moves.mean() == pytest.approx(level, abs=4 * 0.2 / 252**0.5 / 0.6 / math.sqrt(two.size))


def test_drawn_parameters_keep_lags_and_regressors():
    source = mc.RegimeSwitching(ar=(0.1, -0.2), betas={"x": 1.0}, held={"x": 0.1})
    moved = source.with_parameters(ar_2=-0.1, beta_x=2.0, mu_1=0.3)
    assert (moved.ar, moved.betas, moved.held) == ((0.1, -0.1), {"x": 2.0}, {"x": 0.1})
    assert moved.with_start_state({"return_1": 0.01, "return_2": 0.0}).last_returns == (0.01, 0.0)
    assert not source.has_sub_bars
    assert mc.RegimeSwitching().has_sub_bars


def test_what_cannot_be_is_one_sentence():
    bars = bars_of(6, 400)
    for options, reason in (
        ({"ar": 11}, "ar: found 11, allowed a whole number from 0 to 10"),
        ({"regressors": ["vix"]}, "regressors: found 'vix', allowed surprise"),
    ):
        assert try_calibrate("regime_switching", bars, **options).reason == reason
    holes = replace(bars, columns={"surprise": np.where(np.arange(400) == 7, np.nan, 1.0)})
    found = try_calibrate("regime_switching", holes, regressors=["surprise"])
    assert found.reason == "TEST surprise: found 1 bars without a value, allowed none"
    with pytest.raises(
        mc.Refusal, match=r"ar: found .*allowed numbers under which returns go back"
    ):
        mc.RegimeSwitching(ar=(1.2,))
    with pytest.raises(mc.Refusal, match="held: found 'y', allowed x"):
        mc.RegimeSwitching(betas={"x": 1.0}, held={"y": 1.0})
    with pytest.raises(mc.Refusal, match="last_returns: found 1 returns, allowed 2"):
        mc.RegimeSwitching(ar=(0.1, 0.1), last_returns=(0.0,))
