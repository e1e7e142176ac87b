"""Experiments: from a file, or a line, to a folder and a leaderboard."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from engine.errors import Refusal
from engine.files import write_json
from mc_assets.answers.experiments import run_experiment
from mc_assets.cli import app
from mc_assets.experiment_file import ExperimentFile
from mc_assets.project import Project
from tests.mc_assets.stored_home import store_experiment

EXPERIMENT = """
experiment_name: "SMA_SP500"
data: {path: "SP.csv", format: "csv", schema: "bars"}
strategy: "sma_crossover"
optimization: {method: "monte_carlo", samples: 60, seed: 42, parallel_workers: 1}
parameters:
  fast: {type: "int", distribution: "log_uniform", min: 3, max: 40}
  slow: {type: "int", distribution: "uniform", min: 45, max: 150}
constraints: {min_trades: 3, max_drawdown: 0.6}
"""

STUDY = """
name: searched
source: {model: gbm, steps: 60, parameters: {mu: 0.1}}
strategy:
  name: sma_crossover
  parameters: {fast: {integer: [3, 9]}, slow: {log_uniform: [10, 30]}}
search:
  method: genetic
  budget: {sets: 40}
  seed: 1
  objective: {maximise: mean_net_pnl}
require: {trades: ">= 1"}
seeds: 20
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path))
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    (tmp_path / "SP.csv").write_text("\n".join(lines[:1200]) + "\n")
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    return tmp_path


TINY = """
name: tiny
source: {model: gbm, steps: 20}
strategy: {name: sma_crossover, parameters: {fast: [2, 3], slow: [5, 6]}}
seeds: 4
search: {method: grid, objective: {maximise: mean_net_pnl}, seed: 1}
"""


