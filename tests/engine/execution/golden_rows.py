"""Holds the result rows of scripted strategies: metrics, trades, equity and orders, to the bit.

A change of what the order engine, an indicator or a metric computes raises ENGINE_VERSION in
``engine/compiled/version.py``, so that stored results are computed anew; then
``python -m tests.engine.execution.golden_rows`` renews the golden values.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.compiled import kernel
from engine.compiled.elementary import exp
from engine.compiled.version import ENGINE_VERSION
from engine.execution.futures import FUTURES
from engine.execution.layout import TRADE_COLUMNS
from engine.execution.metric_names import METRIC_NAMES
from engine.sources import GBM, Bootstrap, Correlated, Heston, Merton, StepModel
from engine.strategies import backtest
from engine.studies import Study, linspace, uniform
from tests.engine.execution.golden_exits import (
    EveryExit,
    EveryGroup,
    EveryMoment,
    EveryRestingOrder,
)
from tests.engine.execution.golden_indicators import EveryExpression, EveryTrend, Touching
from tests.engine.execution.golden_strategies import (
    AtTheMean,
    Crossing,
    DollarNeutral,
    EveryFailure,
    EveryIndicator,
    EveryOrder,
    NearItsMargin,
    VectorForm,
    VectorFormOfTwo,
)

FILE = Path(__file__).with_suffix(".json")
COMMAND = "python -m tests.engine.execution.golden_rows"

TAGS = ("entry_tag", "exit_tag")

Tables = dict[str, pl.DataFrame]

# --- scenarios -----------------------------------------------------------------------------

FREE = {"instrument": {"lot_size": 0.0}}
COSTS = {"commission": {"rate": 0.001, "minimum": 1.0}, "slippage": {"bps": 2.0}}
LEVERED = {"initial_margin": 0.2, "maintenance_margin": 0.15}
WALKED = {"bracket_rule": "tradingview"}
FLAT = {"flat_at": "close"}
MARGIN = {"cash": 20_000.0, "instrument": LEVERED | {"borrow_rate": 0.05}}
FUTURE = {
    **{"multiplier": 20.0, "futures": True, "tick_size": 0.25, "initial_margin": 0.0},
    "initial_margin_per_unit": 400.0,
}

EUROS_AND_POUNDS = {
    "instruments": {"A": {"currency": "EUR"}, "B": FUTURE | {"currency": "GBP"}},
    "account": {
        "currency": "USD",
        "rates": {"EUR": 1.09, "GBP": {"symbol": "A", "inverse": True}},
    },
}

# Under each of these settings every order is placed.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "same close": {"fill": "same_close"} | COSTS,
    "peer's brackets": {"bracket_rule": "backtesting_py"} | COSTS,
    "commission by rate": {"commission": {"rate": 0.002, "maker_rate": -0.0005}} | FREE,
    "commission by unit": {"commission": {"per_unit": 0.03, "fixed": 0.7, "minimum": 1.5}},
    "slippage in basis points": {"slippage": {"bps": 7.0}} | FREE,
    "slippage in ticks": {"slippage": {"ticks": 2.0}, "instrument": {"tick_size": 0.05}},
    "slippage by volume": {"slippage": {"volume_share": 0.3, "volume_cap": 0.06}} | FREE,
    "slippage by impact": {"slippage": {"impact": 0.8, "daily_volatility": 0.02}} | FREE,
    "percent of equity": {"sizing": {"kind": "percent_of_equity", "share": 0.7}} | COSTS,
    "fixed quantity": {"sizing": {"kind": "fixed_quantity", "units": 30.0}},
    "fixed risk": {"sizing": {"kind": "fixed_risk", "risk": 0.02}} | FREE,
    "kelly": {"sizing": {"kind": "kelly", "fraction": 0.6, "trades": 5, "cap": 0.9}} | FREE,
    "equal weight": {"sizing": {"kind": "equal_weight", "share": 0.8}} | COSTS,
    "volatility target": {
        "sizing": {"kind": "volatility_target", "volatility": 0.1, "window": 10, "cap": 0.8},
        **FREE,
    },
    "large lots": {"instrument": {"lot_size": 25.0}} | COSTS,
    "margin": {"margin_interest": 0.06} | MARGIN | COSTS,
    "position limit": {"position_limit": 60.0},
    "not shortable": {"instrument": {"shortable": False}} | COSTS,
    "futures": {
        "cash": 60_000.0,
        "instrument": FUTURE | {"maintenance_margin_per_unit": 350.0},
        "commission": {"per_unit": 2.0},
        "slippage": {"ticks": 1.0},
    },
    "equity": {"instrument": "equity"} | COSTS,
    "equity_margin": {"instrument": "equity_margin", "cash": 12_000.0, "margin_interest": 0.08},
    "crypto": {"instrument": "crypto"} | COSTS,
    "fx": {"instrument": "fx", "cash": 2_000_000.0},
    "ES": {"instrument": "ES", "cash": 3_000_000.0},
    "MES": {"instrument": "MES", "cash": 250_000.0},
    "CL": {"instrument": "CL", "cash": 2_000_000.0},
    **{
        symbol: {"instrument": symbol, "cash": 150.0 * (terms.initial + 100.0 * terms.multiplier)}
        for symbol, terms in FUTURES.items()
        if symbol not in ("ES", "MES", "CL")
    },
}


class Backtested(NamedTuple):
    """A strategy over bars that are written down here."""

    strategy: Any
    bars: tuple[Bars, ...]
    parameters: dict[str, Any]
    execution: dict[str, Any]
    warm_up: int = 0


class Simulated(NamedTuple):
    """A small study: a source instead of bars, and parameters with several values."""

    source: Any
    strategy: Any
    parameters: dict[str, Any]
    execution: dict[str, Any]
    settings: dict[str, Any]


class SometimesInfinite(StepModel):
    """Prices that become infinite on some paths."""

    name = "golden_sometimes_infinite"

    @staticmethod
    def step(price, state, shocks, constants):
        return price + (shocks[0] if shocks[0] < 2.2 else np.inf)


def range_share(path: np.ndarray, equity: np.ndarray) -> float:
    """A metric of one's own."""
    return (path[0, 1, -1] - path[0, 2, 0]) / equity[-1]


