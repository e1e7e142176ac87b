"""Commands that begin, rename, remove and list: new, mv, rm, strategies, indicators, --version."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.studies import load_definition
from mc_assets.answers.new_files import new_file
from mc_assets.cli import app, main
from mc_assets.market_data import load_series
from mc_assets.project import Project

STUDY = """\
# A remark.
name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 20}
strategy: {name: buy_and_hold}
seeds: 5
"""

pytestmark = pytest.mark.every_part


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one study and no series."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(STUDY)
    for variable in ("MC_DATA", "MC_STUDIES", "MC_SERIES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MC_HOME", str(tmp_path))
    return tmp_path


def mc(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.fixture
def refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["mc", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        return capsys.readouterr().err.strip().removeprefix("mc: ")

    return run


def test_a_study_whose_parameters_stand_in_its_file_needs_no_series(home: Path) -> None:
    assert "quick: 5 simulations" in mc("run", "quick")
    assert not (home / "series.yaml").exists()


def test_a_study_is_renamed_with_its_file_and_its_simulations_are_found_again(home: Path) -> None:
    mc("run", "quick")
    mc("report", "quick")
    assert mc("mv", "quick", "slow").splitlines() == [
        f"quick -> {home / 'studies' / 'slow.yaml'}",
        "next: mc run slow   which finds its simulations finished",
    ]
    text = (home / "studies" / "slow.yaml").read_text()
    assert text == STUDY.replace("name: quick", "name: slow")
    assert [path.name for path in (home / "studies").iterdir()] == ["slow.yaml"]
    named = [path for path in (home / "data").rglob("*quick*") if "dagster_home" not in path.parts]
    assert named == []
    assert "5 found finished" in mc("run", "slow")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("quick", "name: found 'quick', which is taken, allowed a new name"),
        ("other", "name: found 'other', which is taken, allowed a new name"),
        ("a/b", "name: found 'a/b', allowed text without / "),
    ],
)
def test_a_name_that_cannot_be_taken_changes_nothing(
    name: str, sentence: str, home: Path, refused: Callable[..., str]
) -> None:
    (home / "studies" / "other.yaml").write_text(STUDY.replace("name: quick", "name: third"))
    before = {path: path.read_text() for path in (home / "studies").iterdir()}
    assert refused("mv", "quick", name).startswith(sentence)
    assert {path: path.read_text() for path in (home / "studies").iterdir()} == before


def test_a_study_is_removed_when_that_is_confirmed_and_its_simulations_stay(home: Path) -> None:
    mc("run", "quick")
    told = mc("rm", "quick")
    assert f"would remove  {home / 'studies' / 'quick.yaml'}" in told
    assert told.splitlines()[-1] == "`mc rm quick --yes` removes them"
    assert "quick  5 simulations" in mc("studies")
    of_dates = [home / "data" / table / "quick" for table in ("nightly_statistics", "walk_forward")]
    for folder in of_dates:
        folder.mkdir(parents=True)
        (folder / "2016-12-30.parquet").write_bytes(b"")
    mc("rm", "quick", "--yes")
    assert not any(folder.exists() for folder in of_dates)
    assert list((home / "studies").iterdir()) == []
    assert not (home / "data" / "results" / "quick").exists()
    assert list((home / "data" / "simulations").rglob("*.parquet"))
    assert "5 simulations in 5 parts" in mc("prune")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--yes", "--dry-run"), "found --yes beside --dry-run, allowed one of the two"),
        (("--yes", "--older-than", "36501"), "older_than: found 36,501 days, allowed 0 to 36,500"),
        (("--older-than", "99999999999999"), "allowed 0 to 36,500"),
    ],
)
def test_a_request_to_prune_that_cannot_be_meant_removes_nothing(
    arguments: tuple[str, ...], told: str, home: Path, refused: Callable[..., str]
) -> None:
    mc("run", "quick")
    mc("rm", "quick", "--yes")
    assert told in " ".join(refused("prune", *arguments).split())
    assert "5 simulations in 5 parts" in mc("prune", "--dry-run", "--older-than", "36500")


def test_removing_what_there_is_not_is_refused(home: Path, refused: Callable[..., str]) -> None:
    assert refused("rm", "none").startswith("study: found 'none', allowed a YAML file or one of q")


@pytest.mark.parametrize("name", ["..", ".", "", "../studies", "../../outside", "quick/", "{out}"])
def test_what_is_no_name_removes_nothing(
    name: str, home: Path, refused: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    mc("run", "quick")
    before = set(home.rglob("*"))
    told = refused("rm", name.format(out=outside), "--yes")
    assert told.startswith("study: found "), told
    assert set(home.rglob("*")) >= before
    assert outside.is_dir()


def test_a_name_that_leads_elsewhere_inside_a_study_file_removes_the_file_alone(home: Path) -> None:
    mc("run", "quick")
    (home / "studies" / "evil.yaml").write_text(STUDY.replace("name: quick", "name: ../../studies"))
    mc("rm", "../../studies", "--yes")
    assert [path.name for path in (home / "studies").iterdir()] == ["quick.yaml"]
    assert (home / "data" / "results" / "quick").is_dir()


def test_a_file_of_another_folder_is_neither_removed_nor_renamed(
    home: Path, refused: Callable[..., str]
) -> None:
    elsewhere = home / "series.yaml"
    elsewhere.write_text(STUDY)
    for command in (("rm", str(elsewhere), "--yes"), ("mv", str(elsewhere), "other")):
        told = refused(*command)
        assert told == f"study: found the file {elsewhere}, allowed a study of {home / 'studies'}"
    assert elsewhere.read_text() == STUDY


def test_a_study_given_by_its_file_goes_with_what_has_its_name(home: Path) -> None:
    mc("run", "quick")
    mc("rm", str(home / "studies" / "quick.yaml"), "--yes")
    assert not (home / "data" / "results" / "quick").exists()


def test_a_rename_that_was_killed_is_completed_by_the_next(home: Path) -> None:
    # After what has the old name was removed and the file renamed, before its text was changed.
    (home / "studies" / "quick.yaml").rename(home / "studies" / "slow.yaml")
    mc("mv", "quick", "slow")
    assert (home / "studies" / "slow.yaml").read_text() == STUDY.replace("quick", "slow")
    assert [path.name for path in (home / "studies").iterdir()] == ["slow.yaml"]


def test_series_begun_at_once_are_all_there(home: Path) -> None:
    names = [f"S{number}" for number in range(8)]
    project = Project.from_environment()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: new_file(project, "series", name), names))
    assert sorted(load_series(home / "series.yaml").keys) == [f"{name}@1d" for name in names]


def test_a_new_study_runs(home: Path) -> None:
    told = mc("new", "study", "trial")
    path = home / "studies" / "trial.yaml"
    assert told.splitlines() == [f"wrote {path}", "next: mc run trial"]
    assert load_definition(path).name == "trial"
    told = mc("run", "trial", "--seeds", "4", "--set", "source.steps=120")
    assert "trial: 32 simulations, 8 parameter sets" in told


def test_a_new_strategy_is_one_that_does_not_look_ahead(home: Path) -> None:
    told = mc("new", "strategy", "my_idea").splitlines()
    assert told[1] == "next: mc audit my_idea --file strategies/my_idea.py"
    file = home / "strategies" / "my_idea.py"
    assert "class MyIdea(Strategy):" in file.read_text()
    assert "my_idea" in mc("audit", "my_idea", "--file", str(file), "--cuts", "2")


def test_a_new_model_is_the_source_of_a_study(home: Path) -> None:
    told = mc("new", "model", "my_prices")
    (source,) = re.findall(r"`(source: .*)`", told)
    study = STUDY.replace(STUDY.splitlines()[2], source).replace("name: quick", "name: mine")
    (home / "studies" / "mine.yaml").write_text(study)
    assert "mine: 5 simulations" in mc("run", "mine")


def test_new_series_are_added_to_what_stands_in_the_file(home: Path) -> None:
    mc("new", "series", "BTC")
    mc("new", "series", "ETH")
    file = home / "series.yaml"
    assert load_series(file).keys == ["BTC@1d", "ETH@1d"]
    assert load_series(file).series[0].options == {"path": "bars/BTC.csv"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("study", "quick"), "name: found 'quick', a study that exists, allowed a new name"),
        (
            ("strategy", "My"),
            "name: found 'My', allowed up to 80 lower-case letters, digits and _, ",
        ),
        (
            ("series", "a b"),
            "name: found 'a b', allowed up to 80 letters, digits, _, . and -, none",
        ),
        (("thing", "x"), "kind: found 'thing', allowed strategy, study, policy, model, series"),
    ],
)
def test_what_cannot_be_begun_is_one_sentence(
    arguments: tuple[str, str], sentence: str, refused: Callable[..., str]
) -> None:
    assert refused("new", *arguments).startswith(sentence)


def test_no_file_is_overwritten(home: Path, refused: Callable[..., str]) -> None:
    mc("new", "strategy", "mine")
    mc("new", "series", "BTC")
    for kind, name in (("strategy", "mine"), ("series", "BTC")):
        before = sorted(path.read_bytes() for path in home.rglob("*") if path.is_file())
        assert "exists" in refused("new", kind, name)
        assert sorted(p.read_bytes() for p in home.rglob("*") if p.is_file()) == before


def test_a_study_in_a_file_of_another_name_is_said(home: Path) -> None:
    (home / "studies" / "quick.yaml").rename(home / "studies" / "draft.yaml")
    assert mc("studies").startswith("quick  not run yet  in draft.yaml\n")


def test_strategies_indicators_and_sources_are_listed_with_every_setting(home: Path) -> None:
    assert "sma_crossover  strategy" in mc("strategies")
    assert mc("strategies") == mc("studies", "--strategies")
    rows = {row["name"]: row for row in json.loads(mc("indicators", "--json"))}
    assert len(rows) >= 23
    assert rows["MACD"]["parameters"][0].startswith("fast = 12")
    told = mc("studies", "--sources")
    assert "    block_length = auto  (option)  Block length in bars, or auto." in told
    assert "    contracts = (1,)  (option)  Nearby contracts, from 1." in told


def test_a_source_of_contracts_says_what_its_model_may_be(
    home: Path, refused: Callable[..., str]
) -> None:
    text = STUDY.replace("model: gbm, parameters: {mu: 0.05, sigma: 0.2}", "model: rolling_futures")
    (home / "studies" / "roll.yaml").write_text(text.replace("name: quick", "name: roll"))
    assert refused("run", "roll").endswith(
        "allowed {model: schwartz_2f, kappa: ..., ...} or {model: schwartz_smith, ...}; with a "
        "`calibration` the name alone"
    )


def test_the_version_is_printed() -> None:
    assert mc("--version") == f"mc-lab {version('mc-lab')}\n"


@pytest.mark.parametrize(
    ("program", "words", "found"),
    [
        ("mc", "mc ru", {"run", "runs"}),
        ("mc-lab", "mc run q", {"quick"}),
        ("mc", "mc run x", set()),
    ],
)
def test_a_shell_completes_commands_and_studies(
    program: str, words: str, found: set[str], home: Path
) -> None:
    code = f"import sys; sys.argv = ['{program}']; from mc_assets.cli import main; main()"
    asked = {
        f"_{program.upper().replace('-', '_')}_COMPLETE": "complete_bash",
        "COMP_WORDS": words.replace("mc", program, 1),
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(done.stdout.split()) == found, done.stderr
