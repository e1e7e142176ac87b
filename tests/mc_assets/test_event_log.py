"""The event log writes batches; what is stored is what Dagster's own storage stores."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import text

from mc_assets.event_log import EventLog

days = dg.DailyPartitionsDefinition("2020-01-01", end_date="2020-01-09")
letters = dg.StaticPartitionsDefinition(["a", "b"])
grid = dg.MultiPartitionsDefinition({"day": days, "letter": letters})


@dg.asset(
    partitions_def=grid,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("fine", asset="numbers")],
)
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for position, key in enumerate(context.partition_keys):
        context.add_asset_metadata({"position": position}, asset_key="numbers", partition_key=key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="fine", passed=True)])


def _stored(home: Path, kind: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> dict:
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(batch))
    if kind == "ours":
        (home / "dagster.yaml").write_text(
            "event_log_storage: {module: mc_assets.event_log, class: EventLog}\n"
        )
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        assert type(storage) is (EventLog if kind == "ours" else SqliteEventLogStorage)
        result = dg.materialize(
            [numbers],
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2020-01-02|a",
                "dagster/asset_partition_range_end": "2020-01-06|b",
            },
        )
        assert result.success
        key = dg.AssetKey("numbers")
        records = instance.fetch_materializations(key, limit=1000).records
        with pytest.warns(DeprecationWarning, match="get_event_records"):
            planned = instance.get_event_records(
                dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, key)
            )
        (asset,) = instance.get_asset_records([key])
        last = asset.asset_entry.last_materialization
        return {
            "partitions": storage.get_materialized_partitions(key),
            "metadata": {
                r.partition_key: r.asset_materialization.metadata["position"].value for r in records
            },
            "tags": sorted(
                (event.partition_key, tuple(sorted(event.asset_materialization.tags)))
                for event in records
            ),
            # A data version is drawn anew for every run; that there is one must be the same.
            "indexed": sorted(
                str(dict(tags) | {"dagster/data_version": "dagster/data_version" in tags})
                for tags in instance.get_event_tags_for_asset(key)
            ),
            "planned": sorted(record.partition_key for record in planned),
            "last": last.asset_materialization.partition,
            "in the run": sorted(
                str(entry.dagster_event_type) for entry in storage.get_logs_for_run(result.run_id)
            ),
            "checks": [
                record.status
                for record in storage.get_asset_check_execution_history(
                    dg.AssetCheckKey(key, "fine"), limit=10
                )
            ],
        }


@pytest.mark.parametrize("batch", [3, pytest.param(1000, marks=pytest.mark.slow)])
def test_batches_are_stored_as_dagster_stores_single_events(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _stored(tmp_path / "ours", "ours", batch, monkeypatch)
    assert ours == _stored(tmp_path / "plain", "plain", 0, monkeypatch)
    assert len(ours["partitions"]) == 10


def test_files_used_last_keep_their_engine_and_every_file_is_read(tmp_path: Path) -> None:
    runs = [f"run_{number}" for number in range(12)]
    log = EventLog(str(tmp_path))
    for count, run in enumerate(runs, 1):
        for _ in range(2):
            with log.run_connection(run) as connection:
                connection.execute(text("INSERT INTO event_logs (run_id, event) VALUES ('', '')"))
        kept = log._engines[run]
        with log.index_connection():
            pass
        with log.run_connection(run):
            assert log._engines[run] is kept
        assert len(log._engines) == min(count + 1, 8)
    for run in runs:
        with log.run_connection(run) as connection:
            assert connection.execute(text("SELECT count(*) FROM event_logs")).scalar() == 2
    log.dispose()