def scenarios() -> dict[str, Backtested | Simulated]:
    """Everything that is held, by name."""
    found: dict[str, Backtested | Simulated] = {}
    for number, (name, settings) in enumerate(SETTINGS.items(), 1):
        found[f"every order, {name}"] = _orders(settings, number)
    for name, settings in SETTINGS.items():
        if "sizing" in settings:
            # A size that follows from the risk needs a stop-loss.
            for exits in ("both", "loss" if name == "fixed risk" else "none"):
                found[f"sizing by {name}, exits {exits}"] = Backtested(
                    Crossing, (bars(7),), {"exits": exits}, settings
                )
    found |= _special_cases() | _exits() | _money() | _moments()
    return found | _indicators() | _failures() | _studies()


def _orders(settings: dict[str, Any], script: int, *given: Bars, **parameters: Any) -> Backtested:
    given = given or (bars(),)
    parameters = {"script": script, "symbols": len(given), "width": 0.012} | parameters
    return Backtested(EveryOrder, given, parameters, settings)


def _special_cases() -> dict[str, Backtested]:
    pair = bars(1), bars(2, symbol="B", drift=0.001)
    by_day, by_night = {"session": ("14:00", "20:00")}, {"session": ("22:00", "05:00")}
    in_zone = {"session": {"zone": "America/New_York", "open": "09:30", "close": "16:00"}}
    close = {"instrument": {"initial_margin": 0.5, "maintenance_margin": 0.49}}
    thin = {"cash": 5_000.0, "instrument": {"initial_margin": 0.05}}
    equal = {"margin_interest": 0.04, "sizing": {"kind": "equal_weight"}}
    short = {"instrument": {"borrow_rate": 0.03, "lot_size": 0.0}}
    night = {"cash": 20_000.0, "instrument": LEVERED | by_night}
    # Prices on a grid meet one another exactly, so that "at" and "beyond" differ.
    whole = bars(5, grid=0.5)
    return {
        "every order, liquidated": _orders(MARGIN, 3, bars(scale=0.25), units=400.0, width=0.05),
        "every order, liquidated one by one": _orders(
            {"margin": "isolated"} | MARGIN, 3, bars(scale=0.25), units=400.0, width=0.05
        ),
        "every order, sold down to maintenance": _orders(
            {"liquidate": "to_maintenance"} | MARGIN, 3, bars(scale=0.25), units=400.0, width=0.05
        ),
        "near its margin": Backtested(NearItsMargin, (bars(2, scale=0.1),), {}, close | COSTS),
        # One bar reaches an entry and both its exits.
        "every order, in wide bars": _orders(COSTS, 14, bars(3), width=0.003),
        "every order, ruined": _orders(
            thin | COSTS, 4, bars(8, scale=0.3), width=0.05, units=900.0
        ),
        "every order, negative prices": _orders(
            {"instrument": FUTURE} | COSTS, 5, bars(4, shift=100.0)
        ),
        "every order, negative prices of a share": _orders(COSTS, 6, bars(4, shift=98.0)),
        "every order, inside a session": _orders(
            {"instrument": by_day} | COSTS, 8, bars(hours=True)
        ),
        "every order, inside the hours of a zone": _orders(
            {"instrument": in_zone} | COSTS, 8, bars(hours=True)
        ),
        "every order, inside the sessions of an exchange": _orders(
            {"instrument": {"session": {"exchange": "XNYS"}}} | COSTS, 8, bars(hours=True)
        ),
        "every order, through midnight": _orders(
            night | COSTS, 9, bars(3, hours=True, scale=0.1), units=300.0
        ),
        "every order, on a grid": _orders(COSTS, 12, whole, grid=2.0),
        "every order, on a grid, peer's brackets": _orders(
            {"bracket_rule": "backtesting_py"} | COSTS, 13, whole, grid=2.0
        ),
        "every order, walked": _orders(WALKED | COSTS, 17),
        "every order, walked in wide bars": _orders(WALKED | MARGIN, 18, bars(3), width=0.003),
        "every order, walked on a grid": _orders(WALKED | COSTS, 19, whole, grid=2.0),
        "every order, walked and liquidated": _orders(
            WALKED | MARGIN, 3, bars(scale=0.25), units=400.0, width=0.05
        ),
        "every order, walked and sold down to maintenance": _orders(
            WALKED | MARGIN | {"liquidate": "to_maintenance"},
            3,
            bars(scale=0.25),
            units=400.0,
            width=0.05,
        ),
        "every order, two symbols walked": _orders(
            {"instruments": {"B": FUTURE}} | WALKED | COSTS, 20, *pair
        ),
        "every order, two symbols": _orders({"instruments": {"B": FUTURE}} | COSTS, 10, *pair),
        "every order, two currencies": _orders(EUROS_AND_POUNDS | COSTS, 14, *pair),
        "every order, two symbols on margin": _orders(equal | MARGIN, 11, *pair, units=300.0),
        "every order, closed at the end": _orders({"at_end": "close"} | COSTS, 15),
        "every order, two currencies closed at the end": _orders(
            {"at_end": "close"} | EUROS_AND_POUNDS | COSTS, 15, *pair
        ),
        "every order, funded": _orders({"instrument": LEVERED | {"funding": 0.3}} | COSTS, 24),
        "every order, funded by a column": _orders(
            {"instrument": {"funding": "rate", "lot_size": 0.0}} | COSTS,
            25,
            bars(2).with_columns({"rate": np.arange(320) % 3 * 0.0005 - 0.0003}),
        ),
        "every order, flat at the close": _orders(FLAT | COSTS, 21, bars(hours=True)),
        "every order, two symbols flat at the close": _orders(
            FLAT | MARGIN | COSTS | {"fill": "same_close"},
            22,
            bars(1, hours=True),
            bars(2, symbol="B", hours=True),
        ),
        "every order, flat at the close of hours of its own": _orders(
            FLAT | {"instrument": by_night} | COSTS, 23, bars(3, hours=True)
        ),
        "every order, bars to warm up on": _orders({}, 16)._replace(warm_up=37),
        "every order, sessions after bars to warm up on": _orders(
            {"instrument": by_day} | COSTS, 8, bars(hours=True)
        )._replace(warm_up=29),
        "vector form, bars to warm up on": Backtested(VectorForm, (bars(2),), {}, COSTS, 37),
        "dollar-neutral pair": Backtested(DollarNeutral, pair, {}, short | COSTS),
        "vector form": Backtested(VectorForm, (bars(2),), {}, COSTS),
        "vector form of two": Backtested(VectorFormOfTwo, pair, {}, COSTS),
        "touching": Backtested(Touching, (whole,), {}, COSTS),
    }


