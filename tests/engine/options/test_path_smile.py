"""Volatility by strike and expiry on a path: as the surface says, bar after bar."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import OptionLegs, ShortStrangle
from engine.options.layout import TAPE_COLUMNS
from tests.engine.options.conftest import run_on
from tests.engine.options.plain import PlainTerms, trade_plainly

SMILE: dict[str, Any] = {
    **{"kind": "smile", "years": [10 / 252, 1.0], "value": [0.42, 0.33]},
    **{"skew": [-0.2, -0.1], "curvature": [1.2, 0.4]},
}
SURFACE = mc.VolatilitySurface.from_smile(
    SMILE["years"], SMILE["value"], skew=SMILE["skew"], curvature=SMILE["curvature"]
)
FEES = {"multiplier": 50.0, "commission": 1.25, "exercise_fee": 2.0, "spread": {"percent": 6.0}}
STRIKES = [{}, {"strikes": "deviations"}, {"strikes": "delta", "put_otm": 0.3, "call_otm": 0.2}]


@pytest.mark.parametrize("strikes", STRIKES)
@pytest.mark.parametrize(
    "margin", [0.1, {"rule": "scan", **{"price_range": 0.1, "volatility_shift": 0.2}}]
)
def test_a_flat_smile_is_a_constant(
    strikes: dict[str, Any], margin: Any, lognormal_closes: NDArray[np.float64]
) -> None:
    chosen = [{"profit_target": 0.4, **strikes}]
    flat = [
        0.37,
        {"kind": "smile", "value": 0.37},
        {"kind": "smile", "value": 0.37, "years": [0.02, 0.1, 0.5], "by": "deviations"},
        {"kind": "smile", "value": 0.185, "premium": 2.0},
        mc.VolatilitySurface.from_smile([0.05, 0.5], 0.37).settings(),
    ]
    constant, *others = (
        run_on(
            lognormal_closes, ShortStrangle, chosen,
            {"volatility": volatility, "margin": margin, "rate": 0.03, **FEES},
        )
        for volatility in flat
    )  # fmt: skip
    for other in others:
        np.testing.assert_allclose(other.equity, constant.equity, rtol=1e-12)
        np.testing.assert_allclose(
            other.metrics["max_margin_use"], constant.metrics["max_margin_use"], rtol=1e-10
        )


@pytest.mark.parametrize("volatility", [SMILE, SURFACE.settings()])
@pytest.mark.parametrize("rules", [{}, {"profit_target": 0.3}, {"stop_loss": 0.5, "dte": 45}])
def test_a_strangle_under_a_smile_is_traded_as_a_plain_program_trades_it(
    volatility: Any, rules: dict[str, Any], lognormal_closes: NDArray[np.float64]
) -> None:
    chosen = {"put_otm": 3.5, "call_otm": 4.0, **rules}
    ran = run_on(
        lognormal_closes, ShortStrangle, [chosen], {"volatility": volatility, **FEES, "rate": 0.03}
    )
    bars = rules.get("dte", 21)
    legs = [(-1.0, False, lambda f: f * 0.965, bars), (-1.0, True, lambda f: f * 1.04, bars)]
    terms = PlainTerms(
        lambda strike, years, price: float(SURFACE.volatility(strike, years, forward=price)),
        1 / 252, rate=0.03, multiplier=50.0, spread=0.06, commission=1.25, exercise_fee=2.0,
        **{name: value for name, value in rules.items() if name != "dte"},
    )  # fmt: skip
    for path, closes in enumerate(lognormal_closes):
        plain = trade_plainly(closes.tolist(), legs, terms)
        assert len(plain.positions) >= 3
        np.testing.assert_allclose(ran.equity[path, 0], plain.curve, rtol=1e-11)


def legs_of(options: dict[str, Any], chosen: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    ran = run_on(np.full(22, 80.0), ShortStrangle, [chosen], {"margin": 0.0, **options})
    return dict(zip(TAPE_COLUMNS, ran.tape.columns[:, : ran.tape.count], strict=True))


def test_strikes_by_delta_have_that_delta_at_their_own_volatility() -> None:
    row = legs_of({"volatility": SMILE}, {"strikes": "delta", "put_otm": 0.3, "call_otm": 0.1})
    volatility = SURFACE.volatility(row["strike"], 21 / 252, forward=80.0)
    assert abs(volatility[0] - volatility[1]) > 0.01
    delta = mc.black76(80.0, row["strike"], 21 / 252, volatility, call=[False, True]).delta
    np.testing.assert_allclose(delta, [-0.3, 0.1], rtol=1e-10)


def test_strikes_by_deviations_are_as_far_out_as_the_volatility_at_the_money_says() -> None:
    row = legs_of({"volatility": SMILE}, {"strikes": "deviations", "put_otm": 1.0, "call_otm": 1.5})
    deviation = SURFACE.volatility(80.0, 21 / 252, forward=80.0) * np.sqrt(21 / 252)
    np.testing.assert_allclose(row["strike"], 80.0 * np.exp(deviation * np.array([-1.0, 1.5])))


def test_skew_by_deviations_is_that_slope_at_each_expiry() -> None:
    years, level, skew = np.array([0.1, 0.4]), 0.3, -0.02
    options = {
        **{"volatility": {"kind": "smile", "by": "deviations", "years": years.tolist()}},
        **{"multiplier": 1.0},
    }
    options["volatility"] |= {"value": level, "skew": skew, "curvature": 0.01}
    for days, left in zip((25.2, 100.8), years, strict=True):
        paid = []
        deviation = level * np.sqrt(left)
        for step in (-1e-3, 1e-3):
            strike = 80.0 * np.exp(step * deviation)
            leg = {"side": "buy", "right": "call", "otm": strike, "by": "absolute", "days": days}
            ran = run_on(
                np.full(130, 80.0), OptionLegs, [{}], {**options, "legs": [leg]},
                bars_per_year=252.0,
            )  # fmt: skip
            row = dict(zip(TAPE_COLUMNS, ran.tape.columns, strict=True))
            bars = round(days)
            price = row["entry_price"][0]
            paid.append(float(mc.implied_volatility(price, 80.0, strike, bars / 252)))
        assert (paid[1] - paid[0]) / 2e-3 == pytest.approx(skew, rel=0.02)


def test_a_surface_of_a_chain_prices_the_options_of_a_study() -> None:
    rows = []
    for expiry, years in (("2024-01-22", 20 / 365), ("2024-03-02", 60 / 365)):
        for strike in np.arange(60.0, 101.0, 2.5):
            for right in ("call", "put"):
                vol = 0.35 - 0.25 * np.log(strike / 80.0)
                value = mc.black76(80.0, strike, years, vol, call=right == "call").price
                rows.append(
                    {
                        **{"quote_datetime": "2024-01-02 16:00", "underlying": 80.0},
                        **{"expiration": expiry, "strike": strike, "option_type": right},
                        **{"bid": value * 0.999, "ask": value * 1.001},
                    }
                )
    chain = mc.OptionChain.from_frame(pl.DataFrame(rows))
    surface = mc.VolatilitySurface.from_chain(chain)
    study = mc.Study(
        "chain", mc.GBM(mu=0.0, sigma=0.3), "short_strangle",
        options={"volatility": surface.settings(), "multiplier": 1.0}, s0=80.0, steps=30, seeds=4,
        record={"trades": True},
    )  # fmt: skip
    replay = study.run(workers=1).simulation(0)
    put, call = replay.trades.head(2).iter_rows(named=True)
    for leg, right in ((put, False), (call, True)):
        strike = float(leg["symbol"].split()[1])
        price = strike / (1.02 if right else 0.98)
        volatility = surface.volatility(strike, 21 / 252, forward=price)
        expected = float(mc.black76(price, strike, 21 / 252, volatility, call=right).price)
        assert leg["entry_price"] == pytest.approx(expected, rel=1e-5)
    at = surface.volatility([75.0, 85.0], 30 / 365, forward=80.0)
    assert at[0] - at[1] > 0.02
    dearer = mc.VolatilitySurface.from_smile([0.1], [0.5]).settings()
    worlds = {
        mc.Study(
            "w", mc.GBM(), "short_put", options={"volatility": given}, seeds=2, steps=30
        ).resolve().world.id
        for given in (surface.settings(), dearer, 0.5)
    }  # fmt: skip
    assert len(worlds) == 3


REFUSED = [
    ({"kind": "smile"}, "volatility.value: this field is required"),
    (
        {"kind": "smile", "value": 0.3, "curvature": -1.0},
        "volatility.curvature: found [-1.], allowed enough for variance to be convex at the money",
    ),
    (
        {"kind": "smile", "value": [0.3, 0.2], "years": 1.0},
        "volatility.value: found 2 numbers, allowed one, or 1 as of `years`",
    ),
    (
        {"kind": "smile", "value": 0.3, "skew": -0.1, "by": "deviations"},
        "volatility.years: found 1 alone with skew or curvature by deviations, allowed two or more",
    ),
    ({"kind": "smile", "value": 0.3, "years": [0.5, 0.1]}, "volatility.years: found"),
    ({"kind": "smile", "value": -0.3}, "volatility.value: found -0.3, allowed more than 0"),
    ({"kind": "smile", "value": 0.3, "slope": 1}, "volatility.slope: found unknown key"),
    (
        {"kind": "surface", "years": [0.1], "variance": [], "correlation": [0], "curvature": [0]},
        "volatility.variance: found 0 numbers, allowed 1 as of `years`",
    ),
]


@pytest.mark.parametrize(("volatility", "sentence"), REFUSED)
def test_a_smile_that_is_none_is_refused_in_one_sentence(volatility: Any, sentence: str) -> None:
    options = {"volatility": volatility}
    study = mc.Study("smile", mc.GBM(), "short_put", options=options, steps=40, seeds=2)
    with pytest.raises(mc.Refusal) as refused:
        study.resolve()
    assert f"options.{sentence}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_prices_below_zero_have_no_smile() -> None:
    options = {"pricing": "bachelier", "volatility": SMILE}
    study = mc.Study("smile", mc.GBM(), "short_put", options=options, steps=40, seeds=2)
    with pytest.raises(mc.Refusal, match=r"options\.volatility: found smile, allowed constant or"):
        study.resolve()
