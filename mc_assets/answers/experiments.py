"""Experiments: searches that leave a folder, their list and their leaderboard."""

from __future__ import annotations

import datetime
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from engine.errors import Refusal
from engine.search.progress import SearchProgress
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.search import Search, SearchOutcome

__all__ = [
    "Experiment",
    "SearchProgress",
    "experiments",
    "leaderboard",
    "run_experiment",
    "run_quick_experiment",
    "run_search",
]


log = logging.getLogger(__name__)

# What the list and the leaderboard read of a summary.
_READ: Final = frozenset(
    {"experiment", "strategy", "series", "world", "data", "method", "objectives", "tried"}
    | {"leaders"}
)


@dataclass(frozen=True)
class Experiment:
    """An experiment that ran.

    Parameters
    ----------
    name : str
        Its name.
    folder : Path
        Where everything of it lies.
    outcome : SearchOutcome
        What the search came to.
    """

    name: str
    folder: Path
    outcome: SearchOutcome


def run_experiment(
    project: Project,
    file: Path | str,
    *,
    out: Path | None = None,
    replace: bool = False,
    workers: str | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
) -> Experiment:
    """Run the search of a study file with an objective, or of an experiment file.

    Parameters
    ----------
    project : Project
        Where series, calibrations and strategies are looked up; its trial ledger counts the sets.
    file : Path or str
        The file, or the name of a study.
    out : Path, optional
        The experiment's folder; by default one of its name among the reports. A search that was
        interrupted goes on from there.
    replace : bool
        Whether an experiment of other data or settings in that folder makes way.
    workers : str, optional
        Threads.
    progress : callable, optional
        Called with a `SearchProgress` after each generation.

    Raises
    ------
    Refusal
        Names the file, the field, what was found and what is allowed.
    """
    from engine.search import Search
    from engine.studies import load_study
    from engine.yaml_text import YamlError, read_yaml_file
    from mc_assets.experiment_file import ExperimentFile, is_experiment

    path = Path(file) if str(file).endswith((".yaml", ".yml")) else project.study_file(str(file))
    if not path.is_file():
        raise Refusal("file", f"there is no file {path}")
    try:
        content = read_yaml_file(path)
        if isinstance(content, Mapping) and is_experiment(content):
            asked = ExperimentFile.of(content)
            threads = asked.optimization.parallel_workers
            workers = workers or (str(threads) if threads else None)
            search, name = asked.search(project, path.parent), asked.experiment_name
        else:
            study = load_study(path)
            search, name = Search.of_study(study), study.name
        text = path.read_text(encoding="utf-8")
        return run_search(
            project,
            search,
            name,
            text,
            out=out,
            workers=workers,
            progress=progress,
            replace=replace,
        )
    except YamlError as error:
        where = "experiment" if error.line is None else f"line {error.line}"
        raise Refusal(where, error.problem, "valid YAML with each key once", file=path) from None
    except Refusal as refusal:
        raise refusal.in_file(path) from None


def run_quick_experiment(
    project: Project,
    *,
    strategy: str,
    data: Path,
    method: str = "random",
    samples: int = 100,
    seed: int = 0,
    objective: str = "sharpe",
    out: Path | None = None,
    replace: bool = False,
    workers: str | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
) -> Experiment:
    """Search every declared parameter of a strategy on a file of bars.

    Parameters
    ----------
    project : Project
        As of `run_experiment`, like `out`, `replace`, `workers` and `progress`.
    strategy : str
        Name of a strategy, or a Python file with one.
    data : Path
        CSV or Parquet file of bars.
    method, samples, seed, objective
        As ``optimization`` of an experiment file.

    Raises
    ------
    Refusal
        If something cannot be used.
    """
    import yaml

    from mc_assets.experiment_file import ExperimentFile

    name = out.name if out is not None else f"{Path(strategy).stem}_{data.stem}_{method}"
    content = {
        "experiment_name": name,
        "data": {"path": str(data.resolve())},
        "strategy": str(Path(strategy).resolve()) if strategy.endswith(".py") else strategy,
        "optimization": {
            "method": method,
            "samples": samples,
            "seed": seed,
            "objective": objective,
        },
    }
    search = ExperimentFile.of(content).search(project, Path())
    text = yaml.safe_dump(content, sort_keys=False)
    return run_search(
        project, search, name, text, out=out, replace=replace, workers=workers, progress=progress
    )


def experiments(project: Project, folder: Path | None = None) -> pl.DataFrame:
    """List the experiments that finished.

    Parameters
    ----------
    project : Project
        Its folders of experiments are looked through.
    folder : Path, optional
        Another folder with folders of experiments.

    Returns
    -------
    polars.DataFrame
        ``experiment``, ``strategy``, ``series``, ``method``, ``objective``, ``tried``,
        ``finished_at``, ``folder``; newest first.
    """
    rows = [
        {
            "experiment": summary["experiment"],
            "strategy": summary["strategy"],
            "series": summary["series"],
            "method": summary["method"],
            "objective": summary["objectives"][0],
            "tried": summary["tried"],
            "finished_at": datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC),
            "folder": str(path.parent),
        }
        for path, summary in _summaries(project, folder)
    ]
    kinds: dict[str, Any] = {"tried": pl.Int64, "finished_at": pl.Datetime("us", "UTC")}
    names = ("experiment", "strategy", "series", "method", "objective", "tried", "finished_at")
    schema: dict[str, Any] = {name: kinds.get(name, pl.String) for name in (*names, "folder")}
    return pl.DataFrame(rows, schema=schema).sort("finished_at", descending=True)


