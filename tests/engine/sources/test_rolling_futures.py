from __future__ import annotations

import math

import numpy as np
import pytest

from engine.sources import GBM, RollingFutures, Schwartz2F, SchwartzSmith, make_source

MODEL = Schwartz2F(mu=0.08, r=0.03, lambda_=0.1, delta0=0.06, sigma_yield=0.3)


def test_every_bar_is_priced_by_the_models_curve():
    source = RollingFutures(MODEL, contracts=(1, 4), bars_per_contract=10, roll_bars=2)
    block = source.paths(seeds=range(5), s0=60.0, steps=100)
    assert block.symbols == ("F1", "F4")
    spot = MODEL.paths(seeds=range(5), s0=60.0, steps=100, bars="close")
    assert (block.field("spot")[:, 0] == spot.close).all()
    for s in range(2):
        maturity = block.field("maturity")[0, s]
        price = MODEL.futures(spot.close, spot.field("convenience_yield"), maturity)
        assert block.close[:, s] == pytest.approx(price, rel=1e-12)
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()


def test_contracts_roll_before_expiry_and_open_at_the_new_contract():
    source = RollingFutures(MODEL, bars_per_contract=10, roll_bars=2)
    block = source.paths(seeds=[1], s0=60.0, steps=60)
    maturity = np.rint(block.field("maturity")[0] * 252).astype(int)
    assert maturity.min() == 2
    assert maturity.max() == 11
    rolls = np.flatnonzero(np.diff(maturity) > 0) + 1
    assert rolls.tolist() == [8, 18, 28, 38, 48, 58]
    same = np.setdiff1d(np.arange(1, 60), rolls)
    assert block.open[0, same] == pytest.approx(block.close[0, same - 1], rel=1e-12)
    for t in rolls:
        state = block.field("spot")[0, t - 1], block.field("convenience_yield")[0, t - 1]
        assert block.open[0, t] == pytest.approx(
            MODEL.futures(*state, (maturity[t] + 1) / 252), rel=1e-12
        )


def test_under_the_pricing_measure_a_held_contract_is_a_martingale():
    neutral = MODEL.risk_neutral()
    block = RollingFutures(neutral, contracts=(2,), bars_per_contract=4, roll_bars=0).paths(
        seeds=range(50_000), s0=60.0, steps=6, dt=1 / 12, bars="close"
    )
    change = block.close / block.open - 1
    for bar in range(6):
        error = change[:, bar].std() / math.sqrt(change.shape[0])
        assert abs(change[:, bar].mean()) < 4 * error


def test_the_model_can_be_given_by_name_and_its_parameters_changed():
    source = make_source(
        "rolling_futures",
        {"sigma_chi": 0.5},
        options={"model": {"model": "schwartz_smith", "kappa": 2.0}, "contracts": [1, 2]},
    )
    assert isinstance(source.model, SchwartzSmith)
    assert source.values["sigma_chi"] == 0.5
    assert source.values["kappa"] == 2.0
    assert np.isfinite(source.paths(seeds=[1], steps=50).values).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": GBM()}, "model: found 'gbm', allowed schwartz_2f, schwartz_smith"),
        ({"contracts": (0,)}, r"contracts: found \(0,\), allowed different whole numbers"),
        ({"bars_per_contract": 0}, "bars_per_contract: found 0, allowed >= 1"),
        ({"roll_bars": 21}, "roll_bars: found 21, allowed 0 to 20"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RollingFutures(**({"model": MODEL} | arguments))
