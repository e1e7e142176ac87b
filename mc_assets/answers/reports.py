"""The page of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mc_assets.answers.studies import study_name
from mc_assets.project import Project

__all__ = ["WrittenReport", "make_report"]


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written.

    Parameters
    ----------
    report : Path
        The page.
    """

    report: Path


def make_report(
    project: Project, study: str, *, output: Path | None = None, kind: str = "html"
) -> WrittenReport:
    """Bring a study's statistics, tables and page up to date with its results.

    Parameters
    ----------
    project : Project
        Where the results lie.
    study : str
        Name of a study that has run, or its file.
    output : Path, optional
        The file; by default ``<data>/reports/STUDY.html``, or with the ending of `kind`.
    kind : {"html", "png", "svg", "pdf"}
        The page, or a still picture of the best parameter set.

    Raises
    ------
    Refusal
        If the study has no results.
    StudyFailed
        If more of its simulations failed than it allows.
    """
    from engine.errors import Refusal
    from engine.files import write_output
    from mc_assets.reports import report_picture, write_report
    from mc_assets.study_tables import write_statistics
    from mc_assets.warehouse import publish_warehouse

    if kind not in ("html", "png", "svg", "pdf"):
        raise Refusal("format", repr(kind), "html, png, svg, pdf")
    name = study_name(project, study)
    write_statistics(project.data, name)
    publish_warehouse(project)
    if kind == "html":
        return WrittenReport(write_report(project, name, output=output))
    path = output or project.reports / f"{name}.{kind}"
    picture = report_picture(project, name, kind)  # type: ignore[arg-type]
    return WrittenReport(write_output(path, picture))
