"""The nightly chain on two exchanges: missed sessions, a late feed, one run of each part."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.mc_assets.mc_here import call_here

SERIES = """series:
  - {symbol: A, provider: csv, start: 2026-09-01, models: [gbm], options: {path: "{symbol}.csv"}}
  - {symbol: COIN, provider: csv, exchange: 24/7, start: 2026-09-01, models: [gbm],
     options: {path: "{symbol}.csv"}}
"""
STUDY = """name: one
nightly: true
source: {model: gbm, symbol: A, calibration: latest, steps: 20}
strategy: {name: buy_and_hold}
seeds: 5
"""
# Bars are asked for once: when runs ended is the machine's clock, the evening is not.
SETTINGS = "nightly: {saturday: null, retry_minutes: 1440}\n"
TUESDAY = datetime.date(2026, 11, 24)
FRIDAY_EVENING = datetime.datetime(2026, 11, 27, 20, tzinfo=datetime.UTC)


def _write_bars(folder: Path, symbol: str, last: datetime.date, weekend: bool) -> None:
    rows = ["Date,Open,High,Low,Close,Volume"]
    price = 100.0
    day = datetime.date(2026, 9, 1)
    while day <= last:
        if weekend or day.weekday() < 5:
            price *= 1.0 + 0.01 * ((day.toordinal() * 7919) % 13 - 6) / 6
            rows.append(f"{day},{price:.4f},{price * 1.01:.4f},{price * 0.99:.4f},{price:.4f},1000")
        day += datetime.timedelta(days=1)
    (folder / f"{symbol}.csv").write_text("\n".join(rows) + "\n")


class Chain:
    """Ticks of the sensor, whose runs are executed at once."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        from mc_assets.project import Project
        from mc_assets.resources import Laboratory

        self.instance = instance
        self.laboratory = Laboratory.from_project(Project.from_environment(), workers=1)
        self.cursor: str | None = None
        self.keys: list[str] = []

    def tick(self, now: datetime.datetime) -> tuple[str, list[str]]:
        """Return what was said and the keys of the runs that began."""
        from mc_assets.defs.nightly_chain import nights_of

        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        found: Any = nights_of(context, self.laboratory, now)
        if isinstance(found, dg.SkipReason):
            return str(found.skip_message), []
        self.cursor = found.cursor
        for request in found.run_requests or []:
            self._execute(request)
        said = found.skip_reason.skip_message if found.skip_reason else ""
        began = [request.run_key for request in found.run_requests or []]
        self.keys += began
        return said, began

    def _execute(self, request: dg.RunRequest) -> None:
        from mc_assets.definitions import defs

        job = defs.resolve_job_def(request.job_name or "")
        tags = dict(request.tags)
        key = {"dagster/partition": request.partition_key} if request.partition_key else {}
        job.execute_in_process(
            instance=self.instance,
            tags=tags | key,
            run_config=request.run_config,
            raise_on_error=False,
        )


