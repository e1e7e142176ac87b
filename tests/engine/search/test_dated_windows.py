"""Windows by the calendar: lengths of time and days of choosing."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.search import walk_forward
from engine.search.dated_windows import bars_in, dated_windows

_EPOCH = datetime.date(1970, 1, 1)


def _days(first: str, last: str, *, weekdays: bool = True) -> np.ndarray:
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    return days[np.is_busday(days) if weekdays else slice(None)].astype(np.int64)


def _told(days: np.ndarray, windows: list[Any]) -> list[tuple[str, ...]]:
    return [
        tuple(str(np.datetime64(int(days[bar]), "D")) for bar in vars(window).values())
        for window in windows
    ]


def test_years_are_those_of_the_calendar_and_the_last_may_end_before_a_weekend() -> None:
    days = _days("2010-01-04", "2014-12-31")
    found = dated_windows(days, in_sample="3y", out_of_sample="1y")
    assert _told(days, found) == [
        ("2010-01-04", "2013-01-03", "2013-01-04", "2014-01-03"),
        ("2011-01-04", "2014-01-03", "2014-01-06", "2014-12-31"),
    ]
    anchored = dated_windows(days, in_sample="3y", out_of_sample="1y", anchored=True, purge=5)
    assert [window.first_in for window in anchored] == [0, 0]
    assert [window.first_out - window.last_in for window in anchored] == [6, 6]


def test_months_count_from_the_first_day_so_that_a_short_one_shortens_no_other() -> None:
    days = _days("2021-01-31", "2021-06-30", weekdays=False)
    found = dated_windows(days, in_sample="1mo", out_of_sample="1mo")
    assert [row[2] for row in _told(days, found)] == [
        "2021-02-28",
        "2021-03-31",
        "2021-04-30",
        "2021-05-31",
    ]


def test_sets_are_chosen_anew_on_the_days_that_are_named() -> None:
    days = _days("2010-01-04", "2014-12-31")
    dates = [datetime.date(2012, 1, 1), datetime.date(2013, 7, 1)]
    assert _told(days, dated_windows(days, dates=dates)) == [
        ("2010-01-04", "2011-12-30", "2012-01-02", "2013-06-28"),
        ("2010-01-04", "2013-06-28", "2013-07-01", "2014-12-31"),
    ]
    rolling = dated_windows(days, dates=dates, in_sample="18mo")
    assert [row[0] for row in _told(days, rolling)] == ["2010-07-01", "2012-01-02"]


@given(
    first=st.dates(datetime.date(1990, 1, 1), datetime.date(2020, 1, 1)),
    years=st.integers(2, 12),
    inside=st.sampled_from(["1y", "6mo", "26w", "100d"]),
    outside=st.sampled_from(["6mo", "3mo", "13w", "45d"]),
    purge=st.integers(0, 5),
)
def test_every_bar_after_the_first_window_is_judged_once_and_on_none_of_its_own(
    first: datetime.date, years: int, inside: str, outside: str, purge: int
) -> None:
    start = (first - _EPOCH).days
    days = np.arange(start, start + 365 * years)
    found = dated_windows(days, in_sample=inside, out_of_sample=outside, purge=purge)
    for window in found:
        assert 0 <= window.first_in <= window.last_in
        assert window.last_in + purge + 1 == window.first_out <= window.last_out < len(days)
    for before, after in itertools.pairwise(found):
        assert after.first_out == before.last_out + 1
        assert after.first_in > before.first_in


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"in_sample": "3m", "out_of_sample": "1y"}, "in_sample: found '3m', allowed a whole"),
        ({"in_sample": "3y"}, "found one length"),
        ({"in_sample": "9y", "out_of_sample": "1y"}, "together at most the bars there are"),
        ({"in_sample": "9999y", "out_of_sample": "1y"}, "a length that the calendar holds"),
        ({"dates": []}, "windows.dates: found none"),
        ({"dates": ["2013-01-01", "2012-01-01"]}, "days, each after the last"),
        ({"dates": ["2009-01-01"]}, "days after 2010-01-04, up to 2014-12-31"),
        ({"dates": ["2011-01-01"], "in_sample": "3y"}, "before which there are no bars"),
        ({"dates": ["2012-01-01"], "purge": 600}, "a window around 2012-01-02 without bars"),
    ],
)
def test_windows_that_cannot_be_laid_are_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    if "dates" in asked:
        asked["dates"] = [datetime.date.fromisoformat(day) for day in asked["dates"]]
    with pytest.raises(Refusal, match=sentence):
        dated_windows(_days("2010-01-04", "2014-12-31"), **asked)


def test_a_length_without_dates_is_as_many_bars_as_the_year_has() -> None:
    assert bars_in("3y", 252.0, "in_sample") == 756
    assert bars_in("26w", 365.25, "in_sample") == 182
    assert bars_in("1d", 52.0, "in_sample") == 1


def _study(source: Any, **settings: Any) -> mc.Study:
    grid = {"fast": [3, 8], "slow": [20, 40]}
    return mc.Study("dated", source, "sma_crossover", grid, **settings)


def _history(first: str, last: str) -> mc.Bars:
    days = _days(first, last)
    block = mc.GBM(mu=0.05, sigma=0.2).paths(seeds=[3], steps=len(days))
    fields = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    return mc.Bars("X", days * 86_400_000_000, *fields, calendar=mc.BarCalendar("XNYS", "1d"))


def test_a_history_is_walked_by_its_dates_and_a_model_by_its_nominal_year() -> None:
    bars = _history("2010-01-04", "2014-12-31")
    study = _study(mc.Historical(bars), seeds=1)
    whole = walk_forward(study, in_sample="2y", out_of_sample="1y")
    traded = bars.timestamps[len(bars) - study.resolve().world.steps :] // 86_400_000_000
    # The slowest average needs 39 bars before the first that is traded.
    told = _told(traded, list(whole.windows))
    assert (told[0][0], told[0][2], told[1][2]) == ("2010-02-26", "2012-02-27", "2013-02-26")
    named = walk_forward(study, dates=["2012-07-02", datetime.date(2013, 7, 1)])
    assert len(named.windows) == 2
    assert named.choices["window"].to_list() == [0, 1]

    paths = walk_forward(
        _study(mc.GBM(mu=0.0), seeds=4, steps=756), in_sample="1y", out_of_sample="6mo"
    )
    assert [vars(window)["first_out"] for window in paths.windows] == [252, 378, 504, 630]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"in_sample": "3y", "out_of_sample": 20}, "both in bars or both as lengths"),
        ({"in_sample": "3y", "out_of_sample": "1y", "count": 3}, "count 3, allowed in_sample"),
        ({"dates": ["2012-01-02"]}, "dates: found days on paths of gbm, allowed a study whose"),
        ({"dates": ["2012-01-02"], "count": 2}, "dates beside a count or bars"),
        ({"in_sample": "1y", "out_of_sample": "1y", "purge": -1}, "windows.purge: found -1"),
    ],
)
def test_bars_and_lengths_are_not_mixed(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        walk_forward(_study(mc.GBM(mu=0.0), seeds=2, steps=300), **asked)
