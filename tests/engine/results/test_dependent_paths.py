"""Errors where several paths depend on one another: the independent observation is their unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.results import Results
from engine.sources import GBM
from engine.statistics.layout import Layout
from engine.statistics.variance_reduction import saved_by_units
from engine.studies import Study
from engine.studies.loader import parse_definition

DRAWN = """
name: drawn
source: {model: gbm, symbol: SP500, calibration: latest, parameters: draw, steps: 252, s0: 100}
strategy: {name: buy_and_hold}
seeds: {count: 2000}
paths_per_seed: 10
"""


def _error_between_seeds(results: Results) -> float:
    of_seed = results.frame.group_by("seed").agg(pl.col("net_pnl").mean())["net_pnl"]
    return float(of_seed.std()) / math.sqrt(len(of_seed))


def _mean(results: Results) -> dict[str, Any]:
    return results.best_by_pnl(1).row(0, named=True)


def _study(sampling: str, paths_per_seed: int, **changes: Any) -> Study:
    settings: dict[str, Any] = {
        "parameters": {"weight": [1.0]},
        "seeds": 400,
        "steps": 20,
        "paths_per_seed": paths_per_seed,
    }
    source = GBM(mu=0.05, sigma=0.2, sampling=sampling)  # type: ignore[arg-type]
    return Study("dependent", source, "buy_and_hold", **(settings | changes))


def test_the_budget_says_what_variance_pairs_save() -> None:
    pairs, alone = _study("antithetic", 2).run(), _study("random", 2).run()
    found = pairs.error_budget(names=["mean_net_pnl", "profit_probability"])
    saved = dict(found.select("statistic", "variance_saved").iter_rows())
    outcomes = pairs.frame.sort("simulation")["net_pnl"].to_numpy()
    units = Layout.of([0] * len(outcomes), np.arange(len(outcomes)) // 2)
    assert saved["mean_net_pnl"] == pytest.approx(float(saved_by_units(outcomes, units)[0]))
    assert saved["mean_net_pnl"] > 0.95
    assert all(0.3 < share <= 1.0 for share in saved.values())
    assert alone.error_budget(names=["sharpe"])["variance_saved"].to_list() == [None]


def test_paths_that_share_drawn_parameters_are_one_observation(market: Any) -> None:
    results = Study.from_definition(parse_definition(DRAWN)).run(market_data=market)
    found = _mean(results)
    assert found["n"] == 20_000
    assert found["std_error"] == pytest.approx(_error_between_seeds(results), rel=1e-9)


@pytest.mark.slow
def test_intervals_of_drawn_parameters_hold_the_mean_as_often_as_they_say(market: Any) -> None:
    results = Study.from_definition(parse_definition(DRAWN)).run(market_data=market)
    truth = results.frame["net_pnl"].mean()
    hits = 0
    for start in range(0, 2000, 20):
        few = _mean(results.filter(f"seed >= {start} and seed < {start + 20}"))
        hits += few["ci_low"] <= truth <= few["ci_high"]
    # A hundred intervals at 95 %: 95 hits, give or take 4 standard errors of 2.2.
    assert hits >= 86


@pytest.mark.parametrize(("sampling", "paths"), [("moment_matching", 16), ("sobol", 16)])
def test_paths_balanced_within_a_seed_are_one_observation(sampling: str, paths: int) -> None:
    results = _study(sampling, paths).run()
    assert _mean(results)["std_error"] == pytest.approx(_error_between_seeds(results), rel=1e-9)


def test_a_comparison_counts_antithetic_pairs_once() -> None:
    study = _study("antithetic", 2, parameters={"weight": [0.5, 1.0]})
    results = study.run()
    found = results.compare(results.filter("weight = 0.5")).table.row(1, named=True)
    wide = results.frame.pivot("weight", index=["seed", "path"], values="net_pnl")
    of_pair = (
        wide.with_columns(d=pl.col("1.0") - pl.col("0.5"))
        .group_by("seed")
        .agg(pl.col("d").mean())["d"]
    )
    assert found["difference"] == pytest.approx(of_pair.mean())
    assert found["std_error"] == pytest.approx(of_pair.std() / math.sqrt(len(of_pair)), rel=1e-9)


def test_a_comparison_on_other_seeds_counts_antithetic_pairs_once() -> None:
    one = _study("antithetic", 2).run()
    two = _study("antithetic", 2, seeds=range(1000, 1400)).run()
    comparison = one.compare(two)
    assert not comparison.paired
    expected = math.hypot(_error_between_seeds(one), _error_between_seeds(two))
    assert comparison.table["std_error"][0] == pytest.approx(expected, rel=1e-9)
