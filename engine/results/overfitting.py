"""Overfitting of a study's best parameter set, by all trials in the ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import Root, as_files
from engine.jobs.ledger import outcome_matrix, read_trials
from engine.results.definitions import statistics_of
from engine.results.rows import Rows
from engine.results.set_names import set_names
from engine.results.statistics import estimate_statistic, study_statistics
from engine.statistics.edge import excess_over_market
from engine.statistics.estimates import Estimate
from engine.statistics.haircuts import sharpe_haircuts
from engine.statistics.search_cost import FEWEST_BLOCKS, SearchCost, search_cost
from engine.statistics.sharpe_inference import minimum_backtest_length

__all__ = ["SCHEMA", "side_by_side", "study_overfitting"]

Floats = NDArray[np.float64]

#: Columns of the table.
SCHEMA: Final = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "chosen_by": pl.String(),
    "sharpe": pl.Float64(),
    "excess_sharpe": pl.Float64(),
    "trials_in_study": pl.Int64(),
    "trials_in_ledger": pl.Int64(),
    "trials_compared": pl.Int64(),
    "blocks_of": pl.String(),
    "blocks": pl.Int64(),
    "effective_trials": pl.Float64(),
    "trial_groups": pl.Int64(),
    "sharpe_by_chance": pl.Float64(),
    "probabilistic_sharpe": pl.Float64(),
    "deflated_sharpe": pl.Float64(),
    "overfitting_probability": pl.Float64(),
    "degradation_slope": pl.Float64(),
    "loss_probability": pl.Float64(),
    "reality_check": pl.Float64(),
    "superior_ability": pl.Float64(),
    "minimum_record_years": pl.Float64(),
    "minimum_backtest_years": pl.Float64(),
    "sharpe_holm": pl.Float64(),
    "sharpe_bhy": pl.Float64(),
    "reason": pl.String(),
    "sentence": pl.String(),
}

# Seed of the bootstrap: equal results give equal answers.
_SEED: Final = 20_260_102
# Neighbouring stretches of history may depend on one another.
_LENGTH_IN_TIME: Final = 2.0
_OF_HISTORY_ALONE: Final = "minimum lengths and haircuts are of one history, these are many paths"
_SHARED_LUCK: Final = (
    "what the paths share, the history or the parameters that they were made from, shows in no "
    "number here: the same sets on `model: historical` tell"
)


def study_overfitting(rows: Rows, root: Root, *, statistic: str = "sharpe") -> pl.DataFrame:
    """Say what the search for a study's best parameter set cost.

    Parameters
    ----------
    rows : Rows
        Of one study.
    root : path or FileStore
        The data root, whose ledger holds everything that was tried.
    statistic : str
        What the best set is chosen by (`find_statistic`).

    Returns
    -------
    polars.DataFrame
        One row, or none where no set has a value: ``study``, ``world``, ``parameter_set`` and
        ``set_id`` of the best set, ``chosen_by``, its ``sharpe`` (annual, pooled) and, on history,
        its ``excess_sharpe``
        (beyond what its average exposure to the market earned, which the other numbers are of);
        ``trials_in_study`` (its sets), ``trials_in_ledger`` (of that strategy on those data, by
        whichever study), ``trials_compared`` (those of them on the same paths), on ``blocks``
        stretches of time or groups of seeds (``blocks_of``); ``effective_trials``,
        ``trial_groups``, ``sharpe_by_chance`` (what the best of as many shows without skill),
        ``probabilistic_sharpe``, ``deflated_sharpe``, ``overfitting_probability``,
        ``degradation_slope``, ``loss_probability``, ``reality_check`` and ``superior_ability``
        (`engine.statistics.search_cost`); ``minimum_record_years``, ``minimum_backtest_years``;
        ``sharpe_holm`` and ``sharpe_bhy``, the annual ratio after a haircut; ``reason`` why
        numbers are null, ``sentence`` what it comes to.

    Raises
    ------
    Refusal
        If there is no such statistic.

    Notes
    -----
    The question depends on what blocks are of. On one history they are stretches of time: the
    numbers say whether the edge may be luck of that history. On simulated paths they are groups of
    seeds: the numbers say whether other paths of the same source would show the same, which more
    seeds answer, and nothing of whether the source is like the market. Paths of different worlds
    cannot be put side by side, so their trials count, but are not compared: each of their sets that
    is not among those compared adds to the effective number as much as one of those does.

    Examples
    --------
    >>> import tempfile
    >>> import engine as mc
    >>> sets = {"fast": [3, 5, 8], "slow": [20, 30]}
    >>> study = mc.Study("s", mc.GBM(mu=0.0), "sma_crossover", sets, seeds=200, steps=100)
    >>> with tempfile.TemporaryDirectory() as root:
    ...     row = study.run(root=root).overfitting(root).row(0, named=True)
    >>> row["trials_in_study"], row["trials_in_ledger"], row["blocks_of"], row["blocks"]
    (6, 6, 'seeds', 64)
    >>> row["effective_trials"] < 6, row["deflated_sharpe"] < row["probabilistic_sharpe"]
    (True, True)
    """
    best = _best(rows, statistic)
    if best is None:
        return pl.DataFrame(schema=SCHEMA)
    chosen, name, sharpe = best
    family = _family(rows, read_trials(as_files(root), family=rows.summary.strategy))
    compared = family.filter(pl.col("worlds").list.contains(rows.summary.world))
    row: dict[str, Any] = {
        "study": rows.name,
        "world": rows.summary.world,
        **chosen,
        "chosen_by": statistic,
        "sharpe": sharpe.value,
        "trials_in_study": rows.summary.parameter_sets,
        "trials_in_ledger": len(family),
    }
    found = _Found(rows, str(chosen["set_id"]), sharpe)
    row |= found.numbers(compared, family)
    row["reason"] = "; ".join(found.reasons) or None
    row["sentence"] = _sentence(rows, name, row)
    clean = {key: None if _is_nan(value) else value for key, value in row.items()}
    return pl.DataFrame([{name: clean.get(name) for name in SCHEMA}], schema=SCHEMA)


def _best(rows: Rows, statistic: str) -> tuple[dict[str, Any], str, Estimate] | None:
    """Return the best set, its name and its Sharpe ratio."""
    if "sharpe" not in statistics_of(rows):
        return None  # rows from before what it needs was stored
    table = study_statistics(rows, names=[statistic])
    parameters = table.columns[table.columns.index("set_id") + 1 : table.columns.index("statistic")]
    table = table.with_columns(pl.Series("_name", set_names(table, parameters)))
    ranked = table.filter(pl.col("estimate").is_not_null())
    if ranked.is_empty():
        return None
    best = ranked.sort("supported", "estimate", descending=True, maintain_order=True)
    row = best.row(0, named=True)
    sharpe, _ = estimate_statistic(rows, "sharpe")[row["parameter_set"]]
    return {name: row[name] for name in ("parameter_set", "set_id")}, row["_name"], sharpe


def _family(rows: Rows, ledger: pl.DataFrame) -> pl.DataFrame:
    """Trials of the strategy on the study's data; on none, those of its world."""
    data = rows.summary.lineage.data
    if data:
        return ledger.filter(pl.col("data") == data)
    return ledger.filter(pl.col("worlds").list.contains(rows.summary.world))


