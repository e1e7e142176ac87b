"""Dagster's home inside the data folder, and what a crash leaves in it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mc_assets.home_lock import is_in_use
from mc_assets.home_process import fail_runs_elsewhere, holding_dagster_home
from mc_assets.instance import fail_runs_of_ui, open_instance, using_dagster_home
from mc_assets.own_runs import IS_TERMINAL
from mc_assets.project import Project


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DAGSTER_HOME", "")
    return dataclasses.replace(Project.from_environment(), data=tmp_path / "data")


@dg.job
def _nothing() -> None:
    """Do nothing."""


def _orphan(project: Project, tags: dict[str, str] | None = None) -> str:
    with open_instance(project) as instance:
        run = instance.create_run_for_job(
            _nothing, status=dg.DagsterRunStatus.STARTED, tags=tags or {}
        )
    return run.run_id


def _status(project: Project, run_id: str) -> dg.DagsterRunStatus:
    with open_instance(project) as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_the_home_is_prepared_with_telemetry_off(home: Project) -> None:
    with using_dagster_home(home), open_instance(home) as instance:
        assert not instance.telemetry_enabled
        assert os.environ["DAGSTER_HOME"] == str(home.dagster_home)


def test_a_run_orphaned_by_a_crash_is_failed_at_the_next_start(home: Project) -> None:
    run_id = _orphan(home)
    with using_dagster_home(home):
        assert _status(home, run_id) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_a_terminal_made_and_never_began_is_failed_at_the_next_start(
    home: Project,
) -> None:
    with open_instance(home) as instance:
        of_terminal = instance.create_run_for_job(_nothing, tags=dict(IS_TERMINAL)).run_id
        # The daemon of a UI begins those that it has made.
        of_ui = instance.create_run_for_job(_nothing).run_id
    with using_dagster_home(home):
        assert _status(home, of_terminal) == dg.DagsterRunStatus.FAILURE
        assert _status(home, of_ui) == dg.DagsterRunStatus.NOT_STARTED


def test_a_run_of_another_living_user_is_left_alone(home: Project) -> None:
    with using_dagster_home(home):
        run_id = _orphan(home)
        with using_dagster_home(home):
            assert _status(home, run_id) == dg.DagsterRunStatus.STARTED


def test_the_end_of_a_ui_fails_its_runs_and_leaves_those_of_terminals_alone(home: Project) -> None:
    with using_dagster_home(home):
        of_ui, of_terminal = _orphan(home), _orphan(home, IS_TERMINAL)
        assert fail_runs_of_ui(home) == 1
        assert _status(home, of_ui) == dg.DagsterRunStatus.FAILURE
        assert _status(home, of_terminal) == dg.DagsterRunStatus.STARTED


@pytest.mark.slow
def test_processes_that_end_do_to_a_home_what_the_ui_needs_of_dagster(home: Project) -> None:
    orphan = _orphan(home)
    with holding_dagster_home(home):
        assert is_in_use(home.dagster_home)
        assert _status(home, orphan) == dg.DagsterRunStatus.FAILURE
        of_ui, of_terminal = _orphan(home), _orphan(home, IS_TERMINAL)
        # Beside another user no run is taken for an orphan.
        with holding_dagster_home(home):
            assert _status(home, of_ui) == dg.DagsterRunStatus.STARTED
        fail_runs_elsewhere(home)
        assert _status(home, of_ui) == dg.DagsterRunStatus.FAILURE
        assert _status(home, of_terminal) == dg.DagsterRunStatus.STARTED
    assert not is_in_use(home.dagster_home)
    for path in (home.dagster_home / "history").rglob("*.db"):
        path.write_bytes(b"no database")
    with (
        pytest.raises(OSError, match=r"^cannot write Dagster's history in .*: a database is damag"),
        holding_dagster_home(home),
    ):
        pass


WORKER = """
import dagster as dg
from mc_assets.instance import open_instance
from mc_assets.project import Project

@dg.job
def nothing():
    pass

with open_instance(Project.from_environment()) as instance:
    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
    print(run.run_id, flush=True)
    input()
"""


def test_a_run_whose_worker_lives_is_left_alone_though_whoever_started_it_is_gone(
    home: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_DATA", str(home.data))
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # What `dagster dev` does with the processes that it starts.
        close_fds=True,
    )
    assert worker.stdout is not None
    with worker:
        run_id = worker.stdout.readline().strip()
        with using_dagster_home(home):
            assert _status(home, run_id) == dg.DagsterRunStatus.STARTED
        worker.kill()
    with using_dagster_home(home):
        assert _status(home, run_id) == dg.DagsterRunStatus.FAILURE


def test_a_run_of_this_process_is_left_alone_while_its_instance_is_open(home: Project) -> None:
    with open_instance(home) as instance:
        run = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.STARTED)
        with using_dagster_home(home):
            assert _status(home, run.run_id) == dg.DagsterRunStatus.STARTED
    with using_dagster_home(home):
        assert _status(home, run.run_id) == dg.DagsterRunStatus.FAILURE


def test_a_place_in_a_pool_that_a_crash_left_taken_is_free_again(home: Project) -> None:
    with open_instance(home) as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("calibrations")
        dead = storage.claim_concurrency_slot("calibrations", run_id="dead", step_key="step")
        assert dead.is_claimed
        assert not storage.claim_concurrency_slot(
            "calibrations", run_id="b", step_key="s"
        ).is_claimed
    with using_dagster_home(home), open_instance(home) as instance:
        storage = instance.event_log_storage
        assert storage.claim_concurrency_slot("calibrations", run_id="c", step_key="s").is_claimed