def _mc(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == 0, (ran.exception, ran.output)
    return ran.stdout


def test_an_experiment_leaves_a_folder_from_which_it_can_be_read_and_run_again(
    folder: Path,
) -> None:
    text = _mc("optimise", "run", str(folder / "experiment.yaml"))
    made = folder / "data" / "reports" / "SMA_SP500"
    assert f"experiment: {made / 'report.html'}" in text.replace("\n", "")
    assert (made / "input.yaml").read_text() == EXPERIMENT
    trials = pl.read_parquet(made / "trials.parquet")
    assert len(trials) == 60
    assert trials["fast"].is_between(3, 40).all()
    assert trials["slow"].is_between(45, 150).all()
    met = trials.filter(pl.col("status") == "finished")
    assert (met["trades"] >= 3).all()
    assert (met["max_drawdown"] >= -0.6).all()
    assert len(pl.read_csv(made / "trials.csv")) == 60
    resolved = json.loads((made / "resolved.json").read_text())
    assert [item["kind"] for item in resolved["space"]] == ["log_integer", "integer"]
    assert resolved["settings"]["seed"] == 42
    assert resolved["made_of"]["data"]
    assert set(resolved["code"]) == {"version", "commit", "dirty"}
    summary = json.loads((made / "summary.json").read_text())
    assert summary["tried"] == 60
    assert summary["sentence"] in text.replace("\n", " ")
    assert "the last 30 % of the bars" in summary["sentence"]
    assert summary["leaders"][0]["fresh"] is not None
    assert {path.name for path in (made / "figures").iterdir()} == {
        *("course.html", "fresh.html", "map1.html")
    }
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    _mc("optimise", "run", str(folder / "experiment.yaml"))
    assert {path: path.read_bytes() for path in before} == before


def test_one_line_searches_every_declared_parameter_of_a_strategy(folder: Path) -> None:
    out = folder / "reports" / "experiment_001"
    _mc(
        *("optimise", "run", "--strategy", "sma_crossover", "--data", str(folder / "SP.csv")),
        *("--method", "monte_carlo", "--samples", "20", "--out", str(out)),
    )
    asked = yaml.safe_load((out / "input.yaml").read_text())
    assert asked["experiment_name"] == "experiment_001"
    assert asked["optimization"]["method"] == "random"
    trials = pl.read_parquet(out / "trials.parquet")
    assert len(trials) == 20
    assert trials["fast"].n_unique() > 5
    listed = json.loads(_mc("experiments", "--folder", str(folder / "reports"), "--json"))
    assert [row["experiment"] for row in listed] == ["experiment_001"]
    assert listed[0]["tried"] == 20


def test_a_study_file_with_an_objective_is_an_experiment_by_its_name(folder: Path) -> None:
    (folder / "searched.yaml").write_text(STUDY)
    found = json.loads(_mc("optimise", "run", "searched", "--json"))
    assert found["tried"] == 40
    assert found["method"] == "genetic"
    assert found["fresh_is_on"] == "paths that the search did not use"
    trials = json.loads(_mc("trials", "--json"))
    assert trials["families"][0]["trials"] >= 40


def test_the_leaderboard_ranks_leaders_of_the_same_data_and_says_what_is_noise(
    folder: Path,
) -> None:
    (folder / "searched.yaml").write_text(STUDY)
    other = STUDY.replace("genetic", "random").replace("name: searched", "name: drawn")
    (folder / "drawn.yaml").write_text(other)
    for name in ("searched", "drawn"):
        _mc("optimise", "run", name)
    rows = json.loads(_mc("leaderboard", "--statistic", "mean_net_pnl", "--json"))
    assert {row["experiment"] for row in rows} == {"searched", "drawn"}
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    fresh = [row["fresh"] for row in rows]
    assert fresh == sorted(fresh, reverse=True)
    assert rows[0]["within_noise"]
    # Without a statistic it is the one that they wanted.
    assert json.loads(_mc("leaderboard", "--json")) == rows
    assert _mc("leaderboard").startswith("by mean_net_pnl")
    ran = CliRunner().invoke(app, ["leaderboard", "--statistic", "sharpe"])
    assert "found 'sharpe', which no experiment" in str(ran.exception)
    assert "allowed mean_net_pnl" in str(ran.exception)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            'schema: "bars"',
            'schema: "l1_quote"',
            "data.schema: found 'l1_quote' for sma_crossover, ",
        ),
        (
            'schema: "bars"',
            'schema: "books"',
            "data.schema: found 'books', allowed bars, l1_quote,",
        ),
        ('format: "csv"', 'format: "hdf5"', "data.format"),
        ("SP.csv", "none.csv", "there is no file"),
        ("monte_carlo", "annealing", "method"),
        ("samples: 60", "samples: 0", "optimization.samples"),
        ("min_trades", "trades", "constraints.trades: found a name without a side"),
        ("min_trades", "min_luck", "require.luck: found 'luck'"),
        ("max: 40", "max: 2", "parameters.fast: found [3.0, 2.0]"),
        (", max: 40", "", "parameters.fast: found no min or no max, allowed both"),
        ("  fast:", "  fats:", "strategy.parameters.fats: found an unknown parameter"),
        ("sma_crossover", "no_such", "strategy: found 'no_such'"),
        ("optimization:", "optimisation:", "did you mean 'optimization'"),
        ("SMA_SP500", "../evil", "experiment_name: found '../evil', allowed text without /"),
    ],
)
def test_what_an_experiment_cannot_say_is_one_sentence_with_its_file(
    folder: Path, old: str, new: str, sentence: str
) -> None:
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.replace(old, new))
    ran = CliRunner().invoke(app, ["optimise", "run", str(path)])
    assert ran.exit_code != 0
    text = str(ran.exception)
    assert sentence in text
    assert "\n" not in text
    assert "experiment.yaml" in text


