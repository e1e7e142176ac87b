"""Results of an earlier run, opened together with the study that can run them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.files import Root
from engine.jobs.job import Job
from engine.jobs.summary import JobSummary
from engine.market_data import MarketData
from engine.results.load import read_results
from engine.results.results import Results
from engine.studies.definition import StudyDefinition
from engine.studies.study import Study
from engine.studies.until import extend

__all__ = ["load_results"]


def load_results(
    root: Root,
    study: str,
    *,
    fingerprint: str | None = None,
    market_data: MarketData | None = None,
) -> Results:
    """Open the results of a study under a data root.

    Parameters
    ----------
    root : path or FileStore
        The data root.
    study : str
        Name of the study.
    fingerprint : str, optional
        Defaults to that of the latest run.
    market_data : MarketData, optional
        Where symbols are looked up when a simulation is run again.

    Raises
    ------
    Refusal
        If there are none.
    """
    results = read_results(root, study, fingerprint=fingerprint)
    definition = results.summary.definition
    if definition is None:
        return results
    return replace(results, remake=lambda: _job(results.summary, definition, market_data))


def _job(summary: JobSummary, definition: dict[str, object], market_data: MarketData | None) -> Job:
    file = None if summary.file is None else Path(summary.file)
    study = Study.from_definition(StudyDefinition.model_validate(definition), file)
    return extend(study.resolve(market_data), summary.seeds)
