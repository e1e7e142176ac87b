"""The nightly chain: one sensor that takes each closed session from its bars to the warehouse."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import dagster as dg

from mc_assets.automation.chain import Decision, Facts, next_step
from mc_assets.automation.night_runs import night_runs, was_fetched_since
from mc_assets.automation.nights import (
    SATURDAY,
    Night,
    live_series,
    missed_nights,
    next_night,
    night_of,
    saturdays,
)
from mc_assets.automation.notices import Notice, send_notice
from mc_assets.automation.settings import AutomationSettings, load_automation
from mc_assets.defs.jobs import jobs
from mc_assets.defs.night_requests import NightRequests
from mc_assets.defs.partitions import declared
from mc_assets.history_retention import forget_old_runs
from mc_assets.market_data.newest_bars import late_series
from mc_assets.offered_periods import offer_periods
from mc_assets.resources import Laboratory

__all__ = ["nightly_chain", "nights_of"]

# A failed night that nobody runs again is forgotten after so long.
_PATIENCE: Final = datetime.timedelta(days=14)

#: What is remembered of an exchange: the newest session that was begun, and the open nights.
_Memory = dict[str, Any]


@dg.sensor(
    name="nightly_chain",
    jobs=jobs,
    minimum_interval_seconds=30,
    description=(
        "After each session of each exchange, in its time zone and by its calendar: bars → "
        "calibrations → nightly studies → statistics → warehouse, each when what it needs is "
        "there. "
        "Missed sessions are made up for, oldest first, one run of each part as of the session. "
        "Bars that are late delay the night, and the tick says so. Saturdays: every model on all "
        "bars. `automation.yaml` says how long it waits."
    ),
)
def nightly_chain(
    context: dg.SensorEvaluationContext, laboratory: Laboratory
) -> dg.SensorResult | dg.SkipReason:
    """Start what is due of every night, and say what each waits for."""
    now = datetime.datetime.now(datetime.UTC)
    return nights_of(context, laboratory, now)


def nights_of(
    context: dg.SensorEvaluationContext, laboratory: Laboratory, now: datetime.datetime
) -> dg.SensorResult | dg.SkipReason:
    """Return what is to be started at a moment, with the cursor that remembers the nights.

    Parameters
    ----------
    context : SensorEvaluationContext
        With the cursor of the tick before.
    laboratory : Laboratory
        The project.
    now : datetime.datetime
        The moment, with a time zone.
    """
    live = live_series(declared, now.date())
    if not live:
        return dg.SkipReason("no series has bars that are still to come")
    settings = load_automation(laboratory.project)
    offer_periods(context.instance, laboratory.project)
    memory: dict[str, _Memory] = json.loads(context.cursor or "{}")
    said: list[str] = []
    asked: list[dg.RunRequest] = []
    delay = datetime.timedelta(minutes=settings.nightly.delay_minutes)
    for exchange in [*live, *([SATURDAY] if settings.nightly.saturday else [])]:
        own = memory.setdefault(exchange, {"after": None, "open": {}})
        for night in _new_nights(exchange, own, now, settings):
            own["open"][str(night.session)] = {"without": [], "told": False}
            own["after"] = str(night.session)
        for session in sorted(own["open"]):
            night = _night(exchange, datetime.date.fromisoformat(session), now, settings)
            entry = own["open"][session]
            requests = NightRequests(night, laboratory, declared, tuple(entry["without"]))
            decision = _decide(context, requests, now, settings)
            said.append(decision.said)
            asked += [requests.request(*one) for one in decision.ask]
            entry["without"] = list(decision.without)
            if decision.is_late and not entry["told"]:
                entry["told"] = True
                _tell(context, settings, decision)
            is_given_up = decision.is_failed and now - night.due > _PATIENCE
            if decision.is_over or is_given_up:
                del own["open"][session]
            if decision.is_over:
                context.log.info(decision.said)
                forget_old_runs(context.instance)
            if not decision.bars_are_here:
                # Later sessions wait for the same feed.
                break
        if not own["open"] and exchange != SATURDAY:
            said.append(_next(exchange, now, delay))
    if not asked:
        return _skip(said, memory)
    for sentence in said:
        context.log.info(sentence)
    return dg.SensorResult(run_requests=asked, cursor=json.dumps(memory, sort_keys=True))


def _skip(said: Sequence[str], memory: Mapping[str, _Memory]) -> dg.SensorResult:
    return dg.SensorResult(
        skip_reason=dg.SkipReason("; ".join(said) or "nothing is due"),
        cursor=json.dumps(memory, sort_keys=True),
    )


def _new_nights(
    exchange: str, own: _Memory, now: datetime.datetime, settings: AutomationSettings
) -> list[Night]:
    after = datetime.date.fromisoformat(own["after"]) if own["after"] else None
    nightly = settings.nightly
    if exchange == SATURDAY:
        assert nightly.saturday is not None
        last, _ = saturdays(declared, now, nightly.saturday)
        if after is None:
            # Whoever switches the chain on waits for Saturday.
            own["after"] = str(last.session)
            return []
        # Of missed Saturdays one is enough: it takes all bars.
        return [last] if after < last.session else []
    return missed_nights(
        exchange,
        now,
        after=after,
        delay=datetime.timedelta(minutes=nightly.delay_minutes),
        most=nightly.catch_up_sessions,
    )


def _night(
    exchange: str, session: datetime.date, now: datetime.datetime, settings: AutomationSettings
) -> Night:
    nightly = settings.nightly
    if exchange != SATURDAY:
        return night_of(exchange, session, datetime.timedelta(minutes=nightly.delay_minutes))
    assert nightly.saturday is not None
    last, _ = saturdays(declared, now, nightly.saturday)
    weeks = (last.session - session).days
    return Night(SATURDAY, session, last.due - datetime.timedelta(days=weeks), last.timezone)


def _decide(
    context: dg.SensorEvaluationContext,
    requests: NightRequests,
    now: datetime.datetime,
    settings: AutomationSettings,
) -> Decision:
    night = requests.night
    late = (
        []
        if night.is_weekly
        else late_series(requests.laboratory.project.data, declared, requests.series, night.session)
    )
    facts = Facts(
        now=now,
        runs=night_runs(context.instance, night),
        parts=requests.parts,
        late=late,
        fetched_since_due=not night.is_weekly and was_fetched_since(context.instance, night),
        without=requests.without,
    )
    return next_step(night, facts, settings.nightly)


def _tell(
    context: dg.SensorEvaluationContext, settings: AutomationSettings, decision: Decision
) -> None:
    context.log.warning(decision.said)
    notice = Notice("bars are late", decision.said)
    for problem in send_notice(notice, settings.notify):
        context.log.error(problem)


def _next(exchange: str, now: datetime.datetime, delay: datetime.timedelta) -> str:
    night, remark = next_night(exchange, now, delay)
    remark = f" ({remark})" if remark else ""
    return f"{exchange}: the night of {night.session}{remark} begins at {night.local(night.due)}"
