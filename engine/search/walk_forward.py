"""Walking forward: choose on some bars, judge on the bars after them, on every path."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.canonical import short_hash
from engine.jobs.job import Job
from engine.market_data import MarketData
from engine.search.asked_windows import asked_windows
from engine.search.equity_runs import EquityRuns
from engine.search.journal import Journal
from engine.search.separate_windows import SEPARATE_VERSION, SeparateWindows
from engine.search.window_choices import score_windows, window_choices, window_table
from engine.search.window_scores import SCORES
from engine.search.windows import WalkForwardWindow
from engine.studies import Study

__all__ = ["AtSeam", "WalkForward", "walk_forward"]

#: What becomes of positions at the seams between windows.
AtSeam = Literal["carried", "flat"]


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What choosing in sample came to out of sample.

    Parameters
    ----------
    study : str
        Name of the study.
    score : str
        What sets were chosen by: ``sharpe``, ``net_pnl`` or ``total_return``.
    windows : tuple of WalkForwardWindow
        Bars of each; all that there are, though only some may have been walked.
    sets : polars.DataFrame
        The parameter sets: ``parameter_set`` and a column per parameter.
    choices : polars.DataFrame
        A row per window and path: ``window``, ``path``, ``parameter_set`` chosen, ``in_sample`` and
        ``out_of_sample`` scores of it on that path, ``best_out_of_sample`` and
        ``median_out_of_sample`` of all sets, ``net_pnl`` that the chosen set made out of sample.
    table : polars.DataFrame
        A row per ``window``, and a last one over all (null): the score of all choices together
        ``in_sample`` and ``out_of_sample`` and the ``selection_loss``, each with its standard error
        beside it; ``efficiency``, the second over the first, where the first is above 0;
        ``chosen_most``, the set chosen most often, ``chosen_share`` of choices that chose it, and
        ``paths``. Errors of one history are null.
    """

    study: str
    score: str
    windows: tuple[WalkForwardWindow, ...]
    sets: pl.DataFrame
    choices: pl.DataFrame
    table: pl.DataFrame

    @property
    def stitched(self) -> pl.DataFrame:
        """Profit of the sets chosen, window after window.

        Returns
        -------
        polars.DataFrame
            ``path``, ``window``, ``net_pnl`` of the window, ``total`` up to its end, in account
            currency.
        """
        return (
            self.choices.sort("path", "window")
            .select("path", "window", "net_pnl")
            .with_columns(total=pl.col("net_pnl").cum_sum().over("path"))
        )

    @property
    def stability(self) -> float:
        """Share of windows, after the first, in which a path kept the set that it had; NaN of one.

        Chance alone would give about one over the number of sets.
        """
        kept = self.choices.sort("path", "window").select(
            same=pl.col("parameter_set").diff().over("path") == 0
        )["same"]
        mean = kept.drop_nulls().mean()
        return float(mean) if isinstance(mean, int | float) else math.nan

    @property
    def sentence(self) -> str:
        """What was chosen for, what came of it, and what a perfect choice would have made."""
        row = self.table.row(-1, named=True)
        words = [
            f"{len(self.table) - 1} windows, {len(self.sets)} parameter sets: a {self.score} of "
            f"{_with_error(row, 'in_sample')} in sample became {_with_error(row, 'out_of_sample')} "
            f"out of sample"
        ]
        if row["efficiency"] is not None:
            words.append(f"efficiency {_with_error(row, 'efficiency')}")
        words.append(
            f"the best set of each window would have made {_with_error(row, 'selection_loss')} more"
        )
        return "; ".join(words)

    def to_json(self) -> dict[str, Any]:
        """Return the table and the sentence as plain data."""
        return {
            "study": self.study,
            "score": self.score,
            "sentence": self.sentence,
            "stability": None if math.isnan(self.stability) else self.stability,
            "windows": [vars(window) for window in self.windows],
            "table": self.table.to_dicts(),
        }


