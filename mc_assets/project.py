"""Where things lie: the checkout and its data folder. Nothing reads the working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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
        """Study files by name (the file's stem), sorted by name."""
        found = [*self.studies.glob("*.yaml"), *self.studies.glob("*.yml")]
        return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}

    def study_file(self, study: str) -> Path:
        """Path of a study given its name or its file.

        Raises
        ------
        ValueError
            If there is neither a file of that path nor a study of that name.
        """
        path = Path(study).expanduser()
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return path.resolve()
        if study in self.study_files:
            return self.study_files[study]
        allowed = ", ".join(self.study_files) or f"none: {self.studies} holds no study file"
        raise ValueError(f"study: found {study!r}, allowed a YAML file or one of {allowed}")
