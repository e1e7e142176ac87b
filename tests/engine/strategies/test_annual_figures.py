"""Annual figures of history are those of its timestamps, whatever bars it has."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import calibrate
from engine.calibration.volatility import range_volatility
from engine.sources import Bootstrap, Historical
from engine.strategies import Strategy, backtest
from engine.studies import Study
from tests.engine.session_stamps import DAY, MINUTE, YEAR, bars_of_sessions, instant, opens_of

WHOLE = ("2019-01-01", "2019-12-31")
# 260 weekdays from Wednesday 2 January to Tuesday 31 December 2019, five a week.
NYSE_YEARS = 260 / 5 * 7 / 365.25


def weeks() -> np.ndarray:
    return instant("2018-12-31T14:30") + 7 * DAY * np.arange(52)


def with_extended_hours() -> np.ndarray:
    """Hourly bars from 04:00 to 20:00 in New York: 16 where the calendar has 7."""
    opens = opens_of("XNYS", *WHOLE)
    return (opens[:, None] - 330 * MINUTE + 60 * MINUTE * np.arange(16)).ravel()


def months() -> np.ndarray:
    opens = opens_of("XNYS", *WHOLE)
    number = opens.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return opens[np.unique(number, return_index=True)[1]]


def quiet_minutes() -> np.ndarray:
    """Minutes of which a part, drawn anew each time, has no trade."""
    minutes = bars_of_sessions("XNYS", *WHOLE, 5)
    return minutes[np.random.default_rng(1).random(len(minutes)) < 0.3]


def quiet_days() -> np.ndarray:
    opens = opens_of("XNYS", *WHOLE)
    kept = np.random.default_rng(2).random(len(opens)) < 0.4
    kept[[0, -1]] = True
    return opens[kept]


Stamps = Callable[[], np.ndarray]
# Exchange, timeframe, bars and their years, by hand.
SERIES: dict[str, tuple[str, str, Stamps, float]] = {
    "days": ("XNYS", "1d", lambda: opens_of("XNYS", *WHOLE), NYSE_YEARS),
    "days of which 60 % are missing": ("XNYS", "1d", quiet_days, NYSE_YEARS),
    "hours": ("XNYS", "1h", lambda: bars_of_sessions("XNYS", *WHOLE, 60), NYSE_YEARS),
    "hours, extended": ("XNYS", "1h", with_extended_hours, NYSE_YEARS),
    "every second minute": ("XNYS", "1m", lambda: bars_of_sessions("XNYS", *WHOLE, 2), NYSE_YEARS),
    "quiet minutes": ("XNYS", "5m", quiet_minutes, NYSE_YEARS),
    "weeks": ("XNYS", "1w", weeks, 52 * 7 / 365.25),
    "months": ("XNYS", "1mo", months, 1.0),
    "crypto days": ("24/7", "1d", lambda: opens_of("24/7", *WHOLE), 365 / 365.25),
    "crypto hours": ("24/7", "1h", lambda: bars_of_sessions("24/7", *WHOLE, 60), 365 / 365.25),
    # Tuesday 1 January to Tuesday 31 December: 261 weekdays.
    "currency days": ("24/5", "1d", lambda: opens_of("24/5", *WHOLE), 261 / 5 * 7 / 365.25),
    "currency hours": (
        "24/5", "1h", lambda: bars_of_sessions("24/5", *WHOLE, 60), 261 / 5 * 7 / 365.25
    ),
    "Hong Kong hours": ("XHKG", "1h", lambda: bars_of_sessions("XHKG", *WHOLE, 60), NYSE_YEARS),
}  # fmt: skip
# These begin with a minute of the first session that had a trade, end with one before the last, or
# with a half day.
NEARLY = {"every second minute": 1e-5, "quiet minutes": 3e-4, "Hong Kong hours": 3e-3}


def bars_over(stamps: np.ndarray, calendar: BarCalendar, close: np.ndarray) -> Bars:
    opened = np.concatenate([[100.0], close[:-1]])
    low, high = np.minimum(opened, close), np.maximum(opened, close)
    return Bars("X", stamps, opened, high, low, close, np.ones(len(close)), calendar)


def growing(name: str) -> Bars:
    exchange, timeframe, make, _ = SERIES[name]
    stamps = make()
    close = 100.0 * 1.2 ** (np.arange(1, len(stamps) + 1) / len(stamps))
    return bars_over(stamps, BarCalendar(exchange, timeframe), close)


class Hold(Strategy):
    """Buys with all cash at the first open."""

    def on_start(self, order):
        order.market(1000)


class Short(Strategy):
    """Is short from the first open on."""

    def on_start(self, order):
        order.market(-1000)


@pytest.mark.parametrize("name", SERIES)
def test_a_year_that_earned_a_fifth_has_that_growth_whatever_its_bars(name: str) -> None:
    bars, years = growing(name), SERIES[name][3]
    assert bars.years == pytest.approx(years, rel=NEARLY.get(name, 1e-9))
    found = backtest(Hold, bars, execution={"cash": 100_000}).metrics
    assert found["cagr"] == pytest.approx(1.2 ** (1 / bars.years) - 1, rel=1e-9)
    assert found["cagr"] == pytest.approx(0.2, abs=0.0015)
    # Volatility is of the bars that are there, of the same year.
    returns = np.diff(bars.close, prepend=100.0) / np.concatenate([[100.0], bars.close[:-1]])
    assert np.std(returns) < 1e-12
    assert found["turnover"] == pytest.approx(1.0 / 1.0969 / years, rel=0.02)


@pytest.mark.parametrize("name", SERIES)
def test_volatility_is_the_deviation_times_the_root_of_the_bars_that_a_year_has(name: str) -> None:
    exchange, timeframe, make, years = SERIES[name]
    stamps = make()
    count = len(stamps)
    # Returns that alternate, whose squares add up to 0.04 in the year: 20 %.
    step = 0.2 / math.sqrt(count / years)
    changes = np.where(np.arange(count) % 2 == 0, step, -step)
    bars = bars_over(stamps, BarCalendar(exchange, timeframe), 100.0 * np.cumprod(1 + changes))
    found = backtest(Hold, bars, execution={"cash": 100_000}).metrics
    spread = math.sqrt(count / (count - 1))
    assert found["volatility"] == pytest.approx(0.2 * spread, rel=0.003)
    # Where the bars match the calendar, an estimate keeps its nominal year.
    assert range_volatility(bars, "close")[0] == pytest.approx(0.2 * spread, rel=0.015)


@pytest.mark.parametrize("name", SERIES)
def test_interest_of_a_year_is_its_rate_times_the_time_between_the_bars(name: str) -> None:
    exchange, timeframe, make, _ = SERIES[name]
    stamps = make()
    bars = bars_over(stamps, BarCalendar(exchange, timeframe), np.full(len(stamps), 100.0))
    elapsed = (stamps[-1] - stamps[0]) / YEAR
    lent = {"initial_margin": 0.5, "maintenance_margin": 0.25, "borrow_rate": 0.05}
    short = backtest(Short, bars, execution={"cash": 100_000, "instrument": lent}).metrics
    assert short["net_pnl"] == pytest.approx(-5_000.0 * elapsed, rel=1e-9)
    settings = {"cash": 50_000, "margin_interest": 0.08, "instrument": lent}
    long = backtest(Hold, bars, execution=settings).metrics
    # On 50,000 that grow with their interest.
    assert -long["net_pnl"] == pytest.approx(50_000.0 * math.expm1(0.08 * elapsed), rel=0.005)


def test_what_is_held_over_a_weekend_pays_for_three_days() -> None:
    class OverTheWeekend(Strategy):
        """Short from the open of Friday to that of Monday."""

        def on_bar(self, bar, order, account):
            if bar.index == 0:
                order.market(-1000)
            elif account.position < 0:
                order.close()

    days = np.array([instant(f"2019-03-{day:02d}T14:30") for day in (7, 8, 11, 12)])
    bars = bars_over(days, BarCalendar(), np.full(4, 100.0))
    found = backtest(OverTheWeekend, bars, execution={"instrument": {"borrow_rate": 0.05}})
    assert found.trades["exit_bar"].to_list() == [2]
    assert found.metrics["net_pnl"] == pytest.approx(-100_000.0 * 0.05 * 3 / 365.25)


@pytest.mark.parametrize(
    "name", ["every second minute", "quiet minutes", "days of which 60 % are missing"]
)
def test_sigma_of_a_series_with_missing_bars_is_that_of_its_year(name: str) -> None:
    exchange, timeframe, make, years = SERIES[name]
    minutes = {"1m": 1, "5m": 5}.get(timeframe)
    full = bars_of_sessions("XNYS", *WHOLE, minutes) if minutes else opens_of("XNYS", *WHOLE)
    calendar = BarCalendar(exchange, timeframe)
    step = 0.2 / math.sqrt(len(full) / years)
    errors = []
    for seed in range(8):
        logs = np.cumsum(step * np.random.default_rng(seed).standard_normal(len(full)))
        kept = np.isin(full, make())
        sigma = calibrate("gbm", bars_over(full[kept], calendar, np.exp(logs[kept])))
        errors.append(sigma.parameters["sigma"] - 0.2)
        error = sigma.std_errors["sigma"]
    assert abs(np.mean(errors)) < 4.0 * error / math.sqrt(8) + 0.001


@pytest.mark.parametrize("name", ["days", "hours"])
def test_sigma_is_what_returns_from_close_to_close_and_the_bars_of_the_year_say(name: str) -> None:
    exchange, timeframe, make, years = SERIES[name]
    stamps = make()
    step = 0.2 / math.sqrt(len(stamps) / years)
    ratios = []
    for seed in range(16):
        logs = np.cumsum(step * np.random.default_rng(seed).standard_normal(len(stamps)))
        found = calibrate("gbm", bars_over(stamps, BarCalendar(exchange, timeframe), np.exp(logs)))
        plain = np.std(np.diff(logs), ddof=1) * math.sqrt(len(stamps) / years)
        ratios.append(found.parameters["sigma"] / plain)
    # Bars of unlike length are weighted by it, so single estimates scatter. Days have their nominal
    # year of 252 where 2019 has 253.2 by its weeks. With 6.5 hours a session it was 0.966.
    error = np.std(ratios, ddof=1) / 4.0
    assert abs(np.mean(ratios) - 1.0) < 4.0 * error + 0.004
    assert error < 0.003


def test_a_bootstrap_has_the_bars_per_year_and_session_of_its_history() -> None:
    quiet = growing("every second minute")
    source = Bootstrap(quiet, method="iid", steps=500)
    block = source.paths(seeds=[1])
    assert block.dt == pytest.approx(NYSE_YEARS / len(quiet), rel=1e-4)
    assert source.bars_per_session() == 195.0
    assert Historical(quiet).paths(seeds=[1]).dt == block.dt
    rows = Study("quiet", source, Hold, seeds=[1, 2], execution={"cash": 100_000}).run().frame
    closes = source.paths(seeds=[1, 2], s0=float(quiet.close[-1])).close
    for path in range(2):
        assert rows["cagr"][path] == pytest.approx(
            (1 + rows["net_pnl"][path] / 100_000) ** (1 / (500 * block.dt)) - 1, rel=1e-9
        )
        assert closes.shape[1] == 500


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("days", "253 bars of 1d on XNYS"),
        ("every second minute", "49,038 bars of 1m on XNYS, whose calendar has 98,280"),
        ("hours, extended", "4,046 bars of 1h on XNYS, whose calendar has 1,764"),
    ],
)
def test_results_say_how_many_bars_a_year_is(name: str, said: str) -> None:
    study = Study("year", Historical(growing(name)), Hold, seeds=[1], execution={"cash": 100_000})
    assert study.run().summary.year == said


def test_growth_after_a_warm_up_is_that_of_the_bars_that_count() -> None:
    days = opens_of("XNYS", *WHOLE)
    close = np.where(np.arange(252) < 126, 100.0, 110.0)
    whole = bars_over(days, BarCalendar(), close)
    found = backtest(Hold, whole, execution={"cash": 100_000}, warm_up=125).metrics
    # From Tuesday 2 July to Tuesday 31 December: 131 weekdays.
    assert days[125] == instant("2019-07-02T13:30")
    years = 131 / 5 * 7 / 365.25
    assert found["cagr"] == pytest.approx(1.1 ** (1 / years) - 1, rel=1e-9)


def test_a_window_of_history_has_its_own_years() -> None:
    days = opens_of("XNYS", *WHOLE)
    bars = bars_over(days, BarCalendar(), np.full(len(days), 100.0))
    month = Historical(bars, steps=20)  # from Tuesday 3 to Tuesday 31 December
    assert month.bars_per_year() == pytest.approx(20 / (21 / 5 * 7 / 365.25))


def test_a_model_keeps_the_nominal_calendar() -> None:
    import engine as mc

    block = mc.GBM().paths(seeds=[1], steps=7, calendar=BarCalendar("XNYS", "1h"))
    assert 1.0 / block.dt == pytest.approx(7 * 252)


def test_a_study_takes_the_calendar_of_the_bars_that_its_source_holds() -> None:
    hours = growing("hours")
    study = Study("hours", Historical(hours), Hold, seeds=[1], execution={"cash": 100_000})
    rows = study.run().frame
    assert rows["cagr"][0] == pytest.approx(1.2 ** (1 / NYSE_YEARS) - 1, rel=1e-9)
