"""The house as DESIGN draws it: imports run downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

# What each room of the engine may import of `engine`, itself aside. `engine.compiled` is the
# floor under all of them; the single files are the plain containers that cross boundaries.
ALLOWED = {
    "compiled": set(),
    "calendar": set(),
    "models": set(),
    "user_code": set(),
    "bars": {"calendar"},
    "price_block": {"bars", "calendar"},
    "randomness": {"compiled"},
    "statistics": {"compiled"},
    "sources": {"compiled", "randomness", "bars", "calendar", "models", "price_block", "user_code"},
    "calibration": {
        *("compiled", "randomness", "sources", "bars", "calendar", "models", "price_block"),
        "user_code",
    },
    "execution": {"compiled", "bars", "calendar"},
    "strategies": {"compiled", "execution", "bars", "calendar", "user_code"},
    "realism": {
        *("compiled", "randomness", "sources", "calibration", "statistics"),
        *("bars", "calendar", "price_block"),
    },
    "studies": {
        *("compiled", "randomness", "sources", "calibration", "execution", "strategies"),
        *("statistics", "bars", "calendar", "price_block", "user_code"),
    },
}
FORBIDDEN_IN_ENGINE = {
    *("dagster", "duckdb", "mc_assets", "httpx", "requests", "urllib", "yfinance", "alpaca"),
}


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _imports(path: Path, project: Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file, relative ones made absolute."""
    package = path.relative_to(project).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def _rooms(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("engine.")} & set(ALLOWED)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_lies_below_it(room: str, project: Path) -> None:
    single = project / "engine" / f"{room}.py"
    files = [single] if single.is_file() else _modules(project / "engine" / room)
    assert files, f"engine/{room} holds no module"
    for path in files:
        above = _rooms(_imports(path, project)) - ALLOWED[room] - {room}
        assert not above, f"{path.relative_to(project)} imports {sorted(above)}"


def test_every_room_of_the_engine_has_a_rule(project: Path) -> None:
    rooms = {path.stem for path in (project / "engine").iterdir() if path.stem[0] != "_"}
    assert rooms == set(ALLOWED)


def test_the_engine_knows_no_dagster_no_database_and_no_network(project: Path) -> None:
    for path in _modules(project / "engine"):
        top = {name.split(".")[0] for name in _imports(path, project)}
        assert not top & FORBIDDEN_IN_ENGINE, path.relative_to(project)


@pytest.mark.parametrize("room", ["providers", "market_data"])
def test_market_data_rooms_know_no_dagster(room: str, project: Path) -> None:
    for path in _modules(project / "mc_assets" / room):
        assert "dagster" not in {name.split(".")[0] for name in _imports(path, project)}, path


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import engine", {"numba", "polars", "scipy", "arch"}),
        ("import mc_assets.cli", {"numba", "polars", "dagster", "duckdb", "numpy", "pandas"}),
    ],
)
def test_nothing_heavy_loads_before_it_is_used(statement: str, heavy: set[str]) -> None:
    code = f"{statement}; import sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
