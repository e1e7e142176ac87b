"""Models of one series beside each other: how likely they make it, and how real they look."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from engine.bars import Bars
from engine.calibration import Calibration
from engine.errors import Refusal
from engine.models import BUILT_IN
from engine.realism.compare import RealismReport, compare_with_history
from engine.realism.ranking import rank_reports

__all__ = ["compare_models"]

_COLUMNS: dict[str, type[pl.DataType]] = {
    "model": pl.String,
    "status": pl.String,
    "parameters": pl.Int64,
    "n": pl.Int64,
    "log_likelihood": pl.Float64,
    "aic": pl.Float64,
    "bic": pl.Float64,
    "bic_behind": pl.Float64,
    "nested": pl.String,
    "likelihood_ratio": pl.Float64,
    "realism": pl.Float64,
    "distance": pl.Float64,
    "sure": pl.Float64,
    "note": pl.String,
}


def compare_models(
    calibrations: Sequence[Calibration],
    bars: Bars | None = None,
    *,
    seeds: Sequence[int] = range(100),
) -> pl.DataFrame:
    r"""Compare calibrations of one series as of one date in one table.

    Parameters
    ----------
    calibrations : sequence of Calibration
        Of different models; failed ones have a row with the reason.
    bars : Bars, optional
        The history that paths are compared with; without it there is no realism.
    seeds : sequence of int
        One path each, at least 20.

    Returns
    -------
    polars.DataFrame
        One row per model, best first: ``model``, ``status``, ``parameters`` (number of free ones),
        ``n``, ``log_likelihood``, ``aic``, ``bic``, ``bic_behind`` (the best model's),
        ``likelihood_ratio`` (:math:`2 (\log L - \log L_0)` over the model in ``nested``, which it
        contains), ``realism`` (share of the statistics of the bars that its paths reproduce),
        ``distance`` of the history from its paths, ``sure`` (the share of resampled histories that
        are nearer to its paths than to those of the model that is next by distance, see
        `engine.realism.rank_reports`) and ``note``. ``bic_behind`` and ``likelihood_ratio`` are
        null where there is no likelihood, or one of other observations than most models'; such
        rows come last, by realism.

    Raises
    ------
    ValueError
        If there is no calibration, a model comes twice, or they are of several series or dates.

    Notes
    -----
    A likelihood ratio has no chi-squared law here: without jumps their size, and without a
    second regime its volatility, mean nothing (Davies, 1987, Hypothesis testing when a nuisance
    parameter is present only under the alternative, Biometrika 74). Schwarz's criterion ranks.

    Examples
    --------
    >>> import numpy as np
    >>> import engine as mc
    >>> path = mc.GBM(mu=0.05, sigma=0.2).paths(s0=100.0, steps=500, seeds=[1]).values[0, 0]
    >>> bars = mc.Bars("X", np.arange(500) * 86_400_000_000, *path[:5].copy())
    >>> found = [mc.calibrate(name, bars) for name in ("merton", "gbm")]
    >>> mc.compare_models(found)["model"].to_list()
    ['gbm', 'merton']
    """
    if not calibrations:
        raise Refusal("calibrations", "none", "at least one")
    owners = {(c.symbol, c.timeframe, c.as_of) for c in calibrations}
    twice = [name for name, count in Counter(c.model for c in calibrations).items() if count > 1]
    if len(owners) > 1 or twice:
        found = f"{twice[0]} twice" if twice else f"{len(owners)} series or dates"
        raise Refusal("calibrations", found, "different models of one series as of one date")
    judged = [c for c in calibrations if c.ok and math.isfinite(c.log_likelihood)]
    usual = Counter((c.n, c.window) for c in judged).most_common(1)
    same = [c for c in judged if (c.n, c.window) == usual[0][0]]
    reports: list[RealismReport] = []
    rows = [_row(c, same, bars, seeds, reports) for c in calibrations]
    histories = Counter(report.history.tobytes() for report in reports).most_common(1)
    ranked_ones = [each for each in reports if each.history.tobytes() == histories[0][0]]
    for ranked in rank_reports(ranked_ones).iter_rows(named=True) if reports else ():
        own = next(row for row in rows if row["model"] == ranked["model"])
        own |= {name: ranked[name] for name in ("distance", "sure")}
    return pl.DataFrame(rows, schema=_COLUMNS).sort(
        ["bic_behind", "realism"], descending=[False, True], nulls_last=True, maintain_order=True
    )


def _row(
    calibration: Calibration,
    same: Sequence[Calibration],
    bars: Bars | None,
    seeds: Sequence[int],
    reports: list[RealismReport],
) -> dict[str, Any]:
    likelihood = calibration.log_likelihood
    known = calibration.ok and math.isfinite(likelihood)
    row: dict[str, Any] = dict.fromkeys(_COLUMNS)
    row |= {
        "model": calibration.model,
        "status": calibration.status,
        "n": calibration.n,
        "note": calibration.reason,
    }
    if known:
        row |= {
            # aic = 2 k - 2 log L
            "parameters": round(0.5 * calibration.aic + likelihood),
            "log_likelihood": likelihood,
            "aic": calibration.aic,
            "bic": calibration.bic,
        }
    if calibration in same:
        row["bic_behind"] = calibration.bic - min(c.bic for c in same)
        known_model = BUILT_IN.get(calibration.model)
        inner = [c for c in same if known_model is not None and c.model == known_model.nests]
        if inner:
            row["nested"] = inner[0].model
            row["likelihood_ratio"] = 2.0 * (likelihood - inner[0].log_likelihood)
    elif known:
        row["note"] = f"of {calibration.n} observations in window {calibration.window}"
    elif calibration.ok:
        row["note"] = "no likelihood"
    if calibration.ok and bars is not None:
        try:
            report = compare_with_history(calibration, bars, seeds=seeds)
        except ValueError as error:
            row["note"] = f"not simulated: {error}"
        else:
            row["realism"] = report.score
            reports.append(report)
    return row