def _chain() -> None:
    """Ticks of a Friday evening after a chain that made Tuesday's night; print what was found."""
    from mc_assets.instance import open_instance, using_dagster_home
    from mc_assets.pipeline import run_step
    from mc_assets.project import Project
    from mc_assets.steps import Step

    project = Project.from_environment()
    folder = project.series.parent
    found: dict[str, Any] = {}
    with using_dagster_home(project), open_instance(project) as instance:
        chain = Chain(instance)
        memory = {e: {"after": str(TUESDAY), "open": {}} for e in ("XNYS", "24/7")}
        chain.cursor = json.dumps(memory)
        said, began = chain.tick(FRIDAY_EVENING)
        found["first"] = began
        while began:
            said, began = chain.tick(FRIDAY_EVENING)
        found["said"] = said
        # The feed comes, and a person brings it in.
        _write_bars(folder, "A", datetime.date(2026, 11, 27), weekend=False)
        run_step(Step("", ["raw_bars", "bars"], ("A@1d|2026", "A@1d|2026")), instance)
        began = ["something"]
        while began:
            found["last"], began = chain.tick(FRIDAY_EVENING)
        found["keys"] = chain.keys
        found["failed"] = [
            record.dagster_run.tags.get("mc/stage")
            for record in instance.get_run_records()
            if record.dagster_run.status != dg.DagsterRunStatus.SUCCESS
        ]
        again = Chain(instance)
        again.cursor = json.dumps(memory)
        found["forgotten"] = again.tick(FRIDAY_EVENING)[1]
    from mc_assets.as_of_table import stored_dates

    found["dates"] = {
        symbol: sorted(map(str, stored_dates(project.data, "calibrations", symbol, "1d")))
        for symbol in ("A", "COIN")
    }
    nights = project.data / "nightly_statistics" / "one"
    found["studies"] = sorted(path.stem for path in nights.glob("*.parquet"))
    found["warehouse"] = project.warehouse.is_file()
    print(json.dumps(found))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("chain")
    (folder / "studies").mkdir()
    (folder / "studies" / "one.yaml").write_text(STUDY)
    (folder / "series.yaml").write_text(SERIES)
    (folder / "automation.yaml").write_text(SETTINGS)
    _write_bars(folder, "A", datetime.date(2026, 11, 25), weekend=False)
    _write_bars(folder, "COIN", datetime.date(2026, 11, 27), weekend=True)
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(folder / place) for name, place in places.items()}
    done = call_here(_chain, places=in_folder, folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_bars_of_each_exchange_come_first(chain: dict[str, Any]) -> None:
    assert chain["first"] == ["XNYS 2026-11-25|bars|A@1d|1", "24/7 2026-11-25|bars|COIN@1d|1"]


def test_a_late_feed_delays_its_exchange_alone_and_is_said(chain: dict[str, Any]) -> None:
    assert "waits for bars: late are A@1d (newest bar 2026-11-25); asked" in chain["said"]
    assert "24/7: the night of 2026-11-27 begins at 2026-11-28 00:30 UTC" in chain["said"]


def test_each_missed_session_has_one_run_of_each_part_as_of_it(chain: dict[str, Any]) -> None:
    assert len(chain["keys"]) == len({*chain["keys"]})
    calibrated = [key for key in chain["keys"] if "|calibrations|" in key]
    # Thanksgiving has no session in New York; the market that never closes has one.
    assert sorted(calibrated) == [
        "24/7 2026-11-25|calibrations|COIN@1d|1",
        "24/7 2026-11-26|calibrations|COIN@1d|1",
        "XNYS 2026-11-25|calibrations|A@1d|1",
        "XNYS 2026-11-27|calibrations|A@1d|1",
    ]
    assert chain["dates"] == {
        "A": ["2026-11-25", "2026-11-27"],
        "COIN": ["2026-11-25", "2026-11-26"],
    }
    assert chain["studies"] == ["2026-11-25", "2026-11-27"]
    assert chain["failed"] == []


def test_the_night_ends_with_the_warehouse_and_says_when_the_next_begins(
    chain: dict[str, Any],
) -> None:
    assert chain["warehouse"]
    assert "XNYS: the night of 2026-11-30 begins at 2026-11-30 16:30 EST" in chain["last"]


def test_a_chain_that_forgot_everything_begins_no_part_again(chain: dict[str, Any]) -> None:
    assert chain["forgotten"] == []


def _saturday() -> None:
    """Ticks before and on a Saturday, whose runs are not executed; print what was asked for."""
    from mc_assets.automation.nights import SATURDAY, Night
    from mc_assets.defs.night_requests import NightRequests
    from mc_assets.defs.nightly_chain import nights_of
    from mc_assets.defs.partitions import declared
    from mc_assets.project import Project
    from mc_assets.resources import Laboratory

    laboratory = Laboratory.from_project(Project.from_environment())
    found: dict[str, Any] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None
        for name, now in (
            ("friday", FRIDAY_EVENING),
            ("saturday", datetime.datetime(2026, 11, 28, 15, 1, tzinfo=datetime.UTC)),
        ):
            context = dg.build_sensor_context(instance, cursor=cursor)
            made: Any = nights_of(context, laboratory, now)
            cursor = made.cursor
            asked = {request.run_key: request for request in made.run_requests}
            found[name] = sorted(asked)
    weekly = {key: one for key, one in asked.items() if key.startswith("saturday")}
    found["refetch"] = [one.run_config for one in weekly.values()]
    found["years"] = [sorted(one.tags.values())[:2] for one in weekly.values()]
    night = Night(SATURDAY, datetime.date(2026, 11, 28), FRIDAY_EVENING, "America/New_York")
    requests = NightRequests(night, laboratory, declared)
    found["parts"] = {stage: list(requests.parts(stage)) for stage in ("bars", "studies")}
    request = requests.request("calibrations", "A@1d..COIN@1d", 1)
    found["all_models"] = request.run_config["ops"]["calibrations"]["config"]["all_models"]
    found["range"] = request.tags["dagster/asset_partition_range_start"].partition("|")[2]
    found["as_of"] = str(requests.as_of)
    print(json.dumps(found))


def test_a_saturday_takes_all_bars_and_all_models_and_the_first_one_is_waited_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "one.yaml").write_text(STUDY)
    (tmp_path / "series.yaml").write_text(SERIES)
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(tmp_path / place) for name, place in places.items()}
    done = call_here(_saturday, places=in_folder, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert not any(key.startswith("saturday") for key in found["friday"])
    assert "saturday 2026-11-28|bars|A@1d..COIN@1d|1" in found["saturday"]
    assert found["refetch"] == [{"ops": {"raw_bars": {"config": {"refetch": True}}}}]
    assert found["parts"] == {"bars": ["A@1d..COIN@1d"], "studies": []}
    assert found["all_models"] is True
    assert found["as_of"] == "2026-11-27"


def _walks() -> None:
    """Print what a night asks for of a study that says how it is walked forward."""
    from mc_assets.automation.nights import Night
    from mc_assets.defs.night_requests import NightRequests
    from mc_assets.defs.partitions import declared
    from mc_assets.project import Project
    from mc_assets.resources import Laboratory

    laboratory = Laboratory.from_project(Project.from_environment())
    found = {}
    now = datetime.datetime.now(datetime.UTC)
    for name, due in (("new", now), ("old", now - datetime.timedelta(days=8))):
        night = Night("XNYS", FRIDAY_EVENING.date(), due, "America/New_York")
        requests = NightRequests(night, laboratory, declared)
        asked = [(part, requests.request("studies", part, 1)) for part in requests.parts("studies")]
        found[name] = [(part, one.job_name, one.partition_key) for part, one in asked]
    print(json.dumps(found))


def test_a_night_walks_studies_forward_and_judges_policies_that_say_so_missed_ones_only_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "one.yaml").write_text(STUDY)
    walked = STUDY.replace("name: one", "name: two") + "walk_forward: {windows: 3}\n"
    (tmp_path / "studies" / "two.yaml").write_text(walked)
    (tmp_path / "studies" / "policies").mkdir()
    for name, text in {"trends": "nightly: true", "idle": "nightly: false", "bad": "["}.items():
        (tmp_path / "studies" / "policies" / f"{name}.yaml").write_text(text)
    (tmp_path / "series.yaml").write_text(SERIES)
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(tmp_path / place) for name, place in places.items()}
    done = call_here(_walks, places=in_folder, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    simulated = [["one", "simulate_nightly", None], ["two", "simulate_nightly", None]]
    walks = ["walk-forward of two", "walk_nightly", "two"]
    # One that cannot be read fails, and is named.
    judged = [[f"policy {name}", "learn_nightly", name] for name in ("bad", "trends")]
    assert found == {"new": [*simulated, walks, *judged], "old": simulated}