@dataclass
class _Found:
    """The numbers of one study, and why some of them are not there."""

    rows: Rows
    set_id: str
    sharpe: Estimate
    reasons: list[str] = field(default_factory=list)

    def numbers(self, trials: pl.DataFrame, family: pl.DataFrame) -> dict[str, Any]:
        """Every number that the trials on the same paths give, out of all on the same data."""
        matrix, set_ids, beyond_market = side_by_side(trials)
        kind = trials["blocks_of"][0] if len(trials) else None
        counted = {
            "trials_compared": len(set_ids),
            "blocks_of": kind,
            "blocks": len(matrix) if len(set_ids) else None,
        }
        if self.set_id not in set_ids:
            archived = "the ledger does not count this set: it was archived, or has no outcome"
            self.reasons.append(archived)
            return counted
        if len(matrix) < FEWEST_BLOCKS:
            more = "a longer history" if kind == "time" else "more seeds"
            self.reasons.append(
                f"{len(matrix)} blocks, fewer than {FEWEST_BLOCKS}: {more} gives more"
            )
            return counted
        history = kind == "time"
        # Sets that ran on other paths did not share the luck of these.
        tried = max((family if history else trials)["set_id"].n_unique(), len(set_ids))
        try:
            cost = search_cost(
                matrix,
                set_ids.index(self.set_id),
                tried=tried,
                block_length=_LENGTH_IN_TIME if history else 1.0,
                seed=_SEED,
            )
        except Refusal:
            self.reasons.append("the set earned the same on every block: nothing to be told")
            return counted
        if len(set_ids) == 1:
            self.reasons.append("of one set there is no choice to cross-validate")
        found = counted | _of_search(cost)
        if not history:
            self.reasons.append(_OF_HISTORY_ALONE)
            if self.rows.summary.lineage.data:
                self.reasons.append(_SHARED_LUCK)
            return found | {"sharpe_by_chance": cost.expected_maximum * self.sharpe.std_error}
        if not beyond_market:
            self.reasons.append("exposure to the market is not taken off: it was not kept then")
        return found | self._of_history(cost, matrix, set_ids, tried)

    def _of_history(
        self, cost: SearchCost, matrix: Floats, set_ids: list[str], tried: int
    ) -> dict[str, Any]:
        """Lengths in years, and the ratio after haircuts; what is not compared found nothing."""
        years, blocks = self.rows.summary.steps / self.rows.summary.bars_per_year, len(matrix)
        spread = matrix.std(axis=0, ddof=1)
        mean = matrix.mean(axis=0)
        ratios = np.divide(mean, spread, out=np.zeros(len(mean)), where=spread > 0.0)
        ratios *= math.sqrt(blocks / years)
        own = float(ratios[set_ids.index(self.set_id)])
        found = {
            "excess_sharpe": own,
            "sharpe_by_chance": cost.expected_maximum / math.sqrt(years),
        }
        if own > 0.0:
            found["minimum_record_years"] = cost.minimum_record * years / blocks
            found["minimum_backtest_years"] = minimum_backtest_length(cost.effective_trials, own)
        else:
            self.reasons.append("no edge is seen, so no length of record or backtest helps")
        others = np.delete(ratios, set_ids.index(self.set_id))
        everything = np.concatenate([[own], others, np.zeros(tried - len(ratios))])
        for name, method in (("sharpe_holm", "holm"), ("sharpe_bhy", "benjamini_yekutieli")):
            haircut = sharpe_haircuts(everything, years, blocks, method=method)
            found[name] = float(haircut.sharpe[0])
        return found


