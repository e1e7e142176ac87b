"""Where things lie: the folder of a project, and what is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.errors import Refusal
from engine.home import data_address, data_folder, home_folder, shipped

__all__ = ["IN_A_BUCKET", "Project", "series_path"]

#: Commands of which the data root may lie in an object store.
IN_A_BUCKET: Final = (
    "`mc ingest`, `mc calibrate`, `mc backfill`, `mc run STUDY`, `mc show`, `mc studies` and "
    "`mc runs`"
)


def series_path() -> Path:
    """File of the series: ``MC_SERIES``, the project's ``series.yaml``, or the checkout's."""
    given = os.environ.get("MC_SERIES")
    if given:
        return Path(given).expanduser().resolve()
    home = home_folder()
    own, checkout = home / "series.yaml", home / "mc_assets" / "series.yaml"
    return checkout if checkout.is_file() and not own.is_file() else own


@dataclass(frozen=True)
class Project:
    """Folders of one project.

    Parameters
    ----------
    root : Path
        The project's folder; `engine.home.home_folder` says how it is found.
    data : Path
        The data folder: everything in it but ``sample/`` is produced.
    studies : Path
        Folder of study files.
    series : Path
        The file that names the series to ingest.
    sql : Path
        Folder with one SQL file per table of the warehouse; by default those of this version.
    bucket : str or None
        Address of the object store that the data root lies in, such as ``s3://lab/data``: results
        are kept there, and `data` is a copy of its market data (`mc_assets.bucket_project`).
    """

    root: Path
    data: Path
    studies: Path
    series: Path
    sql: Path = field(default_factory=lambda: shipped("mc_assets", "sql"))
    bucket: str | None = None

    @classmethod
    def from_environment(cls) -> Project:
        """Read the folders from ``MC_DATA``, ``MC_STUDIES``, ``MC_SERIES``, else the project's.

        Raises
        ------
        Refusal
            If the data root is an object store; `mc_assets.bucket_project` opens such a project.
        """
        if (address := data_address()) is not None:
            raise Refusal(
                "MC_DATA",
                repr(address),
                "a folder, since this command needs files of a disk",
                hint=f"in an object store work {IN_A_BUCKET}",
            )
        home = home_folder()

        def folder(variable: str, name: str) -> Path:
            return Path(os.environ.get(variable) or home / name).expanduser().resolve()

        return cls(
            root=home,
            data=data_folder(),
            studies=folder("MC_STUDIES", "studies"),
            series=series_path(),
        )

    @property
    def results_root(self) -> Path | str:
        """The data root that results of studies lie in."""
        return self.bucket or self.data

    @property
    def seeds(self) -> Path:
        """Folder of the project's own seed sets."""
        return self.root / "seeds"

    @property
    def policies(self) -> Path:
        """Folder of policy files, beside the studies."""
        return self.studies / "policies"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps runs, events and partitions."""
        return self.data / "dagster_home"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB file."""
        return self.data / "warehouse" / "mc.duckdb"

    @property
    def reports(self) -> Path:
        """Folder of HTML reports."""
        return self.data / "reports"

    @property
    def experiments(self) -> tuple[Path, Path]:
        """Folders of experiments: beside the data, and beside the studies."""
        return self.reports, self.root / "reports"

    @property
    def study_files(self) -> dict[str, Path]:
        """Study files by the name inside them, in the order of the names."""
        from mc_assets.study_files import study_files

        return study_files(self.studies)

    @property
    def policy_files(self) -> dict[str, Path]:
        """Policy files by the name inside them, in the order of the names."""
        from mc_assets.policy_files import policy_files

        return policy_files(self.policies)

    def study_file(self, study: str) -> Path:
        """Path of a study given its name or its file; see `find_study_file`."""
        from mc_assets.study_files import find_study_file

        return find_study_file(self.studies, study)
