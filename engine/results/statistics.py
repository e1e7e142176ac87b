"""Statistics of a study: per parameter set, each with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.results.definitions import STATISTICS, Statistic, find_statistic, statistics_of
from engine.results.outcomes import Outcomes
from engine.results.rows import Rows
from engine.results.steps import Step, read_steps
from engine.statistics.estimates import Estimate, Estimates

__all__ = [
    "COLUMNS",
    "STATISTICS",
    "Estimated",
    "estimate_statistic",
    "statistics_by",
    "statistics_table",
    "study_statistics",
    "with_precision",
]

#: Columns of a table of statistics behind its keys.
COLUMNS = {
    "statistic": pl.String(),
    "estimate": pl.Float64(),
    "std_error": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n": pl.Int64(),
    "idle_share": pl.Float64(),
    "method": pl.String(),
    "supported": pl.Boolean(),
    "precision": pl.String(),
}


@dataclass(frozen=True)
class Estimated:
    """A statistic of some groups, without the influences that it was estimated from.

    Parameters
    ----------
    estimates : Estimates
        With their Monte Carlo errors.
    supported : ndarray of bool, shape (groups,)
        Whether enough paths carry each.
    """

    estimates: Estimates
    supported: NDArray[np.bool_]


def study_statistics(
    rows: Rows, *, names: Sequence[str] | None = None, confidence: float = 0.95
) -> pl.DataFrame:
    """Estimate every statistic, and the mean of every own metric, for every parameter set.

    Ratios are pooled over the paths of a set, those on which nothing was traded included
    (`engine.statistics`, "The rule of undefined values"). Failed simulations are left out, and
    so are simulations without a value of a metric of one's own; ``n`` says how many outcomes are
    behind each number.

    Parameters
    ----------
    rows : Rows
        Of one study.
    names : sequence of str, optional
        Only these: `find_statistic` says which there are.
    confidence : float
        Level of the intervals.

    Returns
    -------
    polars.DataFrame
        One row per parameter set and statistic: ``study``, ``world``, ``parameter_set``,
        ``set_id``, the parameters, ``statistic``, ``estimate``, ``std_error``, ``ci_low``,
        ``ci_high``, ``n``, ``idle_share`` (of the set's simulations, those that never held a
        position), ``method`` (how the interval came about, or why there is none:
        `engine.statistics.estimates.Method`), ``supported`` (whether enough paths carry the
        estimate to rank by it), ``precision`` (of the rows: of float32 each outcome is rounded to
        6e-8 of itself, while everything is computed in float64). Error and interval are
        null where they are unknown, such as of one path, of which quantiles and tail means have no
        value either; ``idle_share`` is where the rows do not hold the metrics `IDLE_NEEDS`. An
        end of an interval is infinite where a quantile has too few outcomes beyond it. A parameter
        that has the name of one of these columns stands as ``parameter.NAME``.

    Examples
    --------
    >>> import engine as mc
    >>> results = mc.Study("up", mc.GBM(), "buy_and_hold", seeds=50, steps=100).run()
    >>> row = results.statistics(names=["sharpe"]).row(0, named=True)
    >>> row["n"], row["idle_share"], row["method"], row["supported"]
    (50, 0.0, 'Student, fewer degrees', True)
    """
    keys = ["study", "world", "parameter_set", "set_id", *rows.parameters]
    return statistics_by(rows, keys, names=names, confidence=confidence)


def statistics_by(
    rows: Rows,
    keys: list[str],
    *,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Estimate statistics for every combination of `keys`.

    Outcomes of a group that share a path are not independent; the errors account for it. Names
    are as in `study_statistics`.
    """
    if names is None:
        wanted = statistics_of(rows)
    else:
        wanted = {name: find_statistic(rows, name, "statistic") for name in names}
    tables = []
    for step in read_steps(rows, keys, wanted):
        found = step.each(wanted, partial(_estimated, confidence))
        tables.append(statistics_table(step, found))
        del step  # before the next is read
    if not tables:
        kinds = dict(rows.lazy.select(keys).collect_schema())
        named = {_apart([key]).get(key, key): kind for key, kind in kinds.items()}
        return pl.DataFrame(schema=named | COLUMNS)
    return with_precision(pl.concat(tables), rows)


def estimate_statistic(
    rows: Rows, statistic: str, confidence: float = 0.95
) -> dict[int, tuple[Estimate, bool]]:
    """Estimate one statistic per parameter set, and say whether enough paths carry it."""
    entry = find_statistic(rows, statistic, "until.statistic")
    every: dict[int, tuple[Estimate, bool]] = {}
    for step in read_steps(rows, ["parameter_set"], {statistic: entry}):
        found = step.each({statistic: entry}, partial(_estimated, confidence))[statistic]
        sets = step.groups["parameter_set"].to_list()
        every |= {
            number: (found.estimates[place], bool(found.supported[place]))
            for place, number in enumerate(sets)
        }
        del step  # before the next is read
    return every


def _estimated(confidence: float, outcomes: Outcomes, entry: Statistic) -> Estimated:
    found = entry.of(outcomes)
    return Estimated(entry.estimates(found, confidence), found.supported())


def statistics_table(step: Step, found: Mapping[str, Estimated]) -> pl.DataFrame:
    """Return a row per group and statistic, all statistics of a group together."""
    sets, count = len(step.groups), len(found)
    estimates = [each.estimates for each in found.values()]

    def side_by_side(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.stack(values, axis=1).ravel()

    columns = [
        pl.Series("statistic", list(found)).gather(np.tile(np.arange(count), sets)),
        *(
            pl.Series(name, side_by_side([getattr(e, source) for e in estimates]), nan_to_null=True)
            for name, source in (
                ("estimate", "value"),
                ("std_error", "std_error"),
                ("ci_low", "low"),
                ("ci_high", "high"),
            )
        ),
        pl.Series("n", side_by_side([e.n for e in estimates]), dtype=pl.Int64),
        pl.Series("idle_share", np.repeat(step.idle_share, count), nan_to_null=True),
        _words([e.method for e in estimates]).alias("method"),
        pl.Series("supported", side_by_side([each.supported for each in found.values()])),
    ]
    keys = step.groups.select(pl.all().gather(np.repeat(np.arange(sets), count)))
    return keys.rename(_apart(keys.columns)).with_columns(columns)


def with_precision(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Say in which precision the rows are stored."""
    precision = pl.lit(rows.summary.record.precision, dtype=pl.String()).alias("precision")
    return table.with_columns(precision)


def _words(methods: Sequence[NDArray[np.str_]]) -> pl.Series:
    """Put methods side by side; each word is looked for once, not once a row."""
    words: dict[str, int] = {}
    codes = np.empty((len(methods), len(methods[0])), dtype=np.uint32)
    for code, method in zip(codes, methods, strict=True):
        word = str(method[0])
        code[:] = words.setdefault(word, len(words))
        left = np.flatnonzero(method != word)
        while len(left):
            word = str(method[left[0]])
            code[left] = words.setdefault(word, len(words))
            left = left[method[left] != word]
    return pl.Series(list(words), dtype=pl.String).gather(codes.T.ravel())


def _apart(keys: Sequence[str]) -> dict[str, str]:
    """Rename keys that have the name of a column of the table: a parameter ``n``, say."""
    return {key: f"parameter.{key}" for key in keys if key in COLUMNS}
