"""Holds what every estimator finds on fixed data, to a stated number of digits.

A change of what an estimator finds raises its number in ``engine/models.py``, so
that stored calibrations are made anew; then ``python -m tests.engine.calibration.golden_estimates``
renews the golden values.

Not to the bit: NumPy's and the linear algebra's sums, logarithms and exponentials differ in their
last bits from processor to processor, and an optimiser stops where what is left to gain is
rounding. Each case says how much of that may be left.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.bars import Bars
from engine.calibration import estimate_correlation, try_calibrate
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.option_surface import OptionSurface
from engine.calibration.schwartz_smith import futures_price
from engine.calibration.versions import ESTIMATOR_VERSIONS
from engine.calibration.volatility import VOLATILITY_ESTIMATORS
from engine.pricing.bates_prices import bates_price
from engine.pricing.heston_prices import heston_price

FILE = Path(__file__).with_suffix(".json")
COMMAND = "python -m tests.engine.calibration.golden_estimates"
SAMPLE = Path(__file__).parents[3] / "data" / "sample"

# Formulas, of which only sums differ; maxima, which are found to a fraction of a standard error;
# least squares along the flat valley that a surface leaves of speed and level of the variance.
FORMULA = 1e-10
MAXIMUM = 1e-5
VALLEY = 1e-4


@dataclass(frozen=True)
class Case:
    """A model estimated on data with options; `tolerance` is relative."""

    model: str
    data: Any
    options: dict[str, Any] = field(default_factory=dict)
    tolerance: float = MAXIMUM


def cases() -> dict[str, Case]:
    """Everything that is held, by name."""
    sp500, wti = sample("SP500")[-1200:], sample("WTI")
    short = sp500[-400:]
    fallen = below_zero(wti[-200:])
    panel, quotes = futures_panel(), option_surface()
    found = {
        "gbm": Case("gbm", sp500, tolerance=FORMULA),
        "gbm, rolling": Case("gbm", sp500, {"window": "rolling:2y"}, FORMULA),
        "gbm, exponential": Case("gbm", sp500, {"window": "exponential:0.5y"}, FORMULA),
        "gbm, as of a date": Case("gbm", sp500, {"as_of": date(2017, 3, 1)}, FORMULA),
        "gbm, prices below zero left out": Case(
            "gbm", fallen, {"non_positive": "exclude"}, FORMULA
        ),
        "gbm, prices shifted": Case("gbm", fallen, {"non_positive": 50.0}, FORMULA),
        "bates": Case("bates", option_surface(jumps=True), tolerance=VALLEY),
        "bootstrap": Case("bootstrap", sp500, tolerance=FORMULA),
        "bootstrap of absolute returns": Case("bootstrap", sp500, {"of": "absolute"}, FORMULA),
        "bootstrap of squared returns": Case("bootstrap", sp500, {"of": "squared"}, FORMULA),
        "egarch": Case("egarch", sp500, tolerance=VALLEY),
        "garch": Case("garch", sp500, tolerance=VALLEY),
        "garch, symmetric": Case("garch", sp500, {"asymmetric": False}, VALLEY),
        "heston, history": Case("heston", sp500, tolerance=1e-8),
        "heston, history, exponential": Case("heston", sp500, {"window": "exponential:1y"}, 1e-8),
        "heston, quotes": Case("heston", quotes, tolerance=VALLEY),
        "heston, quotes, drift given": Case("heston", quotes, {"mu": 0.07}, VALLEY),
        "merton": Case("merton", sp500),
        "merton, exponential": Case("merton", short, {"window": "exponential:1y"}),
        "regime_switching": Case("regime_switching", sp500),
        "regime_switching, one mean": Case("regime_switching", short, {"switching_mean": False}),
        "schwartz_1f": Case("schwartz_1f", wti[-1500:-700], tolerance=1e-8),
        "schwartz_1f, corrected": Case(
            "schwartz_1f", wti[-750:], {"bias_correction": "analytic"}, 1e-8
        ),
        "schwartz_1f, curve": Case("schwartz_1f", panel),
        "schwartz_2f": Case("schwartz_2f", panel, {"rate": 0.03}),
        "schwartz_smith": Case("schwartz_smith", panel, {"measurement": "common"}),
        "gbm, too few": Case("gbm", sp500[:20]),
        "gbm, prices below zero": Case("gbm", fallen),
    }
    for name in VOLATILITY_ESTIMATORS:
        found[f"gbm, volatility {name}"] = Case("gbm", short, {"volatility": name}, FORMULA)
    return found


def sample(symbol: str) -> Bars:
    """Return the sample bars of a symbol."""
    frame = pl.read_csv(SAMPLE / f"{symbol}.csv", try_parse_dates=True)
    frame = frame.rename({name: name.lower() for name in frame.columns}).drop_nulls()
    stamps = frame["date"].cast(pl.Datetime("us")).dt.epoch("us").to_numpy().astype(np.int64)
    names = ("open", "high", "low", "close", "volume")
    # The sample of WTI is spot prices alone.
    only = frame.columns[1]
    columns = {
        name: frame[name if name in frame.columns else only].cast(pl.Float64).to_numpy()
        for name in names
    }
    return Bars(symbol, stamps, **columns)


def below_zero(bars: Bars) -> Bars:
    """Bars whose three lowest prices are at or below zero."""
    close = bars.close - np.sort(bars.close)[2]
    return Bars(bars.symbol, bars.timestamps, close, close, close, close, bars.volume)


def futures_panel() -> FuturesPanel:
    """Weekly prices of four contracts under a Schwartz-Smith model, in cents."""
    model = {
        **{"kappa": 1.5, "sigma_chi": 0.3, "lambda_chi": 0.1, "mu_xi": 0.02},
        **{"sigma_xi": 0.15, "mu_xi_star": 0.01, "rho": 0.3},
    }
    years = np.array([1 / 12, 5 / 12, 9 / 12, 17 / 12])
    draw = 5
    shares = []
    for _ in range(110 * 6):
        draw = (draw * 1103515245 + 12345) % 2147483648
        shares.append((draw // 65536) / 32768.0 - 0.5)
    noise = np.array(shares).reshape(110, 6)
    chi, xi, rows = 0.1, 4.0, []
    for row in noise:
        chi += -1.5 * chi / 52 + 0.14 * row[0]
        xi += 0.02 / 52 + 0.07 * row[1]
        rows.append(futures_price(model, chi, xi, years) * (1.0 + 0.01 * row[2:]))
    # In cents, so that the last bits of their making do not count.
    return FuturesPanel.from_arrays(np.round(rows, 2), years, dt=1 / 52, symbol="CURVE")


def option_surface(*, jumps: bool = False) -> OptionSurface:
    """Quotes of three expiries under a Heston or a Bates model, in tenths of a cent."""
    strikes, years = np.linspace(75.0, 130.0, 8), np.array([0.1, 0.5, 1.5])
    model = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}
    price = heston_price
    if jumps:
        price = bates_price
        model |= {"jump_intensity": 1.0, "mean_log_jump": -0.1, "jump_vol": 0.1}
    prices = [
        price(100.0, strikes, t, rate=0.02, dividend=0.01, call=strikes >= 100.0, **model)
        for t in years
    ]
    return OptionSurface.from_quotes(
        np.tile(strikes, 3),
        np.repeat(years, 8),
        np.round(np.maximum(np.concatenate(prices), 0.001), 3),
        np.tile(strikes >= 100.0, 3),
        spot=100.0,
        rate=0.02,
        dividend=0.01,
    )


# --- runs ----------------------------------------------------------------------------------

# How the optimiser went, which may differ where its result does not.
_COURSE = {"evaluations", "expected_gain", "starts_at_optimum"}

Values = dict[str, Any]


def run() -> dict[str, Values]:
    """What is found in every case."""
    return {name: _estimated(case) for name, case in cases().items()} | {
        "correlation": _correlation()
    }


def _estimated(case: Case) -> Values:
    found = try_calibrate(case.model, case.data, **case.options)
    scale = np.sqrt(np.abs(np.diag(found.covariance)))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = found.covariance / np.outer(scale, scale)
    return _flat(
        {
            "parameters": found.parameters,
            "std_errors": found.std_errors,
            "correlation": np.where(np.isfinite(correlation), correlation, 0.0).tolist(),
            "log_likelihood": found.log_likelihood,
            "aic": found.aic,
            "bic": found.bic,
            "n": found.n,
            "window": found.window,
            "status": found.status,
            "reason": found.reason,
            "start_state": found.start_state,
            "state_std_errors": {
                name: math.sqrt(row[name]) for name, row in found.state_covariance.items()
            },
            "diagnostics": {k: v for k, v in found.diagnostics.items() if k not in _COURSE},
        }
    )


def _correlation() -> Values:
    pair = [sample("SP500")[-600:], sample("NASDAQ")[-600:]]
    found = estimate_correlation(pair, shrinkage="auto")
    left_out = {"as_of", "calibration_hash", "history_hash"}
    return _flat({"row": {k: v for k, v in found.to_rows()[0].items() if k not in left_out}})


def _flat(value: Any, name: str = "") -> Values:
    """Numbers and texts by their place: ``parameters.mu``."""
    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        inner = (_flat(item, f"{name}.{key}" if name else str(key)) for key, item in items)
        return {key: item for part in inner for key, item in part.items()}
    if isinstance(value, float):
        return {name: value if math.isfinite(value) else str(value)}
    return {name: value}


# --- golden values -------------------------------------------------------------------------


def differences(name: str, before: Values, found: Values) -> list[str]:
    """Places of a case at which two results differ by more than it allows."""
    case = cases_by_name().get(name)
    tolerance = FORMULA if case is None else case.tolerance
    places = sorted(before.keys() ^ found.keys())
    for place in before.keys() & found.keys():
        old, new = before[place], found[place]
        if isinstance(old, float) and isinstance(new, float):
            size = abs(old)
            if place.startswith("parameters."):
                # An optimum is as well determined as its data determine it.
                error = before.get(place.replace("parameters.", "std_errors."), 0.0)
                size = max(size, error if isinstance(error, float) else 0.0)
            elif place.startswith("correlation."):
                size = 1.0
            if abs(new - old) <= tolerance * size + 1e-12:
                continue
        elif old == new:
            continue
        places.append(f"{place} {old!r} -> {new!r}")
    return places


@cache
def cases_by_name() -> dict[str, Case]:
    """Return the cases, made once."""
    return cases()


def version_of(name: str) -> str:
    """Version of the estimator of a case; empty for what is not stored."""
    case = cases_by_name().get(name)
    return "" if case is None else ESTIMATOR_VERSIONS[case.model]


def changed_cases(before: Mapping[str, Any], found: Mapping[str, Values]) -> dict[str, list[str]]:
    """Cases with their differences; a new case has none."""
    known = {name: values for name, values in found.items() if name in before}
    all_of_them = {n: differences(n, before[n]["values"], v) for n, v in known.items()}
    return {name: places for name, places in all_of_them.items() if places}


def renew() -> str:
    """Write the golden values that changed and say so.

    Values that changed under one version are refused: stored calibrations would be taken for those
    of the estimator that is here now.
    """
    before = golden()
    found = run()
    changed = changed_cases(before, found)
    for name, places in changed.items():
        if before[name]["version"] == version_of(name) != "":
            raise SystemExit(
                f"{FILE.name}: {name} changed: {places[0]}. First raise the version of "
                f"{cases_by_name()[name].model} in engine/models.py, or remove the "
                "case from the file if it was the case that changed"
            )
    kept = {
        name: before[name]["values"] for name in found if name in before.keys() - changed.keys()
    }
    values = {
        name: {"version": version_of(name), "values": kept.get(name, found[name])} for name in found
    }
    FILE.write_text(json.dumps(values, indent=1) + "\n")
    return f"{FILE.name}: {len(changed)} cases changed"


def golden() -> dict[str, Any]:
    """Return the values that are held."""
    held: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return held


if __name__ == "__main__":
    print(json.dumps(run()) if "--print" in sys.argv else renew())
