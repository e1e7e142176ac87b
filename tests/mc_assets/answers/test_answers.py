"""Every command prints what an answer says, and an answer is plain data."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from engine.calibration.versions import estimator_version
from engine.errors import Refusal
from engine.jobs.progress import Progress
from mc_assets.answers.audits import audit_strategies
from mc_assets.answers.bars import check_quality, ingest_bars, list_series
from mc_assets.answers.calibrations import calibrate_series, stored_calibrations
from mc_assets.answers.catalogue import list_sources, list_strategies
from mc_assets.answers.comparison import compare_studies
from mc_assets.answers.json_values import plain
from mc_assets.answers.replays import replay_simulation
from mc_assets.answers.reports import make_report
from mc_assets.answers.results import (
    best_sets,
    failures,
    group_statistics,
    simulations,
    statistics,
)
from mc_assets.answers.runs import RunStopped, estimate_study, run_study
from mc_assets.answers.seeds import draw_seed_set, list_seed_sets
from mc_assets.answers.steps import StepProgress, run_everything, run_steps
from mc_assets.answers.studies import list_studies, study_schema, study_state
from mc_assets.answers.tables import ask_tables, parameter_sets
from mc_assets.calibration_store import CALIBRATION_SCHEMA, CalibrationStore
from mc_assets.cli import app
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.project import Project
from mc_assets.steps import Step

STUDY = """
name: quick
description: A small study.
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [4, 20]}}
constraint: fast < slow
seeds: {count: 30}
"""
BARS = """Date,Open,High,Low,Close,Volume
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,102,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,102.5,1200
2020-01-08,102.5,103,101,102.5,1200
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterable[Project]:
    """A project with one stored series and two studies that have run."""
    root = tmp_path_factory.mktemp("home")
    (root / "studies").mkdir()
    (root / "studies" / "quick.yaml").write_text(STUDY)
    base = STUDY.replace("quick", "base").replace("constraint: fast < slow", "")
    base = base.replace(
        "{name: sma_crossover, parameters: {fast: [3, 5], slow: [4, 20]}}", "{name: buy_and_hold}"
    )
    (root / "studies" / "base.yaml").write_text(base)
    (root / "X.csv").write_text(BARS)
    (root / "series.yaml").write_text(
        "series:\n  - {symbols: [X], provider: csv, start: 2020-01-02, end: 2020-01-08,"
        ' options: {path: "{symbol}.csv"}}\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MC_DATA", str(root / "data"))
        patch.setenv("MC_STUDIES", str(root / "studies"))
        patch.setenv("MC_SERIES", str(root / "series.yaml"))
        project = Project.from_environment()
        config = load_series(project.series)
        ingest_raw(config, "X@1d", 2020, project.data)
        normalise_year(config, "X@1d", 2020, project.data)
        run_study(project, "quick")
        run_study(project, "base")
        yield project


def _json(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("run quick --json", lambda p: run_study(p, "quick")),
        (
            "run quick --json --seeds stage_1 --set strategy.fast=3 --storage memory",
            lambda p: run_study(
                p, "quick", seeds="stage_1", settings=["strategy.fast=3"], storage="memory"
            ),
        ),
        ("studies --json", list_studies),
        ("studies --strategies --json", list_strategies),
        ("studies --sources --json", list_sources),
        ("show quick --json", lambda p: statistics(p, "quick")),
        (
            "show quick --json --where slow=20",
            lambda p: statistics(p, "quick", where="slow = 20"),
        ),
        ("show quick --best trades --n 2 --json", lambda p: best_sets(p, "quick", "trades", 2)),
        (
            "show quick --by fast,slow --json",
            lambda p: group_statistics(p, "quick", ["fast", "slow"]),
        ),
        ("show quick --failures --json", lambda p: failures(p, "quick")),
        ("show quick --rows --json", lambda p: simulations(p, "quick")),
        (
            "compare quick base --statistic sharpe --where fast=5 --json",
            lambda p: compare_studies(p, "quick", "base", statistic="sharpe", where="fast = 5"),
        ),
        ("report quick --json", lambda p: make_report(p, "quick")),
        ("quality X --json", lambda p: check_quality(p, "X")),
        ("seeds --json", lambda p: list_seed_sets()),
        ("schema", lambda p: study_schema()),
    ],
)
def test_a_command_prints_the_answer_as_json(
    home: Project, command: str, answer: Callable[[Project], Any]
) -> None:
    assert _json(*command.split()) == plain(answer(home))