def test_an_experiment_on_quotes_says_so(folder: Path, project: Path) -> None:
    content = {
        "experiment_name": "OFI_Scalping",
        "data": {"path": str(project / "data/sample/ticks/SYNTH"), "schema": "l1_quote"},
        "strategy": "ofi",
        "optimization": {"method": "monte_carlo", "samples": 2},
    }
    search = ExperimentFile.of(content).search(Project.from_environment(), folder)
    assert search.study.definition.strategy.name == "ofi"
    content["data"] |= {"schema": "bars"}
    with pytest.raises(
        Refusal, match=r"^data.schema: found 'bars' for ofi, which trades on ticks, a"
    ):
        ExperimentFile.of(content).search(Project.from_environment(), folder)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "neither a file nor both --strategy and --data"),
        (["x.yaml", "--strategy", "rsi_reversal"], "a file beside --strategy or --data"),
        (["x.yaml"], "there is no file x.yaml"),
    ],
)
def test_a_command_that_asks_for_nothing_or_too_much_says_so(
    folder: Path, arguments: list[str], sentence: str
) -> None:
    ran = CliRunner().invoke(app, ["optimise", "run", *arguments])
    assert sentence in str(ran.exception)


def test_experiments_beside_the_project_and_beside_its_data_are_listed_and_ranked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_HOME", str(folder))
    for name in ("data/reports/kept", "reports/experiment_001", "elsewhere/third"):
        store_experiment(folder / name)
    assert {
        row["folder"].rpartition("/")[2] for row in json.loads(_mc("experiments", "--json"))
    } == {
        "kept",
        "experiment_001",
    }
    ranked = json.loads(_mc("leaderboard", "--json", "--folder", str(folder / "elsewhere")))
    assert len(ranked) * 2 == len(json.loads(_mc("leaderboard", "--json")))


def test_another_search_takes_the_folder_only_when_told_to(folder: Path) -> None:
    (folder / "tiny.yaml").write_text(TINY)
    _mc("optimise", "run", str(folder / "tiny.yaml"))
    (folder / "tiny.yaml").write_text(TINY.replace("seed: 1", "seed: 2"))
    ran = CliRunner().invoke(app, ["optimise", "run", str(folder / "tiny.yaml")])
    assert "differ), allowed an empty folder" in str(ran.exception)
    assert "; `mc optimise run --replace` begins anew, `--out" in str(ran.exception)
    assert "parameter sets tried" in _mc("optimise", "run", str(folder / "tiny.yaml"), "--replace")


def test_a_leaderboard_of_nothing_says_what_makes_an_experiment(folder: Path) -> None:
    ran = CliRunner().invoke(app, ["leaderboard"])
    assert str(ran.exception) == (
        "experiments: there are none with results on fresh paths; "
        "`mc optimise run EXPERIMENT.yaml` runs one"
    )


