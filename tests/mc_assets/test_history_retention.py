"""Old runs are forgotten by a setting; nothing that they made looks missing for that."""

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from engine.errors import Refusal
from mc_assets.answers.prune import prune
from mc_assets.history_retention import forget_old_runs
from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.offered_periods import PERIODS
from mc_assets.project import Project
from mc_assets.run_limits import RUN_HOURS, run_limits

LATER = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=91)
cells = dg.MultiPartitionsDefinition(
    {
        "period": dg.DynamicPartitionsDefinition(name=PERIODS),
        "series": dg.StaticPartitionsDefinition(["a", "b"]),
    }
)


@dg.asset(partitions_def=cells, check_specs=[dg.AssetCheckSpec("fine", asset="numbers")])
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    print(context.partition_key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="fine", passed=True)])


@dg.asset
def table() -> None:
    """Make nothing."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DAGSTER_HOME", "")
    return dataclasses.replace(Project.from_environment(), data=tmp_path / "data")


@pytest.fixture
def instance(home: Project) -> Iterator[dg.DagsterInstance]:
    with using_dagster_home(home), open_instance(home) as opened:
        yield opened


def _run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, key: str | None = None) -> str:
    done = dg.materialize([asset], instance=instance, partition_key=key)
    assert done.success
    return done.run_id


def _runs(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_a_run_whose_partition_was_made_again_is_forgotten_with_its_files(
    instance: dg.DagsterInstance, home: Project
) -> None:
    first, last = (_run(instance, numbers, "1990|a") for _ in range(2))
    other = _run(instance, numbers, "1990|b")
    plain = [_run(instance, table) for _ in range(3)]
    assert forget_old_runs(instance, LATER) == 3
    assert _runs(instance) == {last, other, plain[-1]}
    files = [path.name for path in home.dagster_home.rglob("*")]
    assert not [name for name in files if first in name]
    assert [name for name in files if last in name]
    done = instance.get_materialized_partitions(dg.AssetKey("numbers"))
    assert done == {"1990|a", "1990|b"}
    assert instance.get_run_by_id(first) is None
    assert instance.all_logs(last)


def test_prune_forgets_runs_by_age_once_it_is_confirmed_and_nobody_is_at_work(
    home: Project,
) -> None:
    with using_dagster_home(home):
        with open_instance(home) as instance:
            _run(instance, numbers, "1990|a")
            last = _run(instance, numbers, "1990|a")
        with pytest.raises(Refusal, match="stop `mc ui` first"):
            prune(home, older_than=0, remove=True)
    assert prune(home, older_than=30).runs == 0
    assert prune(home, older_than=0).runs == 1
    assert prune(home, remove=True).runs == 0
    assert prune(home, older_than=0, remove=True).runs == 1
    with open_instance(home) as instance:
        assert _runs(instance) == {last}


def test_nothing_is_forgotten_before_its_time_or_while_it_runs(
    instance: dg.DagsterInstance,
) -> None:
    made = {_run(instance, table) for _ in range(2)}
    assert forget_old_runs(instance, LATER - datetime.timedelta(days=2)) == 0
    job = dg.define_asset_job("again", [table]).resolve(
        asset_graph=dg.Definitions([table]).resolve_asset_graph()
    )
    running = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert forget_old_runs(instance, LATER) == 1
    assert running.run_id in _runs(instance)
    assert len(_runs(instance) & made) == 1


def test_the_run_of_a_day_is_forgotten_when_its_day_has_become_a_month(
    instance: dg.DagsterInstance,
) -> None:
    instance.add_dynamic_partitions(PERIODS, ["2026-11-02"])
    day = _run(instance, numbers, "2026-11-02|a")
    later = _run(instance, numbers, "1990|a")
    assert forget_old_runs(instance, LATER) == 0
    instance.delete_dynamic_partition(PERIODS, "2026-11-02")
    assert forget_old_runs(instance, LATER) == 1
    assert _runs(instance) == {later}
    assert day != later


def test_the_setting_may_keep_every_run(instance: dg.DagsterInstance, home: Project) -> None:
    for _ in range(2):
        _run(instance, table)
    file = home.dagster_home / "dagster.yaml"
    settings = yaml.safe_load(file.read_text())
    assert settings["event_log_storage"]["config"] == {"keep_days": 90}
    settings["event_log_storage"]["config"] = {"keep_days": 0}
    file.write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.get() as other:
        assert forget_old_runs(other, LATER) == 0
    with dg.DagsterInstance.ephemeral() as elsewhere:
        assert forget_old_runs(elsewhere, LATER) == 0


@pytest.mark.slow
def test_a_hundred_repeated_runs_leave_the_history_as_large_as_one(
    instance: dg.DagsterInstance, home: Project
) -> None:
    def size() -> int:
        return sum(path.stat().st_size for path in home.dagster_home.rglob("*") if path.is_file())

    _run(instance, table)
    once = size()
    for _ in range(10):
        _run(instance, table)
    grown = size() - once
    assert forget_old_runs(instance, LATER) == 10
    assert size() - once < 0.3 * grown


def test_limits_of_jobs_are_tags_that_dagster_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

    monkeypatch.setenv(RUN_HOURS, "ingest=0.5, recalibrate=0")
    limits = run_limits()
    assert limits["ingest"] == {MAX_RUNTIME_SECONDS_TAG: "1800"}
    assert limits["recalibrate"] == {}
    assert limits["simulate_nightly"] == {MAX_RUNTIME_SECONDS_TAG: "43200"}


@pytest.mark.parametrize("text", ["ingest", "ingest=-1", "ingest=nan", "cook=4", "ingest=4;x=1"])
def test_limits_that_are_none_are_one_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_HOURS, text)
    with pytest.raises(Refusal, match=r"MC_RUN_HOURS: found .*, allowed JOB=HOURS of ingest, reca"):
        run_limits()


def test_every_job_has_its_limit_and_runs_by_hand_have_none(
    instance: dg.DagsterInstance,
) -> None:
    from mc_assets.definitions import defs

    limits = run_limits()
    for job in defs.jobs or []:
        assert (job.run_tags or {}) == limits[job.name]
    assert instance.run_monitoring_max_runtime_seconds == 0