def _exits() -> dict[str, Backtested]:
    pair = bars(1), bars(2, symbol="B", drift=0.001)
    short = {"script": 2, "width": 0.004}
    levered = {"bracket_rule": "backtesting_py"} | MARGIN | COSTS
    risk = {"sizing": {"kind": "fixed_risk", "risk": 0.02}} | FREE
    return {
        "every exit": Backtested(EveryExit, (bars(),), {}, COSTS),
        "every exit, in wide bars": Backtested(EveryExit, (bars(3),), short, levered),
        "every exit, walked on ticks": Backtested(
            EveryExit, (bars(6),), short, WALKED | {"instrument": {"tick_size": 0.1}}
        ),
        "every group": Backtested(EveryGroup, (bars(),), {}, MARGIN | COSTS),
        "every group, walked": Backtested(
            EveryGroup, pair, {"script": 3, "symbols": 2}, WALKED | MARGIN | COSTS
        ),
        "every group, same close": Backtested(
            EveryGroup, pair, {"script": 4, "symbols": 2}, {"fill": "same_close"} | levered | COSTS
        ),
        "every resting order": Backtested(EveryRestingOrder, (bars(),), {}, COSTS),
        "every resting order, on ticks": Backtested(
            EveryRestingOrder, (bars(4),), {"script": 6}, {"instrument": {"tick_size": 0.1}} | COSTS
        ),
        "every resting order, walked on margin": Backtested(
            EveryRestingOrder, (bars(3),), short | {"script": 7}, WALKED | MARGIN | COSTS
        ),
        "every resting order, inside a session": Backtested(
            EveryRestingOrder,
            (bars(hours=True),),
            {"script": 8},
            {"instrument": {"session": ("14:00", "20:00")}} | COSTS,
        ),
        "every resting order, two symbols": Backtested(
            EveryRestingOrder, pair, {"script": 9, "symbols": 2}, {"fill": "same_close"} | COSTS
        ),
        "every exit, flat at the close": Backtested(
            EveryExit, (bars(4, hours=True),), {"script": 6}, FLAT | WALKED | COSTS
        ),
        "every exit, same close": Backtested(
            EveryExit, (bars(4),), {"script": 3}, {"fill": "same_close"} | COSTS
        ),
        "every exit, fixed risk": Backtested(EveryExit, (bars(5),), {"script": 4}, risk),
        "every exit, two symbols": Backtested(
            EveryExit, pair, {"script": 5, "symbols": 2}, {"instruments": {"B": FUTURE}} | COSTS
        ),
    }


