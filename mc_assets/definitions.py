"""The Dagster project: every asset, check, job and schedule, listed in one place."""

from __future__ import annotations

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from mc_assets.defs import (  # noqa: E402  (the warning filter must come first)
    bars,
    calibrations,
    experiments,
    nightly_simulations,
    panel,
    paper,
    reports,
    schedules,
    simulations,
    source_realism,
    statistics,
    walk_forward,
    warehouse,
)
from mc_assets.project import Project  # noqa: E402
from mc_assets.resources import Laboratory  # noqa: E402

__all__ = ["defs"]

defs = dg.Definitions(
    assets=[
        bars.raw_bars,
        bars.bars,
        calibrations.calibrations,
        source_realism.source_realism,
        simulations.simulations,
        nightly_simulations.nightly_simulations,
        statistics.statistics,
        panel.panel,
        paper.paper,
        experiments.experiments,
        walk_forward.walk_forward_windows,
        walk_forward.walk_forward,
        reports.reports,
        warehouse.warehouse,
    ],
    jobs=schedules.jobs,
    schedules=schedules.schedules,
    resources={"laboratory": Laboratory.from_project(Project.from_environment())},
    # One step per run: parallelism is the engine's own.
    executor=dg.in_process_executor,
)
