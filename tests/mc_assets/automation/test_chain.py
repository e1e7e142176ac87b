"""A night waits for what it needs, asks for each part once, and says what it waits for."""

from __future__ import annotations

import datetime
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mc_assets.automation.chain import STAGES, Decision, Facts, Made, Stage, State, next_step
from mc_assets.automation.nights import Night
from mc_assets.automation.settings import NightlySettings

DUE = datetime.datetime(2026, 11, 27, 18, 30, tzinfo=datetime.UTC)
NIGHT = Night("XNYS", datetime.date(2026, 11, 27), DUE, "America/New_York")
SETTINGS = NightlySettings()
LATE = "B@1d (newest bar 2026-11-25)"
PARTS: dict[Stage, list[str]] = {
    "bars": ["A@1d..B@1d"],
    "calibrations": ["A@1d..B@1d"],
    "studies": ["one", "two"],
    "statistics": ["one"],
    "warehouse": ["warehouse"],
}
Runs = dict[tuple[Stage, str], Made]


def _decide(
    runs: Runs,
    *,
    minutes: float = 0.0,
    late: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    fetched: bool = False,
) -> Decision:
    now = DUE + datetime.timedelta(minutes=minutes)
    facts = Facts(now, runs, lambda stage: PARTS[stage], late, fetched, without)
    return next_step(NIGHT, facts, SETTINGS)


def _done(*stages: Stage) -> Runs:
    return {(s, part): Made(State.DONE, ended=DUE) for s in stages for part in PARTS[s]}


def test_a_night_begins_with_its_bars() -> None:
    assert _decide({}).ask == [("bars", "A@1d..B@1d", 1)]


def test_bars_that_another_night_brought_in_are_not_asked_for_again() -> None:
    assert _decide({}, fetched=True).ask == [("calibrations", "A@1d..B@1d", 1)]
    assert _decide({}, fetched=True, late=(LATE,)).ask == [("bars", "A@1d..B@1d", 1)]


def test_a_late_feed_delays_the_night_and_is_said() -> None:
    runs = _done("bars")
    waiting = _decide(runs, minutes=5, late=(LATE,))
    assert waiting.ask == ()
    assert waiting.is_late
    assert not waiting.bars_are_here
    assert waiting.said == (
        "XNYS 2026-11-27: waits for bars: late are B@1d (newest bar 2026-11-25); asked once, again "
        "at 2026-11-27 13:45 EST, goes on without them after 20 hours"
    )
    again = _decide(runs, minutes=15, late=(LATE,))
    assert again.ask == [("bars", "A@1d..B@1d", 2)]


def test_a_night_goes_on_without_a_series_that_never_comes() -> None:
    decision = _decide(_done("bars"), minutes=20 * 60, late=(LATE,))
    assert decision.without == ("B@1d",)
    assert decision.ask == ()
    assert _decide(_done("bars"), minutes=1300, late=(LATE,), without=("B@1d",)).ask == [
        ("calibrations", "A@1d..B@1d", 1)
    ]


def test_bars_that_fail_are_asked_for_again_and_then_given_up() -> None:
    runs: Runs = {("bars", "A@1d..B@1d"): Made(State.FAILED, 3, DUE)}
    assert _decide(runs, minutes=15).ask == [("bars", "A@1d..B@1d", 4)]
    given_up = _decide(runs, minutes=20 * 60)
    assert given_up.is_over
    assert "given up" in given_up.said


def test_nothing_is_begun_while_a_run_of_the_stage_before_is_under_way() -> None:
    runs: Runs = {**_done("bars"), ("calibrations", "A@1d..B@1d"): Made(State.RUNNING)}
    assert _decide(runs).ask == ()


def test_a_failed_calibration_holds_the_night_until_it_is_run_again() -> None:
    runs: Runs = {
        **_done("bars"),
        ("calibrations", "A@1d..B@1d"): Made(State.FAILED, run_id="0123456789"),
    }
    held = _decide(runs)
    assert held.is_failed
    assert held.said == (
        "XNYS 2026-11-27: failed calibrations of A@1d..B@1d (run 01234567); execute the run again, "
        "and the night goes on"
    )
    assert _decide({**runs, **_done("calibrations")}).ask == [
        ("studies", "one", 1),
        ("studies", "two", 1),
    ]


def test_a_study_that_fails_takes_no_other_with_it() -> None:
    runs: Runs = {
        **_done("bars", "calibrations"),
        ("studies", "one"): Made(State.DONE),
        ("studies", "two"): Made(State.FAILED, run_id="ab" * 8),
    }
    assert _decide(runs).ask == [("statistics", "one", 1)]
    over = _decide({**runs, **_done("statistics", "warehouse")})
    assert over.is_over
    assert over.said.endswith("published, without studies of two (run abababab), which failed")


@settings(database=None, deadline=None)
@given(seed=st.integers(0, 2**32), feed=st.integers(0, 3000))
def test_whatever_happens_each_part_is_made_once_in_order_and_the_night_ends(
    seed: int, feed: int
) -> None:
    chance = random.Random(seed)
    runs: Runs = {}
    begun: list[tuple[Stage, str, int]] = []
    without: tuple[str, ...] = ()
    for minute in range(0, 20_000, 7):
        late = () if minute >= feed else (LATE,)
        decision = _decide(runs, minutes=minute, late=late, without=without)
        without = decision.without
        for stage, part, attempt in decision.ask:
            assert (stage, part, attempt) not in begun
            begun.append((stage, part, attempt))
            runs[stage, part] = Made(State.RUNNING, attempt)
        for place, run in runs.items():
            if run.state is State.RUNNING and chance.random() < 0.5:
                state = State.FAILED if chance.random() < 0.3 else State.DONE
                ended = DUE + datetime.timedelta(minutes=minute)
                runs[place] = Made(state, run.attempt, ended)
        if decision.is_over:
            break
        if decision.is_failed:
            # A person executes it again.
            runs |= {
                place: Made(State.DONE, run.attempt, run.ended)
                for place, run in runs.items()
                if run.state is State.FAILED
            }
    assert decision.is_over, decision.said
    order = [STAGES.index(stage) for stage, _, _ in begun]
    assert order == sorted(order)
    after_bars = [(stage, part) for stage, part, _ in begun if stage != "bars"]
    assert len(after_bars) == len({*after_bars})
    if "given up" not in decision.said:
        assert {*after_bars} == {(s, part) for s in STAGES[1:] for part in PARTS[s]}
