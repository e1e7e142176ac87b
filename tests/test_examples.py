"""Every example that a docstring or a page shows runs and prints what it says."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engine.sources.registered import SOURCES
from engine.strategies import registry

PROJECT = Path(__file__).resolve().parents[1]
A_BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# A remark that says what a page needs beside the project.
A_NEED = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
A_MODULE = re.compile(r"^\s*>>> ", re.MULTILINE)
PAGES = sorted({*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")})
MODULES = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("engine", "mc_assets")
    for path in sorted((PROJECT / package).rglob("*.py"))
    if A_MODULE.search(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.testmod(module, optionflags=flags)
    assert outcome.attempted > 0
    assert outcome.failed == 0
    assert "+SKIP" not in Path(str(module.__file__)).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [str(page.relative_to(PROJECT)) for page in PAGES])
def test_the_python_of_a_page_runs_as_written(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of one page share their names, from top to bottom."""
    monkeypatch.chdir(tmp_path)
    text = (PROJECT / page).read_text(encoding="utf-8")
    for package in A_NEED.findall(text):
        pytest.importorskip(package)
    shown = ModuleType("page")  # where dataclasses look for their types
    monkeypatch.setitem(sys.modules, "page", shown)
    names = vars(shown)
    for number, block in enumerate(A_BLOCK.findall(text)):
        run(textwrap.dedent(block), names, tmp_path / f"block_{number}.py")
    use(names, tmp_path / "use.py")


# Blocks after a double colon in a docstring, of its own indentation and more.
A_LITERAL_BLOCK = re.compile(r"(?<!math)::\n\n((?: {4,}.*\n|\n)+)")
NO_CODE = {"engine/execution/costs.py": "a formula", "engine/jobs/store.py": "a tree of folders"}


def code_of(path: Path) -> list[str]:
    """Return the blocks of code that docstrings of a file show, without results."""
    text = path.read_text(encoding="utf-8")
    if "::\n\n" not in text:
        return []  # most files, unparsed: each process that runs tests asks for all of them
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [
        f"{ast.get_docstring(node) or ''}\n"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    ]
    return [textwrap.dedent(block) for said in texts for block in A_LITERAL_BLOCK.findall(said)]


SHOWING_CODE = [
    place
    for package in ("engine", "mc_assets")
    for path in sorted((PROJECT / package).rglob("*.py"))
    if (place := path.relative_to(PROJECT).as_posix()) not in NO_CODE and code_of(path)
]


@pytest.mark.parametrize("place", SHOWING_CODE)
def test_the_code_of_a_docstring_runs_as_written(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it shows of a strategy is put into one, and every class is used on bars."""
    shown = ModuleType("docstring")
    monkeypatch.setitem(sys.modules, "docstring", shown)
    names = vars(shown)
    exec("from engine.strategies import *; from engine.sources import *", names)
    for number, block in enumerate(code_of(PROJECT / place)):
        text = block
        if not block.startswith(("class ", "def ")):
            text = "def on_bar(self, bar, order):\n" + textwrap.indent(block, "    ")
        if text.startswith("def "):
            text = f"class Shown{number}(Strategy):\n" + textwrap.indent(text, "    ")
        if "(Strategy)" in text and "def on_bar" not in text:
            text = f"{text.rstrip()}\n\n    def on_bar(self, bar, order):\n        order.long()\n"
        run(text, names, tmp_path / f"block_{number}.py")
    use(names, tmp_path / "use.py")


@pytest.fixture(autouse=True)
def registered_no_longer() -> Iterator[None]:
    """What an example registers by its name goes with it."""
    yield
    for registered in (SOURCES, registry._USER):
        made = [name for name, kind in registered.items() if kind.__module__ in MADE_BY]
        for name in made:
            del registered[name]


def run(text: str, names: dict[str, object], file: Path) -> None:
    """Run code from a file, where the text of a strategy is read."""
    file.write_text(text, encoding="utf-8")
    exec(compile(text, str(file), "exec"), names)


def use(names: dict[str, object], file: Path) -> None:
    """Trade, compute or simulate with every class that an example has defined."""
    made = [name for name, value in names.items() if getattr(value, "__module__", "") in MADE_BY]
    if made:
        run(USE.replace("MADE", ", ".join(made)), names, file)


MADE_BY = ("docstring", "page")
USE = """
from dataclasses import replace
import numpy as np
import engine as mc
from engine.sources import StepModel
from engine.strategies import Indicator, Strategy, indicator_values

steps = np.random.default_rng(3).standard_normal((2, 300)) * 0.01
stamps = np.arange(300, dtype=np.int64) * 86_400_000_000
history = [
    mc.Bars(symbol, stamps, *[close] * 4, np.ones(300)).with_columns(
        {"mood": close, "predicted": close}
    )
    for symbol, close in zip("AB", 100.0 * np.exp(steps.cumsum(axis=1)), strict=True)
]
for made in (MADE,):
    if not isinstance(made, type):
        continue
    if issubclass(made, mc.OptionStrategy):
        rows = mc.Study("made", mc.GBM(), made, seeds=2, steps=126).run().frame
        assert (rows["trades"] > 0).all()
    elif issubclass(made, Strategy) and made.hears_ticks():
        ticks = mc.read_ticks(mc.sample_ticks())
        assert len(mc.backtest_ticks(made, ticks).metrics) > 0
    elif issubclass(made, Strategy):
        try:
            found = mc.backtest(made, history)
        except ValueError as error:
            if "not simulated" not in str(error):
                raise
            # One that looks at a universe.
            many = {f"S{k}": replace(history[k % 2], symbol=f"S{k}") for k in range(30)}
            found = mc.backtest(made, many)
        assert found.equity.shape == (300,)
    elif issubclass(made, Indicator):
        assert np.isfinite(indicator_values(made(), history)["value"]).any()
    elif issubclass(made, StepModel):
        assert np.isfinite(made().paths(seeds=3, steps=20).field("close")).all()
"""


def test_examples_are_found() -> None:
    assert {"engine", "engine.errors", "engine.testing"} <= set(MODULES)
    assert {"engine/strategies/strategy.py", "engine/sources/custom.py"} <= set(SHOWING_CODE)
    assert all(code_of(PROJECT / place) for place in NO_CODE)
    assert "docs/architecture.md" in {str(page.relative_to(PROJECT)) for page in PAGES}
