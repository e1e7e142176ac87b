"""Studies of options: theory within errors, the same bits however they run, clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import engine as mc
from engine.jobs.errors import StudyInterrupted
from engine.studies import Study, load_results

OIL = mc.Schwartz2F(kappa=1.876, sigma_spot=0.393, sigma_yield=0.527, rho=0.766, alpha=0.05, r=0.05)
COSTS = {"multiplier": 100.0, "commission": 1.5, "spread": {"percent": 5.0}}


def strangle(source: Any, parameters: dict[str, Any] | None = None, **more: Any) -> Study:
    options = {"multiplier": 100.0, "margin": 0.0} | more.pop("options", {})
    settings = {"seeds": 200, "steps": 64, "record": {"metrics": ["bar_trading", "options"]}}
    return Study(
        "options", source, "short_strangle", parameters or {}, options=options, **(settings | more)
    )


def within(sample: Any, expected: float, errors: float = 4.0) -> bool:
    values = np.asarray(sample, dtype=float)
    return bool(abs(values.mean() - expected) < errors * values.std(ddof=1) / np.sqrt(len(values)))


def test_a_strangle_held_to_expiry_earns_what_integration_says() -> None:
    drift, sigma, years = 1.2, 0.35, 21 / 252
    source = mc.GBM(mu=drift, sigma=sigma)
    sets = {"put_otm": [1.0, 4.0], "call_otm": 2.5}
    rows = strangle(source, sets, seeds=20_000, steps=22, s0=50.0).run(workers=2).frame

    def owed(z: float, put: float) -> float:
        price = np.exp((drift - 0.5 * sigma**2) * years + sigma * np.sqrt(years) * z)
        return norm.pdf(z) * float(max(put - price, 0.0) + max(price - 1.025, 0.0))

    for otm, put in ((1.0, 0.99), (4.0, 0.96)):
        premium = sum(
            float(mc.black76(1.0, strike, years, sigma, call=call).price)
            for strike, call in ((put, False), (1.025, True))
        )
        paid = quad(owed, -10, 10, args=(put,), points=[-1, 0, 1], limit=400)[0]
        start = 50.0 * np.exp(drift / 252)
        profit = rows.filter(pl.col("put_otm") == otm)["net_pnl"]
        assert within(profit, 100.0 * start * (premium - paid))
        assert not within(profit, 0.0)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (mc.GBM(mu=0.0, sigma=0.35), {}),
        (OIL.with_parameters(mu=OIL.r), {"underlying": "future", "future_days": 3}),
    ],
)
def test_sold_at_the_models_own_volatility_it_earns_minus_costs(
    source: Any, options: dict[str, Any]
) -> None:
    sets = {"put_otm": 2.0, "call_otm": 3.0, "profit_target": [None, 0.4], "stop_loss": 2.0}
    study = strangle(source, sets, seeds=8_000, steps=127, options=COSTS | options)
    rows = study.run(workers=2).frame
    for _, of_set in rows.group_by("profit_target"):
        costs = of_set["commission"] + of_set["slippage"]
        assert costs.mean() > 20.0  # type: ignore[operator]
        assert within(of_set["net_pnl"] + costs, 0.0)
        assert not within(of_set["net_pnl"], 0.0, 3.0)


@pytest.mark.parametrize("volatility", [0.33, {"kind": "model", "premium": 1.1}])
def test_sold_above_what_is_realised_it_earns_the_difference(volatility: Any) -> None:
    sigma, years = 0.3, 21 / 252
    source = mc.GBM(mu=0.0, sigma=sigma)
    found = strangle(
        source, {"put_otm": 0.0, "call_otm": 0.0}, seeds=20_000, steps=22,
        options={"volatility": volatility},
    ).run(workers=2)  # fmt: skip
    dear, fair = (
        2.0 * float(mc.black76(100.0, 100.0, years, v).price) for v in (1.1 * sigma, sigma)
    )
    assert within(found.frame["net_pnl"], 100.0 * (dear - fair))


def test_threads_and_chunks_change_no_bit() -> None:
    study = strangle(OIL, {"put_otm": [1.0, 3.0], "profit_target": [None, 0.3]},
                     options={"underlying": "future"}, seeds=300)  # fmt: skip
    alone, two = study.run(workers=1).frame, study.run(workers=2).frame
    assert alone.equals(two)
    with study.prepare(workers=1) as job:
        batch = job.run([{"put_otm": 3.0, "profit_target": 0.3}], range(300))
    expected = alone.filter((pl.col("put_otm") == 3.0) & (pl.col("profit_target") == 0.3))
    assert batch.metric("net_pnl")[0].tolist() == expected["net_pnl"].to_list()


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    study = strangle(OIL, {"put_otm": [1.0, 2.0, 3.0]}, options={"underlying": "future"}, seeds=600)
    whole = study.run(root=tmp_path / "whole", workers=1)

    def stop(progress: Any) -> None:
        if progress.done > 0:
            raise KeyboardInterrupt

    with pytest.raises((StudyInterrupted, KeyboardInterrupt)):
        study.run(root=tmp_path / "stopped", workers=1, progress=stop)
    study.run(root=tmp_path / "stopped", workers=1)
    resumed = load_results(tmp_path / "stopped", "options").frame
    order = ["simulation"]
    assert resumed.sort(order).equals(whole.frame.sort(order))


def test_settings_of_options_belong_to_the_world_and_names_do_not() -> None:
    world = strangle(OIL, options={"underlying": "future"}).resolve().world.id
    assert strangle(OIL, options={"underlying": "future"}).resolve().world.id == world
    dearer = strangle(OIL, options={"underlying": "future", "commission": 1.0})
    assert dearer.resolve().world.id != world


def test_swept_and_drawn_parameters_of_the_model_reach_the_options() -> None:
    source = mc.GBM(mu=0.0, sigma=0.2)
    rows = strangle(source, {"model.sigma": [0.2, 0.4]}, seeds=400).run(workers=1).frame
    premium = rows.group_by("model.sigma").agg(pl.col("premium").mean()).sort("model.sigma")
    low, high = premium["premium"].to_list()
    assert high > 2.0 * low


REFUSALS: list[tuple[Any, dict[str, Any], str]] = [
    (
        mc.Heston(),
        {},
        "options.volatility: found model on paths of heston, of which no closed form is known, "
        "allowed a number, realised, smile or surface",
    ),
    (
        mc.GBM(),
        {"options": {"underlying": "future"}},
        "options.underlying: found future on paths of gbm, which have no futures in closed form",
    ),
    (
        mc.GBM(start_variance=mc.VarianceStart(variance=0.01, persistence=0.9, bar_years=1 / 252)),
        {},
        "options.volatility: found model on paths of gbm as it is set here, of which no closed "
        "form is known, allowed a number, realised, smile or surface; model on gbm, schwartz_1f, "
        "schwartz_2f, rolling_futures with neither seasons nor a start_variance",
    ),
    (
        mc.Schwartz2F(seasonality=((0.1, 0.0),)),
        {"options": {"underlying": "future"}},
        "options.volatility: found model on paths of schwartz_2f as it is set here, of which",
    ),
    (mc.Schwartz1F(), {}, "options.underlying: found price at the volatility of schwartz_1f"),
    (
        mc.GBM(),
        {"parameters": {"dte": [10, 64]}},
        "strategy.parameters: found an expiry 64 bars after the entry on paths of 64, "
        "allowed at most 63",
    ),
    (
        mc.GBM(),
        {"options": {"spred": 3}},
        "options.spred: found unknown key (did you mean 'spread'?)",
    ),
    (mc.GBM(), {"options": {"volatility": "skewed"}}, "options.volatility.kind: found 'skewed'"),
    (
        mc.GBM(),
        {"options": {"pricing": "bachelier"}},
        "options.volatility: found model, allowed constant or realised",
    ),
    (
        mc.GBM(),
        {"execution": {"commission": {"fixed": 1.0}}},
        "execution.commission: found a setting of orders in the underlying, allowed cash",
    ),
]


@pytest.mark.parametrize(("source", "more", "sentence"), REFUSALS)
def test_what_cannot_run_is_refused_in_one_sentence(
    source: Any, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(mc.Refusal) as refused:
        strangle(source, **more).resolve()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_of_a_leg_is_refused_with_those_that_there_are() -> None:
    legs = [{"side": "sell", "right": "put", "moneyness": 2.0}]
    study = Study("legs", mc.GBM(), "option_legs", options={"legs": legs}, seeds=2, steps=30)
    with pytest.raises(mc.Refusal, match="moneyness: found unknown key"):
        study.resolve()
    bare = Study("legs", mc.GBM(), "option_legs", seeds=2, steps=30)
    with pytest.raises(mc.Refusal, match=r"options\.legs: found none, allowed the legs of"):
        bare.resolve()


def test_bars_that_went_below_zero_need_a_pricer_that_does() -> None:
    closes = 10.0 + np.cumsum(np.random.default_rng(5).standard_normal(90))
    closes[40:50] -= closes[40:50].min() + 2.0
    bars = mc.Bars.from_frame(
        pl.DataFrame(
            {
                "timestamp": pl.datetime_range(
                    pl.datetime(2024, 1, 1), pl.datetime(2024, 3, 30), "1d", eager=True
                ),
                **dict.fromkeys(("open", "high", "low", "close"), closes),
                "volume": np.ones(90),
            }
        ),
        symbol="CL",
    )
    options = {"volatility": {"kind": "realised", "lookback": 10}}
    with pytest.raises(mc.Refusal, match=r"options\.pricing: found black76 with prices down to"):
        strangle(bars, {"dte": 10}, steps=None, seeds=1, options=options).resolve()
    rows = strangle(
        bars, {"dte": 10, "strikes": "deviations"}, steps=None, seeds=1,
        options=options | {"pricing": "bachelier"},
    ).run().frame  # fmt: skip
    assert rows["status"].to_list() == ["ok"]
    assert rows["trades"][0] > 3


def test_an_option_strategy_is_no_strategy_of_bars() -> None:
    with pytest.raises(ValueError, match="options: found settings of options beside a strategy"):
        Study("bars", mc.GBM(), "buy_and_hold", options={"multiplier": 10.0}).resolve()


def test_a_replay_is_the_row_with_its_legs() -> None:
    study = strangle(
        OIL, {"put_otm": [1.0, 2.0]}, options=COSTS | {"underlying": "future"}, seeds=3
    )
    rows = study.run(workers=1)
    replay = rows.simulation(5)
    row = rows.frame.row(5, named=True)
    assert replay.status == "ok"
    assert replay.metrics["net_pnl"] == row["net_pnl"]
    assert replay.metrics["premium"] == row["premium"]
    assert replay.equity[-1] == row["final_equity"]
    assert replay.trades["pnl"].sum() == pytest.approx(row["net_pnl"])
    assert replay.trades["symbol"][0].startswith("put ")
    assert len(replay.orders) == 0


def test_a_strategy_of_bars_has_no_metrics_of_options() -> None:
    rows = Study(
        "bars", mc.GBM(), "buy_and_hold", seeds=3, steps=20, record={"metrics": "options"}
    ).run().frame  # fmt: skip
    assert rows["premium"].null_count() == 3
    assert rows["status"].to_list() == ["ok"] * 3
