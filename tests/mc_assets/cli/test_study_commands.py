"""The commands around studies: run, show, compare, replay, studies, seeds, schema."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from engine.files import read_json, write_json, write_parquet
from engine.studies import load_study, run_block
from mc_assets.cli import app, main

STUDY = """
name: quick
description: A small study.
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [4, 20]}}
constraint: fast < slow
seeds: {count: 30}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own: data and studies in a temporary folder."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(STUDY)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    return tmp_path


Run = Callable[..., str]


@pytest.fixture
def mc(folder: Path) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout

    return run


@pytest.fixture
def refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command that must end in one sentence and exit code 2; return the sentence."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["mc", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        return capsys.readouterr().err.strip().removeprefix("mc: ")

    return run


def test_a_study_runs_and_prints_its_statistics(mc: Run, folder: Path) -> None:
    text = mc("run", "quick")
    assert "quick: 90 simulations, 3 parameter sets (1 dropped by the constraint)" in text
    assert "95 % VaR" in text
    assert "estimates over n paths with 95 % intervals; error: its largest part" in text
    assert "error, mostly Monte Carlo: more seeds narrow it" in text
    assert re.search(r"Sharpe .* n  idle", text)
    assert re.search(r"-?\d\.\d\d \(-?\d\.\d\d to -?\d\.\d\d\) .* 30 +\d+ %", text)
    assert list((folder / "data" / "results" / "quick").rglob("*.parquet"))
    assert "90 found finished" in mc("run", str(folder / "studies" / "quick.yaml"))
    assert "found finished" not in mc("run", "quick", "--fresh")


def test_a_study_goes_by_the_name_inside_its_file_in_every_command(mc: Run, folder: Path) -> None:
    studies = folder / "studies"
    (studies / "quick.yaml").rename(studies / "draft.yaml")
    assert "quick: 90 simulations" in mc("run", "quick")
    assert "quick" in mc("show", "quick")
    (entry,) = json.loads(mc("studies", "--json"))
    assert (entry["name"], Path(entry["path"]).name) == ("quick", "draft.yaml")
    # A file of one study may have the name of another.
    (studies / "quick.yaml").write_text(STUDY.replace("name: quick", "name: other"))
    assert "90 found finished" in mc("run", "quick")
    assert [row["name"] for row in json.loads(mc("studies", "--json"))] == ["other", "quick"]


@pytest.mark.parametrize("command", [("run",), ("show",), ("show", "--lineage"), ("report",)])
def test_the_name_of_a_file_is_refused_with_the_name_inside(
    command: tuple[str, ...], folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "studies" / "quick.yaml").rename(folder / "studies" / "draft.yaml")
    sentence = "study: found 'draft', allowed 'quick', the name inside draft.yaml"
    assert refused(command[0], "draft", *command[1:]) == sentence


def test_two_files_of_one_name_are_both_listed_and_neither_is_run(
    mc: Run, folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "studies" / "copy.yaml").write_text(STUDY)
    sentence = "study: found the name 'quick' in copy.yaml and quick.yaml, allowed one file for "
    rows = json.loads(mc("studies", "--json"))
    assert [row["name"] for row in rows] == ["copy.yaml", "quick.yaml"]
    assert all(row["description"] == f"{sentence}each name" for row in rows)
    for name in ("quick", "copy.yaml"):
        assert refused("run", name) == f"{sentence}each name"


def test_results_of_a_study_file_can_be_asked_in_sql_at_once(mc: Run, folder: Path) -> None:
    mc("run", "quick")
    rows = json.loads(
        mc("sql", "--json", "SELECT study, count(*) AS n FROM simulations GROUP BY 1")
    )
    assert rows == [{"study": "quick", "n": 90}]
    published = folder / "data" / "warehouse" / "mc.duckdb"
    written = published.stat().st_mtime_ns
    (row,) = json.loads(mc("sql", "--json", "SELECT max(n) AS n FROM statistics"))
    assert row == {"n": 30}
    assert published.stat().st_mtime_ns == written
    mc("run", "quick", "--seeds", "stage_2")
    (row,) = json.loads(mc("sql", "--json", "SELECT max(n) AS n FROM statistics"))
    assert row == {"n": 100}


def test_a_run_answers_a_script_in_json(mc: Run) -> None:
    answer = json.loads(mc("run", "quick", "--json"))
    assert answer["simulations"] == 90
    assert answer["failed"] == 0
    names = {row["statistic"] for row in answer["statistics"]}
    assert {"mean_net_pnl", "value_at_risk_95"} <= names


