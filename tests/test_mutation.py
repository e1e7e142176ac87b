"""The mutation runner changes what decides numbers, and nothing else."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutation

TEXT = '''"""A page with 1 + 1."""

def mean(values: list[float], first: int = 0) -> float | None:
    """Mean of 2 + 2."""
    if len(values) <= first and not values:
        raise ValueError(f"values: found {len(values) + 1}")
    return sum(values[first:]) / len(values)
'''


def changes() -> list[str]:
    return [
        m.applied(TEXT).splitlines()[m.line - 1].strip()
        for m in mutation.mutants_of(Path("x.py"), TEXT)
    ]


def test_operators_comparisons_constants_and_words_are_changed_one_at_a_time() -> None:
    assert sorted(changes()) == [
        "def mean(values: list[float], first: int = (1)) -> float | None:",
        "if (len(values) < first) and not values:",
        "if (len(values) <= first or not values):",
        "if len(values) <= first and (values):",
        "return (sum(values[first:]) * len(values))",
    ]


def test_every_change_of_a_room_is_python_and_differs(project: Path) -> None:
    for mutant in mutation.sampled(project, "statistics", 40, seed=1):
        text = (project / mutant.file).read_text()
        changed = mutant.applied(text)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text)), mutant.described(text)


def test_a_sample_follows_from_its_seed(project: Path) -> None:
    first, again = (mutation.sampled(project, "jobs", 10, seed=3) for _ in range(2))
    assert first == again
    assert first != mutation.sampled(project, "jobs", 10, seed=4)


def test_tests_that_are_named_for_the_changed_file_run_before_the_others(project: Path) -> None:
    tests = mutation.TESTS_OF["statistics"]
    files = mutation.nearest_first(project, tests, Path("engine/statistics/tail_risk.py"))
    assert Path(files[0]).stem == "test_tail_risk"
    every = sorted((project / tests[0]).glob("test_*.py"))
    assert sorted(files) == [file.relative_to(project).as_posix() for file in every]


def test_tests_that_name_most_of_what_the_changed_file_defines_are_next(tmp_path: Path) -> None:
    (tmp_path / "thing.py").write_text("def first_part(): ...\ndef second_part(): ...\n")
    named = {"a": "", "b": "first_part", "c": "first_part second_part", "thing": ""}
    for name, text in named.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    files = mutation.nearest_first(tmp_path, (".",), Path("thing.py"))
    assert files == ["test_thing.py", "test_c.py", "test_b.py", "test_a.py"]


def test_a_change_is_shown_to_the_nearest_files_and_to_one_that_looks_at_the_whole_room(
    project: Path,
) -> None:
    for room, whole in mutation.WHOLE.items():
        changed = next((project / "engine" / room).glob("*.py")).relative_to(project)
        asked = mutation.asked_of(project, room, changed, nearest=2)
        assert asked[-1] == whole
        assert 2 <= len(asked) <= 3


def test_the_share_of_the_killed_has_wilsons_interval() -> None:
    # (0.9 + 1.92 / 40) / (1 + 3.84 / 40) ± 1.96 / (1 + 3.84 / 40) sqrt(0.09 / 40 + 3.84 / 6400)
    assert mutation.told(36, 40) == "36 of 40 changes killed, 90 % (77 to 96 %)"
    assert mutation.told(40, 40) == "40 of 40 changes killed, 100 % (91 to 100 %)"


def test_rooms_and_their_tests_exist(project: Path) -> None:
    for room, tests in mutation.TESTS_OF.items():
        assert (project / "engine" / room).is_dir()
        assert all((project / test).exists() for test in tests)


@pytest.mark.parametrize("room", ["intrinsics", "lanes"])
def test_every_instruction_has_a_plain_counterpart(project: Path, room: str) -> None:
    named = {
        node.value
        for node in ast.walk(ast.parse((project / "tests" / "plain_kernels.py").read_text()))
        if isinstance(node, ast.Constant)
    }
    assert set(importlib.import_module(f"engine.compiled.{room}").__all__) - named == set()


@pytest.mark.slow
def test_the_order_engine_that_is_interpreted_trades_as_the_second_one_does(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.plain_kernels"]
    command += ["-W", "ignore::RuntimeWarning", mutation.WHOLE["execution"]]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_tests_pass_fail_or_use_up_their_processor_time(project: Path, tmp_path: Path) -> None:
    lines = ("assert True", "assert False", "while True: ...")
    for number, line in enumerate(lines):
        (tmp_path / f"test_{number}.py").write_text(f"def test_x():\n    {line}\n")
    # The tool forks: in a process that has no threads, as this one may have.
    code = """
import pathlib, sys
from tests import mutation

for number, seconds in enumerate((60.0, 60.0, 2.0)):
    files = [f"test_{number}.py"]
    print(mutation.outcome(pathlib.Path(sys.argv[1]), files, seconds, plain=False))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    # What schemathesis adds to pytest takes a second to import.
    environment = os.environ | {"PYTEST_ADDOPTS": "-p no:schemathesis"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["passed", "failed", "too long", ""]
