"""Dropped files become ingestion, study files partitions, and failed runs notices."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mc_assets.automation.dropped_files import Seen, due_series
from tests.mc_assets.mc_here import call_here

BARS = "Date,Open,High,Low,Close,Volume\n2020-01-02,100,101,99,100.5,1000\n"
STUDY = """name: {name}
source: {{model: gbm, steps: 20, parameters: {{mu: 0.0, sigma: {sigma}}}}}
strategy: {{name: buy_and_hold}}
seeds: 5
"""


@settings(max_examples=2 * settings.default.max_examples, database=None, deadline=None)
@given(looks=st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=20))
def test_a_file_is_ingested_once_for_each_content_that_stood_still(looks: list[str]) -> None:
    memory: dict[str, Seen] = {}
    asked: list[str] = []
    for look in looks:
        due, memory = due_series({"A@1d": look}, memory, stored=[])
        asked += [look] * len(due)
    # What a person expects: contents that were seen twice in a row, without repeats.
    stood = [now for before, now in pairwise(looks) if now == before != ""]
    expected = [now for n, now in enumerate(stood) if n == 0 or stood[n - 1] != now]
    assert asked == expected


def _watched() -> None:
    import mc_assets.definitions  # noqa: F401  (it filters a warning)
    from mc_assets.defs.failures import failures_told
    from mc_assets.defs.watching import dropped_files, study_files_changed
    from mc_assets.instance import open_instance, using_dagster_home
    from mc_assets.offered_studies import SEARCHED, STUDIES
    from mc_assets.project import Project
    from mc_assets.resources import Laboratory

    project = Project.from_environment()
    folder = project.series.parent
    laboratory = Laboratory.from_project(project)
    found: dict[str, Any] = {}
    with using_dagster_home(project), open_instance(project) as instance:
        cursors: dict[str, str | None] = {}

        def tick(sensor: Any) -> Any:
            context = dg.build_sensor_context(
                instance, cursor=cursors.get(sensor.name), resources={"laboratory": laboratory}
            )
            made = sensor(context)
            cursors[sensor.name] = made.cursor
            return made

        found["nothing"] = tick(dropped_files).skip_reason.skip_message
        (folder / "A.csv").write_text(BARS)
        (folder / "FOO.csv").write_text(BARS)
        written = tick(dropped_files)
        found["being_written"] = written.skip_reason.skip_message
        (request,) = tick(dropped_files).run_requests
        found["range"] = [value for key, value in sorted(request.tags.items())]
        found["once"] = tick(dropped_files).run_requests

        found["offered"] = instance.get_dynamic_partitions(STUDIES)
        found["first"] = len(tick(study_files_changed).asset_events)
        (project.studies / "a.yaml").write_text(STUDY.format(name="a", sigma=0.2))
        found["appeared"] = tick(study_files_changed).skip_reason.skip_message
        found["in_order"] = instance.get_dynamic_partitions(STUDIES)
        (project.studies / "a.yaml").write_text(STUDY.format(name="a", sigma=0.3))
        changed = tick(study_files_changed)
        found["changed"] = changed.skip_reason.skip_message
        (event,) = changed.asset_events
        found["version"] = len(event.tags["dagster/data_version"])
        (project.studies / "b.yaml").unlink()
        found["gone"] = tick(study_files_changed).skip_reason.skip_message
        found["left"] = instance.get_dynamic_partitions(STUDIES)
        found["searched"] = instance.get_dynamic_partitions(SEARCHED)

        @dg.op
        def breaks() -> None:
            if "mc/from" in dg.OpExecutionContext.get().run.tags:
                raise dg.DagsterExecutionInterruptedError
            try:
                raise ValueError("bars: found none, allowed some")
            except ValueError as error:
                raise dg.Failure("it failed") from error

        @dg.job
        def doomed() -> None:
            breaks()

        for tags in ({"mc/night": "XNYS 2026-11-27"}, {"mc/from": "terminal"}):
            ended = doomed.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
            (failure,) = (e for e in ended.all_events if e.event_type_value == "PIPELINE_FAILURE")
            context = dg.build_run_status_sensor_context(
                "failures_told",
                dagster_event=failure,
                dagster_instance=instance,
                dagster_run=ended.dagster_run,
            ).for_run_failure()
            told: Any = failures_told(context)
            found[next(iter(tags))] = told.skip_message if told else "told"
            messages = [entry.message for entry in instance.all_logs(ended.run_id)]
            found[f"why {next(iter(tags))}"] = messages[-1]
    print(json.dumps(found))


@pytest.fixture(scope="module")
def posted() -> list[Any]:
    return []


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, posted: list[Any]) -> dict[str, Any]:
    from tests.mc_assets.automation.test_notices import web_server

    folder = tmp_path_factory.mktemp("watched")
    (folder / "studies").mkdir()
    (folder / "studies" / "b.yaml").write_text(STUDY.format(name="b", sigma=0.2))
    (folder / "automation.yaml").write_text("notify: {webhook: true}\n")
    (folder / "series.yaml").write_text(
        "series:\n  - {symbols: [A, B], provider: csv, start: 2019-01-01, end: 2020-12-31,\n"
        '     options: {path: "{symbol}.csv"}}\n'
    )
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(folder / place) for name, place in places.items()}
    with web_server() as (port, got):
        hook = {"MC_WEBHOOK_URL": f"http://127.0.0.1:{port}/"}
        done = call_here(_watched, places=in_folder | hook, folder=folder)
        posted += [content for _, content in got]
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_dropped_file_becomes_the_ingestion_of_its_series_once(watched: dict[str, Any]) -> None:
    assert watched["nothing"] == "no file came or changed"
    assert watched["being_written"] == (
        "no file came or changed; of no series in series.yaml: FOO.csv"
    )
    assert watched["range"] == ["A@1d|2020", "A@1d|2019"]
    assert watched["once"] == []


def test_studies_come_change_and_go_with_their_files(watched: dict[str, Any]) -> None:
    assert (watched["offered"], watched["first"]) == (["b"], 1)
    assert watched["appeared"] == "appeared: a"
    assert watched["in_order"] == ["a", "b"]
    assert (watched["changed"], watched["version"]) == ("changed: a", 16)
    assert watched["gone"] == "gone: b; their results stay, `mc show STUDY` reads them"
    assert (watched["left"], watched["searched"]) == (["a"], [])


def test_a_failed_run_is_told_with_the_innermost_reason(
    watched: dict[str, Any], posted: list[Any]
) -> None:
    assert watched["mc/night"] == "told"
    assert watched["mc/from"] == "a run of a terminal, which was told there"
    # Both say it as the last event of their page.
    why = "Why it failed: ValueError: bars: found none, allowed some"
    assert watched["why mc/night"] == why
    assert watched["why mc/from"] == "Why it failed: it was stopped in its terminal"
    subjects = [content["subject"] for content in posted]
    assert subjects == ["studies went", "doomed of the night XNYS 2026-11-27 failed"]
    assert "ValueError: bars: found none, allowed some" in posted[1]["text"]
