"""Combinatorial purged cross-validation, run: what choices on some bars come to on the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import FileStore
from engine.market_data import MarketData
from engine.search.equity_runs import EquityRuns, Scored
from engine.search.window_choices import window_choices, window_table
from engine.search.windows import PurgedSplits, purged_splits
from engine.studies import Study

__all__ = ["CrossValidation", "cross_validate"]

Floats = NDArray[np.float64]

# Scores of bars that do not lie side by side.
_SCORES: Final = ("sharpe", "net_pnl")
# A spread this far below equity is rounding: nothing was held.
_ROUNDING: Final = 1e-7


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What choosing on some folds came to on the others, in every way of leaving folds out.

    Parameters
    ----------
    study : str
        Name of the study.
    score : str
        What sets were chosen by: ``sharpe`` or ``net_pnl``.
    splits : PurgedSplits
        Index sets, of bars or of the points at which equity is read.
    choices : polars.DataFrame
        A row per split, fold that is left out and path: ``course``, ``path``, ``parameter_set``
        chosen, ``in_sample``, ``out_of_sample``, ``best_out_of_sample``,
        ``median_out_of_sample``, ``net_pnl``.
    courses : polars.DataFrame
        A row per path and *course*, one way through all folds out of sample: ``path``, ``course``,
        ``score`` of its bars together, ``net_pnl``.
    table : polars.DataFrame
        As of a walk-forward: a row per ``course``, and a last one over all (null).
    """

    study: str
    score: str
    splits: PurgedSplits
    choices: pl.DataFrame
    courses: pl.DataFrame
    table: pl.DataFrame

    @property
    def sentence(self) -> str:
        """What was chosen for, what came of it, and how the courses are spread."""
        row = self.table.row(-1, named=True)
        score = self.courses["score"]
        low, middle, high = (score.quantile(q, "linear") for q in (0.05, 0.5, 0.95))
        below = float((score < 0.0).sum()) / len(score)
        assert low is not None
        assert middle is not None
        assert high is not None
        error = row["out_of_sample_std_error"]
        with_error = "" if error is None else f" ± {error:.2g}"
        return (
            f"{len(self.splits.splits)} splits: a {self.score} of {row['in_sample']:.3g} in sample "
            f"became {row['out_of_sample']:.3g}{with_error} out of sample; of {len(score):,} "
            f"courses 5 % lie below {low:.3g}, half below {middle:.3g}, 95 % below {high:.3g}, and "
            f"{100 * below:.0f} % below zero"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the tables and the sentence as plain data."""
        return {
            "study": self.study,
            "score": self.score,
            "sentence": self.sentence,
            "table": self.table.to_dicts(),
            "courses": self.courses.to_dicts(),
        }


def cross_validate(
    study: Study,
    *,
    folds: int = 6,
    test_folds: int = 2,
    purge: int = 0,
    embargo: int = 0,
    score: str = "sharpe",
    ledger: FileStore | None = None,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
) -> CrossValidation:
    """Choose the best set on the bars of some folds, judge it on the others, in every way.

    Parameters
    ----------
    study : Study
        Its parameter sets compete on its paths, or on one history.
    folds, test_folds, purge, embargo
        As of `purged_splits`, in bars.
    score : {"sharpe", "net_pnl"}
        What is best, of equity at every close.
    ledger : FileStore, optional
        The data root whose trial ledger counts the sets.
    market_data : MarketData, optional
        Where symbols are looked up.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    CrossValidation
        Choices, and the distribution of the courses.

    Raises
    ------
    Refusal
        If there is no such score, folds do not fit, the study has one set, or simulations fail.

    Notes
    -----
    Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 12. Every set runs once
    over the whole path: positions are carried over the seams. Courses of one path share bars and
    choices, so that their spread is no standard error; errors are of independent paths.

    Examples
    --------
    >>> import engine as mc
    >>> grid = {"fast": [3, 8], "slow": [20, 40]}
    >>> study = mc.Study("cpcv", mc.GBM(mu=0.0), "sma_crossover", grid, seeds=50, steps=250)
    >>> found = cross_validate(study, folds=5, test_folds=2)
    >>> len(found.splits.splits), found.courses["course"].n_unique()
    (10, 4)
    """
    if score not in _SCORES:
        raise Refusal("score", repr(score), ", ".join(_SCORES))
    runs = EquityRuns.of(study, market_data)
    steps, points = runs.job.world.steps, runs.points
    per_point = steps / points
    splits = purged_splits(
        points,
        folds,
        test_folds,
        purge=math.ceil(purge / per_point),
        embargo=math.ceil(embargo / per_point),
    )
    measured = runs.measured(
        lambda equity: _scored(equity, splits, score, runs.points_per_year),
        asked_by="cross_validate",
        ledger=ledger,
        market_data=market_data,
        workers=workers,
    )
    courses = splits.paths.reshape(-1).tolist()
    choices = pl.concat([window_choices(scored, courses, first) for first, scored in measured])
    choices = choices.sort("window", "path", maintain_order=True)
    return CrossValidation(
        study=study.name,
        score=score,
        splits=splits,
        choices=choices.select(pl.exclude("^_.*$")).rename({"window": "course"}),
        courses=_courses(choices, score, runs.points_per_year),
        table=window_table(choices, score, runs.job.world.paths_per_unit).rename(
            {"window": "course"}
        ),
    )


def _scored(equity: Floats, splits: PurgedSplits, score: str, points_per_year: float) -> Scored:
    """Score sets on the training and test bars of every split and test fold.

    Returns
    -------
    dict of str to ndarray of float64, shape (splits * test folds, sets, paths)
        As `score_windows` returns it.
    """
    sets, paths, points = equity.shape[0], equity.shape[1], equity.shape[2] - 1
    before = equity[:, :, :-1]
    gains = np.diff(equity, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.where(before > 0.0, gains / before, 0.0)
    train = np.zeros((points, len(splits.splits)))
    tests: list[NDArray[np.int64]] = []
    for column, split in enumerate(splits.splits):
        train[split.train, column] = 1.0
        tests += split.test
    test = np.zeros((points, len(tests)))
    for column, bars in enumerate(tests):
        test[bars, column] = 1.0
    repeats = len(tests) // len(splits.splits)
    found: Scored = {}
    for kind, mask in (("in", train), ("out", test)):
        sums = {
            "pnl": _sums(gains, mask),
            "return_sum": _sums(returns, mask),
            "return_squares": _sums(returns**2, mask),
        }
        bars_of = np.broadcast_to(mask.sum(axis=0)[:, None, None], (mask.shape[1], sets, paths))
        sums |= {"bars": bars_of, "years": bars_of / points_per_year}
        sums["value"] = sums["pnl"] if score == "net_pnl" else _sharpe(sums)
        for name, values in sums.items():
            found[f"{kind}_{name}"] = np.repeat(values, repeats, axis=0) if kind == "in" else values
    found["net_pnl"] = found["out_pnl"]
    return found


def _sums(values: Floats, mask: Floats) -> Floats:
    """Sum values of shape (sets, paths, points) over each column of a mask."""
    return np.asarray(np.moveaxis(values @ mask, 2, 0))


def _sharpe(sums: Scored) -> Floats:
    count = sums["bars"]
    mean = sums["return_sum"] / count
    spread = np.maximum(sums["return_squares"] / count - mean**2, 0.0)
    deviation = np.sqrt(spread * count / np.maximum(count - 1.0, 1.0))
    ratio = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > _ROUNDING)
    return np.asarray(ratio * np.sqrt(count / sums["years"]))


def _courses(choices: pl.DataFrame, score: str, points_per_year: float) -> pl.DataFrame:
    """Put the folds of each course together."""
    names: Sequence[str] = ("bars", "return_sum", "return_squares")
    whole = choices.group_by("path", "window", maintain_order=True).agg(
        pl.col("net_pnl").sum(), *(pl.col(f"_out_{name}").sum().alias(name) for name in names)
    )
    sums = {name: whole[name].to_numpy() for name in names}
    sums["years"] = sums["bars"] / points_per_year
    own = whole["net_pnl"].to_numpy() if score == "net_pnl" else _sharpe(sums)
    return (
        whole.select("path", pl.col("window").alias("course"), "net_pnl")
        .with_columns(score=pl.Series(own))
        .select("path", "course", "score", "net_pnl")
        .sort("path", "course")
    )
