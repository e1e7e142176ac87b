"""One step of a night: what is to be started now, what is waited for, and what to say of it.

A night goes bars → calibrations → studies → statistics → warehouse. Each stage is one Dagster run
for each of its parts (a range of series, a study), and the next stage begins when all of them have
ended. What is under way or done is read from the runs themselves, so that a chain that was killed
goes on where it was, and a failed run that is executed again goes on from there.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from mc_assets.automation.nights import Night
from mc_assets.automation.settings import NightlySettings

__all__ = ["STAGES", "Decision", "Facts", "Made", "Stage", "State", "next_step"]

Stage = Literal["bars", "calibrations", "studies", "statistics", "warehouse"]

#: Stages of a night, in order.
STAGES: Final[tuple[Stage, ...]] = (
    "bars",
    "calibrations",
    "studies",
    "statistics",
    "warehouse",
)
# Without these there is nothing to go on with. A study that fails takes no other with it.
_NEEDED: Final = ("calibrations", "warehouse")


class State(Enum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Made:
    """The runs of one part of a stage, taken together.

    Parameters
    ----------
    state : State
        Done where any of them ended well, running where any is under way.
    attempt : int
        How often it was asked for by the chain.
    ended : datetime.datetime or None
        When the last one ended, UTC.
    run_id : str
        Of the last one.
    """

    state: State
    attempt: int = 1
    ended: datetime.datetime | None = None
    run_id: str = ""


@dataclass(frozen=True)
class Decision:
    """What is to be done about a night.

    Parameters
    ----------
    said : str
        What the night is at, in one sentence.
    ask : sequence of (stage, part, attempt)
        Runs that are to be started.
    is_over : bool
        Whether nothing is left to be done.
    bars_are_here : bool
        Whether the night is past its bars, so that the next one of the exchange may begin.
    without : tuple of str
        Series that the night goes on without, from now on.
    is_late : bool
        Whether it waits for a feed.
    is_failed : bool
        Whether it stands until a person executes a failed run again.
    """

    said: str
    ask: Sequence[tuple[Stage, str, int]] = ()
    is_over: bool = False
    bars_are_here: bool = False
    without: tuple[str, ...] = ()
    is_late: bool = False
    is_failed: bool = False


@dataclass(frozen=True)
class Facts:
    """What a decision rests on.

    Parameters
    ----------
    now : datetime.datetime
        The present, with a time zone.
    runs : mapping
        Runs of the night by stage and part.
    parts : callable
        Names of the parts of a stage.
    late : sequence of str
        Series whose newest bar is before the session, each with its day.
    fetched_since_due : bool
        Whether bars of the exchange were brought in by another night after this one was due.
    without : tuple of str
        Series that it was decided before to go on without.
    """

    now: datetime.datetime
    runs: Mapping[tuple[Stage, str], Made]
    parts: Callable[[Stage], Sequence[str]]
    late: Sequence[str] = ()
    fetched_since_due: bool = False
    without: tuple[str, ...] = ()


def next_step(night: Night, facts: Facts, settings: NightlySettings) -> Decision:
    """Decide what to do about a night.

    Parameters
    ----------
    night : Night
        One that is due.
    facts : Facts
        How it stands.
    settings : NightlySettings
        How long it waits.

    Returns
    -------
    Decision
        The same for the same facts: what is asked for twice is started once, by its key.
    """
    of_bars = _bars(night, facts, settings)
    if of_bars is not None:
        return of_bars
    failures: list[str] = []
    for stage in STAGES[1:]:
        parts = facts.parts(stage)
        made = {part: facts.runs.get((stage, part)) for part in parts}
        fresh = [part for part, run in made.items() if run is None]
        without = facts.without
        if fresh:
            said = f"{night.key}: {stage} of {_some(fresh)} begin"
            asked = [(stage, part, 1) for part in fresh]
            return Decision(said, asked, bars_are_here=True, without=without)
        known = {part: run for part, run in made.items() if run is not None}
        running = [part for part, run in known.items() if run.state is State.RUNNING]
        if running:
            said = f"{night.key}: {stage} of {_some(running)} are being made"
            return Decision(said, bars_are_here=True, without=without)
        failed = [
            f"{stage} of {part} (run {run.run_id[:8]})"
            for part, run in known.items()
            if run.state is State.FAILED
        ]
        if failed and stage in _NEEDED:
            said = (
                f"{night.key}: failed {_some(failed)}; execute the run again, and the night goes on"
            )
            return Decision(said, bars_are_here=True, without=without, is_failed=True)
        failures += failed
    ending = f", without {_some(failures)}, which failed" if failures else ""
    left = f", without bars of {_some(facts.without)}" if facts.without else ""
    return Decision(
        f"{night.key}: published{left}{ending}",
        is_over=True,
        bars_are_here=True,
        without=facts.without,
    )


def _bars(night: Night, facts: Facts, settings: NightlySettings) -> Decision | None:
    """Decide about the bars of a night; None where it may go on."""
    if facts.without:
        return None
    parts = facts.parts("bars")
    made = [run for part in parts if (run := facts.runs.get(("bars", part))) is not None]
    if any(run.state is State.RUNNING for run in made):
        return Decision(f"{night.key}: bars are being fetched")
    whole = len(made) == len(parts) and all(run.state is State.DONE for run in made)
    if (whole or (facts.fetched_since_due and not made)) and not facts.late:
        return None
    if not made:
        said = f"{night.key}: bars of {_some(parts)} are asked for"
        return Decision(said, _of_bars(parts, 1))
    attempt = max((run.attempt for run in made), default=0)
    ended = max((run.ended for run in made if run.ended is not None), default=night.due)
    again = ended + datetime.timedelta(minutes=settings.retry_minutes)
    reason = (
        f"late are {_some(facts.late)}"
        if facts.late
        else "fetching or normalising them failed, as their run says"
    )
    if facts.now >= night.due + datetime.timedelta(hours=settings.give_up_hours):
        names = tuple(entry.partition(" ")[0] for entry in facts.late)
        if names:
            said = f"{night.key}: goes on without {_some(facts.late)}"
            return Decision(said, bars_are_here=True, without=names, is_late=True)
        return Decision(f"{night.key}: given up: {reason}", is_over=True, bars_are_here=True)
    asked_so_far = f"asked {attempt} times" if attempt != 1 else "asked once"
    if facts.now >= again:
        said = f"{night.key}: waits for bars: {reason}; {asked_so_far}, and again now"
        return Decision(said, _of_bars(parts, attempt + 1), is_late=bool(facts.late))
    said = (
        f"{night.key}: waits for bars: {reason}; {asked_so_far}, again at {night.local(again)}, "
        f"goes on without them after {settings.give_up_hours:g} hours"
    )
    return Decision(said, is_late=bool(facts.late))


def _of_bars(parts: Sequence[str], attempt: int) -> list[tuple[Stage, str, int]]:
    return [("bars", part, attempt) for part in parts]


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
