"""What a study's results were made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.errors import Refusal
from mc_assets.answers.studies import study_name
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.jobs.lineage import BarsLineage, CalibrationLineage
    from engine.results import Results

__all__ = [
    "StudyLineage",
    "UsedBars",
    "UsedCalibration",
    "explain_fingerprint",
    "study_lineage",
]

_A_FINGERPRINT: Final = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True)
class UsedBars:
    """Bars that a study looked at.

    Parameters
    ----------
    made_of : BarsLineage
        The series and its hashes.
    stored_through : int or None
        Year through which the stored history still has the hash; None if it has changed since.
    """

    made_of: BarsLineage
    stored_through: int | None


@dataclass(frozen=True)
class UsedCalibration:
    """The calibration that a study took its parameters from.

    Parameters
    ----------
    made_of : CalibrationLineage
        What was calibrated, and its hashes.
    stored : bool
        Whether the stored calibration of that date is still the same.
    """

    made_of: CalibrationLineage
    stored: bool


@dataclass(frozen=True)
class StudyLineage:
    """What the latest results of a study were made of.

    Parameters
    ----------
    study, fingerprint : str
        Names of the study and of its results.
    world : str
        World of its rows, as each of them says.
    engine_version : str
        Numerical version of the engine.
    source, strategy : str
        Registered names.
    file : str or None
        The study file.
    year : str
        How many bars annual figures count as a year.
    bars : tuple of UsedBars
        One per symbol; empty where no bars were needed.
    calibration : UsedCalibration or None
        None where the study names none.
    """

    study: str
    fingerprint: str
    world: str
    engine_version: str
    source: str
    strategy: str
    file: str | None
    year: str
    bars: tuple[UsedBars, ...]
    calibration: UsedCalibration | None


def study_lineage(project: Project, study: str) -> StudyLineage:
    """Say which bars and which calibration made a study's results, and whether they still stand.

    Parameters
    ----------
    project : Project
        Where results, bars and calibrations lie.
    study : str
        Name of a study that has run, or its file.

    Raises
    ------
    Refusal
        If the study has no results.
    """
    from engine.results import read_results

    return _lineage(project, read_results(project.results_root, study_name(project, study)))


def explain_fingerprint(project: Project, fingerprint: str) -> StudyLineage:
    """Say which study's results a fingerprint names, and what they were made of.

    Parameters
    ----------
    project : Project
        Where results, bars and calibrations lie.
    fingerprint : str
        Of any results that are stored, not of the latest alone; its first four letters or more.

    Raises
    ------
    Refusal
        If it is none, no results have it, or several do.
    """
    from engine.results import read_results

    if not _A_FINGERPRINT.fullmatch(fingerprint):
        raise Refusal("fingerprint", repr(fingerprint), "4 to 16 of the signs 0 to 9 and a to f")
    results = project.data / "results"
    found = sorted(path.parent for path in results.glob(f"*/{fingerprint}*/study.json"))
    if len(found) != 1:
        names = ", ".join(f"{path.name} of {path.parent.name}" for path in found)
        raise Refusal(
            "fingerprint",
            f"{fingerprint!r}, which {f'begins {names}' if found else 'no stored results have'}",
            "that of one study's results",
        )
    (folder,) = found
    return _lineage(
        project, read_results(project.data, folder.parent.name, fingerprint=folder.name)
    )


def _lineage(project: Project, results: Results) -> StudyLineage:
    summary = results.summary
    calibration = summary.lineage.calibration
    return StudyLineage(
        study=summary.study,
        fingerprint=summary.fingerprint,
        world=summary.world,
        engine_version=summary.engine_version,
        source=summary.source,
        strategy=summary.strategy,
        file=summary.file,
        year=summary.year,
        bars=tuple(_used_bars(project, bars) for bars in summary.lineage.bars),
        calibration=None if calibration is None else _used_calibration(project, calibration),
    )


def _used_bars(project: Project, bars: BarsLineage) -> UsedBars:
    from mc_assets.market_data import BarStore
    from mc_assets.market_data.history import history_hashes

    hashes = history_hashes(BarStore(project.data), bars.symbol, bars.timeframe)
    years = {found: year for year, found in hashes.items()}
    return UsedBars(bars, years.get(bars.history_hash))


def _used_calibration(project: Project, calibration: CalibrationLineage) -> UsedCalibration:
    from mc_assets.calibration_store import CalibrationStore

    table = CalibrationStore(project.data).read(calibration.symbol, calibration.timeframe)
    hashes = table.filter(table["model"] == calibration.model)["calibration_hash"]
    return UsedCalibration(calibration, calibration.calibration_hash in hashes.to_list())
