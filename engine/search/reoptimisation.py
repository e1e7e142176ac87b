"""How often to choose again: walk-forward at several lengths out of sample, on the same bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.files import FileStore
from engine.market_data import MarketData
from engine.search.equity_runs import EquityRuns
from engine.search.window_choices import score_windows, window_choices, window_table
from engine.search.window_scores import SCORES
from engine.search.windows import WalkForwardWindow
from engine.studies import Study

__all__ = ["reoptimisation_sweep"]


def reoptimisation_sweep(
    study: Study,
    *,
    in_sample: int,
    every: Sequence[int],
    score: str = "sharpe",
    anchored: bool = False,
    purge: int = 0,
    ledger: FileStore | None = None,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
) -> pl.DataFrame:
    """Walk forward at several frequencies of choosing again, all judged on the same bars.

    Parameters
    ----------
    study : Study
        Its parameter sets compete on its paths, or on one history.
    in_sample : int
        Bars to choose on.
    every : sequence of int
        Bars after which the choice is made anew; the last window of each ends with the path,
        shorter than the others where they do not fill it.
    score : {"sharpe", "net_pnl", "total_return"}
        What sets are chosen by, as of `walk_forward`.
    anchored : bool
        Whether every window begins at the first bar.
    purge : int
        Bars left out between in sample and out of sample.
    ledger : FileStore, optional
        The data root whose trial ledger counts the sets.
    market_data : MarketData, optional
        Where symbols are looked up.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    polars.DataFrame
        ``every``, ``windows``, ``in_sample``, ``out_of_sample``, ``efficiency``,
        ``selection_loss``, each but the first two with its standard error beside it, and
        ``net_pnl`` of all windows per path, in account currency.

    Raises
    ------
    Refusal
        If there is no such score, no bar is left to judge on, the study has one set, or
        simulations fail.

    Notes
    -----
    All frequencies are measured on one run of every set, so that differences between rows are
    paired: they are known better than the errors of the single rows say.

    Examples
    --------
    >>> import engine as mc
    >>> grid = {"fast": [3, 8], "slow": [20, 40]}
    >>> study = mc.Study("often", mc.GBM(mu=0.0), "sma_crossover", grid, seeds=50, steps=250)
    >>> reoptimisation_sweep(study, in_sample=100, every=[25, 60])["windows"].to_list()
    [6, 3]
    """
    if score not in SCORES:
        raise Refusal("score", repr(score), ", ".join(SCORES))
    runs = EquityRuns.of(study, market_data)
    plans = {
        length: _windows(runs.job.world.steps, in_sample, length, anchored, purge)
        for length in dict.fromkeys(every)
    }
    if not plans:
        raise Refusal("every", "none", "numbers of bars")
    spans = [
        (runs.span(one.first_in, one.last_in), runs.span(one.first_out, one.last_out))
        for windows in plans.values()
        for one in windows
    ]
    numbers = list(range(len(spans)))
    measured = runs.measured(
        lambda equity: score_windows(equity, spans, score, runs.points_per_year),
        asked_by="walk_forward",
        ledger=ledger,
        market_data=market_data,
        workers=workers,
    )
    choices = pl.concat([window_choices(scored, numbers, first) for first, scored in measured])
    rows: list[dict[str, Any]] = []
    first = 0
    for length, windows in plans.items():
        own = choices.filter(pl.col("window").is_between(first, first + len(windows) - 1))
        first += len(windows)
        own = own.sort("window", "path")
        whole = window_table(own, score, runs.job.world.paths_per_unit).row(-1, named=True)
        kept = ("in_sample", "out_of_sample", "efficiency", "selection_loss")
        row: dict[str, Any] = {"every": length, "windows": len(windows)}
        row |= {name: whole[name] for one in kept for name in (one, f"{one}_std_error")}
        rows.append(row | {"net_pnl": float(own["net_pnl"].sum() / own["path"].n_unique())})
    numeric = dict.fromkeys(
        [name for name in rows[0] if name not in ("every", "windows")], pl.Float64
    )
    return pl.DataFrame(rows, schema_overrides=numeric)


def _windows(
    bar_count: int, in_sample: int, every: int, anchored: bool, purge: int
) -> list[WalkForwardWindow]:
    if min(in_sample, every) < 1 or purge < 0:
        raise Refusal(
            "in_sample, every, purge", f"{in_sample}, {every}, {purge}", "at least 1, 1 and 0 bars"
        )
    start = in_sample + purge
    if start >= bar_count:
        raise Refusal(
            "in_sample",
            f"{in_sample} bars and {purge} left out",
            f"fewer than the {bar_count} bars there are",
        )
    return [
        WalkForwardWindow(
            0 if anchored else first - start,
            first - purge - 1,
            first,
            min(first + every, bar_count) - 1,
        )
        for first in range(start, bar_count, every)
    ]