def _money() -> dict[str, Backtested]:
    """Rates that change from bar to bar, and dividends."""
    shares = {"cash": 20_000.0, "instrument": LEVERED | {"borrow_rate": "fee"}}
    rates = {"margin_interest": "lent", "cash_interest": "paid", "risk_free_rate": "free"}
    stored = {"series": "^IRX", "timeframe": "1h", "scale": 0.01}
    funded = {"instrument": LEVERED | {"funding": stored, "borrow_rate": stored}}
    step = np.arange(320) % 9
    changing = {
        "lent": 0.03 + 0.01 * step,
        "paid": 0.02 + 0.005 * step,
        "free": 0.015 + 0.002 * step,
        "fee": 0.01 * step,
    }
    quarters = bars(2).with_columns(
        {"dividend_yield": np.where(np.arange(320) % 40 == 39, 0.012, 0.0)}
    )
    return {
        "every order, interest": _orders({"cash_interest": 0.04, "risk_free_rate": 0.03}, 26),
        "every order, rates of columns": _orders(
            shares | rates | COSTS, 27, bars(3).with_columns(changing)
        ),
        "every order, rates of a series": _orders(
            funded | {"cash_interest": stored, "cash": 20_000.0},
            28,
            bars(3).with_columns({"rate__IRX_1h_0_01": changing["lent"]}),
        ),
        "every order, dividends": _orders(COSTS, 29, quarters),
        "every order, dividends in another currency": _orders(
            {
                "instrument": {"currency": "EUR"},
                "account": {"currency": "USD", "rates": {"EUR": 1.09}},
            },
            30,
            quarters,
        ),
    }


