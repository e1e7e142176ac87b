"""The Dagster project: every asset, check, job and sensor, listed in one place."""

from __future__ import annotations

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from mc_assets.defs import (  # noqa: E402  (the warning filter must come first)
    bars,
    calibrations,
    console,
    experiments,
    failures,
    jobs,
    nightly_chain,
    nightly_simulations,
    panel,
    paper,
    policies,
    reports,
    simulations,
    source_realism,
    statistics,
    study_files,
    ticks,
    walk_forward,
    warehouse,
    watching,
)
from mc_assets.project import Project  # noqa: E402
from mc_assets.resources import Laboratory  # noqa: E402

__all__ = ["defs"]

console.keep_events_off_the_terminal()

defs = dg.Definitions(
    assets=[
        bars.raw_bars,
        bars.bars,
        ticks.ticks,
        study_files.study_files,
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
        policies.trained_policies,
        policies.policy_evaluations,
        reports.reports,
        warehouse.warehouse,
    ],
    jobs=jobs.jobs,
    sensors=[
        nightly_chain.nightly_chain,
        watching.dropped_files,
        watching.study_files_changed,
        failures.failures_told,
        paper.paper_after_the_close,
    ],
    resources={"laboratory": Laboratory.from_project(Project.from_environment())},
    # One step per run: parallelism is the engine's own.
    executor=dg.in_process_executor,
)