def _of_search(cost: SearchCost) -> dict[str, Any]:
    return {
        "effective_trials": cost.effective_trials,
        "trial_groups": cost.groups,
        "probabilistic_sharpe": cost.probabilistic_sharpe,
        "deflated_sharpe": cost.deflated_sharpe,
        "overfitting_probability": cost.overfitting_probability,
        "degradation_slope": cost.degradation_slope,
        "loss_probability": cost.loss_probability,
        "reality_check": cost.reality_check,
        "superior_ability": cost.superior_ability,
    }


def side_by_side(trials: pl.DataFrame) -> tuple[Floats, list[str], bool]:
    """Put the outcomes of trials of one world side by side.

    Parameters
    ----------
    trials : polars.DataFrame
        Rows of the ledger.

    Returns
    -------
    outcomes : ndarray of float64, shape (blocks, trials)
        Of the trials whose outcomes are whole.
    set_ids : list of str
        The set of each.
    beyond_market : bool
        Whether exposure to the market is taken off.

    Notes
    -----
    Profits in stretches of time become returns on the equity at their start, less what average
    exposure to the market earned; those of groups of seeds are weighted by their paths.
    """
    whole = pl.col("outcome").list.len() > 0
    whole &= ~pl.col("outcome").list.contains(None) & pl.col("outcome").list.len().eq(
        pl.col("outcome").list.len().max()
    )
    kept = trials.filter(whole)
    if kept.is_empty():
        return np.empty((0, 0)), [], False
    profits, _ = outcome_matrix(kept)
    x, set_ids = profits.astype(np.float64), kept["set_id"].to_list()
    if kept["blocks_of"][0] == "time":
        before = 1.0 + np.cumsum(x, axis=0) - x
        x = np.divide(x, before, out=np.zeros_like(x), where=before > 0.0)
        market = kept["market"].drop_nulls()
        known = len(market) > 0 and len(market[0]) == len(x)
        if known:
            x = excess_over_market(x, market[0].to_numpy())
        return x, set_ids, known
    paths = kept["block_paths"][0].to_numpy().astype(np.float64)
    x *= (paths / paths.mean())[:, None]
    return x, set_ids, False


def _sentence(rows: Rows, name: str, row: dict[str, Any]) -> str:
    """Say in one sentence what the row comes to."""
    data = "on these data" if rows.summary.lineage.data else "on these paths"
    ledger = f"{row['trials_in_ledger']:,} trials of {rows.summary.strategy} {data} in the ledger"
    sets = row["trials_in_study"]
    tried = f"{sets:,} set{'' if sets == 1 else 's'} tried"
    if row.get("deflated_sharpe") is None:
        return f"{tried}, {ledger}; {row['reason']}"
    count = row["effective_trials"]
    worth = f"worth {count:,.{0 if count >= 10 else 1}f} independent ones"
    deflated, half = map(_share, (row["deflated_sharpe"], row["overfitting_probability"]))
    if row["blocks_of"] == "time":
        choice = (
            f", and that the choice falls in the lower half out of sample {half}" if half else ""
        )
        return (
            f"of {tried} ({ledger}, {worth}), chance alone would show a best Sharpe ratio of "
            f"{row['sharpe_by_chance']:.2f} beyond the market on this "
            f"history if none had an edge; the best, {name}, shows {row['sharpe']:.2f}, "
            f"{row['excess_sharpe']:.2f} beyond the market; the probability that it beats chance "
            f"is {deflated}{choice}"
        )
    choice = f", and the choice falls in the lower half with probability {half}" if half else ""
    shared = "; luck of the history that they are made from is in none of this"
    shared = shared if rows.summary.lineage.data else ""
    return (
        f"{ledger}, {row['trials_compared']:,} of them on these paths, {worth}: on other paths of "
        f"this source {name} beats the best of as many without skill with probability {deflated}"
        f"{choice}{shared}"
    )


def _share(value: float) -> str:
    """Write a probability; nothing where there is none."""
    if math.isnan(value):
        return ""
    return "above 0.99" if value > 0.995 else ("below 0.01" if value < 0.005 else f"{value:.2f}")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