def _moments() -> dict[str, Backtested]:
    """Fills in part and by chance, exits of the settings, and moments of a day."""
    pair = bars(1), bars(2, symbol="B", drift=0.001)
    thin, lucky = {"volume_limit": 0.02}, {"limit_fill_probability": 0.4}
    exits = {"stop_loss": 0.015, "take_profit": 0.03}
    peer, same = {"bracket_rule": "backtesting_py"}, {"fill": "same_close"}
    resting = bars(2, symbol="B").with_columns({"traded": (np.arange(320) % 7 < 5) * 1.0})
    beside = bars(1).with_columns({"traded": np.ones(320)})
    found = {
        "every order, within the volume": _orders(thin | COSTS, 31),
        "every order, within the volume, peer's brackets": _orders(thin | peer | COSTS, 32),
        "every order, within the volume, walked": _orders(thin | WALKED | FREE, 33),
        "every order, within the volume, same close": _orders(thin | same | MARGIN, 34),
        "every order, by chance": _orders(lucky | COSTS, 35),
        "every order, by chance, walked": _orders(lucky | WALKED | COSTS, 36),
        "every order, exits of the settings": _orders(exits | COSTS, 37),
        "every order, beside a symbol that rests": _orders(COSTS, 38, beside, resting),
    }
    scenarios = {
        "": {},
        ", same close": same,
        ", walked": WALKED,
        ", within the volume": thin | exits,
        ", by chance": lucky | exits,
    }
    for number, (name, execution) in enumerate(scenarios.items()):
        found[f"every moment{name}"] = Backtested(
            EveryMoment, (bars(4, hours=True),), {"script": 10 + number}, execution | COSTS
        )
    found["every moment, two symbols"] = Backtested(
        EveryMoment, pair, {"script": 20, "symbols": 2}, same | MARGIN | COSTS
    )
    return found


def _indicators() -> dict[str, Backtested]:
    # More bars than a running sum goes on for.
    long, hours = bars(6, count=1100, scale=0.03), bars(6, count=1100, scale=0.03, hours=True)
    probes = (
        ("indicator", EveryIndicator, long),
        ("trend", EveryTrend, hours),
        ("expression", EveryExpression, hours),
    )
    return {
        f"{name} {which}": Backtested(probe, (given,), {"which": which}, {})
        for name, probe, given in probes
        for which in range(int(probe.parameters["which"].high or 0) + 1)
    }


