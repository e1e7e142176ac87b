"""What a study needs of the market before it can run, made on demand."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mc_assets.answers.steps import StepCallback, run_steps
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.studies.definition import SourceDefinition

__all__ = [
    "MissingCalibration",
    "calibration_missing_for",
    "make_calibration",
    "missing_calibration",
]


@dataclass(frozen=True)
class MissingCalibration:
    """A calibration that a study asks for and that nothing was stored of.

    Parameters
    ----------
    series : str
        Such as ``SP500@1d``.
    as_of : datetime.date or None
        The date that the study names; None means that of the newest bar.
    """

    series: str
    as_of: datetime.date | None


def missing_calibration(
    project: Project, study: str, settings: Sequence[str] = ()
) -> MissingCalibration | None:
    """Return the calibration that a study lacks.

    What is stored and cannot be used (damaged, failed, of another version) is left to the study,
    which says so; so is a series that there is not, or has no bars.

    Parameters
    ----------
    project : Project
        Where everything lies.
    study : str
        Name of a study, or a study file.
    settings : sequence of str
        Changes such as ``source.calibration=2015-06-30``.

    Raises
    ------
    Refusal
        If the study, or a change of it, cannot be used.
    """
    from engine.studies import load_definition
    from engine.studies.overrides import override

    asked = override(load_definition(project.study_file(study)), list(settings))
    return calibration_missing_for(project, asked.source)


def calibration_missing_for(
    project: Project, source: SourceDefinition
) -> MissingCalibration | None:
    """Return the calibration that a source of paths lacks, as `missing_calibration` does."""
    if source.calibration is None or not isinstance(source.symbol, str):
        return None

    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.market_data import load_series
    from mc_assets.market_data.files import symbol_folder, years_of

    wanted = (source.symbol, source.timeframe)
    for series in load_series(project.series).series:
        if wanted != (series.symbol, series.timeframe):
            continue
        if not years_of(symbol_folder(project.data, "bars", *wanted)):
            return None
        table = CalibrationStore(project.data).table.read(*wanted, allow_damaged=True)
        stored = table.filter(table["model"] == source.model)
        day = None if source.calibration == "latest" else source.calibration
        which = stored["status"] == "ok" if day is None else stored["as_of"] == day
        stored = stored.filter(which)
        return MissingCalibration(series.key, day) if stored.is_empty() else None
    return None


def make_calibration(
    project: Project, missing: MissingCalibration, progress: StepCallback | None = None
) -> None:
    """Calibrate the models of the series through Dagster.

    Raises
    ------
    Refusal
        If there are no bars, or the date is none on which calibrations are made.
    PipelineError
        If the run fails.
    """
    from mc_assets.steps import calibration_steps

    run_steps(project, calibration_steps(project, [missing.series], as_of=missing.as_of), progress)
