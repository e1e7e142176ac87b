"""Resources: where the project lies and how much of the machine it may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg

from mc_assets.project import Project

__all__ = ["Laboratory"]


class Laboratory(dg.ConfigurableResource[Any]):
    """Folders and threads that every asset works with.

    Attributes
    ----------
    root, data, studies, series : str
        As in `mc_assets.project.Project`.
    workers : int
        Threads of the simulation engine; 0 takes every core.
    """

    root: str
    data: str
    studies: str
    series: str
    workers: int = 0

    @classmethod
    def from_project(cls, project: Project, *, workers: int = 0) -> Laboratory:
        """Make the resource of a project."""
        return cls(
            root=str(project.root),
            data=str(project.data),
            studies=str(project.studies),
            series=str(project.series),
            workers=workers,
        )

    @property
    def threads(self) -> int:
        """Threads or processes that a step may use."""
        if self.workers:
            return self.workers
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    @property
    def project(self) -> Project:
        """The folders as paths."""
        return Project(
            root=Path(self.root),
            data=Path(self.data),
            studies=Path(self.studies),
            series=Path(self.series),
        )