def _failures() -> dict[str, Backtested]:
    rising = bars(count=12, drift=0.05)
    rising.high[-1] = rising.close[-1] = 1e300  # the value of the position overflows
    settings = {"cash": 1e15, "instrument": {"lot_size": 0.0, "initial_margin": 0.0}}
    count = int(EveryFailure.parameters["how"].high or 0) + 1
    found = {
        f"failure {how}": Backtested(EveryFailure, (rising,), {"how": how}, settings)
        for how in range(1, count)
    }
    unknown = bars().with_columns({"rate": np.full(320, np.nan)})
    found["failure of a rate"] = _orders({"cash_interest": "rate"}, 1, unknown)
    return found


def _studies() -> dict[str, Simulated]:
    pair = Correlated({"A": GBM(), "B": Merton()}, correlation=[[1.0, 0.6], [0.6, 1.0]])
    levered = {"margin_interest": 0.05} | MARGIN | COSTS
    averages = {"fast": [2, 3, 5, 7, 9, 11], "slow": [12, 13, 20, 21, 34, 55, 80]}
    # Where no trades are recorded, parameter sets run together, and the averages of a series are
    # computed one by one, up to four at once, or up to twelve.
    together = {"steps": 300, "record": {"equity": 17}}
    drawn = {"period": [5, 20], "entry": uniform(0.5, 2.5), "model.sigma": linspace(0.1, 0.4, 2)}
    search = {"method": "sobol", "count": 4, "seed": 3}
    every_failure = {"how": list(range(8))}
    failing = {"failure_allowance": 1.0, "steps": 40, "seeds": 6}
    own = {"metrics": {"range": range_share}}
    return {
        "study, sweep of averages": Simulated(
            GBM(sigma=0.3), "sma_crossover", averages, COSTS, together
        ),
        **{
            f"study, {count} averages": Simulated(
                GBM(sigma=0.3), AtTheMean, {"period": list(range(2, 2 + count))}, COSTS, together
            )
            for count in (4, 7, 13)
        },
        "study, drawn parameters": Simulated(
            Merton(), "mean_reversion", drawn, {}, {"search": search, "bars": "close"}
        ),
        "study, sub-bars": Simulated(
            Heston(), EveryOrder, {"script": [1, 2]}, levered, {"sub_bars": 5}
        ),
        "study, sub-bars flat at the close": Simulated(
            Heston(),
            EveryOrder,
            {"script": [1, 2]},
            FLAT | levered,
            {"sub_bars": 5, "calendar": BarCalendar(timeframe="1h")},
        ),
        "study, sub-bars walked": Simulated(
            Heston(), EveryOrder, {"script": [1, 2]}, WALKED | levered, {"sub_bars": 5}
        ),
        "study, several symbols": Simulated(
            pair, DollarNeutral, {"period": [5, 15]}, levered, {"paths_per_seed": 2}
        ),
        "study, bootstrap": Simulated(
            Bootstrap(bars(9, count=260), block_length=6.0), "breakout", {}, COSTS, own
        ),
        "study, antithetic": Simulated(
            GBM(sigma=0.6, sampling="antithetic"),
            "rsi_reversal",
            {"period": 5},
            COSTS,
            {"paths_per_seed": 2},
        ),
        "study, momentum": Simulated(
            GBM(sigma=0.4),
            "momentum",
            {"period": [5, 11], "skip": [0, 3], "sides": "both"},
            COSTS,
            {},
        ),
        "study, vector form": Simulated(GBM(sigma=0.5), VectorForm, {"period": [3, 12]}, COSTS, {}),
        "study, buy and hold": Simulated(Heston(), "buy_and_hold", {}, COSTS, {}),
        "study, bars drawn to warm up on": Simulated(
            Heston(), "sma_crossover", {"fast": [3, 8], "slow": 34}, COSTS, {"warm_up": "auto"}
        ),
        "study, history to warm up on": Simulated(
            Bootstrap(bars(9, count=260), block_length=6.0),
            "sma_crossover",
            {"fast": [3, 8], "slow": 34},
            COSTS,
            {"warm_up": "auto"} | own,
        ),
        "study, failures": Simulated(GBM(), EveryFailure, every_failure, {}, failing),
        "study, infinite paths": Simulated(SometimesInfinite(), "buy_and_hold", {}, {}, failing),
    }


