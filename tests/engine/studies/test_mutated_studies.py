"""Study files that are wrong in ways nobody thought of: one sentence, or an answer.

A failure names the number that makes its file again: ``mutated(STUDIES[number % 3], number)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.errors import Refusal
from engine.jobs import StudyFailed
from engine.studies import Study, load_study
from tests.mutated_yaml import assert_one_sentence, mutated

STUDIES = (
    """
name: swept
description: Models and costs.
source: {model: heston, parameters: {kappa: 2.0, rho: [-0.7, 0.0]}, steps: 60, s0: 100, bars: ohlc}
strategy: {name: sma_crossover, parameters: {fast: [5, 10], slow: {step_range: [20, 40, 20]}}}
constraint: fast < slow
execution: {cash: 100000, commission: {rate: 0.0005}, slippage: {bps: 1}, at_end: close}
seeds: [3, 4, 5]
record: {equity: 10, trades: true}
failure_allowance: 0.1
""",
    """
name: calibrated
source:
  model: gbm
  symbol: SP500
  timeframe: 1d
  calibration: latest
  steps: 50
  warm_up: auto
strategy:
  name: rsi_reversal
  parameters: {period: {integer: [5, 20]}, oversold: {uniform: [20, 30]}}
search: {method: sobol, count: 4, seed: 1}
seeds: {count: 3, start: 0}
paths_per_seed: 2
until: {statistic: mean_net_pnl, half_width: 1000000, max_seeds: 8}
""",
    """
name: resampled
source:
  model: bootstrap
  symbol: [SP500]
  timeframe: 1d
  options: {method: stationary, block_length: 5}
  steps: 40
strategy: {name: breakout}
execution:
  instrument: {multiplier: 5, tick_size: 0.25, initial_margin_per_unit: 100}
  sizing: {kind: percent_of_equity, value: 0.5}
  flat_at: close
seeds: 3
""",
)


def test_mutated_studies_run_or_are_refused_in_one_sentence(tmp_path: Path, market: Any) -> None:
    ran, refused = _check_studies(range(120), tmp_path, market)
    assert ran >= 10
    assert refused >= 50


def test_a_path_that_no_machine_holds_is_refused_before_it_is_made(tmp_path: Path) -> None:
    file = tmp_path / "endless.yaml"
    file.write_text(STUDIES[0].replace("steps: 60", "steps: 1000000000000"))
    with pytest.raises(Refusal, match=r"source\.steps: found 1000000000000, allowed .* 100000000"):
        load_study(file)


@pytest.mark.slow
def test_two_thousand_mutated_studies_run_or_are_refused_in_one_sentence(
    tmp_path: Path, market: Any
) -> None:
    ran, refused = _check_studies(range(1_000, 3_000), tmp_path, market)
    print(f"\n2,000 mutated study files: {ran} ran, {refused} were refused in one sentence")


def _check_studies(numbers: range, folder: Path, market: Any) -> tuple[int, int]:
    """Load, resolve and run mutated study files; return how many ran and how many were refused."""
    file = folder / "mutated.yaml"
    ran = refused = 0
    for number in numbers:
        text = mutated(STUDIES[number % len(STUDIES)], number)
        file.write_bytes(text.encode(errors="surrogatepass"))
        try:
            study = load_study(file)
            job = study.resolve(market)
        except (ValueError, OSError) as error:
            assert_one_sentence(error, number, file)
            refused += 1
            continue
        bars = job.world.steps + job.world.window.first_trading_bar
        most_seeds = job.settings.until.max_seeds if job.settings.until else len(job.seeds)
        if bars <= 10_000 and most_seeds <= 50 and job.simulations <= 5_000:
            _check_run(study, market, number)
        ran += 1
    return ran, refused


def _check_run(study: Study, market: Any, number: int) -> None:
    try:
        rows = study.run(market_data=market).frame
    except StudyFailed:
        return
    good = rows.filter(pl.col("status") == "ok")
    for name, dtype in good.schema.items():
        assert not dtype.is_float() or not good[name].is_infinite().any(), (number, name)
    assert rows.filter(pl.col("status") != "ok")["error"].null_count() == 0, number
