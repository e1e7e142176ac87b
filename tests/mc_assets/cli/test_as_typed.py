"""How a sentence says what to type next."""

from __future__ import annotations

from pathlib import Path

import pytest

from mc_assets.cli.as_typed import as_typed


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line of an environment in the folder that one works in."""
    path = tmp_path / ".venv" / "bin" / "mc-lab"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path)])
    monkeypatch.setenv("PATH", "/usr/bin")
    return path


def test_a_program_that_a_shell_does_not_find_is_called_by_its_file(program: Path) -> None:
    assert as_typed() == ".venv/bin/mc-lab"


def test_from_another_folder_its_whole_path_is_typed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/usr")
    assert as_typed() == str(program)
    monkeypatch.chdir(program.parents[1])
    assert as_typed() == "bin/mc-lab"


def test_one_that_a_shell_finds_is_called_by_its_name(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert as_typed() == "mc-lab"


def test_called_from_python_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["-c"])
    assert as_typed() == "mc"