def test_a_study_of_a_model_alone_needs_no_file_of_series(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_SERIES", str(folder / "none.yaml"))
    (folder / "alone.yaml").write_text(
        "name: alone\nsource: {model: gbm, steps: 20}\nstrategy: {name: buy_and_hold}\nseeds: 4\n"
    )
    assert "alone" in _mc("run", "alone")


def test_a_damaged_summary_is_named_and_hides_no_other_experiment(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reports = folder / "data" / "reports"
    for name in ("good", "flipped", "foreign", "poor"):
        store_experiment(reports / name)
    flipped = reports / "flipped" / "summary.json"
    flipped.write_bytes(flipped.read_bytes().replace(b"0.5", b"9.5"))
    (reports / "foreign" / "summary.json").write_text('{"anything": 1}')
    write_json(reports / "poor" / "summary.json", {"experiment": "poor"})
    listed = json.loads(_mc("experiments", "--json"))
    assert [row["experiment"] for row in listed] == ["good"]
    ranked = json.loads(_mc("leaderboard", "--json"))
    assert [(row["experiment"], row["fresh"]) for row in ranked] == [("good", 0.5)]
    for name in ("flipped", "foreign", "poor"):
        assert str(reports / name / "summary.json") in caplog.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"experiment_name": "../../evil"}, "experiment_name: found '../../evil', allowed text wi"),
        ({"experiment_name": "/tmp/evil"}, "experiment_name: found '/tmp/evil', allowed text wit"),
        ({"data": {"path": "/dev/zero"}}, "bars: there is no file /dev/zero"),
        ({"data": {"path": "/dev"}}, "bars: found the folder /dev, allowed a file of bars"),
        (
            {"optimization": {"samples": 10**15}},
            "search.budget.sets: found 1000000000000000, allow",
        ),
        (
            {"optimization": {"parallel_workers": 10**8}},
            "optimization.parallel_workers: found 1000",
        ),
        (
            {"parameters": {"fast": {"type": "int", "min": -1e308, "max": 1e308}}},
            "parameters.fast: found -1e+308, allowed finite numbers up to 1e+15",
        ),
        (
            {"parameters": {"fast": {"type": "choice", "values": [[1]]}}},
            "parameters.fast: found [1], allowed numbers, text, true, false or null",
        ),
    ],
)
def test_a_hostile_experiment_is_one_sentence_that_names_its_file(
    folder: Path, change: dict[str, object], sentence: str
) -> None:
    file = folder / "hostile.yaml"
    content = yaml.safe_load(EXPERIMENT)
    for key, value in change.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(Refusal) as caught:
        run_experiment(Project.from_environment(), file)
    assert str(caught.value).startswith(f"{file}: {sentence}")
    assert not (folder / "data" / "reports").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [x, x]\n" + "".join(f"b{n}: [*a]\n" for n in range(3)) + "]", "line 5: found"),
        ("experiment_name: " + "[" * 5000 + "]" * 5000, "more than 32 levels deep"),
        ("- 1", "study: found list, allowed a mapping"),
    ],
)
def test_an_experiment_that_is_no_yaml_names_its_file(
    folder: Path, text: str, problem: str
) -> None:
    file = folder / "hostile.yaml"
    file.write_text(text)
    with pytest.raises(Refusal) as caught:
        run_experiment(Project.from_environment(), file)
    assert str(caught.value).startswith(f"{file}: ")
    assert problem in str(caught.value)


def test_html_in_the_name_of_an_experiment_stays_text(folder: Path) -> None:
    content = yaml.safe_load(EXPERIMENT) | {"experiment_name": "<img src=x onerror=alert(1)>"}
    content["optimization"]["samples"] = 4
    (folder / "markup.yaml").write_text(yaml.safe_dump(content))
    made = run_experiment(Project.from_environment(), folder / "markup.yaml")
    for page in [*made.folder.rglob("*.html"), made.folder / "summary.md"]:
        assert "<img" not in page.read_text().lower().replace('<img src="data:', "")


@pytest.mark.slow
def test_an_experiment_is_exported_to_a_journal_that_optuna_opens(folder: Path) -> None:
    optuna = pytest.importorskip("optuna")
    _mc("optimise", "run", str(folder / "experiment.yaml"))
    journal = folder / "journal.log"
    text = _mc("experiments", "export", "SMA_SP500", "--optuna", str(journal))
    assert text.startswith("60 trials of SMA_SP500")
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.load_study(study_name="SMA_SP500", storage=storage)
    trials = pl.read_parquet(folder / "data" / "reports" / "SMA_SP500" / "trials.parquet")
    assert len(study.trials) == 60
    best = trials.filter(pl.col("status") == "finished").sort("sharpe").tail(1)
    assert study.best_value == best["sharpe"][0]
    assert study.best_params == {"fast": best["fast"][0], "slow": best["slow"][0]}
    assert study.trials[0].distributions["fast"].log
    pruned = [trial.state.name for trial in study.trials].count("PRUNED")
    assert pruned == len(trials.filter(pl.col("status") != "finished"))
    stored = journal.read_bytes()
    full = CliRunner().invoke(
        app, ["experiments", "export", "SMA_SP500", "--optuna", "/dev/full"], catch_exceptions=True
    )
    assert full.exit_code != 0
    assert journal.read_bytes() == stored
    for words, sentence in (
        (("export", "SMA_SP500", "--optuna", str(journal)), "another file"),
        (("export", "luck", "--optuna", str(journal)), "allowed SMA_SP500"),
        (("export", "SMA_SP500"), "export NAME --optuna FILE"),
    ):
        ran = CliRunner().invoke(app, ["experiments", *words])
        assert sentence in str(ran.exception)
