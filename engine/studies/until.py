"""Running until precise: adding seeds until a statistic's interval is narrow enough.

Looks are those of `engine.statistics.sequential.SequentialPrecision`: none below a floor of paths,
two that agree, intervals at a confidence that leaves some of the error probability to the looks.
What is looked at is a beginning of the seeds, so a study that is resumed looks at the same numbers
and stops where an unbroken one does.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.results.results import Results
from engine.results.statistics import estimate_statistic
from engine.statistics.sequential import SequentialPrecision

__all__ = ["begin", "decide", "extend"]


def begin(job: Job) -> tuple[Job, SequentialPrecision]:
    """Return a job with the seeds of the first look at least, and the plan of looks."""
    assert job.settings.until is not None
    until, per_seed = job.settings.until, _units_per_seed(job)
    assert until.half_width is not None
    most = max(until.max_seeds, len(job.seeds))
    plan = SequentialPrecision(
        half_width=until.half_width,
        most=max(2, int(most * per_seed)),
        confidence=until.confidence,
    )
    first = min(most, math.ceil(min(plan.floor, plan.most) / per_seed))
    return extend(job, max(len(job.seeds), first)), plan


def decide(
    job: Job, results: Results, plan: SequentialPrecision
) -> tuple[SequentialPrecision, int, str]:
    """Look at the results and decide how many seeds to have next.

    Parameters
    ----------
    job : Job
        With ``until`` and the seeds so far.
    results : Results
        All of its rows.
    plan : SequentialPrecision
        With the looks so far.

    Returns
    -------
    plan : SequentialPrecision
        With this look.
    seeds : int
        The number of seeds to go on to; that of the job if it is done.
    reason : str
        Why it is done, or what is missing.
    """
    assert job.settings.until is not None
    have, per_seed = len(job.seeds), _units_per_seed(job)
    if not plan.looks and have // 2 * per_seed >= plan.floor:
        # Half of what is there already makes the first of the two looks that must agree.
        widest, _ = _look(job, results, have // 2, plan.interval_confidence)
        plan = plan.tell(int(have // 2 * per_seed), [widest])
    widest, of = _look(job, results, have, plan.interval_confidence)
    plan = plan.tell(int(have * per_seed), [widest])
    until = job.settings.until
    asked, name = f"asked ±{until.half_width:.4g}", until.statistic
    if plan.reached:
        return plan, have, f"{name} is within ±{widest:.4g} ({asked}) for {of} after {have:,} seeds"
    most = max(until.max_seeds, 1)
    if have >= most:
        found = f"within ±{widest:.4g}" if math.isfinite(widest) else "without an interval"
        return plan, have, f"stopped at max_seeds = {most:,} with {name} {found} for {of}, {asked}"
    wanted = math.ceil((plan.ask() or 0) / per_seed)
    return plan, min(most, max(have + 1, wanted)), f"±{widest:.4g} so far"


def extend(job: Job, count: int) -> Job:
    """Return the job with seeds added up to `count`: the smallest numbers not used yet.

    They follow the study's largest seed, so the same study always adds the same seeds.
    """
    if count == len(job.seeds):
        return job
    start = int(job.seeds.max()) + 1
    more = (np.arange(count - len(job.seeds), dtype=np.uint64) + np.uint64(start % 2**64)).astype(
        np.uint64
    )
    taken = set(job.seeds.tolist())
    if not taken.isdisjoint(more.tolist()):
        raise Refusal("until.max_seeds", f"{count} seeds", "as many as are left")
    return replace(job, seeds=np.concatenate([job.seeds, more]))


def _look(job: Job, results: Results, seeds: int, confidence: float) -> tuple[float, str]:
    """Return the widest half width among the sets that are asked, and which they are.

    A set without an interval (undefined, too few paths, an open end, all failed) is wider than
    any goal.
    """
    assert job.settings.until is not None
    rows = seeds * job.world.paths_per_seed * len(job.space)
    part = results.filter(pl.col("simulation") < rows)
    found = estimate_statistic(part, job.settings.until.statistic, confidence)
    leaders = job.settings.until.leaders
    if leaders is None:
        asked, of = list(found), "every parameter set"
        complete = len(found) == len(job.space)
    else:
        # Those with too few paths come last, undefined ones behind them.
        ranked = sorted(
            found,
            key=lambda i: (not found[i][1], math.isnan(found[i][0].value), -found[i][0].value),
        )
        asked, complete = ranked[:leaders], bool(ranked)
        of = "the leader" if len(asked) == 1 else f"the {len(asked)} leaders"
    widths = [found[number][0].half_width for number in asked]
    if not complete or not all(map(math.isfinite, widths)):
        return math.inf, of
    return max(widths), of


def _units_per_seed(job: Job) -> float:
    """Independent observations that a seed makes."""
    return job.world.paths_per_seed / job.world.paths_per_unit
