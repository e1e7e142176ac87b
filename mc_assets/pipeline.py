"""The whole way from bars to reports, as Dagster runs in this process.

`mc run` without a study and the end-to-end tests use it; the UI and the schedules launch the
same assets by themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.project import Project

__all__ = ["PipelineError", "Step", "StepResult", "plan", "run_all", "run_step"]


class PipelineError(ValueError):
    """A step failed; everything finished before it is kept."""


@dataclass(frozen=True)
class Step:
    """One Dagster run: some assets over a range of partitions.

    Parameters
    ----------
    title : str
        What a person reads while it runs.
    assets : sequence of str
        Names of the assets to materialise.
    partitions : tuple of (str, str), optional
        First and last partition key of the range.
    """

    title: str
    assets: Sequence[str]
    partitions: tuple[str, str] | None = None


@dataclass(frozen=True)
class StepResult:
    """What a step did and how long it took."""

    step: Step
    seconds: float
    metadata: dict[str, dict[str, object]] = field(default_factory=dict)


def plan(project: Project, *, studies: Sequence[str] | None = None) -> list[Step]:
    """Steps from raw bars to reports for every series and study of a project.

    Parameters
    ----------
    project : Project
        Where the series file and the studies lie.
    studies : sequence of str, optional
        Names of the studies to run; all by default.
    """
    from mc_assets.defs.partitions import SEED_BLOCKS
    from mc_assets.market_data import load_series, series_years

    config = load_series(project.series)
    steps = []
    for key in config.keys:
        years = series_years(config, key)
        steps.append(
            Step(
                f"bars of {key}, {years[0]}–{years[-1]}",
                ["raw_bars", "bars"],
                (f"{key}|{years[0]}", f"{key}|{years[-1]}"),
            )
        )
    as_of = f"{last_session(project)}"
    steps.append(
        Step(
            f"calibrations as of {as_of}",
            ["calibrations"],
            (f"{as_of}|{config.keys[0]}", f"{as_of}|{config.keys[-1]}"),
        )
    )
    names = list(project.study_files) if studies is None else list(studies)
    for name in names:
        steps.append(
            Step(f"study {name}", ["simulations"], (f"00|{name}", f"{SEED_BLOCKS - 1:02d}|{name}"))
        )
    return steps
