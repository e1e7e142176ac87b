"""An experiment as a journal of Optuna, for its dashboard."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import Refusal
from mc_assets.project import Project

__all__ = ["export_to_optuna"]

_DIRECTIONS = {"maximise": "maximize", "minimise": "minimize"}


def export_to_optuna(
    project: Project, experiment: str, file: Path, folder: Path | None = None
) -> int:
    """Write the trials of an experiment into a journal file of Optuna.

    Parameters
    ----------
    project : Project
        Its folders of experiments are looked through.
    experiment : str
        Its name.
    file : Path
        The journal; an experiment that is there already is not written twice.
    folder : Path, optional
        Another folder with folders of experiments.

    Returns
    -------
    int
        How many trials were written. Statistics, their errors and what became of a trial are its
        user attributes; one that does not count is pruned, of several objectives failed.

    Raises
    ------
    Refusal
        If Optuna is not installed, there is no such experiment, or the journal has one of its name.
    """
    from engine.files import read_json, read_parquet, write_output
    from mc_assets.experiment_folder import SUMMARY

    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    roots = project.experiments if folder is None else (folder,)
    own = next(
        (root / experiment for root in roots if (root / experiment / SUMMARY).is_file()), None
    )
    if own is None:
        names = sorted(path.parent.name for root in roots for path in root.glob(f"*/{SUMMARY}"))
        raise Refusal("experiment", repr(experiment), ", ".join(names) or "none has finished yet")
    summary, resolved = read_json(own / SUMMARY), read_json(own / "resolved.json")
    trials = read_parquet(own, own / "trials.parquet")
    objectives = [text.split() for text in summary["objectives"]]
    distributions = {
        item["name"]: _distribution(optuna, item["kind"], item["arguments"], trials[item["name"]])
        for item in resolved["space"]
    }
    # Beside the journal that is there, which is replaced whole: a line that a kill or a full disk
    # cut would make it unreadable.
    with tempfile.TemporaryDirectory() as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        written = Path(aside) / "journal.log"
        if file.is_file():
            write_output(written, file.read_bytes())
        storage = optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(written))
        )
        if any(study.study_name == experiment for study in storage.get_all_studies()):
            raise Refusal("--optuna", f"{file}, which has {experiment!r}", "another file")
        study = optuna.create_study(
            storage=storage,
            study_name=experiment,
            directions=[_DIRECTIONS[way] for way, _ in objectives],
        )
        for name, value in (("strategy", summary["strategy"]), ("sentence", summary["sentence"])):
            study.set_user_attr(name, value)
        study.add_trials(
            [_trial(optuna, row, objectives, distributions) for row in trials.to_dicts()]
        )
        write_output(file, written.read_bytes())
    return len(trials)


def _trial(
    optuna: Any, row: dict[str, Any], objectives: list[list[str]], distributions: dict[str, Any]
) -> Any:
    state = optuna.trial.TrialState
    values = [row[name] for _, name in objectives]
    counts = row["status"] == "finished"
    # Optuna prunes trials of one objective only.
    other = state.FAIL if len(objectives) > 1 else state.PRUNED
    attributes = {
        name: value
        for name, value in row.items()
        if name not in distributions and name != "trial" and value is not None
    }
    return optuna.trial.create_trial(
        state=state.COMPLETE if counts else other,
        values=values if counts else None,
        params={name: row[name] for name in distributions},
        distributions=distributions,
        user_attrs=attributes,
    )


def _distribution(optuna: Any, kind: str, arguments: list[Any], tried: pl.Series) -> Any:
    made = optuna.distributions
    if kind == "choice":
        return made.CategoricalDistribution(arguments)
    if kind in ("integer", "log_integer"):
        return made.IntDistribution(int(arguments[0]), int(arguments[1]), log=kind == "log_integer")
    if kind == "normal":
        # Mean and deviation: Optuna knows ends alone.
        values = tried.to_list()
        return made.FloatDistribution(min(values), max(values))
    low, high = (float(value) for value in arguments[:2])
    return made.FloatDistribution(low, high, log=kind == "log_uniform")


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise Refusal(
            "--optuna",
            "Optuna, which is not installed",
            hint="pip install 'mc-lab[search]'",
        ) from None
    return optuna
