from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import calibrate, try_calibrate
from engine.calibration.sample import SpotSample, bars_as_of

MINUTE = 60_000_000
DAY = 1440 * MINUTE


def minute_bars(stamps, closes, exchange="XNYS"):
    closes = np.asarray(closes, dtype=np.float64)
    columns = [closes] * 4 + [np.ones(len(closes))]
    stamps = np.asarray(stamps, dtype=np.int64)
    return Bars("MIN", stamps, *columns, BarCalendar(exchange, "1m"))


def two_sessions():
    rng = np.random.default_rng(1)
    opens = np.array([0, 1]) * DAY + 14 * 60 * MINUTE + 30 * MINUTE
    stamps = np.concatenate([start + np.arange(390) * MINUTE for start in opens])
    logs = np.cumsum(0.0005 * rng.standard_normal(780))
    logs[390:] += 0.05
    return stamps, np.exp(logs)


def test_the_oil_price_below_zero_is_named_with_its_date(wti):
    found = try_calibrate("gbm", wti)
    assert found.status == "failed"
    assert "WTI close: found -36.98 on 2020-04-20, allowed > 0" in found.reason
    excluded = calibrate("gbm", wti, non_positive="exclude")
    assert excluded.diagnostics["excluded_dates"] == ["2020-04-20"]
    assert excluded.n == len(wti) - 3
    shifted = calibrate("gbm", wti, non_positive=40.0)
    assert shifted.diagnostics["price_shift"] == 40.0
    assert shifted.n == len(wti) - 1
    with pytest.raises(ValueError, match=r"even after adding 30\.0"):
        calibrate("gbm", wti, non_positive=30.0)


def test_overnight_returns_are_left_out_of_minute_bars_and_reported():
    stamps, closes = two_sessions()
    bars = minute_bars(stamps, closes)
    inside = calibrate("gbm", bars)
    assert inside.n == 778
    returns = np.diff(np.log(closes))
    kept = np.delete(returns, 389)
    assert inside.parameters["sigma"] == pytest.approx(kept.std() * np.sqrt(252 * 390), rel=1e-12)
    everything = calibrate("gbm", bars, overnight="include")
    assert everything.n == 779
    assert everything.parameters["sigma"] > inside.parameters["sigma"] * 1.5


def test_a_return_over_missing_minutes_counts_its_elapsed_time():
    stamps, closes = two_sessions()
    keep = np.ones(780, dtype=bool)
    keep[[100, 101]] = False
    sample = SpotSample.from_bars(minute_bars(stamps[keep], closes[keep]))
    assert np.round(sample.dt * 252 * 390).tolist().count(3.0) == 1
    crypto = SpotSample.from_bars(minute_bars(stamps, closes, "24/7"))
    # Around the clock nothing is closed: the gap of a day is 1,051 minutes of trading.
    assert np.round(crypto.dt.max() * 365 * 1440) == 1051


def test_a_bar_that_has_not_ended_by_the_date_is_not_seen(make_bars):
    stamps = np.array([3, 10, 17], dtype=np.int64) * DAY + 14 * 60 * MINUTE
    columns = [np.array([1.0, 2.0, 3.0])] * 5
    weekly = Bars("W", stamps, *columns, BarCalendar("XNYS", "1w"))
    # The bar that opens on day 10 is complete on day 14.
    assert len(bars_as_of(weekly, date(1970, 1, 14))[0]) == 1
    assert len(bars_as_of(weekly, date(1970, 1, 15))[0]) == 2
    midnight = Bars("D", stamps - 14 * 60 * MINUTE, *columns, BarCalendar("24/7", "1d"))
    assert len(bars_as_of(midnight, date(1970, 1, 11))[0]) == 2
    assert bars_as_of(midnight, None)[1] == date(1970, 1, 18)


def test_constant_prices_and_too_few_bars_are_one_clear_error(make_bars):
    with pytest.raises(ValueError, match="TEST close: found the same return in all 99 bars"):
        calibrate("gbm", make_bars(np.full(100, 7.0)))
    with pytest.raises(ValueError, match=r"TEST bars: found 98 returns .* allowed >= 250"):
        calibrate("merton", make_bars(np.linspace(1.0, 2.0, 99)))
    with pytest.raises(ValueError, match="as_of: found 1999-01-01, allowed >= 2000-01-03"):
        calibrate("gbm", make_bars(np.linspace(1.0, 2.0, 99)), as_of=date(1999, 1, 1))


@pytest.mark.parametrize("model", ["gbm", "bootstrap", "schwartz_1f", "merton", "heston"])
def test_tomorrows_crash_changes_nothing_today(make_bars, model):
    rng = np.random.default_rng(5)
    closes = 100.0 * np.exp(0.01 * rng.standard_normal(700).cumsum() * 0.5)
    bars = make_bars(closes)
    day = date.fromordinal(719_163 + int(bars.timestamps[599] // DAY))
    crash = closes.copy()
    crash[600:] *= 0.3
    before = try_calibrate(model, bars[:600], as_of=day)
    after = try_calibrate(model, make_bars(crash), as_of=day)
    assert after.to_rows() == before.to_rows()
