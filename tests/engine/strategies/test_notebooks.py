"""Strategies and indicators that are written in a notebook, or typed."""

from __future__ import annotations

import linecache
import subprocess
import sys

import pytest

CELL = '''
import engine as mc

class Dip(mc.Strategy):
    """Hold below a level."""
    level = mc.Float(100.0, low=1.0, high=500.0)
    change = Change(2)
    def on_bar(self, bar, order):
        order.target_percent(weight(bar.close - self.level) if self.change < 1e9 else 0.0)
'''
HELPERS = '''
from engine import Indicator, Int

def weight(distance):
    return 1.0 if distance < 0.0 else 0.0

class Change(Indicator):
    """Price change over some bars."""
    period = Int(3, low=1, high=9)
    reads = ("close",)

    @staticmethod
    def fill(close, period, out):
        for bar in range(period, out.size):
            out[bar] = close[bar] - close[bar - period]
'''


def test_a_strategy_of_a_notebook_uses_what_other_cells_define() -> None:
    """Cells have file names of their own, under which their text is kept in memory."""
    names: dict[str, object] = {"__name__": "__main__"}
    for number, text in enumerate((HELPERS, CELL)):
        file = f"/tmp/ipykernel_77/{number}.py"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)
    import engine as mc

    study = mc.Study("s", mc.GBM(sigma=0.2), names["Dip"], {"level": [90.0, 110.0]}, steps=60)
    assert len(study.run(workers=1)) == 200


def test_what_is_typed_into_ipython_is_read() -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
    try:
        for text in (HELPERS, CELL):
            assert shell.run_cell(text).success
        done = shell.run_cell(
            "rows = len(mc.Study('s', mc.GBM(), Dip, steps=20, seeds=3).run(workers=1))"
        )
        assert done.success
        assert shell.user_ns["rows"] == 3
    finally:
        type(shell).clear_instance()


def test_what_python_keeps_no_text_of_is_refused_in_one_sentence() -> None:
    text = (
        f"{HELPERS}{CELL}\ntry:\n    mc.Study('s', mc.GBM(), Dip, steps=9, seeds=1).run()\n"
        "except ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=text, capture_output=True, text=True, check=True
    )
    (sentence,) = done.stdout.splitlines()
    assert "its text cannot be read, allowed a class in a file, a notebook or IPython" in sentence
