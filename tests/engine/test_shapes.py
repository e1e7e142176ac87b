"""Arrays and frames at the public face have the shape, dtype and columns that their pages state.

What a page states is read from it: ``ndarray of DTYPE, shape (NAMES)`` and, for a frame, every
name in double backticks. Everything public that is annotated as an array or a frame must be here.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tempfile
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest

import engine as mc
from engine.execution.layout import RULES_WIDTH, TAPE_WIDTH
from engine.options.smile_rows import SMILE_WIDTH
from engine.options.strike_grid import GRID_WIDTH
from engine.strategies import SMA
from engine.testing.prices import random_path

DAY = 86_400_000_000
ARRAYS = re.compile(r"NDArray|\bArray\b|DataFrame")
A_SHAPE = re.compile(r"ndarray of (\w+), shape \(([^)]*)\)")
A_COLUMN = re.compile(r"``(\w+)``")
# The user writes these.
ABSTRACT = {"PathModel.generate"}


class Entry(NamedTuple):
    """One array or frame of the public face: where it stands, and its page."""

    label: str
    text: str  # what the page says of it
    parts: int = 1


# --- the public face, as its annotations tell it -----------------------------------------------


def public_entries() -> Iterator[Entry]:
    """Every field, property, method and function that is annotated as an array or a frame."""
    for name in mc.__all__:
        found = getattr(mc, name)
        if inspect.isclass(found):
            yield from entries_of(found, name)
            continue
        if _is_array(found):
            yield _returned(name, found)
        returned = typing.get_type_hints(found).get("return")
        if inspect.isclass(returned) and returned.__name__ not in mc.__all__:
            yield from entries_of(returned, returned.__name__)


def entries_of(cls: type, name: str) -> Iterator[Entry]:
    if not cls.__module__.startswith("engine."):
        return
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            if ARRAYS.search(str(field.type)) and field.name in _annotated(cls):
                yield Entry(f"{name}.{field.name}", _said_of(field.name, cls.__doc__ or ""))
    for key, value in _members(cls).items():
        plain = {property: "fget", cached_property: "func", classmethod: "__func__"}
        function = getattr(value, plain.get(type(value), "__call__"), None)
        function = value if inspect.isfunction(value) else function
        if not key.startswith("_") and _is_array(function):
            entry = _returned(f"{name}.{key}", function)
            yield entry if entry.text else Entry(entry.label, _said_of(key, cls.__doc__ or ""))


def _parts(cls: type) -> list[type]:
    """Return a class and those of its bases that a reader meets nowhere else."""
    return [
        base
        for base in cls.__mro__
        if base is cls
        or (
            base.__module__.startswith("engine.")
            and base.__name__ not in mc.__all__
            and not inspect.isabstract(base)
        )
    ]


def _members(cls: type) -> dict[str, Any]:
    return {key: value for part in reversed(_parts(cls)) for key, value in vars(part).items()}


def _annotated(cls: type) -> set[str]:
    return {name for part in _parts(cls) for name in vars(part).get("__annotations__", {})}


def _is_array(function: Any) -> bool:
    notes = getattr(function, "__annotations__", {})
    return bool(ARRAYS.search(str(notes.get("return", ""))))


def _returned(label: str, function: Any) -> Entry:
    text = inspect.cleandoc(function.__doc__ or "")
    section = re.search(r"Returns\n-------\n(.*?)(?=\n\n[A-Z]\w+\n---|\Z)", text, re.DOTALL)
    said = section[1] if section else ""
    return Entry(label, said, max(1, len(A_SHAPE.findall(said))))


def _said_of(field: str, page: str) -> str:
    """What the page of a class says of one field or attribute."""
    head = rf"^(?:\w+, )*{field}(?:, \w+)* : "
    found = re.search(rf"{head}.*?(?=^\S|\Z)", inspect.cleandoc(page), re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


# --- values, and how long each named axis is in them ------------------------------------------


@cache
def history(count: int = 400) -> mc.Bars:
    path = random_path(np.random.default_rng(5), count, 0.01, 0.002)
    return mc.Bars("X", np.arange(count, dtype=np.int64) * DAY, *path)


@cache
def block() -> mc.PriceBlock:
    return mc.Historical(history(20)).paths(seeds=[0])


def tape() -> mc.FillTape:
    """A record with every column that it may have."""
    row = {
        **{"bar": 3, "time": history(20).timestamps[3], "units": 2.0, "side": "buy"},
        **{"quantity": 2.0, "price": 99.0, "symbol": "X", "commission": 0.5, "order": 0},
        **{"tag": 4, "event": "filled"},
    }
    return mc.FillTape(pl.DataFrame([row, row]))


@cache
def results() -> mc.Results:
    study = mc.Study(
        name="shapes",
        source=mc.GBM(),
        steps=30,
        strategy="sma_crossover",
        parameters={"fast": [3, 5], "slow": 10},
        seeds=6,
        record={"equity": 4, "trades": True},
    )
    return study.run(workers=1)


@cache
def rare() -> mc.Results:
    asked = {"events": ["total_return <= -0.5"], "sampled": {"mu": -0.7}, "paths": 100}
    study = mc.Study("rare", mc.GBM(), "buy_and_hold", seeds=2, steps=9, rare_events=asked)
    return study.run(workers=1)


@cache
def batch() -> mc.Batch:
    parameters = {"fast": [3, 5], "slow": 10}
    record = {"equity": 4, "trades": True}
    study = mc.Study(
        "b", mc.GBM(), "sma_crossover", parameters, seeds=6, steps=30, record=record
    )  # fmt: skip
    with study.prepare(workers=1) as prepared:
        return prepared.run([{"fast": 4}, {"fast": 5}])


def overfitting_of_search() -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as root:
        return (
            mc.Study("s", mc.GBM(), "buy_and_hold", seeds=9, steps=9)
            .run(root=root)
            .overfitting(root)
        )


@cache
def small_env() -> Any:
    return mc.make_env("mes_daily", features=["return_1"], steps=9, warm_up=1)


def judged() -> mc.AgentReport:
    return mc.judge_policies(small_env(), [mc.Policy.zeros(small_env())] * 5, seeds=[1])


@cache
def realism() -> Any:
    bars = history(140)
    return mc.compare_with_history(mc.calibrate("gbm", bars), bars, seeds=range(20))


@cache
def replay() -> mc.Replay:
    return results().simulation(0)


@cache
def backtest() -> Any:
    return mc.backtest("buy_and_hold", history(20))


@cache
def resampled() -> mc.Resampled:
    return mc.resample(mc.backtest("buy_and_hold", history(40)), "returns", draws=100)


@cache
def model_panel() -> mc.Panel:
    return mc.model_risk_panel("buy_and_hold", history(), tries=2, paths=10)


@cache
def search() -> mc.SearchOutcome:
    space = {"fast": mc.integer(3, 6), "slow": mc.integer(8, 12)}
    study = mc.Study("search", mc.GBM(), "sma_crossover", space, seeds=4, steps=20)
    return mc.Search(study, objective="mean_net_pnl", budget={"sets": 6}).run()


@cache
def allocated() -> mc.Allocation:
    study = mc.Study("split", mc.GBM(), "buy_and_hold", {"weight": [0.2, 0.4]}, seeds=60, steps=40)
    return mc.Portfolio({"hold": study}, points=20).allocate("equal", resamples=2)


def crossed() -> mc.CrossValidation:
    study = mc.Study("cross", mc.GBM(), "sma_crossover", {"fast": [3, 5]}, seeds=4, steps=60)
    return mc.cross_validate(study, folds=4)


def swept_frequencies() -> pl.DataFrame:
    study = mc.Study("often", mc.GBM(), "sma_crossover", {"fast": [3, 5]}, seeds=4, steps=60)
    return mc.reoptimisation_sweep(study, in_sample=20, every=[10, 20])


def walked() -> mc.WalkForward:
    study = mc.Study("walk", mc.GBM(), "sma_crossover", {"fast": [3, 5]}, seeds=4, steps=60)
    return mc.walk_forward(study, count=2)


def sampler() -> Any:
    space = mc.SearchSpace.of({"x": mc.uniform(0.0, 1.0), "y": mc.uniform(0.0, 1.0)})
    return mc.make_sampler("random", space)


@cache
def curve_of_shape() -> Any:
    rng = np.random.default_rng(1)
    spot = 60.0 * np.exp(0.03 * rng.standard_normal((40, 1)).cumsum(axis=0))
    prices = spot * np.exp(0.004 * rng.standard_normal((40, 3)))
    made = mc.FuturesPanel.from_arrays(prices, [0.1, 0.5, 1.0], dt=1 / 52)
    return mc.calibrate("schwartz_1f", made, minimum=30), made


@cache
def states_of_shape() -> Any:
    return mc.kalman_filter(*curve_of_shape())


@cache
def forecast_of_shape() -> Any:
    found = mc.calibrate("gbm", history())
    return mc.forecast(found, [0.1, 0.2], contracts=[0.5, 1.0], spot=50.0, carry=0.0)


class Join(mc.Strategy):
    """Rests at the bid."""

    def on_tick(self, tick, order, account):  # type: ignore[no-untyped-def]
        if account.open_buys == 0:
            order.limit(1.0, tick.bid)


def ticks() -> mc.ArrayTicks:
    return mc.ArrayTicks([1, 2, 3], [9.9, 9.9, 9.8], [10.0, 10.0, 9.9], [5, 5, 5], [4, 4, 4])


def panel() -> mc.FuturesPanel:
    prices = np.array([[50.0, 51.0, 52.0], [49.0, 50.5, 51.5]])
    return mc.FuturesPanel.from_arrays(prices, [0.1, 0.3, 0.5], dt=1 / 52)


@cache
def surface() -> mc.OptionSurface:
    strikes = np.array([90.0, 100.0, 110.0, 100.0])
    years = np.array([0.25, 0.25, 0.25, 0.5])
    return mc.OptionSurface.from_quotes(strikes, years, [11.0, 4.0, 1.0, 6.0], True, spot=100.0)


def chain() -> mc.OptionChain:
    quotes = {"strike": [90.0, 110.0], "right": "call", "bid": [11.0, 1.0], "ask": [12.0, 1.1]}
    stamps = {"date": "2024-01-02", "expiry": "2024-02-16"}
    return mc.OptionChain.from_frame(pl.DataFrame({**stamps, **quotes}))


@cache
def overfitting() -> Any:
    returns = np.random.default_rng(2).normal(size=(64, 5))
    return mc.probability_of_backtest_overfitting(returns, splits=4)


@cache
def correlation() -> Any:
    other = random_path(np.random.default_rng(6), 400, 0.01, 0.002)
    return mc.estimate_correlation([history(), mc.Bars("Y", history().timestamps, *other)])


def engine_of_shape() -> Any:
    fields = ("open", "high", "low", "close", "volume")
    return mc.prepare_strategy(
        "sma_crossover", symbols=("X",), fields=fields, steps=9, bars_per_year=252.0
    )


@cache
def tick_realism() -> mc.TickRealism:
    ticks = mc.read_ticks(mc.sample_ticks() / "2024-08-06.parquet")
    return mc.tick_realism(mc.ZeroIntelligence.calibrate(ticks), ticks, seeds=range(2))


SMILE = mc.VolatilitySurface.from_smile([0.5, 1.0], 0.3)
REGIMES = mc.RegimeSwitching
SESSION = mc.Instrument(session=("14:30", "21:00"))
CURVE = mc.Schwartz2F()
STATE = np.full((3, 1), 0.05)
MATURITY = np.array([0.5, 1.0])
BARS = {"bars": 20}
QUOTES = {"n": 4, "quotes": None}
PANEL = {"rows": 2, "contracts": 3}
BLOCK = {"paths": 1, "symbols": 1, "fields": 5, "bars": 20}
SYMBOLS = {"symbols": 2, "bars": 20, "RULES_WIDTH": RULES_WIDTH}


def _fields(make: Callable[[], Any], names: str) -> dict[str, Callable[[], Any]]:
    return {name: lambda name=name: getattr(make(), name) for name in names.split()}


def _labelled(
    owner: str, values: Mapping[str, Callable[[], Any]], sizes: Mapping[str, int | None]
) -> dict[str, tuple[Callable[[], Any], Mapping[str, int | None]]]:
    return {f"{owner}.{name}": (value, sizes) for name, value in values.items()}


PRICES = "open high low close volume"
VALUES: dict[str, tuple[Callable[[], Any], Mapping[str, int | None]]] = {
    **_labelled("Bars", _fields(lambda: history(20), f"timestamps {PRICES}"), BARS),
    **_labelled("PriceBlock", _fields(block, f"values seeds timestamps {PRICES}"), BLOCK),
    "Normalisation.mean": (lambda: mc.Normalisation.none(("a", "b")).mean, {"features": 2}),
    "Normalisation.spread": (lambda: mc.Normalisation.none(("a", "b")).spread, {"features": 2}),
    "AgentReport.table": (lambda: judged().table, {}),
    "Evolved.curve": (lambda: mc.evolve_policy(small_env(), seeds=[1], generations=1).curve, {}),
    "Policy.weights": (lambda: mc.Policy.zeros(small_env()).weights, {"weights": 21}),
    "Policy.numbers": (lambda: mc.Policy.zeros(small_env()).numbers, {"3 + 3 * symbols": 6}),
    "Policy.limits": (lambda: mc.Policy.zeros(small_env()).limits, {"symbols": 1}),
    "Replay.legs": (
        lambda: dataclasses.replace(replay(), trades=pl.DataFrame({"rest_pnl": [0.0]})).legs,
        {},
    ),
    "RealismReport.history": (lambda: realism().history, {"bars": 139}),
    "RealismReport.paths_of": (lambda: list(realism().paths_of.values()), {"paths": 20}),
    "Reward.values": (lambda: mc.StepReward().values(), {"weights": 6}),
    "PriceBlock.field": (lambda: block().field("close"), BLOCK),
    "GBM.log_weights": (
        lambda: mc.GBM(mu=0.1).log_weights(
            mc.GBM(mu=0.0).paths(s0=1.0, steps=5, seeds=range(3)), sampled=mc.GBM(mu=0.0)
        ),
        {"paths": 3},
    ),
    "Calibration.covariance": (lambda: mc.calibrate("gbm", history()).covariance, {"k": 2}),
    **_labelled(
        "FilteredStates",
        _fields(
            states_of_shape,
            "filtered smoothed filtered_std_error smoothed_std_error",
        ),
        {"rows": 40, "states": 1},
    ),
    **_labelled(
        "Forecast",
        _fields(
            forecast_of_shape,
            "years median low high path_low path_high path_std_error estimate_std_error",
        ),
        {"horizons": 2, "prices": 3},
    ),
    "Forecast.table": (lambda: forecast_of_shape().table(), {}),
    "EGARCH.filtered": (lambda: mc.EGARCH().filtered(history()), {"n": 399}),
    "GARCH.filtered": (lambda: mc.GARCH().filtered(history()), {"n": 399}),
    "FilteredStates.innovations": (
        lambda: states_of_shape().innovations,
        {"rows": 40, "contracts": 3},
    ),
    "FilteredStates.table": (lambda: states_of_shape().table(), {}),
    "FilteredStates.innovation_tests": (lambda: states_of_shape().innovation_tests(), {}),
    "Calibration.joint_covariance": (
        lambda: mc.calibrate("gbm", history()).joint_covariance()[1],
        {"n": 2},
    ),
    "Bars.columns": (
        lambda: history(20).with_columns({"mood": np.arange(20.0)}).columns["mood"],
        BARS,
    ),
    "Bars.field": (lambda: history(20).field("close"), BARS),
    "Execution.rules": (lambda: mc.Execution().rules(("A", "B"), 252.0), SYMBOLS),
    "Execution.last_bars": (
        lambda: mc.Execution().last_bars(("A", "B"), history(20).timestamps, "XNYS"),
        SYMBOLS | {"bars": 20},
    ),
    "Execution.closed": (
        lambda: mc.Execution(instrument=SESSION).closed(
            ("A", "B"), history(20).timestamps, None, 60
        ),
        SYMBOLS,
    ),
    "Instrument.closed": (lambda: SESSION.closed(history(20).timestamps, 60), BARS),
    **_labelled("FuturesPanel", _fields(panel, "prices maturities elapsed_years"), PANEL),
    "term_structure": (lambda: mc.term_structure(*curve_of_shape()), {}),
    "volatility_term_structure": (lambda: mc.volatility_term_structure(*curve_of_shape()), {}),
    "FuturesPanel.log_prices": (lambda: panel().log_prices(), PANEL),
    **_labelled(
        "OptionSurface",
        {
            **_fields(surface, "strikes years prices calls forwards discounts"),
            "implied_volatilities": lambda: surface().implied_volatilities(),
            "vegas": lambda: surface().vegas(),
            "expiries": lambda: surface().expiries(),
            "spreads": lambda: dataclasses.replace(surface(), spreads=np.full(4, 0.1)).spreads,
            "parity_errors": lambda: (
                dataclasses.replace(surface(), parity_errors=np.zeros(4)).parity_errors
            ),
        },
        QUOTES,
    ),
    "RegimeSwitching.start_probabilities": (
        lambda: REGIMES().start_probabilities(),
        {"regimes": 2},
    ),
    "RegimeSwitching.stationary": (lambda: REGIMES().stationary(), {"regimes": 2}),
    "RollingFutures.expiries": (
        lambda: mc.RollingFutures(CURVE, contracts=(1, 4)).expiries(9),
        {"symbols": 2, "steps": 9},
    ),
    "Schwartz1F.futures": (lambda: mc.Schwartz1F().futures(STATE, MATURITY), {}),
    "Schwartz2F.futures": (lambda: CURVE.futures(STATE, STATE, MATURITY), {}),
    "Schwartz2F.futures_terms": (lambda: CURVE.futures_terms(MATURITY), {}),
    "SchwartzSmith.futures": (lambda: mc.SchwartzSmith().futures(STATE, STATE, MATURITY), {}),
    **_labelled("Replay", _fields(replay, "bars equity orders trades"), {"bars": 30}),
    "FillTape.fills": (lambda: tape().fills, {}),
    "FillTape.rows": (
        lambda: tape().rows((history(20),), 0)[0],
        {"fills": 2, "TAPE_WIDTH": TAPE_WIDTH},
    ),
    **_labelled(
        "TickChunk",
        _fields(lambda: next(ticks().chunks()), " ".join(mc.TickChunk.__slots__)),
        {"events": 3},
    ),
    **_labelled(
        "TickBacktest", _fields(lambda: mc.backtest_ticks(Join, ticks()), "fills orders equity"), {}
    ),
    **_labelled("Backtest", _fields(backtest, "trades equity orders bars open_orders"), BARS),
    **_labelled(
        "Resampled",
        _fields(resampled, "seen bands outcomes observed"),
        {"record": 40, "draws": 100, "4": 4},
    ),
    "Resampled.statistics": (lambda: resampled().statistics(), {}),
    **_labelled("CorrelationEstimate", _fields(correlation, "matrix std_errors n"), {"k": 2}),
    **_labelled(
        "BacktestOverfitting",
        _fields(overfitting, "logits chosen in_sample out_of_sample"),
        {"splits": 6},
    ),
    **_labelled(
        "Results", _fields(results, "frame failures set_ids seeds"), {"sets": 2, "seeds": 6}
    ),
    **_labelled(
        "Results",
        {
            name: lambda name=name: getattr(results(), name)()
            for name in ("statistics", "best", "best_by_pnl", "equity", "trades")
        },
        {},
    ),
    **_labelled(
        "Batch",
        _fields(batch, "set_ids seeds metrics status"),
        {"sets": 2, "seeds": 6, "paths": 6, "metrics": None},
    ),
    "Batch.curves": (lambda: batch().curves, {"sets": 2, "paths": 6, "points": 4}),
    "Batch.metric": (lambda: batch().metric("net_pnl"), {"sets": 2, "paths": 6}),
    **_labelled(
        "Batch",
        {
            name: lambda name=name: getattr(batch(), name)()
            for name in ("equity", "trades", "to_frame")
        },
        {},
    ),
    "Results.sql": (lambda: results().sql("SELECT count(*) AS n FROM simulations"), {}),
    **{
        f"SearchOutcome.{name}": (lambda name=name: getattr(search(), name), {})
        for name in ("trials", "robust", "leaders", "moves", "regimes")
    },
    **{
        f"WalkForward.{name}": (lambda name=name: getattr(walked(), name), {})
        for name in ("sets", "choices", "table", "stitched")
    },
    **{
        f"CrossValidation.{name}": (lambda name=name: getattr(crossed(), name), {})
        for name in ("choices", "courses", "table")
    },
    **{
        f"Allocation.{name}": (lambda name=name: getattr(allocated(), name), {})
        for name in ("weights", "outcome", "contributions", "correlations")
    },
    "reoptimisation_sweep": (swept_frequencies, {}),
    "SearchSpace.matters": (
        lambda: search().space.matters([{"fast": 3, "slow": 9}]),
        {"sets": 1, "dimensions": 2},
    ),
    "SearchOutcome.pareto": (lambda: search().pareto(), {}),
    "Sampler.ask": (lambda: sampler().ask(4), {"points": 4, "dimensions": 2}),
    "Results.to_pandas": (lambda: results().to_pandas(), {}),
    "Results.attribution": (lambda: results().attribution("cost"), {}),
    "Results.error_budget": (lambda: results().error_budget(), {}),
    "Results.rare": (lambda: rare().rare, {}),
    "Results.rare_events": (lambda: rare().rare_events(), {}),
    "Results.overfitting": (overfitting_of_search, {}),
    "Results.warnings": (lambda: results().warnings(), {}),
    "compare_models": (lambda: mc.compare_models([mc.calibrate("gbm", history())]), {}),
    "study_statistics": (lambda: mc.study_statistics(results()), {}),
    "Judgement.worlds": (
        lambda: mc.judge("buy_and_hold", history(), tries=1, paths=10).worlds,
        {},
    ),
    **_labelled(
        "Panel",
        {name: lambda name=name: getattr(model_panel(), name) for name in ("table", "worlds")},
        {},
    ),
    "indicator_values": (
        lambda: list(mc.indicator_values(SMA(3), history(20)).values()),
        {"bars": 20},
    ),
    "StrategyEngine.encode": (
        lambda: engine_of_shape().encode({"fast": 3, "slow": 9}),
        {"parameters": 2},
    ),
    **_labelled(
        "OptionValues",
        _fields(
            lambda: mc.black76(100.0, [90.0, 100.0], 0.5, 0.2),
            "price delta gamma vega theta rho vanna volga charm veta",
        ),
        {},
    ),
    **_labelled(
        "AmericanValues",
        _fields(
            lambda: mc.american(100.0, [90.0, 100.0], 0.5, 0.2),
            "price delta gamma boundary vega theta rho",
        ),
        {},
    ),
    "heston_price": (
        lambda: mc.heston_price(
            100.0, [90.0, 100.0], 0.5, v0=0.04, kappa=1.5, theta=0.04, xi=0.5, rho=-0.7
        ),
        {},
    ),
    "bates_price": (
        lambda: mc.bates_price(
            100.0,
            [90.0, 100.0],
            0.5,
            **{"v0": 0.04, "kappa": 1.5, "theta": 0.04, "xi": 0.5, "rho": -0.7},
            **{"jump_intensity": 0.5, "mean_log_jump": -0.1, "jump_vol": 0.15},
        ),
        {},
    ),
    "merton_price": (
        lambda: mc.merton_price(
            100.0, [90.0], 0.5, sigma=0.2, jump_intensity=1.0, mean_log_jump=-0.1, jump_vol=0.1
        ),
        {},
    ),
    "schwartz_volatility": (
        lambda: mc.schwartz_volatility([0.1, 0.2], 0.5, kappa=1.0, sigma_spot=0.3),
        {},
    ),
    **_labelled("OptionChain", _fields(chain, "frame set_aside timestamps"), {"instants": 1}),
    **_labelled(
        "ChainMarks",
        _fields(
            lambda: mc.chain_marks(chain(), chain().timestamps),
            "times bid ask implied_volatility delta mark",
        ),
        {"contracts": 2, "times": 1},
    ),
    "ChainMarks.fills": (
        lambda: mc.chain_marks(chain(), chain().timestamps).fills("buy", 0.5),
        {"contracts": 2, "times": 1},
    ),
    **_labelled(
        "VolatilitySurface",
        _fields(lambda: SMILE, "rows forwards errors"),
        {"expiries": 2, "SMILE_WIDTH": SMILE_WIDTH},
    ),
    "VolatilitySurface.volatility": (lambda: SMILE.volatility(90.0, 0.5, forward=[99.0, 98.0]), {}),
    "StrikeGrid.rows": (
        lambda: mc.option_listing("CL").grid.rows(),
        {"bands": 2, "GRID_WIDTH": GRID_WIDTH},
    ),
    "StrikeGrid.between": (
        lambda: mc.option_listing("CL").grid.between(70.0, 71.0, price=75.0),
        {"strikes": 3},
    ),
    "option_margin": (
        lambda: mc.option_margin([99.0, 101.0], [100.0], [0.1], [-1.0], [2.0], call=[True]),
        {},
    ),
    "scan_margin": (
        lambda: mc.scan_margin(
            [99.0, 101.0],
            [100.0],
            [0.1],
            [-1.0],
            [0.2],
            call=[True],
            price_range=0.08,
            volatility_shift=0.25,
        ),
        {},
    ),
    "implied_volatility": (lambda: mc.implied_volatility([2.0, 3.0], 100.0, 110.0, 0.5), {}),
    "load_seeds": (lambda: mc.load_seeds("stage_1"), {"seeds": 25}),
    "TickRealism.table": (lambda: tick_realism().table, {}),
    "window_measures": (lambda: mc.window_measures(mc.read_ticks(mc.sample_ticks())), {}),
}


@cache
def entries() -> dict[str, Entry]:
    return {entry.label: entry for entry in public_entries() if entry.label not in ABSTRACT}


def test_every_array_and_frame_of_the_public_face_is_here() -> None:
    assert set(VALUES) == set(entries())


@pytest.mark.parametrize("label", sorted(VALUES))
def test_shape_dtype_and_columns_are_as_the_page_states(label: str) -> None:
    entry = entries()[label]
    make, sizes = VALUES[label]
    value = make()
    if isinstance(value, pl.DataFrame | pd.DataFrame):
        library = type(value).__module__.partition(".")[0]
        assert f"{library}.DataFrame" in entry.text, f"{label}: its page states no frame"
        assert set(A_COLUMN.findall(entry.text)) <= set(value.columns)
        return
    stated = A_SHAPE.findall(entry.text)
    assert stated, f"{label}: its page states no shape"
    arrays = value if isinstance(value, list | tuple) else [value]
    stated = stated * len(arrays) if isinstance(value, list) else stated
    assert len(stated) == len(arrays)
    for array, (dtype, shape) in zip(arrays, stated, strict=True):
        # Texts of any length.
        assert array.dtype.kind == "U" if dtype == "str" else array.dtype == np.dtype(dtype)
        if shape == "...":
            continue
        axes = [axis.strip() for axis in shape.split(",") if axis.strip()]
        assert array.ndim == len(axes)
        for length, axis in zip(array.shape, axes, strict=True):
            assert sizes[axis] in (length, None), f"{label}: axis {axis} has length {length}"


def test_prices_of_futures_have_the_shape_to_which_state_and_maturity_broadcast() -> None:
    for label in ("Schwartz1F.futures", "Schwartz2F.futures", "SchwartzSmith.futures"):
        assert VALUES[label][0]().shape == (3, 2)
    assert [term.shape for term in VALUES["Schwartz2F.futures_terms"][0]()] == [(2,), (2,)]


def test_a_field_of_several_symbols_has_an_axis_for_them() -> None:
    pair = mc.RollingFutures(CURVE, contracts=(1, 4)).paths(seeds=range(3), steps=9)
    assert pair.close.shape == (3, 2, 9)