def walk_forward(
    study: Study,
    *,
    score: str = "sharpe",
    in_sample: int | str | None = None,
    out_of_sample: int | str | None = None,
    count: int | None = None,
    dates: Sequence[str | datetime.date] | None = None,
    anchored: bool = False,
    purge: int = 0,
    at_seam: AtSeam = "carried",
    model: str | None = None,
    model_paths: int = 200,
    only: Sequence[int] | None = None,
    folder: str | Path | None = None,
    replace: bool = False,
    ledger: FileStore | None = None,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
) -> WalkForward:
    """Choose the best set of each window on each path, and judge it on the bars after.

    On paths of a model the answer has an error, and a truth: the *selection loss*, what the best
    set of the bars after would have made beyond the chosen one, and on a world without an edge an
    efficiency of zero. That is overfitting measured, not estimated.

    Parameters
    ----------
    study : Study
        Its parameter sets compete on its paths, or on one history.
    score : {"sharpe", "net_pnl", "total_return"}
        What is best: of the bars of a window, from equity at every close. An account that stood
        still has a Sharpe ratio of 0.
    in_sample, out_of_sample, count, anchored, purge
        As of `walk_forward_windows`; without any five windows. In place of bars lengths such as
        ``"3y"``, ``"6mo"``, ``"26w"`` or ``"90d"``: of history by the calendar, of other paths as
        many bars as their year has of them.
    dates : sequence of date or str, optional
        On history, the days on which sets are chosen anew, such as ``["2015-01-02"]``, on the bars
        of `in_sample` before them, by default all.
    at_seam : {"carried", "flat"}
        Whether a chosen set is taken with the position that it holds at the seam, or every stretch
        of bars is an account of its own, which begins and ends without a position; flat needs one
        history.
    model : str, optional
        Choose on paths of this model in place of the bars in sample, which it is calibrated on,
        bars after them unseen; as long as the bars out of sample. Needs one history.
    model_paths : int
        How many, from seeds of their own in each window.
    only : sequence of int, optional
        Numbers of the windows to walk; by default all.
    folder : path, optional
        Where windows are kept as they finish: a walk that was interrupted goes on from there.
    replace : bool
        Whether another walk in `folder`, such as that of yesterday's data, makes way.
    ledger : FileStore, optional
        The data root whose trial ledger counts the sets.
    market_data : MarketData, optional
        Where symbols are looked up.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    WalkForward
        Choices, their scores, and their means over paths: of the windows that were asked for, and
        of those that `folder` holds.

    Raises
    ------
    Refusal
        If there is no such score, no window fits, the study has one set, simulations fail, or a
        model cannot be calibrated.

    Notes
    -----
    Where positions are carried every set runs once over the whole path, and a window takes the part
    of its equity that lies in it. Equity is read in single precision, 6e-8 of itself, at every
    close, or at 100,000 of them where there are more; a Sharpe ratio is of returns between those.

    Examples
    --------
    >>> import engine as mc
    >>> grid = {"fast": [3, 8], "slow": [20, 40]}
    >>> study = mc.Study("walk", mc.GBM(mu=0.0), "sma_crossover", grid, seeds=50, steps=250)
    >>> found = walk_forward(study, count=3)
    >>> found.table["window"].to_list()
    [0, 1, 2, None]
    """
    if score not in SCORES:
        raise Refusal("score", repr(score), ", ".join(SCORES))
    if at_seam not in ("carried", "flat"):
        raise Refusal("at_seam", repr(at_seam), "carried or flat")
    runs = EquityRuns.of(study, market_data)
    windows = asked_windows(
        runs.job.world,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        count=count,
        dates=dates,
        anchored=anchored,
        purge=purge,
    )
    wanted = _wanted(only, len(windows))
    chosen_on = {"model": model, "model_paths": model_paths if model else None}
    if at_seam == "flat" or model is not None:
        chosen_on["separate_windows"] = SEPARATE_VERSION
    identity = _identity(runs.job, windows, score, at_seam, chosen_on)
    journal = None
    if folder is not None:
        journal = Journal.open(Path(folder), identity, replace=replace)
    kept: dict[int, pl.DataFrame] = {}
    if journal is not None:
        found = ((number, journal.read(number)) for number in range(len(windows)))
        kept = {number: rows for number, rows in found if rows is not None}
    missing = [number for number in wanted if number not in kept]
    settings: dict[str, Any] = {"ledger": ledger, "market_data": market_data, "workers": workers}
    if missing and (at_seam == "flat" or model is not None):
        separate = SeparateWindows.of(runs, score, at_seam, model, model_paths)
        made = separate.choices(windows, missing, **settings)
    else:
        made = _carried(runs, windows, missing, score, settings)
    for number, rows in made:
        kept[number] = rows
        if journal is not None:
            journal.write(number, rows)
    choices = pl.concat([kept[number] for number in sorted(kept)])
    return WalkForward(
        study=study.name,
        score=score,
        windows=tuple(windows),
        sets=_set_table(runs.job),
        choices=choices.select(pl.exclude("^_.*$")),
        table=window_table(choices, score, runs.job.world.paths_per_unit),
    )


def _carried(
    runs: EquityRuns,
    windows: Sequence[WalkForwardWindow],
    numbers: Sequence[int],
    score: str,
    settings: dict[str, Any],
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Run every set once over the whole path, and choose in each window."""
    if not numbers:
        return
    spans = [
        (runs.span(one.first_in, one.last_in), runs.span(one.first_out, one.last_out))
        for one in (windows[number] for number in numbers)
    ]
    measured = runs.measured(
        lambda equity: score_windows(equity, spans, score, runs.points_per_year),
        asked_by="walk_forward",
        **settings,
    )
    choices = pl.concat([window_choices(scored, numbers, first) for first, scored in measured])
    for number in numbers:
        yield number, choices.filter(pl.col("window") == number).sort("path")


def _wanted(only: Sequence[int] | None, count: int) -> list[int]:
    if only is None:
        return list(range(count))
    beyond = [number for number in only if not 0 <= number < count]
    if beyond or not only:
        found = ", ".join(map(str, beyond)) or "none"
        raise Refusal("only", found, f"numbers of windows from 0 to {count - 1}")
    return sorted(set(only))


def _identity(
    job: Job,
    windows: Sequence[WalkForwardWindow],
    score: str,
    at_seam: str,
    chosen_on: dict[str, Any],
) -> dict[str, Any]:
    """Say what decides the choices."""
    return {
        "world": job.world.id,
        "data": job.lineage.data,
        "code": job.world.code_hash,
        "seeds": short_hash([int(seed) for seed in job.seeds.tolist()]),
        "sets": short_hash([job.space[index] for index in range(len(job.space))]),
        "windows": short_hash([asdict(window) for window in windows]),
        "score": score,
        "at_seam": at_seam,
        **chosen_on,
    }


def _set_table(job: Job) -> pl.DataFrame:
    columns: dict[str, Any] = {"parameter_set": np.arange(len(job.space), dtype=np.int64)}
    columns |= {name: pl.Series(job.space.column(name), strict=False) for name in job.space.names}
    return pl.DataFrame(columns)


def _with_error(row: dict[str, Any], name: str) -> str:
    error = row[f"{name}_std_error"]
    return f"{row[name]:.3g}" + ("" if error is None else f" ± {error:.2g}")