def test_settings_seeds_and_storage_may_be_changed(mc: Run, folder: Path) -> None:
    answer = json.loads(
        mc(
            *("run", "quick", "--json", "--seeds", "stage_1", "--workers", "1"),
            *("--set", "strategy.fast=3,5,7", "--set", "model.sigma=0.1,0.3"),
            *("--set", "source.steps=40", "--storage", "csv"),
        )
    )
    assert answer["simulations"] == 25 * 2 * 4
    assert {row["model.sigma"] for row in answer["statistics"]} == {0.1, 0.3}
    assert Path(answer["outputs"]["csv"]).read_text().count("\n") == 201
    memory = json.loads(mc("run", "quick", "--json", "--storage", "memory"))
    assert memory["outputs"] == {}
    sqlite = json.loads(mc("run", "quick", "--json", "--storage", "sqlite"))
    assert Path(sqlite["outputs"]["sqlite"]).is_file()


def test_a_dry_run_only_says_what_would_be_done(mc: Run, folder: Path) -> None:
    text = mc("run", "quick", "--dry-run")
    assert "parameter sets  3 (1 dropped)" in text
    assert "simulations     90" in text
    found = json.loads(mc("run", "quick", "--dry-run", "--json"))
    assert found["seconds"] > 0
    assert found["disk_bytes"] > 90 * 27 * 8
    assert not (folder / "data" / "results").exists()


def test_results_are_shown_ranked_filtered_and_grouped(mc: Run) -> None:
    mc("run", "quick")
    assert "mean net P&L" in mc("show", "quick")
    best = json.loads(mc("show", "quick", "--best", "sharpe", "--n", "2", "--json"))
    said = mc("show", "quick", "--best", "sharpe")
    assert "of 3 sets tried, chance alone would show a best sharpe of 0." in said
    assert re.search(r"tied: \d of 3 sets are not told from the best \(sets 0", said)
    page = Path(mc("report", "quick").strip().splitlines()[-1]).read_text()
    assert "Of 3 sets tried, chance alone would show a best sharpe of 0." in page
    assert [row["statistic"] for row in best] == ["sharpe", "sharpe"]
    rows = json.loads(mc("show", "quick", "--rows", "--where", "fast = 5", "--json"))
    assert len(rows) == 30
    grouped = json.loads(mc("show", "quick", "--by", "fast", "--json"))
    assert {row["fast"] for row in grouped} == {3, 5}
    assert json.loads(mc("show", "quick", "--failures", "--json")) == []