# --- bars ----------------------------------------------------------------------------------


def bars(
    seed: int = 1,
    count: int = 320,
    *,
    symbol: str = "A",
    scale: float = 0.04,
    drift: float = 0.0,
    shift: float = 0.0,
    grid: float = 0.0,
    hours: bool = False,
) -> Bars:
    """Bars that are the same everywhere: of days, or of hours.

    Prices are less by `shift`, and multiples of `grid` where it is not 0.
    """
    columns = np.empty((5, count))
    _fill_bars(seed, scale, drift, columns)
    columns[:4] -= shift
    if grid > 0.0:
        columns[:4] = np.rint(columns[:4] / grid) * grid
    step = 3_600_000_000 if hours else 86_400_000_000
    calendar = BarCalendar(timeframe="1h") if hours else BarCalendar()
    return Bars(symbol, np.arange(count, dtype=np.int64) * step, *columns, calendar=calendar)


@kernel
def _fill_bars(seed: int, scale: float, drift: float, out: np.ndarray) -> None:
    """Fill open, high, low, close and volume from whole numbers and our own exponential."""
    draw = seed
    level = 0.0
    for t in range(out.shape[1]):
        for row in range(4):
            draw = (draw * 1103515245 + 12345) % 2147483648
            share = (draw // 65536) / 32768.0
            if row == 0:
                out[0, t] = 100.0 * exp(level + 0.1 * scale * (share - 0.5))
            elif row == 1:
                level += drift + scale * (share - 0.5)
                out[3, t] = 100.0 * exp(level)
            elif row == 2:
                out[1, t] = max(out[0, t], out[3, t]) * (1.0 + 0.2 * scale * share)
            else:
                out[2, t] = min(out[0, t], out[3, t]) * (1.0 - 0.2 * scale * share)
                out[4, t] = 200.0 + 2000.0 * share


# --- runs ----------------------------------------------------------------------------------


def run(*beginnings: str) -> dict[str, Tables]:
    """Tables of every scenario, or of those whose names begin so."""
    return {
        name: _backtest(item) if isinstance(item, Backtested) else _study(item)
        for name, item in scenarios().items()
        if not beginnings or name.startswith(beginnings)
    }


def _backtest(item: Backtested) -> Tables:
    try:
        made = backtest(
            item.strategy, item.bars, item.parameters, item.execution, warm_up=item.warm_up
        )
    except ValueError as error:
        return {"error": pl.DataFrame({"error": [str(error)]})}
    return {
        "metrics": pl.DataFrame([made.metrics], schema=dict.fromkeys(METRIC_NAMES, pl.Float64)),
        "trades": made.trades.drop(TAGS),
        "equity": pl.DataFrame({"equity": made.equity}),
        "orders": made.orders,
    } | _tags(made.trades)


def _tags(trades: pl.DataFrame) -> Tables:
    """Tags of the trades, where there are any: a table of their own."""
    tags = trades.select(TAGS)
    return {"tags": tags} if (tags != 0.0).sum().sum_horizontal().sum() else {}


def _study(item: Simulated) -> Tables:
    settings = {"seeds": [3, 5, 2**63 + 7], "steps": 130, "workers": 1, "warm_up": 0}
    settings |= item.settings
    settings = {"record": {"equity": 17, "trades": True}} | settings
    settings |= {"execution": item.execution}
    results = Study("golden", item.source, item.strategy, item.parameters, **settings).run()
    keys = ("study", "simulation", "parameter_set", "seed")
    metrics = [name for name in results.metrics if name in METRIC_NAMES]
    # The world holds the engine's version, which these values decide.
    rows = results.frame.drop("study", "world", "set_id")
    tables = {"rows": rows.drop(metrics), "metrics": rows.select(metrics)}
    if results.trades_lazy is not None:
        columns = [name for name in TRADE_COLUMNS if name not in TAGS]
        tables["trades"] = results.trades().select(*keys, "trade", *columns)
    return tables | {"equity": results.equity().select(*keys, "equity")}


# --- hashes --------------------------------------------------------------------------------


def hashes(made: Mapping[str, Tables]) -> dict[str, dict[str, str]]:
    """Hash of each scenario's tables and, so that a new one leaves the others alone, each metric.

    Short ones: a change in what is held goes unnoticed once in 2^32.
    """
    found: dict[str, dict[str, str]] = {}
    for name, tables in made.items():
        own = found[name] = {}
        for table, frame in tables.items():
            if table == "metrics":
                own |= {metric: digest(pl.DataFrame([frame[metric]])) for metric in METRIC_NAMES}
            else:
                own[f"{table} table"] = digest(frame)
    return found


def digest(frame: pl.DataFrame) -> str:
    """First digits of the SHA-256 of a table: names, what is missing, the bits of the rest."""
    whole = hashlib.sha256(str(len(frame)).encode())
    for column in frame:
        whole.update(f"\0{column.name}\0".encode())
        whole.update(_content(column))
    return whole.hexdigest()[:8]


def _content(column: pl.Series) -> bytes:
    missing = column.is_null().to_numpy().tobytes()
    if isinstance(column.dtype, pl.List | pl.Array):
        column = column.explode()
    if column.dtype.is_float():
        values = column.fill_null(np.nan).to_numpy().astype("<f8")
        values[np.isnan(values)] = np.nan  # of all bits that say so, one
        return missing + values.tobytes()
    if column.dtype == pl.UInt64:
        return missing + column.fill_null(0).to_numpy().astype("<u8").tobytes()
    if column.dtype.is_integer() or column.dtype.is_temporal():
        return missing + column.to_physical().fill_null(0).to_numpy().astype("<i8").tobytes()
    return missing + json.dumps(column.to_list()).encode()


# --- golden values -------------------------------------------------------------------------


def changes(before: Mapping[str, Any], found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names of what has another hash than before; a new scenario or metric changes nothing."""
    return [
        f"{scenario}: {name}"
        for scenario, content in found.items()
        for name, value in content.items()
        if before.get(scenario, {}).get(name, value) != value
    ]


def shortened(names: list[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return "; ".join(names[:6]) + more


def renew() -> str:
    """Write the golden values and say so.

    Values that changed under one version are refused: results stored under it would be taken for
    those of the engine that is here now.
    """
    found = hashes(run())
    before = golden()
    changed = changes(before["rows"], found)
    if changed and before["engine_version"] == ENGINE_VERSION:
        raise SystemExit(
            f"{FILE.name}: changed are {shortened(changed)}. First raise ENGINE_VERSION "
            f"({ENGINE_VERSION!r}) in engine/compiled/version.py, or remove the file if it was "
            "the scenarios that changed"
        )
    lines = [f"  {json.dumps(name)}: {json.dumps(content)}" for name, content in found.items()]
    head = f'{{\n "engine_version": {json.dumps(ENGINE_VERSION)},\n "rows": {{\n'
    FILE.write_text(head + ",\n".join(lines) + "\n }\n}\n")
    return f"{FILE.name}: {len(changed)} values changed"


def golden() -> dict[str, Any]:
    """Return the values that are held."""
    if not FILE.exists():
        return {"engine_version": "", "rows": {}}
    held: dict[str, Any] = json.loads(FILE.read_text())
    return held


if __name__ == "__main__":
    if "--print" in sys.argv:
        print(json.dumps({"rows": hashes(run(*sys.argv[2:]))}))
    else:
        print(renew())
