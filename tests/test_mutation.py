"""The mutation runner changes what decides numbers, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

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


def test_rooms_and_their_tests_exist(project: Path) -> None:
    for room, tests in mutation.TESTS_OF.items():
        assert (project / "engine" / room).is_dir()
        assert all((project / test).exists() for test in tests)