def test_a_statistic_that_cannot_be_shown_is_one_line(
    mc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mc("run", "quick")
    # Results of an engine that had no such metric yet.
    for manifest in (folder / "data" / "manifests").rglob("part-*.json"):
        content = read_json(manifest)
        entry = content["files"]["simulations"]
        file = folder / "data" / entry["path"]
        entry |= write_parquet(pl.read_parquet(file).drop("turnover"), file)
        content["holds"]["metrics"].remove("turnover")
        write_json(manifest, content)
    (asked,) = (folder / "data" / "results" / "quick").glob("*/study.json")
    summary = read_json(asked)
    summary["metrics"].remove("turnover")
    write_json(asked, summary)
    for arguments, expected in (
        (
            ["show", "quick", "--best", "turnover"],
            "the stored results of quick have no column 'turnover'; `mc run quick` computes it",
        ),
        (["show", "quick", "--best", "no_such"], "statistic: found 'no_such', allowed "),
        (
            ["sql", "SELECT turnover FROM simulations"],
            "no stored result has the column 'turnover'; ",
        ),
        (["sql", "SELECT nope FROM simulations"], '`mc sql "DESCRIBE simulations"` lists'),
    ):
        monkeypatch.setattr("sys.argv", ["mc", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
    assert "found finished" not in mc("run", "quick")
    assert "turnover" in mc("show", "quick", "--best", "turnover")


@pytest.mark.slow
def test_warnings_are_the_same_on_every_way_to_the_results(mc: Run, folder: Path) -> None:
    idle = STUDY.replace("quick", "idle").replace("slow: [4, 20]", "slow: [90, 95]")
    idle = idle.replace("steps: 60", "steps: 60, warm_up: 0")
    (folder / "studies" / "idle.yaml").write_text(idle)
    sentence = "no simulation held a position: all 120 ended as they began"
    assert f"warning: {sentence}" in mc("run", "idle")
    assert f"warning: {sentence}" in mc("show", "idle")
    (row,) = json.loads(mc("run", "idle", "--json"))["warnings"]
    assert (row["code"], row["sentence"], row["count"]) == ("nothing_traded", sentence, 120)
    (row,) = json.loads(mc("sql", "--json", "SELECT * FROM study_warnings"))
    assert (row["study"], row["parameter_set"], row["sentence"]) == ("idle", None, sentence)
    page = Path(mc("report", "idle").strip().splitlines()[-1]).read_text()
    assert f"<li>{sentence}</li>" in page
    mc("run", "quick")
    assert "warning" not in mc("show", "quick")


def test_two_studies_are_compared_path_by_path(mc: Run, folder: Path) -> None:
    base = STUDY.replace("quick", "base").replace("constraint: fast < slow", "")
    base = base.replace(
        "{name: sma_crossover, parameters: {fast: [3, 5], slow: [4, 20]}}", "{name: buy_and_hold}"
    )
    (folder / "studies" / "base.yaml").write_text(base)
    mc("run", "quick")
    mc("run", "base")
    answer = json.loads(mc("compare", "quick", "base", "--json"))
    assert answer["paired"] is True
    assert len(answer["rows"]) == 3
    assert "path by path" in mc("compare", "quick", "base", "--statistic", "sharpe")


def test_a_simulation_is_replayed_with_a_picture(mc: Run, folder: Path) -> None:
    mc("run", "quick")
    rows = json.loads(mc("show", "quick", "--rows", "--json"))
    answer = json.loads(mc("replay", "quick", "7", "--json"))
    assert answer["metrics"]["net_pnl"] == rows[7]["net_pnl"]
    assert answer["seed"] == rows[7]["seed"]
    assert Path(answer["picture"]).read_bytes().startswith(b"\x89PNG")
    assert "picture" in mc("replay", "quick", "7")


def test_a_replay_is_json_that_every_parser_reads(mc: Run) -> None:
    mc("run", "quick")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(mc("replay", "quick", "4", "--json", "--no-picture"), parse_constant=refuse)
    # An order that is submitted has no price yet.
    assert None in {order["price"] for order in found["orders"]}
    assert found["trades"]
    (row,) = json.loads(
        mc("show", "quick", "--rows", "--where", "simulation = 4", "--json"), parse_constant=refuse
    )
    assert {name: row[name] for name in found["metrics"]} == found["metrics"]


def test_every_kind_of_column_is_printed_as_table_json_and_csv(mc: Run, folder: Path) -> None:
    study = folder / "studies" / "quick.yaml"
    study.write_text(STUDY + "record: {equity: 3, trades: true}\n")
    mc("run", "quick")
    every = (
        "SELECT e.*, [1, 2] AS list, {'a': 1} AS struct, interval 1 day AS gap, "
        "'\\x00'::blob AS b, map {1: 2} AS map, '101'::bit AS bits, 'nan'::double AS nan, "
        "1 AS twice, 2 AS twice FROM equity e ORDER BY simulation LIMIT 1"
    )
    (row,) = json.loads(mc("sql", "--json", every))
    assert len(row["equity"]) == 3
    assert (row["list"], row["struct"], row["gap"], row["nan"]) == ([1, 2], {"a": 1}, "1 day", None)
    header, line = mc("sql", "--csv", every).splitlines()
    assert header.startswith("study,simulation,parameter_set,seed,path,equity,list,struct,gap,")
    assert '"[1, 2]",' in line
    assert "1 day" in mc("sql", every)


def test_numbers_of_a_study_that_has_run_in_part_are_marked(mc: Run, folder: Path) -> None:
    study = load_study(folder / "studies" / "quick.yaml")
    of_block = run_block(study, 3, root=folder / "data")
    assert 0 < of_block.rows < 90
    text = mc("show", "quick")
    assert "PARTIAL" in text
    assert f"partial: {90 - of_block.rows} simulations have not run yet" in " ".join(text.split())
    shown = CliRunner().invoke(app, ["show", "quick", "--json"])
    assert {row["n"] for row in json.loads(shown.stdout)} == {of_block.rows // 3}
    assert shown.stderr.startswith("partial: ")
    mc("run", "quick")
    assert "partial" not in mc("show", "quick").lower()


@pytest.mark.slow
def test_tables_that_the_disk_has_no_room_for_are_one_line(mc: Run, folder: Path) -> None:
    mc("run", "quick")
    start = """
import resource
from mc_assets.cli import main
import mc_assets.warehouse
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
main()
"""
    command = [sys.executable, "-c", start, "sql", "SELECT count(*) FROM simulations"]
    # What measures coverage has no room to write either, and says so.
    plain = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(command, env=plain, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((folder / "data" / "warehouse").iterdir())


def test_studies_strategies_and_sources_are_listed(mc: Run, folder: Path) -> None:
    assert "not run yet" in mc("studies")
    mc("run", "quick")
    (folder / "studies" / "broken.yaml").write_text("name: [")
    listed = {row["name"]: row for row in json.loads(mc("studies", "--json"))}
    assert listed["quick"]["state"] == "90 simulations"
    assert listed["quick"]["description"] == "A small study."
    assert listed["broken"]["state"] == "cannot be read"
    assert "fast = 10" in mc("studies", "--strategies")
    assert "sigma" in mc("studies", "--sources")


def test_seed_sets_are_listed(mc: Run) -> None:
    listed = json.loads(mc("seeds", "--json"))
    assert listed["stage_1"]["seeds"] == 25
    assert listed["testbed_150"]["seeds"] == 150


def test_the_schema_names_every_key_and_what_it_means(mc: Run, tmp_path: Path) -> None:
    schema = json.loads(mc("schema"))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "source", "strategy", "seeds"]
    documented = [schema, *schema["$defs"].values()]
    for name in ("SourceDefinition", "StrategyDefinition", "SearchDefinition", "Until", "Record"):
        fields = schema["$defs"][name]["properties"]
        assert all(field.get("description") for field in fields.values()), name
    assert all(part.get("additionalProperties") is False for part in documented)
    assert schema["properties"]["execution"]["$ref"] == "#/$defs/Execution"
    assert "cash" in schema["$defs"]["Execution"]["properties"]
    values = schema["$defs"]["StrategyDefinition"]["properties"]["parameters"]
    assert "linspace" in json.dumps(values)
    mc("schema", "--output", str(tmp_path / "schema.json"))
    assert json.loads((tmp_path / "schema.json").read_text()) == schema


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "quikc"], "study: found 'quikc'"),
        (["run", "quick", "--set", "strategy.fats=3"], "strategy.parameters.fats: found an unk"),
        (["run", "quick", "--set", "nonsense"], "--set: found 'nonsense', allowed KEY=VALUE"),
        (["run", "quick", "--seeds", "stage_9"], "seeds: found 'stage_9'"),
        (["run", "quick", "--workers", "0"], "workers: found 0"),
        (["run", "quick", "--storage", "mongo"], "storage: found 'mongo'"),
        (["show", "quick"], "'quick' has no results"),
        (["replay", "quick", "0"], "'quick' has no results"),
        (["seeds", "stage_1", "5"], "exists"),
        (["seeds", "stage_8"], "count: is missing; `mc seeds stage_8 500` draws"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    expected: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["mc", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_a_study_with_too_many_failures_exits_with_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / "studies" / "broken_source.py"
    source.write_text(BROKEN)
    text = STUDY.replace(
        "{model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}",
        "{model: always_nan, file: broken_source.py, steps: 60}",
    )
    (folder / "studies" / "quick.yaml").write_text(text)
    for command in ("run", "report"):
        monkeypatch.setattr("sys.argv", ["mc", command, "quick"])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 1
        error = capsys.readouterr().err
        assert "a price that is not finite" in error
        assert "what succeeded is kept" in error
        assert "Traceback" not in error


def test_ctrl_c_stops_the_command_and_says_how_to_go_on(folder: Path) -> None:
    (folder / "studies" / "quick.yaml").write_text(STUDY.replace("count: 30", "count: 600000"))
    start = "from mc_assets.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", start, "run", "quick"], stderr=subprocess.PIPE, text=True
    )
    results = folder / "data"
    while child.poll() is None and next(results.rglob("part-*.json"), None) is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "finished parts are kept, run the study again to go on from them" in error
    assert "on from them: mc run quick" in error
    assert "Traceback" not in error
    assert not list(results.rglob("*.tmp"))


def test_ctrl_c_before_a_study_runs_is_one_line_whatever_it_hits(folder: Path) -> None:
    # Numba turns a Ctrl-C that hits its imports into another error.
    start = """
import os, signal
import mc_assets.cli as cli
def app():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        raise ImportError("numba failed to import")
cli.app = app
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "mc: stopped\n"


def test_the_way_to_go_on_repeats_the_changes_that_were_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.studies.study.Study.run", stopped)
    asked = ["quick", "--seeds", "stage_1", "--set", "strategy.fast=3, 5"]
    result = CliRunner().invoke(app, ["run", *asked])
    assert result.exit_code == 130
    assert "mc run quick --seeds stage_1 --set 'strategy.fast=3, 5'" in result.stderr


def test_results_kept_in_memory_promise_nothing(mc: Run) -> None:
    text = mc("run", "quick", "--storage", "memory")
    assert "nothing is kept" in text
    assert "mc show" not in text


def test_results_are_found_by_the_study_file_too(mc: Run, folder: Path) -> None:
    mc("run", "quick")
    file = str(folder / "studies" / "quick.yaml")
    assert mc("compare", file, "quick") == mc("compare", "quick", "quick")
    assert json.loads(mc("replay", file, "3", "--no-picture", "--json"))["study"] == "quick"


def test_damaged_results_of_one_study_do_not_hide_the_others(mc: Run, folder: Path) -> None:
    (folder / "studies" / "other.yaml").write_text(STUDY.replace("quick", "other"))
    mc("run", "quick")
    mc("run", "other")
    (folder / "data" / "results" / "quick" / "current.json").write_text("{")
    states = {row["name"]: row["state"] for row in json.loads(mc("studies", "--json"))}
    assert states == {"quick": "its results are damaged: run it again", "other": "90 simulations"}
    rows = json.loads(mc("sql", "--json", "SELECT DISTINCT study FROM simulations"))
    assert rows == [{"study": "other"}]


def test_a_dry_run_says_how_many_seeds_until_may_add(mc: Run) -> None:
    until = ("--set", "until.half_width=1", "--set", "until.max_seeds=3000")
    text = mc("run", "quick", "--dry-run", *until)
    assert "seeds           30, until precise up to 3,000" in text
    assert "simulations     90, until precise up to 9,000" in text


def test_a_run_until_precise_counts_every_simulation(mc: Run) -> None:
    until = ("--set", "until.half_width=1", "--set", "until.max_seeds=200")
    assert "quick: 600 simulations" in mc("run", "quick", *until)


def test_a_filter_that_leaves_nothing_says_so(mc: Run) -> None:
    mc("run", "quick")
    assert "none" in mc("show", "quick", "--where", "net_pnl > 1e18", "--best", "sharpe")
    assert "no simulation failed" in mc("show", "quick", "--failures")


def test_a_truncated_part_is_named_by_the_tables_and_written_again_by_a_run(
    mc: Run, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mc("run", "quick")
    part = next((folder / "data" / "simulations").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    (row,) = json.loads(mc("sql", "--json", "SELECT count(*) AS n FROM simulations"))
    assert row["n"] < 90
    sentence = (
        "is damaged: it does not match its checksum; its part is left out until the study runs "
        "again"
    )
    assert f"{part.name} {sentence}" in caplog.text
    mc("run", "quick")
    (row,) = json.loads(mc("sql", "--json", "SELECT count(*) AS n FROM simulations"))
    assert row == {"n": 90}


OWN = '''
from engine.strategies import Float, Strategy


class HoldSome(Strategy):
    """Hold a share of equity."""

    share = Float(0.5, low=0.0, high=1.0)

    def on_bar(self, bar, order):
        order.target_percent(self.share)
'''


def test_strategies_that_studies_name_are_listed_and_audited(mc: Run, folder: Path) -> None:
    (folder / "hold_some.py").write_text(OWN)
    study = STUDY.replace("name: sma_crossover", "name: hold_some, file: ../hold_some.py")
    (folder / "studies" / "own.yaml").write_text(study.replace("quick", "own"))
    (folder / "studies" / "lost.yaml").write_text(study.replace("hold_some.py", "nowhere.py"))
    text = mc("studies", "--strategies")
    assert "Hold a share of equity." in text
    assert "share = 0.5" in text
    assert "hold_some: passed" in mc("audit", "hold_some", "--cuts", "30")


BROKEN = '''
import numpy as np
from engine.sources import Generator, Source


class AlwaysNan(Source):
    """Prices that are no numbers."""

    name = "always_nan"

    def _generator(self, request):
        return Nothing(request)


class Nothing(Generator):
    def __init__(self, request):
        self.symbols, self.steps, self.dt = ("X",), request.steps, request.dt

    def fill(self, seeds, path_ids, out, scratch):
        out[:] = np.nan
'''


@pytest.mark.slow
def test_a_study_that_was_never_asked_has_its_statistics_after_another_was_published(
    mc: Run, folder: Path
) -> None:
    other = STUDY.replace("name: quick", "name: other")
    (folder / "studies" / "other.yaml").write_text(other)
    mc("run", "quick")
    mc("run", "other")
    mc("report", "quick")  # writes statistics of its own study and publishes
    query = "SELECT DISTINCT study FROM statistics ORDER BY study"
    found = json.loads(mc("sql", "--json", query))
    assert [row["study"] for row in found] == ["other", "quick"]
    published = folder / "data" / "warehouse" / "mc.duckdb"
    written = published.stat().st_mtime_ns
    mc("sql", "--json", query)
    assert published.stat().st_mtime_ns == written
