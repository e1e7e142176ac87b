"""Every example that a docstring or a page shows runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import re
import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
A_BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# A remark that says what a page needs beside the project.
A_NEED = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
A_MODULE = re.compile(r"^\s*>>> ", re.MULTILINE)
# Those of the README are files that its own test puts together.
PAGES = sorted({*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")} - {PROJECT / "README.md"})
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
    names: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(A_BLOCK.findall(text)):
        # A strategy's text is read from its file.
        file = tmp_path / f"block_{number}.py"
        file.write_text(textwrap.dedent(block), encoding="utf-8")
        exec(compile(textwrap.dedent(block), str(file), "exec"), names)


def test_examples_are_found() -> None:
    assert {"engine", "engine.errors", "engine.testing"} <= set(MODULES)
    assert "docs/architecture.md" in {str(page.relative_to(PROJECT)) for page in PAGES}
