"""Every script and notebook of `examples/` runs as it stands."""

from __future__ import annotations

import json
import linecache
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.mc_assets.mc_here import call_here, users_code_forgotten

FOLDER = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
# Programs that `make peers` installs.
PEERS = {"side_by_side.py": ("vectorbt", "backtesting")}
# They compile, or train, for ten seconds and more.
DEAR = {*PEERS, "evolve_a_policy.py"}


def test_every_example_is_told_of_in_the_folder() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE)
    told = set()
    for row in rows:
        name, *others = re.findall(r"`([\w.]+)`", row)
        told |= {name, *(Path(name).stem + other if other[0] == "." else other for other in others)}
    assert told == {*SCRIPTS, *NOTEBOOKS}
    assert len(SCRIPTS) >= 8
    assert len(NOTEBOOKS) >= 4


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in DEAR else name for name in SCRIPTS],
)
def test_a_script_runs_from_any_folder(name: str, tmp_path: Path) -> None:
    for peer in PEERS.get(name, ()):
        pytest.importorskip(peer, reason="`make peers` installs it")
    with users_code_forgotten():
        done = call_here(
            lambda: runpy.run_path(str(FOLDER / name), run_name="__main__"),
            places={},
            folder=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.iterdir()) == []
    if name in PEERS:
        (difference,) = re.findall(r"largest difference (.*)%", done.stdout)
        assert float(difference) < 0.2


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_cells_of_a_notebook_run_in_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells share one module and have file names under which their text is kept, as in IPython."""
    monkeypatch.chdir(FOLDER)
    shown = ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", shown)
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(codes) >= 3
    for number, code in enumerate(codes):
        file = f"/tmp/ipykernel_{name}/{number}.py"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        exec(compile(code, file, "exec"), vars(shown))


def test_notebooks_are_stored_without_what_they_printed() -> None:
    for name in NOTEBOOKS:
        for cell in json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs"), name