def test_a_query_prints_its_rows(home: Project) -> None:
    query = "SELECT * FROM simulations ORDER BY study, simulation LIMIT 3"
    rows = _json("sql", "--json", query)
    assert rows == plain(ask_tables(home, query))
    assert [row["study"] for row in rows] == ["base"] * 3


def test_a_dry_run_prints_the_estimate(home: Project) -> None:
    printed, found = (
        _json("run", "quick", "--dry-run", "--json"),
        plain(estimate_study(home, "quick")),
    )
    assert list(printed) == list(found)
    measured = {"seconds", "compile_seconds"}
    assert {k: v for k, v in printed.items() if k not in measured} == {
        k: v for k, v in found.items() if k not in measured
    }


def test_a_replay_prints_the_answer_and_where_its_picture_lies(home: Project) -> None:
    answer = plain(replay_simulation(home, "quick", 7))
    picture = home.data / "replays" / "quick-7.png"
    assert _json("replay", "quick", "7", "--json") == answer | {"picture": str(picture)}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert _json("replay", "quick", "7", "--json", "--no-picture") == answer | {"picture": None}


def test_a_strategy_of_ticks_is_not_audited_as_one_of_options(home: Project) -> None:
    with pytest.raises(Refusal, match="found 'ofi', which trades quote ticks, allowed one of bars"):
        audit_strategies(home, "ofi")


def test_an_audit_prints_a_line_per_strategy_and_tells_each_when_it_is_done(home: Project) -> None:
    told: list[Any] = []
    answer = audit_strategies(home, "buy_and_hold", cuts=3, progress=told.append)
    assert answer.passed
    assert told == list(answer.audits)
    assert [_json("audit", "buy_and_hold", "--cuts", "3", "--json")] == plain(answer)


