"""The best parameter set of a study, corrected for how many were tried."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import Root
from engine.results.definitions import Statistic, find_statistic
from engine.results.outcomes import Outcomes
from engine.results.overfitting import study_overfitting
from engine.results.rows import Rows
from engine.results.set_names import set_names
from engine.results.steps import read_steps
from engine.statistics.batches import batch_size, batched, joined
from engine.statistics.estimates import Estimate, Estimates, joined_estimates
from engine.statistics.linearised import Linearised
from engine.statistics.selection import ranked_matrix, select
from engine.statistics.winner import winner

__all__ = ["WITHOUT_EDGE", "Choice", "choose"]

Floats = NDArray[np.float64]

#: Value of a statistic for a rule without an edge.
WITHOUT_EDGE: Final = {
    **dict.fromkeys(("mean_net_pnl", "net_pnl", "total_return", "cagr", "expectancy"), 0.0),
    **dict.fromkeys(("sharpe", "sharpe_by_path", "sharpe_autocorrelated"), 0.0),
    **dict.fromkeys(("sortino", "calmar", "information_ratio", "alpha", "excess_return"), 0.0),
    **dict.fromkeys(("gain_to_loss", "omega", "profit_factor"), 1.0),
}

# Seed of the bootstrap: equal results give equal answers.
_SEED: Final = 20_260_101
_DRAWS: Final = 2000
# Elements of a matrix that a step holds at once: 64 MB.
_BLOCK: Final = 8_000_000


@dataclass(frozen=True)
class Choice:
    """The best of several parameter sets, and what the choice explains.

    Parameters
    ----------
    statistic : str
        What they were ranked by.
    tried : int
        Parameter sets.
    parameter_set : int
        The best.
    name : str
        The best in words: its number and the parameters that vary.
    naive : Estimate
        Its estimate as if it had been named beforehand: too good on average.
    corrected : Estimate
        Median-unbiased estimate and interval that hold for whichever set won
        (`engine.statistics.winner.winner`); the naive one where there is no error to correct by.
    subset : tuple of int
        Parameter sets of which one is truly the best with the stated confidence.
    tied : bool
        Whether others than the best are among them.
    probability : float
        Bootstrap probability that the best of these paths is truly the best.
    chance : float
        What the best of as many sets without an edge shows on average; NaN where it is not known
        what no edge is worth.
    chance_high : float
        What it exceeds in one search of twenty.
    ledger : str
        On one history, the same by everything that was ever tried on it; empty where no ledger
        tells.
    """

    statistic: str
    tried: int
    parameter_set: int
    name: str
    naive: Estimate
    corrected: Estimate
    subset: tuple[int, ...]
    tied: bool
    probability: float
    chance: float
    chance_high: float
    ledger: str = ""

    @property
    def sentence(self) -> str:
        """What chance alone would show, and what the best shows beside it."""
        if self.ledger:
            return self.ledger
        shown = f"the best, {self.name}, shows {_number(self.naive.value)}"
        corrected = self.corrected
        if corrected is not self.naive and math.isfinite(corrected.std_error):
            between = f"{_number(corrected.low)} to {_number(corrected.high)}"
            # Where sets are tied, one corrected number would claim more than is known.
            value = between if self.tied else f"{_number(corrected.value)} ({between})"
            shown += f", corrected for the choice {value}"
        if math.isnan(self.chance):
            unknown = "; what chance shows on one path the trial ledger of a data folder tells"
            return f"of {self.tried:,} sets tried {shown}{unknown if self.naive.n == 1 else ''}"
        chance = (
            f"of {self.tried:,} sets tried, chance alone would show a best {self.statistic} of "
            f"{_number(self.chance)} on {self.naive.n:,} such paths if none had an edge"
        )
        if math.isfinite(self.chance_high):
            chance += f", and {_number(self.chance_high)} in one search of twenty"
        return f"{chance}; {shown}"


def choose(
    rows: Rows,
    statistic: str = "sharpe",
    *,
    ascending: bool = False,
    confidence: float = 0.95,
    root: Root | None = None,
) -> Choice:
    """Choose the best parameter set of a study, and say what the choice explains.

    Parameters
    ----------
    rows : Rows
        Of one study, with two parameter sets or more on the same paths.
    statistic : str
        As `find_statistic` takes it.
    ascending : bool
        The smallest is best.
    confidence : float
        Level of the intervals and of the subset.
    root : Path or FileStore, optional
        The data root, whose ledger says what a search on one history cost.

    Raises
    ------
    Refusal
        If there is no such statistic, it is undefined of every set, there is one set alone, or the
        sets do not share nine of ten paths.

    Notes
    -----
    If no set has an edge, the estimates are normal about its worth (`WITHOUT_EDGE`) with the
    covariance of their influences over the common paths; ``chance`` is the mean of their maximum
    over draws. Ratios of gains to losses are normal in the logarithm. That is chance by the Monte
    Carlo error of these paths, which more seeds shrink. Of one history it is
    that of the trial ledger, which knows how alike the sets are and what else was tried
    (`study_overfitting`): the best Sharpe ratio beyond the market that as many effective trials
    show. Without a ledger nothing tells it.

    Of more than 10,000 paths the covariance of the sets is that of batches of paths
    (`engine.statistics.batches`): the correction, the subset and the probabilities follow from
    5,000 to 10,000 of them, and their errors are off by 1 %; the estimates are of all paths.

    Examples
    --------
    >>> import engine as mc
    >>> sets = {"fast": [3, 5, 8], "slow": [20, 30]}
    >>> study = mc.Study("s", mc.GBM(mu=0.0), "sma_crossover", sets, seeds=100, steps=100)
    >>> found = study.run().choose("sharpe")
    >>> found.tried, found.tied, found.corrected.value < found.naive.value
    (6, True, True)
    """
    entry = find_statistic(rows, statistic, "statistic")
    several = rows.summary.parameter_sets > 1
    candidates = _read(rows, entry, confidence) if several else None
    if candidates is None or candidates.found.layout.sets < 2:
        raise Refusal("results", "one parameter set or none", "two or more to choose from")
    found, estimates = candidates.found, candidates.estimates
    if np.isnan(found.value).all():
        raise Refusal("statistic", f"{statistic!r}, undefined of every set", "one that is defined")
    if int(found.units.max()) == 1:
        one = _of_one_history(candidates, statistic, ascending)
        return one if root is None or ascending else _by_ledger(one, rows, root)
    won = winner(found, confidence, maximise=not ascending)
    selection = select(found, seed=_SEED, confidence=confidence, maximise=not ascending)
    sets = candidates.sets["parameter_set"].to_numpy()
    chance, high = _chance(found, statistic, ascending)
    naive = estimates[won.index]
    return Choice(
        statistic,
        len(sets),
        int(sets[won.index]),
        candidates.name(won.index),
        naive,
        naive if won.corrected is won.naive else won.corrected,
        tuple(sets[selection.subset].tolist()),
        selection.tied,
        float(selection.probability[won.index]),
        chance,
        high,
    )


@dataclass(frozen=True)
class _Candidates:
    """The sets of which one is chosen.

    Parameters
    ----------
    sets : polars.DataFrame
        ``parameter_set`` and the parameters, a row each.
    found : Linearised
        The statistic of each; of many paths in batches.
    estimates : Estimates
        Of each, by all paths.
    """

    sets: pl.DataFrame
    found: Linearised
    estimates: Estimates

    def name(self, place: int) -> str:
        """Name a set in a sentence."""
        return set_names(self.sets, self.sets.columns[1:])[place]


def _read(rows: Rows, entry: Statistic, confidence: float) -> _Candidates | None:
    """Estimate a statistic of every set, as many sets at once as fit; None without simulations."""
    summary = rows.summary
    paths = summary.simulations // max(summary.parameter_sets, 1)
    size = batch_size(summary.parameter_sets, paths // rows.paths_per_unit)
    sets, found, estimates = [], [], []
    keys = ["parameter_set", *rows.parameters]
    # Batches are of all units of a set, which are held at once.
    for step in read_steps(rows, keys, {"": entry}, parted=False):

        def of(outcomes: Outcomes, entry: Statistic) -> tuple[Estimates, Linearised]:
            whole = entry.of(outcomes)
            return entry.estimates(whole, confidence), batched(whole, size)

        every, some = step.each({"": entry}, of)[""]
        estimates.append(every)
        found.append(some)
        sets.append(step.groups)
        del step  # before the next is read
    if not sets:
        return None
    return _Candidates(pl.concat(sets), joined(found), joined_estimates(estimates))


def _of_one_history(candidates: _Candidates, statistic: str, ascending: bool) -> Choice:
    value, sets = candidates.found.value, candidates.sets["parameter_set"].to_list()
    best = int(np.nanargmax(-value if ascending else value))
    naive, name = candidates.estimates[best], candidates.name(best)
    nothing = (tuple(sets), True, math.nan, math.nan, math.nan)
    return Choice(statistic, len(sets), sets[best], name, naive, naive, *nothing)


def _by_ledger(one: Choice, rows: Rows, root: Root) -> Choice:
    """Add what the trial ledger knows of a search on one history."""
    for row in study_overfitting(rows, root, statistic=one.statistic).iter_rows(named=True):
        if row["excess_sharpe"] is not None and row["sharpe_by_chance"] is not None:
            return replace(one, chance=row["sharpe_by_chance"], ledger=row["sentence"])
    return one


def _chance(found: Linearised, statistic: str, ascending: bool) -> tuple[float, float]:
    """Return the mean of the best of as many sets without edge, and its 95 % quantile."""
    if statistic not in WITHOUT_EDGE:
        return math.nan, math.nan
    worth, sign = WITHOUT_EDGE[statistic], -1.0 if ascending else 1.0
    value, influence = ranked_matrix(found, maximise=not ascending)
    ranked = ~np.isnan(value)
    influence = influence[ranked]
    if worth == 1.0:
        influence = influence / np.abs(value[ranked])[:, None]
    units = influence.shape[1]
    generator = np.random.Generator(np.random.Philox(key=_SEED))
    factor = influence / math.sqrt(units * (units - 1.0))
    if len(factor) < units:
        # As many directions as there are sets carry all of the covariance.
        variances, directions = np.linalg.eigh(factor @ factor.T)
        factor = directions * np.sqrt(np.maximum(variances, 0.0))
    best = np.empty(_DRAWS)
    step = max(1, _BLOCK // max(factor.shape))
    for first in range(0, _DRAWS, step):
        count = min(step, _DRAWS - first)
        noise = generator.normal(size=(factor.shape[1], count))
        best[first : first + count] = (factor @ noise).max(axis=0)
    ends = float(best.mean()), float(np.quantile(best, 0.95))
    if worth == 1.0:
        return math.exp(sign * ends[0]), math.exp(sign * ends[1])
    return sign * ends[0], sign * ends[1]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.2f}"
