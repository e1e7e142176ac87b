from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from engine.calibration import calibrate, calibrate_dates, parameter_jumps, try_calibrate

DATES = [date(2002, 3, 29), date(2002, 4, 1), date(2002, 4, 2)]
MODELS = ("gbm", "merton", "regime_switching")


@pytest.fixture(scope="module")
def bars(make_bars):
    rng = np.random.default_rng(1)
    return [
        make_bars(100.0 * np.exp(np.cumsum(0.01 * rng.standard_t(4, 700))), symbol=name)
        for name in ("A", "B")
    ]


def rows_of(calibrations):
    return [row for found in calibrations for row in found.to_rows()]


def test_results_come_by_history_date_and_model(bars):
    found = list(calibrate_dates(bars, DATES, MODELS))
    keys = [(c.symbol, c.as_of, c.model) for c in found]
    assert keys == [(b.symbol, day, m) for b in bars for day in DATES for m in MODELS]
    assert rows_of(found[:1]) == calibrate("gbm", bars[0], as_of=DATES[0]).to_rows()


def test_a_dates_result_does_not_depend_on_the_dates_before_it(bars):
    forward = list(calibrate_dates(bars[0], DATES, MODELS))
    alone = list(calibrate_dates(bars[0], DATES[-1:], MODELS))
    backward = list(calibrate_dates(bars[0], DATES[::-1], MODELS))
    assert rows_of(forward[-3:]) == rows_of(alone) == rows_of(backward[:3])


def test_other_processes_give_the_same_rows(bars):
    here = rows_of(calibrate_dates(bars, DATES[:1], ("gbm",)))
    there = rows_of(calibrate_dates(bars, DATES[:1], ("gbm",), workers=2))
    assert there == here


def test_a_program_from_standard_input_stays_in_one_process():
    program = """
from datetime import date
import numpy as np
from engine.bars import Bars
from engine.calibration import calibrate_dates
closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(400)))
stamps = np.arange(400, dtype=np.int64) * 86_400_000_000
bars = [Bars(name, stamps, closes, closes, closes, closes, closes) for name in "AB"]
print(len(list(calibrate_dates(bars, [date(1971, 1, 4)], ("gbm",), workers=2))))
"""
    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.strip() == "2"


def test_a_date_before_the_history_is_a_failure_among_successes(bars):
    found = list(calibrate_dates(bars[0], [date(1990, 1, 1), DATES[0]], ("gbm",)))
    assert [c.status for c in found] == ["failed", "ok"]


def test_options_go_to_their_model(bars):
    options = {"gbm": {"window": "rolling:1y"}}
    found = list(calibrate_dates(bars[0], DATES[:1], ("gbm", "merton"), options=options))
    assert [c.window for c in found] == ["rolling:1y", "full"]


def test_a_parameter_that_jumps_is_named_and_a_quiet_day_is_not(make_bars):
    rng = np.random.default_rng(2)
    returns = 0.01 * rng.standard_normal(300)
    quiet = make_bars(100.0 * np.exp(np.cumsum(returns)))
    returns[-1] = 0.5
    crash = make_bars(100.0 * np.exp(np.cumsum(returns)))
    before = calibrate("gbm", quiet[:-1])
    assert parameter_jumps(calibrate("gbm", quiet), before) == []
    jumps = parameter_jumps(calibrate("gbm", crash), before)
    assert "sigma" in [jump.parameter for jump in jumps]
    assert str(jumps[0]).startswith(jumps[0].parameter)
    failed = try_calibrate("gbm", quiet[:5])
    assert parameter_jumps(failed, before) == []
    with pytest.raises(ValueError, match="previous: found"):
        parameter_jumps(calibrate("bootstrap", quiet), before)