def test_a_new_seed_set_prints_its_file(
    home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_HOME", str(tmp_path))
    printed = _json("seeds", "own_set", "5", "--json")
    assert printed == {"name": "own_set", "path": str(tmp_path / "seeds" / "own_set.txt")}
    drawn = draw_seed_set("other_set", 5)
    assert plain(drawn) == {"name": "other_set", "path": str(tmp_path / "seeds" / "other_set.txt")}


@pytest.fixture
def no_dagster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Steps that were asked for; they are reported as done without being run."""
    asked: list[str] = []

    def pretend(
        project: Project, steps: Iterable[Step], receipts: Any, *, before: Any, after: Any
    ) -> None:
        for step in steps:
            before(step)
            asked.append(step.title)
            after(step, {"row_count": 5.0}, 0.25)

    monkeypatch.setattr("mc_assets.answers.steps.run_pipeline", pretend)
    return asked


def test_what_goes_through_dagster_prints_what_each_step_made(
    home: Project, no_dagster: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["bars of X@1d, 2020 to 2020"]
    assert _json("ingest", "--refetch", "--json") == {titles[0]: {"row_count": 5.0}}
    assert ingest_bars(home, refetch=True) == {titles[0]: {"row_count": 5.0}}
    assert no_dagster == titles * 2
    kernels: list[str] = []

    class Instant:
        def wait(self) -> None:
            kernels.append("waited")

        def kill(self) -> None:
            kernels.append("ended")

    monkeypatch.setattr("mc_assets.warm.Warming", Instant)
    assert _json("run", "--json") == plain(run_everything(home))
    assert kernels == ["ended", "ended"]
    assert "warehouse" in no_dagster


def test_calibrations_are_those_that_are_stored(home: Project, no_dagster: list[str]) -> None:
    row: dict[str, Any] = dict.fromkeys(CALIBRATION_SCHEMA) | {
        **{"symbol": "X", "timeframe": "1d", "model": "gbm", "parameter": "sigma"},
        **{"estimate": 0.2, "std_error": float("nan"), "n": 4, "status": "ok"},
        "estimator_version": estimator_version("gbm"),
    }
    days = [datetime.date(2020, 1, day) for day in (7, 8)]
    CalibrationStore(home.data).table.write([row | {"as_of": day} for day in days])
    printed = _json("calibrate", "X", "--as-of", "2020-01-07", "--json")
    assert printed == plain(calibrate_series(home, ["X"], as_of=days[0]))
    assert [row["as_of"] for row in printed] == ["2020-01-07"]
    assert printed[0]["std_error"] is None
    assert stored_calibrations(home)["as_of"].to_list() == [days[1]]
    assert no_dagster == ["calibrations of X@1d as of 2020-01-07"] * 2


def test_steps_are_told_before_and_after(home: Project, no_dagster: list[str]) -> None:
    told: list[StepProgress] = []
    step = Step("a step", ())
    assert run_steps(home, [step], told.append) == {"a step": {"row_count": 5.0}}
    assert told == [StepProgress(step), StepProgress(step, {"row_count": 5.0}, 0.25)]


def test_a_run_tells_how_far_it_is_and_estimates_what_is_asked(home: Project) -> None:
    told: list[Progress] = []
    answer = run_study(
        home, "quick", statistics=["sharpe", "trades"], fresh=True, progress=told.append
    )
    assert (told[-1].done, told[-1].total) == (90, 90)
    assert answer.statistics["statistic"].to_list() == ["sharpe", "trades"] * 3
    assert (answer.parameter_sets, answer.dropped_sets, answer.seeds) == (3, 1, 30)
    assert answer.reused == 0
    assert run_study(home, "quick").reused == 90


@pytest.mark.parametrize("storage", ["parquet", "memory"])
def test_a_stopped_run_says_whether_anything_is_kept(
    home: Project, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.studies.study.Study.run", stopped)
    with pytest.raises(RunStopped) as caught:
        run_study(home, "quick", storage=storage)
    assert caught.value.kept is (storage == "parquet")


def test_the_state_of_a_study_is_typed(home: Project) -> None:
    state = study_state(home, "quick")
    assert (state.word, state.done, state.total) == ("finished", 90, 90)
    assert study_state(home, "never").word == "new"


def test_series_say_what_is_stored_of_them(home: Project) -> None:
    (row,) = list_series(home).to_dicts()
    assert (row["series"], row["bars"], row["provider"]) == ("X@1d", 5, "csv")
    assert (str(row["first"]), str(row["last"])) == ("2020-01-02", "2020-01-08")


def test_parameter_sets_are_those_that_are_published(home: Project) -> None:
    ask_tables(home, "SELECT 1")
    table = parameter_sets(home)
    assert table["study"].to_list() == ["base", *["quick"] * 3]
    assert table["mean_net_pnl_std_error"].null_count() == 0


def test_an_unknown_strategy_is_refused_with_what_could_not_be_loaded(home: Project) -> None:
    lost = home.studies / "lost.yaml"
    lost.write_text(
        STUDY.replace("quick", "lost").replace("sma_crossover", "own, file: nowhere.py")
    )
    try:
        with pytest.raises(Refusal, match=r"found 'own', allowed all, .*nowhere\.py"):
            audit_strategies(home, "own")
    finally:
        lost.unlink()


@dataclass(frozen=True)
class Pair:
    first: float
    second: Path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Pair(float("inf"), Path("/a")), {"first": None, "second": "/a"}),
        ((1, float("nan"), None, True), [1, None, None, True]),
        ({3: datetime.date(2020, 1, 2)}, {"3": "2020-01-02"}),
        (pl.DataFrame({"x": [float("-inf"), 1e-7], "s": ["a", None]}), None),
    ],
)
def test_plain_values_are_what_json_knows(value: object, expected: object) -> None:
    if isinstance(value, pl.DataFrame):
        expected = [{"x": None, "s": "a"}, {"x": 1e-7, "s": None}]
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)
