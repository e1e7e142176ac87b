"""`mc run STUDY` and `mc show` say again what they said while nothing they read has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mc_assets import cli, command, told_before
from tests.mc_assets.mc_here import Done, call_here

_STUDY = "name: one\nstrategy: {file: ../strategies/own.py}\n"


class Lab:
    """A project, and a command that says what a file of it holds and how often it was run."""

    def __init__(self, root: Path) -> None:
        self.root, self.runs = root, 0
        self.read = ["studies/one.yaml", "strategies/own.py", "data/rows"]
        self.act: Callable[[], None] = lambda: None
        self.places = {"MC_HOME": str(root)}
        for name, text in (("studies/one.yaml", _STUDY), ("strategies/own.py", "import math\n")):
            self.write(name, text)
        self.write("data/rows", "1")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def command(self) -> None:
        self.runs += 1
        texts = [(self.root / name).read_text() for name in self.read]
        print(f"run {self.runs}: {texts[-1]}")
        self.act()

    def ask(self, *words: str) -> Done:
        return call_here(
            command.main, *(words or ("run", "one")), places=self.places, folder=self.root
        )


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path / "lab")
    monkeypatch.setattr(cli, "main", lab.command)
    monkeypatch.setattr(told_before, "_folder", lambda: tmp_path / "cache" / "answers")
    # What tests write is a moment old.
    monkeypatch.setattr(told_before, "_RACY_NANOSECONDS", 0)
    # Test runners leave modules and folders of their own among those of Python.
    monkeypatch.setattr(sys, "path", [])
    return lab


@pytest.mark.parametrize(
    "words", [("run", "one"), ("run", "one", "--json", "--set", "a=1"), ("show", "one", "--n", "3")]
)
def test_an_answer_is_said_again_without_the_command(lab: Lab, words: tuple[str, ...]) -> None:
    first, second = lab.ask(*words), lab.ask(*words)
    assert (first.returncode, first.stdout) == (0, "run 1: 1\n")
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")
    assert lab.runs == 1


def _rewritten_within_its_times(lab: Lab) -> None:
    file = lab.root / "data" / "rows"
    times = file.stat()
    file.write_text("2")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lab: lab.write("studies/one.yaml", _STUDY + "# more\n"), id="study"),
        pytest.param(lambda lab: lab.write("studies/two.yaml", _STUDY), id="another study"),
        pytest.param(lambda lab: lab.write("strategies/own.py", "import cmath\n"), id="strategy"),
        pytest.param(lambda lab: lab.write("seeds/few.txt", "1\n"), id="seeds"),
        pytest.param(_rewritten_within_its_times, id="a row, with the times it had"),
        pytest.param(lambda lab: (lab.root / "data/rows").touch(), id="rows touched"),
        pytest.param(lambda lab: lab.write("data/bars/1d/X/2020", "x"), id="bars"),
        pytest.param(lambda lab: lab.places.update(MC_SERIES="other.yaml"), id="environment"),
    ],
)
def test_whatever_changes_runs_the_command(lab: Lab, change: Callable[[Lab], None]) -> None:
    lab.ask()
    change(lab)
    assert lab.ask().stdout.startswith("run 2: ")
    assert lab.runs == 2


def test_a_file_outside_the_project_that_was_read_is_looked_at(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("a")
    lab.read = [str(tmp_path / "settings")]
    assert lab.ask().stdout == lab.ask().stdout == "run 1: a\n"
    (tmp_path / "settings").write_text("b")
    assert lab.ask().stdout == "run 2: b\n"


def test_other_code_of_the_project_runs_the_command(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    monkeypatch.setattr(told_before, "_code_folders", lambda: (str(tmp_path / "code"),))
    lab.ask()
    (tmp_path / "code" / "engine.py").touch()
    assert lab.ask().stdout.startswith("run 2: ")


def _takes_the_stream(lab: Lab) -> None:
    with suppress(OSError):
        sys.stdout.detach()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda lab: lab.write("data/rows", str(lab.runs)), id="it wrote results"),
        pytest.param(lambda lab: print("warning", file=sys.stderr), id="it warned"),
        pytest.param(lambda lab: sys.exit(1), id="it failed"),
        pytest.param(_takes_the_stream, id="it wrote round the stream"),
        pytest.param(lambda lab: print("x" * 1_000_001), id="it said much"),
    ],
)
def test_what_may_not_be_said_again_is_not_kept(lab: Lab, act: Callable[[Lab], None]) -> None:
    lab.act = lambda: act(lab)
    lab.ask()
    lab.ask()
    assert lab.runs == 2


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("strategies/own.py", "import random\n"),
        ("strategies/own.py", "from os import urandom\n"),
        ("strategies/own.py", "__import__('time')\n"),
        ("studies/one.yaml", "columns: ../../outside.parquet\n"),
        ("studies/one.yaml", "columns: ../.hidden/inside.parquet\n"),
    ],
)
def test_what_may_follow_from_more_than_files_is_not_kept(lab: Lab, file: str, text: str) -> None:
    lab.write("../outside.parquet", "")
    lab.write(".hidden/inside.parquet", "")
    lab.write(file, text)
    lab.ask()
    assert lab.ask().stdout.startswith("run 2: ")


def test_a_file_of_the_last_second_is_not_told_from_a_later_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told_before, "_RACY_NANOSECONDS", 60_000_000_000)
    lab.ask()
    assert lab.ask().stdout.startswith("run 2: ")


def test_a_damaged_answer_or_one_that_others_may_write_is_not_said(lab: Lab) -> None:
    lab.ask()
    folder = lab.root.parent / "cache" / "answers"
    folder.chmod(0o777)
    assert lab.ask().stdout.startswith("run 2: ")
    folder.chmod(0o700)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes().replace(b"run ", b"fun "))
    assert lab.ask().stdout.startswith("run 3: ")
    assert lab.ask().stdout.startswith("run 3: ")


def test_what_ran_in_a_folder_is_no_answer_of_another(lab: Lab, tmp_path: Path) -> None:
    lab.ask()
    other = Lab(tmp_path / "other")
    lab.places["MC_HOME"] = str(other.root)
    assert lab.ask().stdout.startswith("run 2: ")


@pytest.mark.parametrize(
    "words", [("run", "one", "--fresh"), ("run", "--json"), ("status", "one"), ("run",)]
)
def test_commands_that_do_something_are_run(lab: Lab, words: tuple[str, ...]) -> None:
    lab.ask(*words)
    lab.ask(*words)
    assert lab.runs == 2


def test_a_study_that_is_finished_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(
        "name: quick\n"
        "source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}\n"
        "strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: 20}}\n"
        "seeds: 5\n"
    )
    places = {"MC_HOME": str(tmp_path)}
    monkeypatch.setattr(told_before, "_folder", lambda: tmp_path.parent / "answers")
    monkeypatch.setattr(told_before, "_RACY_NANOSECONDS", 0)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "/python3." in place])

    def mc(*words: str) -> str:
        done = call_here(command.main, *words, places=places, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "found finished" not in mc("run", "quick")
    shown, finished = mc("show", "quick"), mc("run", "quick")
    assert "10 simulations, 2 parameter sets x 5 seeds" in finished
    assert "10 found finished" in finished
    assert mc("show", "quick") == shown
    monkeypatch.setattr(cli, "main", lambda: pytest.fail("the command was run"))
    assert (mc("run", "quick"), mc("show", "quick")) == (finished, shown)