def leaderboard(
    project: Project, statistic: str | None = None, folder: Path | None = None
) -> pl.DataFrame:
    """Rank the leaders of all experiments of the same data by one statistic on fresh paths.

    Parameters
    ----------
    project : Project
        Its folders of experiments are looked through.
    statistic : str, optional
        Experiments that wanted another one are left out; by default what most of them wanted.
    folder : Path, optional
        Another folder with folders of experiments.

    Returns
    -------
    polars.DataFrame
        ``statistic``, ``data`` and its ``data_hash``, ``rank`` within it, ``experiment``,
        ``strategy``, ``parameters``, ``claim``, ``fresh``, ``fresh_low``, ``fresh_high``,
        ``within_noise``: whether the difference from the first of the same data is less than 1.96
        standard errors.
        Errors are taken as independent, which is more than paths in common would leave.

    Raises
    ------
    Refusal
        If no experiment wanted that statistic.
    """
    found = [summary for _, summary in _summaries(project, folder)]
    rows: list[dict[str, Any]] = []
    wanted = Counter(_wanted(summary) for summary in found if _fresh_leaders(summary))
    if statistic is None and wanted:
        # Of several equally common ones the first by name, so that the answer is always the same.
        statistic = min(wanted, key=lambda name: (-wanted[name], name))
    for summary in found:
        if _wanted(summary) == statistic:
            direction = summary["objectives"][0].partition(" ")[0]
            rows += [_row(summary, leader, direction) for leader in _fresh_leaders(summary)]
    if not rows:
        if not wanted:
            raise Refusal(
                "experiments",
                "there are none with results on fresh paths",
                hint="`mc optimise run EXPERIMENT.yaml` runs one",
            )
        raise Refusal(
            "statistic",
            f"{statistic!r}, which no experiment with results on fresh paths wanted",
            ", ".join(sorted(wanted)),
        )
    rows.sort(
        key=lambda row: (
            row["data"],
            row["data_hash"],
            -row["_sign"] * row["fresh"],
            row["experiment"],
        )
    )
    first: dict[str, dict[str, Any]] = {}
    ranks: dict[str, int] = {}
    for row in rows:
        data = row["data_hash"]
        best = first.setdefault(data, row)
        ranks[data] = row["rank"] = ranks.get(data, 0) + 1
        error = math.hypot(best["_error"] or math.nan, row["_error"] or math.nan)
        row["within_noise"] = (
            None if math.isnan(error) else abs(best["fresh"] - row["fresh"]) < 1.96 * error
        )
        row["statistic"] = statistic
    names = ("statistic", "data", "data_hash", "rank", "experiment", "strategy", "parameters")
    numbers = ("claim", "fresh", "fresh_low", "fresh_high")
    schema: dict[str, Any] = dict.fromkeys(names, pl.String)
    schema |= {**dict.fromkeys(numbers, pl.Float64), "rank": pl.Int64, "within_noise": pl.Boolean}
    return pl.DataFrame([{key: row[key] for key in schema} for row in rows], schema=schema)


def run_search(
    project: Project,
    search: Search,
    name: str,
    text: str,
    *,
    out: Path | None = None,
    workers: str | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
    replace: bool = False,
) -> Experiment:
    """Run a search that is at hand, and write its folder.

    Parameters
    ----------
    project, out, workers, progress, replace
        As of `run_experiment`.
    search : Search
        What to search.
    name, text : str
        Name of the experiment, and what was asked as it is kept in its folder.
    """
    from mc_assets.experiment_folder import write_experiment
    from mc_assets.stored_market_data import StoredMarketData

    folder = out or project.reports / name
    try:
        outcome = search.run(
            folder=folder,
            replace=replace,
            ledger=project.data,
            market_data=StoredMarketData(project),
            workers=workers if workers is None or not workers.isdecimal() else int(workers),
            progress=progress,
        )
    except Refusal as refusal:
        if refusal.field != "folder":
            raise
        hint = "`mc optimise run --replace` begins anew, `--out FOLDER` writes elsewhere"
        raise Refusal("folder", refusal.found, refusal.allowed, hint=hint) from None
    settings = search.settings.model_dump(mode="json")
    write_experiment(folder, name, text, settings, outcome)
    return Experiment(name, folder, outcome)


def _summaries(project: Project, folder: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Read the summaries of a folder; one that is damaged, or no experiment's, hides no other."""
    from engine.files import DamagedFile, read_json
    from mc_assets.experiment_folder import SUMMARY

    roots = project.experiments if folder is None else (folder,)
    found = []
    for path in (path for root in roots for path in sorted(root.glob(f"*/{SUMMARY}"))):
        try:
            summary = read_json(path)
        except (DamagedFile, OSError) as damage:
            log.warning("%s; its experiment is left out", damage)
            continue
        if summary.keys() >= _READ:
            found.append((path, summary))
        else:
            log.warning("%s says too little for an experiment; it is left out", path)
    return found


def _wanted(summary: dict[str, Any]) -> str:
    """Return the statistic that an experiment wanted, the first of several."""
    return str(summary["objectives"][0]).split()[-1]


def _fresh_leaders(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the leaders of an experiment that ran on fresh paths."""
    return [leader for leader in summary["leaders"] if leader["fresh"] is not None]


def _row(summary: dict[str, Any], leader: dict[str, Any], direction: str) -> dict[str, Any]:
    from engine.search.confirm import LEADERS

    values = {name: value for name, value in leader.items() if name not in LEADERS}
    return {
        "data": summary["series"] or summary["world"],
        "data_hash": summary["data"] or summary["world"],
        "experiment": summary["experiment"],
        "strategy": summary["strategy"],
        "parameters": ", ".join(f"{name}={value}" for name, value in values.items()),
        **{name: leader[name] for name in ("claim", "fresh", "fresh_low", "fresh_high")},
        "_error": leader["fresh_std_error"],
        "_sign": 1.0 if direction == "maximise" else -1.0,
    }
