"""The folder that Dagster keeps its history in, prepared without Dagster."""

from __future__ import annotations

import os

from engine.files import write_whole
from engine.home import shipped
from mc_assets.project import Project

__all__ = ["prepare_dagster_home"]


def prepare_dagster_home(project: Project) -> None:
    """Create DAGSTER_HOME inside the data folder and point this process at it."""
    home = project.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    template = shipped("mc_assets", "dagster.yaml")
    settings = home / "dagster.yaml"
    if not settings.exists() or settings.read_bytes() != template.read_bytes():
        # Whole: another process may be reading it.
        write_whole(settings, template.read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    # Events of many partitions reach `mc_assets.event_log` together.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
