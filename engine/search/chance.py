"""What chance alone would show of a search on one history, by everything that was ever tried."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.job import Job
from engine.jobs.ledger import read_trials
from engine.results.overfitting import side_by_side
from engine.statistics.search_cost import FEWEST_BLOCKS, search_cost

__all__ = ["chance_sentence"]

# Seed of the bootstrap: equal trials give equal answers.
_SEED: Final = 20_261_127
# Neighbouring stretches of history may depend on one another.
_BLOCK_LENGTH: Final = 2.0
# Of more trials a share is compared; all of them count.
_MOST_COMPARED: Final = 1_500


def chance_sentence(ledger: FileStore, job: Job, set_id: str) -> str:
    """Say what the best of as many trials without an edge would show on the bars of a search.

    Parameters
    ----------
    ledger : FileStore
        The data root.
    job : Job
        Of the search, on one history.
    set_id : str
        The best set.

    Returns
    -------
    str
        Empty where the ledger cannot tell: too few blocks, or a set that did not trade.

    Notes
    -----
    As `engine.results.overfitting.study_overfitting`: the deflated Sharpe ratio of Bailey and Lopez
    de Prado (2014), of returns on stretches of the history beyond what the average exposure to the
    market earned, with the effective number of all trials of the strategy on these data.
    """
    world = job.world
    family = read_trials(ledger, family=world.strategy.name)
    family = family.filter(pl.col("data") == job.lineage.data)
    compared = family.filter(pl.col("worlds").list.contains(world.id))
    every = -(-len(compared) // _MOST_COMPARED) if len(compared) else 1
    kept = (pl.int_range(pl.len()) % every == 0) | (pl.col("set_id") == set_id)
    matrix, set_ids, _ = side_by_side(compared.filter(kept))
    if set_id not in set_ids or len(matrix) < FEWEST_BLOCKS:
        return ""
    best = set_ids.index(set_id)
    tried = max(family["set_id"].n_unique(), len(set_ids))
    try:
        cost = search_cost(matrix, best, tried=tried, block_length=_BLOCK_LENGTH, seed=_SEED)
    except Refusal:
        return ""
    years = world.steps / world.bars_per_year
    own = matrix[:, best]
    ratio = float(own.mean() / np.std(own, ddof=1)) * math.sqrt(len(own) / years)
    return (
        f"of {tried:,} sets ever tried on these data, worth {cost.effective_trials:,.1f} "
        f"independent ones, chance alone would show a best Sharpe ratio of "
        f"{cost.expected_maximum / math.sqrt(years):.2f} beyond the market on the bars of the "
        f"search; the best shows {ratio:.2f} there, and beats chance with probability "
        f"{cost.deflated_sharpe:.2f}"
    )
