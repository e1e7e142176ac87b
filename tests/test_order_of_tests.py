"""What a test loads or changes is gone for the next one, so that any order of tests will do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import engine as mc

pytestmark = pytest.mark.in_order

FILE = """
import engine as mc


class LeftWalk(mc.StepModel):
    name = "left_walk"

    @staticmethod
    def step(price, state, shocks, constants):
        return price + shocks[0]


class LeftAlone(mc.Strategy):
    name = "left_alone"

    def on_bar(self, bar, order):
        order.market(1)
"""


def _loaded(folder: Path) -> None:
    (folder / "own.py").write_text(FILE)
    assert mc.load_user_strategies(folder / "own.py") == ("left_alone",)
    assert "left_walk" in mc.source_names()
    os.environ["MC_LEFT"] = "behind"
    os.chdir(folder)


def test_a_test_loads_code_and_moves_elsewhere(tmp_path: Path) -> None:
    _loaded(tmp_path)


def test_the_next_one_knows_nothing_of_it(project: Path) -> None:
    assert "left_alone" not in mc.strategy_names()
    assert "left_walk" not in mc.source_names()
    assert "MC_LEFT" not in os.environ
    assert not Path.cwd().name.startswith("test_a_test_loads")


def test_another_file_may_have_the_same_names(tmp_path: Path) -> None:
    _loaded(tmp_path)


def test_the_same_file_is_run_again_by_another_test(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "of_two"
    folder.mkdir(exist_ok=True)
    _loaded(folder)


def test_the_same_file_is_run_again_by_this_test(tmp_path_factory: pytest.TempPathFactory) -> None:
    _loaded(tmp_path_factory.getbasetemp() / "of_two")
