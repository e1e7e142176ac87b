"""Running until precise: adding seeds until a statistic's interval is narrow enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.results.results import Results
from engine.results.statistics import estimate_statistic
from engine.statistics.monte_carlo import Estimate

__all__ = ["decide", "extend"]

# A batch at most multiplies the seeds by this: the width is known too poorly to leap further.
_GROWTH = 4.0
# Aim a little past the goal, so that the last batch is not followed by a tiny one.
_MARGIN = 1.1


def decide(job: Job, results: Results) -> tuple[int, str]:
    """Decide how many seeds to have next.

    Parameters
    ----------
    job : Job
        With ``until`` and the seeds so far.
    results : Results
        All of its rows.

    Returns
    -------
    seeds : int
        The number of seeds to go on to; that of the job if it is done.
    reason : str
        Why it is done, or what is missing.
    """
    assert job.until is not None
    until = job.until
    goal, name = until.half_width, until.statistic
    found = estimate_statistic(results, name, until.confidence)
    estimates = {number: estimate for number, (estimate, _) in found.items()}
    asked = _asked(estimates, until.leaders)
    widths = [estimate.half_width for estimate in asked.values()]
    # An undefined or infinite width (too few outcomes) counts as not reached.
    widest = max((w if np.isfinite(w) else np.inf for w in widths), default=np.inf)
    of = "the leader" if len(asked) == 1 else f"the {len(asked)} leaders"
    if until.leaders is None:
        of = "every parameter set"
        if len(estimates) < len(job.space):
            widest = np.inf  # a set of which every simulation failed
    have = len(job.seeds)
    if widest <= goal:
        return have, (
            f"{name} is within ±{widest:.4g} (asked ±{goal:.4g}) for {of} after {have:,} seeds"
        )
    most = until.max_seeds
    if have >= most:
        return have, (
            f"stopped at max_seeds = {most:,} with {name} within ±{widest:.4g} for {of}, "
            f"asked ±{goal:.4g}"
        )
    growth = min((widest / goal) ** 2 * _MARGIN, _GROWTH)
    return min(most, max(have + 1, int(np.ceil(have * growth)))), f"±{widest:.4g} so far"


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


def _asked(estimates: dict[int, Estimate], leaders: int | None) -> dict[int, Estimate]:
    if leaders is None:
        return estimates
    # NaN compares with nothing: undefined estimates come last.
    ranked = sorted(estimates, key=lambda i: (np.isnan(estimates[i].value), -estimates[i].value))
    return {index: estimates[index] for index in ranked[:leaders]}
