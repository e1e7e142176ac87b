"""Steps of the pipeline: ranges of partitions, and what a failure stops."""

from __future__ import annotations

from typing import Any

import pytest

from mc_assets import pipeline
from mc_assets.pipeline import PipelineError, Step, run_pipeline
from mc_assets.project import Project


@pytest.mark.parametrize(
    ("chosen", "ranges"),
    [
        (["a", "b", "c"], [("a", "c")]),
        (["a", "c", "d"], [("a", "a"), ("c", "d")]),
        (["d"], [("d", "d")]),
        ([], []),
    ],
)
def test_partitions_are_grouped_into_unbroken_ranges(
    chosen: list[str], ranges: list[tuple[str, str]]
) -> None:
    assert list(pipeline._runs_of(["a", "b", "c", "d"], chosen)) == ranges


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[str]:
    """Titles of the steps that ran; a step whose title ends in ``!`` fails."""
    titles: list[str] = []

    def run_step(step: Step, _: object) -> dict[str, float]:
        titles.append(step.title)
        if step.title.endswith("!"):
            raise PipelineError(f"{step.title} went wrong")
        return {"row_count": 1.0}

    monkeypatch.setattr(pipeline, "run_step", run_step)
    monkeypatch.setenv("MC_DATA", str(tmp_path))
    return titles


def test_a_series_that_fails_loses_no_other_but_nothing_is_built_on_it(ran: list[str]) -> None:
    steps = [
        Step("one!", ["bars"], independent=True),
        Step("two", ["bars"], independent=True),
        Step("three!", ["bars"], independent=True),
        Step("study", ["simulations"]),
    ]
    with pytest.raises(PipelineError, match=r"one! went wrong\nthree! went wrong"):
        run_pipeline(Project.from_environment(), steps)
    assert ran == ["one!", "two", "three!"]


def test_a_dependent_step_that_fails_ends_the_run(ran: list[str]) -> None:
    steps = [Step("one", ["bars"]), Step("two!", ["bars"]), Step("three", ["bars"])]
    with pytest.raises(PipelineError, match="two! went wrong"):
        run_pipeline(Project.from_environment(), steps)
    assert ran == ["one", "two!"]


def test_a_finished_step_says_what_it_made() -> None:
    summary = Step("x", []).summary({"row_count": 1234.0, "quarantined": 2.0, "failed": 0.0})
    assert summary == "1,234 rows, 2 quarantined, "
