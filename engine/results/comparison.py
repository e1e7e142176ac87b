"""Comparing two studies, or two slices of one, paired by path where they share paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.results.rows import Rows
from engine.statistics.monte_carlo import mean
from engine.statistics.paired import independent_difference, paired_difference

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Differences of a metric between results and a baseline.

    Parameters
    ----------
    metric : str
        The metric compared.
    name, baseline : str
        The two studies.
    paired : bool
        Whether both ran on the same seeds, so that differences are taken path by path: with
        common random numbers most of the Monte Carlo noise cancels.
    table : polars.DataFrame
        Per parameter set of the results: the parameters, ``baseline_set``, ``estimate`` and
        ``baseline`` (means), ``difference``, ``std_error``, ``ci_low``, ``ci_high``, ``p_value``
        (two-sided, of no difference), ``correlation`` of the pairs, ``n``.
    """

    metric: str
    name: str
    baseline: str
    paired: bool
    table: pl.DataFrame


def compare(
    results: Rows, baseline: Rows, metric: str = "net_pnl", *, confidence: float = 0.95
) -> Comparison:
    """Compare every parameter set of `results` with one of `baseline`.

    The baseline's set is the one with the same parameters; where the baseline has a single
    parameter set, that one is everybody's.

    Raises
    ------
    Refusal
        If a metric is missing, or it is unclear which set to compare with.
    """
    for side in (results, baseline):
        if metric not in side.metrics:
            raise Refusal("metric", repr(metric), ", ".join(side.metrics))
    ours, theirs = _outcomes(results, metric), _outcomes(baseline, metric)
    paired = _share_seeds(ours, theirs)
    match = _matching(results, baseline, ours, theirs)
    sides = (results, baseline)
    rows: list[dict[str, Any]] = []
    for index, frame in ours.items():
        other = theirs[match[index]]
        if paired:
            joined = frame.join(other, on=["seed", "path"], suffix="_baseline", how="inner")
            a, b = joined[metric].to_numpy(), joined[f"{metric}_baseline"].to_numpy()
            found = paired_difference(a, b, confidence, units=_units(joined, *sides))
        else:
            a, b = frame[metric].to_numpy(), other[metric].to_numpy()
            units = (_units(frame, results), _units(other, baseline))
            found = independent_difference(a, b, confidence, units=units)
        rows.append(
            {
                "parameter_set": index,
                **_parameters(results, frame),
                "baseline_set": match[index],
                "estimate": mean(a).value,
                "baseline": mean(b).value,
                "difference": found.estimate.value,
                "std_error": found.estimate.std_error,
                "ci_low": found.estimate.low,
                "ci_high": found.estimate.high,
                "p_value": found.p_value,
                "correlation": found.correlation,
                "n": found.estimate.n,
            }
        )
    table = pl.DataFrame(rows, infer_schema_length=None)
    numbers = [name for name, kind in table.schema.items() if kind == pl.Float64]
    return Comparison(
        metric,
        results.name,
        baseline.name,
        paired,
        table.with_columns(pl.col(numbers).fill_nan(None)),
    )


def _outcomes(results: Rows, metric: str) -> dict[int, pl.DataFrame]:
    columns = ["parameter_set", "seed", "path", *results.parameters]
    kept = results.lazy.filter(pl.col("status") == "ok")
    unit = results.unit.alias("_unit")
    value = pl.col(metric).cast(pl.Float64).fill_null(np.nan)
    frame = kept.sort("simulation").select(*columns, unit, value).collect()
    if frame.is_empty():
        raise Refusal(
            "results",
            f"no simulation of {results.name} succeeded",
            hint=f"`mc show {results.name} --failures` says why",
        )
    groups = frame.partition_by("parameter_set", as_dict=True, maintain_order=True)
    return {int(key[0]): group for key, group in sorted(groups.items())}


def _units(frame: pl.DataFrame, *sides: Rows) -> NDArray[np.int64] | None:
    """Independent units of a frame's rows, of the side that has the larger; None: every row."""
    sizes = [side.summary.paths_per_unit for side in sides]
    if max(sizes) == 1:
        return None
    suffix = "_baseline" if len(sizes) > 1 and sizes[1] > sizes[0] else ""
    return frame[f"_unit{suffix}"].to_numpy()


def _share_seeds(ours: dict[int, pl.DataFrame], theirs: dict[int, pl.DataFrame]) -> bool:
    """Whether seeds overlap: then the paths do too, and pairs are the only honest comparison."""
    first, second = (next(iter(side.values()))["seed"] for side in (ours, theirs))
    return bool(first.is_in(second.implode()).any())


def _parameters(results: Rows, frame: pl.DataFrame) -> dict[str, Any]:
    return frame.select(results.parameters).row(0, named=True) if results.parameters else {}


def _matching(
    results: Rows,
    baseline: Rows,
    ours: dict[int, pl.DataFrame],
    theirs: dict[int, pl.DataFrame],
) -> dict[int, int]:
    if len(theirs) == 1:
        only = next(iter(theirs))
        return dict.fromkeys(ours, only)
    known = {
        tuple(sorted(_parameters(baseline, frame).items())): index
        for index, frame in theirs.items()
    }
    match = {}
    for index, frame in ours.items():
        own = tuple(sorted(_parameters(results, frame).items()))
        if own not in known:
            raise Refusal(
                "baseline",
                f"no parameter set {dict(own)} among its {len(theirs)}",
                "the same parameter sets, or a single one: baseline.filter(...), --baseline-where",
            )
        match[index] = known[own]
    return match
