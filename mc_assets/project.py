"""Where things lie: the checkout and its data folder. Nothing reads the working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mc_assets.study_files import find_study_file, study_files

__all__ = ["Project"]

_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Project:
    """Folders of one installation.

    Parameters
    ----------
    root : Path
        The checkout, which holds ``studies/``, ``seeds/`` and ``sql/``.
    data : Path
        The data folder: everything in it but ``sample/`` is produced.
    studies : Path
        Folder of study files.
    series : Path
        The file that names the series to ingest.
    """

    root: Path
    data: Path
    studies: Path
    series: Path

    @classmethod
    def from_environment(cls) -> Project:
        """Read the folders from ``MC_DATA``, ``MC_STUDIES``, ``MC_SERIES``, else the checkout's."""

        def folder(variable: str, default: Path) -> Path:
            return Path(os.environ.get(variable) or default).expanduser().resolve()

        return cls(
            root=_CHECKOUT,
            data=folder("MC_DATA", _CHECKOUT / "data"),
            studies=folder("MC_STUDIES", _CHECKOUT / "studies"),
            series=folder("MC_SERIES", _CHECKOUT / "mc_assets" / "series.yaml"),
        )

    @property
    def sql(self) -> Path:
        """Folder with one SQL file per table of the warehouse."""
        return self.root / "sql"

    @property
    def seeds(self) -> Path:
        """Folder of seed sets."""
        return self.root / "seeds"

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
    def study_files(self) -> dict[str, Path]:
        """Study files by the name inside them, in the order of the names."""
        return study_files(self.studies)

    def study_file(self, study: str) -> Path:
        """Path of a study given its name or its file; see `find_study_file`."""
        return find_study_file(self.studies, study)
