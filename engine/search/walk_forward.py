"""Walking forward: choose on some bars, judge on the bars after them, on every path."""

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
from engine.jobs.job import Job
from engine.jobs.prepared_job import PreparedJob
from engine.jobs.settings import Record
from engine.market_data import MarketData
from engine.search.window_scores import SCORES, SUMS, sums_of
from engine.search.windows import WalkForwardWindow, walk_forward_windows
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.studies import Study

__all__ = ["WalkForward", "walk_forward"]

Floats = NDArray[np.float64]
Scored = dict[str, NDArray[np.float64]]

# Equity at every bar of every set takes this many bytes at a time.
_BYTES: Final = 64_000_000
# Of more bars equity is read at as many points, which is what a study can record.
_MOST_POINTS: Final = 100_000


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
        Bars of each.
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
            f"{len(self.windows)} windows, {len(self.sets)} parameter sets: a {self.score} of "
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
    in_sample: int | None = None,
    out_of_sample: int | None = None,
    count: int | None = None,
    anchored: bool = False,
    purge: int = 0,
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
        As of `walk_forward_windows`; without any five windows.
    ledger : FileStore, optional
        The data root whose trial ledger counts the sets.
    market_data : MarketData, optional
        Where symbols are looked up.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    WalkForward
        Choices, their scores, and their means over paths.

    Raises
    ------
    Refusal
        If there is no such score, no window fits, the study has one set, or simulations fail.

    Notes
    -----
    Every set runs once over the whole path, and a window takes the part of its equity that lies
    in it: positions are carried over the seams, and a set that is chosen is taken with the
    position that it holds then. Equity is read in single precision, 6e-8 of itself, at every close,
    or at 100,000 of them where there are more; a Sharpe ratio is of returns between those.

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
    job = study.resolve(market_data)
    if len(job.space) < 2:
        raise Refusal("parameters", "one parameter set", "several, to choose from")
    if in_sample is None and out_of_sample is None and count is None:
        count = 5
    windows = walk_forward_windows(
        job.world.steps,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        count=count,
        anchored=anchored,
        purge=purge,
    )
    points = min(job.world.steps, _MOST_POINTS)
    recorded = Record.model_validate({"metrics": ("net_pnl", "final_equity"), "equity": points})
    whole = Study.from_definition(
        study.definition.model_copy(update={"record": recorded, "until": None}), study.file
    )
    whole.live = study.live
    spans = _spans(windows, job.world.steps, points)
    per_year = job.world.bars_per_year * points / job.world.steps
    sets = [job.space[index] for index in range(len(job.space))]
    # All sets of a few seeds at a time, or where the paths are long some sets of one.
    per_set = 8 * points * job.world.paths_per_seed
    set_step = max(_BYTES // per_set, 1)
    seed_step = max(_BYTES // (per_set * len(sets)), 1)
    parts: list[pl.DataFrame] = []
    with whole.prepare(
        ledger=ledger, market_data=market_data, workers=workers, asked_by="walk_forward"
    ) as prepared:
        for first in range(0, len(job.seeds), seed_step):
            seeds = job.seeds[first : first + seed_step]
            scored = [
                _scored(prepared, sets[start : start + set_step], seeds, spans, score, per_year)
                for start in range(0, len(sets), set_step)
            ]
            offset = first * job.world.paths_per_seed
            parts.append(_choices(scored, len(windows), offset))
    choices = pl.concat(parts).sort("window", "path")
    return WalkForward(
        study=study.name,
        score=score,
        windows=tuple(windows),
        sets=_set_table(job),
        choices=choices.select(pl.exclude("^_.*$")),
        table=_table(choices, len(windows), score, job.world.paths_per_unit),
    )


def _spans(
    windows: Sequence[WalkForwardWindow], bar_count: int, points: int
) -> list[tuple[slice, slice]]:
    """Return where equity of each window lies among the cash and the points after it."""
    ends = np.array([(k + 1) * bar_count // points - 1 for k in range(points)])

    def span(first: int, last: int) -> slice:
        begin, end = np.searchsorted(ends, first), np.searchsorted(ends, last, side="right")
        return slice(int(begin), int(end) + 1)

    return [(span(w.first_in, w.last_in), span(w.first_out, w.last_out)) for w in windows]


def _scored(
    prepared: PreparedJob,
    sets: Sequence[dict[str, Any]],
    seeds: NDArray[np.uint64],
    spans: Sequence[tuple[slice, slice]],
    score: str,
    per_year: float,
) -> Scored:
    """Run some sets, and score them in every window: arrays of shape (windows, sets, paths)."""
    batch = prepared.run(sets, seeds)
    if (batch.status != 0).any():
        bad, path = (int(axis[0]) for axis in np.nonzero(batch.status))
        raise Refusal("strategy", f"a simulation that failed ({batch.error(bad, path)})", "none")
    cash = batch.metric("final_equity") - batch.metric("net_pnl")
    equity = np.concatenate([cash[:, :, None], batch.curves], axis=2, dtype=np.float64)
    found: dict[str, list[Floats]] = {}
    for inside, outside in spans:
        for kind, span in (("in", inside), ("out", outside)):
            for name, values in sums_of(SCORES[score], equity[:, :, span], per_year).items():
                found.setdefault(f"{kind}_{name}", []).append(values)
        found.setdefault("net_pnl", []).append(
            equity[:, :, outside][..., -1] - equity[:, :, outside][..., 0]
        )
    return {name: np.stack(values) for name, values in found.items()}


def _choices(scored: Sequence[Scored], windows: int, offset: int) -> pl.DataFrame:
    """Choose on each path among all sets."""
    every = {name: np.concatenate([one[name] for one in scored], axis=1) for name in scored[0]}
    inside, outside = every["in_value"], every["out_value"]
    paths = np.arange(inside.shape[2])
    frames: list[pl.DataFrame] = []
    for number in range(windows):
        # Of equals the first, as the study lists them.
        chosen = np.asarray(inside[number].argmax(axis=0))
        best = np.asarray(outside[number].argmax(axis=0))
        frames.append(
            pl.DataFrame(
                {
                    "window": np.full(len(paths), number, dtype=np.int64),
                    "path": offset + paths,
                    "parameter_set": chosen.astype(np.int64),
                    "in_sample": inside[number, chosen, paths],
                    "out_of_sample": outside[number, chosen, paths],
                    "best_out_of_sample": outside[number, best, paths],
                    "median_out_of_sample": np.median(outside[number], axis=0),
                    "net_pnl": every["net_pnl"][number, chosen, paths],
                    **{
                        f"_{kind}_{name}": every[f"{side}_{name}"][number, taken, paths]
                        for kind, side, taken in (
                            ("in", "in", chosen),
                            ("out", "out", chosen),
                            ("best", "out", best),
                        )
                        for name in SUMS
                    },
                }
            )
        )
    return pl.concat(frames)


def _table(choices: pl.DataFrame, windows: int, score: str, paths_per_unit: int) -> pl.DataFrame:
    rows = [
        _row(choices.filter(pl.col("window") == number), number, score, paths_per_unit)
        for number in range(windows)
    ]
    rows.append(_row(choices, None, score, paths_per_unit))
    return pl.DataFrame(rows, schema_overrides={"window": pl.Int64}).fill_nan(None)


def _row(
    choices: pl.DataFrame, window: int | None, score: str, paths_per_unit: int
) -> dict[str, Any]:
    """Sum up choices; errors are of independent units of paths, by their influences."""
    units = choices["path"].to_numpy() // paths_per_unit
    layout = Layout.of(np.zeros(len(choices)), units)
    found: dict[str, Linearised] = {}
    for kind in ("in", "out", "best"):
        sums = {name: layout.arrange(choices[f"_{kind}_{name}"].to_numpy()) for name in SUMS}
        sorted_rows = Layout(
            layout.keys, layout.units, layout.rows, layout.cells, None, layout.cell_rows
        )
        found[kind] = SCORES[score].of_choices(sums, sorted_rows)
    values = {kind: float(one.value[0]) for kind, one in found.items()}
    influences = {kind: one.influence for kind, one in found.items()}
    row: dict[str, Any] = {"window": window}
    row |= _with_errors("in_sample", values["in"], influences["in"])
    row |= _with_errors("out_of_sample", values["out"], influences["out"])
    efficiency, part = math.nan, np.full(2, np.nan)
    # What was not there in sample cannot be kept out of sample.
    certain = values["in"] > 2.0 * row["in_sample_std_error"] or len(layout.units) == 1
    if values["in"] > 0.0 and certain:
        efficiency = values["out"] / values["in"]
        part = (influences["out"] - efficiency * influences["in"]) / values["in"]
    row |= _with_errors("efficiency", efficiency, part)
    loss = influences["best"] - influences["out"]
    row |= _with_errors("selection_loss", values["best"] - values["out"], loss)
    most = choices["parameter_set"].value_counts()
    most = most.sort(["count", "parameter_set"], descending=[True, False])
    return row | {
        "chosen_most": int(most["parameter_set"][0]),
        "chosen_share": float(most["count"][0] / len(choices)),
        "paths": choices["path"].n_unique(),
    }


def _with_errors(name: str, value: float, influence: Floats) -> dict[str, float]:
    count = len(influence)
    error = math.sqrt((influence**2).mean() / (count - 1)) if count > 1 else math.nan
    return {name: value, f"{name}_std_error": error}


def _set_table(job: Job) -> pl.DataFrame:
    columns: dict[str, Any] = {"parameter_set": np.arange(len(job.space), dtype=np.int64)}
    columns |= {name: pl.Series(job.space.column(name), strict=False) for name in job.space.names}
    return pl.DataFrame(columns)


def _with_error(row: dict[str, Any], name: str) -> str:
    error = row[f"{name}_std_error"]
    return f"{row[name]:.3g}" + ("" if error is None else f" ± {error:.2g}")
