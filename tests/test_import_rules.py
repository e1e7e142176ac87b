"""The rooms of docs/architecture.md: imports run downward only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

# What each room of the engine may import of `engine`, itself aside. `engine.compiled` is the
# floor under all of them; the single files are the plain containers that cross boundaries.
ALLOWED = {
    "compiled": set(),
    "timeframes": {"errors"},
    "files": {"errors"},
    "home": {"errors"},
    "yaml_text": {"errors"},
    "calendar": {"errors", "timeframes"},
    "errors": set(),
    "settings": {"errors"},
    "market_data": {"bars", "calibration"},
    "models": set(),
    "plots": {"errors", "files"},
    "pricing": {"compiled", "errors"},
    "user_code": {"errors"},
    "window": {"errors"},
    "local_time": {"calendar", "timeframes"},
    "clock": {"calendar", "local_time", "timeframes"},
    "tables": {"settings", "errors", "timeframes"},
    "frames": {"errors", "calendar", "local_time", "tables", "timeframes"},
    "bars": {"errors", "calendar", "clock", "frames", "plots", "tables"},
    "own_data": {"bars", "calendar", "errors", "frames", "tables"},
    "price_block": {"errors", "bars", "calendar", "plots"},
    "randomness": {"errors", "compiled"},
    "statistics": {"errors", "compiled"},
    "sources": {
        *("errors", "compiled", "randomness", "bars", "calendar", "timeframes", "price_block"),
        *("local_time", "models", "own_data", "user_code"),
    },
    "calibration": {
        *("errors", "compiled", "randomness", "sources", "bars", "calendar", "timeframes"),
        *("clock", "price_block", "models", "own_data", "frames", "user_code", "plots"),
        "pricing",
    },
    "execution": {"settings", "errors", "compiled", "bars", "calendar", "local_time", "randomness"},
    "options": {
        "settings",
        *("errors", "compiled", "pricing", "execution", "bars", "calendar", "files", "frames"),
        *("local_time", "strategies", "tables", "timeframes", "window"),
    },
    "strategies": {
        *("errors", "compiled", "execution", "bars", "calendar", "clock", "timeframes"),
        *("frames", "local_time", "own_data", "user_code", "window", "plots"),
    },
    "realism": {
        *("errors", "models"),
        *("compiled", "randomness", "sources", "calibration", "statistics"),
        *("bars", "calendar", "price_block"),
    },
    "jobs": {
        "settings",
        *("compiled", "randomness", "sources", "calibration", "execution", "strategies"),
        *(
            "statistics",
            "bars",
            "calendar",
            "clock",
            "price_block",
            "user_code",
            "errors",
            "files",
            "plots",
            "window",
        ),
    },
    "paper": {
        "settings",
        *("bars", "calendar", "errors", "execution", "files", "jobs", "local_time"),
        *("strategies", "timeframes"),
    },
    "testing": {"bars", "execution", "sources", "strategies"},
    "ticks": {
        "settings",
        *(
            "errors",
            "home",
            "compiled",
            "execution",
            "strategies",
            "randomness",
            "statistics",
            "files",
        ),
        *("bars", "calendar", "frames", "local_time", "tables", "timeframes", "window"),
    },
    "results": {
        *("compiled", "jobs", "statistics", "execution", "errors", "files", "plots"),
        *("calendar", "local_time", "timeframes"),
    },
    "studies": {
        "settings",
        *("compiled", "randomness", "sources", "calibration", "execution", "strategies"),
        *("statistics", "bars", "calendar", "price_block", "user_code", "errors", "market_data"),
        *("files", "frames", "home", "jobs", "results", "window", "yaml_text", "plots"),
        *("options", "tables", "ticks"),
    },
    "resampling": {"compiled", "errors", "plots", "randomness", "sources", "statistics"},
    "search": {
        "settings",
        *("errors", "files", "jobs", "market_data", "results", "sources", "statistics"),
        *("bars", "calibration", "environment", "strategies", "studies"),
        *("local_time", "timeframes"),
    },
    "portfolio": {
        *("errors", "files", "jobs", "market_data", "search", "statistics", "studies"),
    },
    "environment": {
        *("bars", "calendar", "clock", "compiled", "errors", "execution", "files", "local_time"),
        *("randomness", "sources", "strategies", "timeframes", "window"),
    },
    "judging": {
        *("bars", "calendar", "errors", "execution", "strategies", "sources", "calibration"),
        *("statistics", "results", "search", "studies", "models", "realism", "plots"),
    },
}
FORBIDDEN_IN_ENGINE = {
    *(
        "dagster",
        "duckdb",
        "mc_assets",
        "httpx",
        "httpcore",
        "requests",
        "urllib",
        "yfinance",
        "alpaca",
    ),
}


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@cache
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
    inside = (project / "engine").iterdir()
    rooms = {path.stem for path in inside if path.stem[0] != "_" and path.name != "py.typed"}
    assert rooms == set(ALLOWED)


def test_the_engine_knows_no_dagster_no_database_and_no_network(project: Path) -> None:
    for path in _modules(project / "engine"):
        top = {name.split(".")[0] for name in _imports(path, project)}
        assert not top & FORBIDDEN_IN_ENGINE, path.relative_to(project)


@pytest.mark.parametrize("room", ["providers", "market_data"])
def test_market_data_rooms_know_no_dagster(room: str, project: Path) -> None:
    for path in _modules(project / "mc_assets" / room):
        assert "dagster" not in {name.split(".")[0] for name in _imports(path, project)}, path


def test_answers_know_no_terminal_and_no_picture(project: Path) -> None:
    presentation = {"typer", "click", "rich", "matplotlib", "plotly", "sys"}
    for path in _modules(project / "mc_assets" / "answers"):
        names = _imports(path, project)
        assert not {name.split(".")[0] for name in names} & presentation, path
        assert not {name for name in names if name.startswith("mc_assets.cli")}, path
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {node.id for node in calls if isinstance(node, ast.Name)}
        assert not used & {"print", "exit", "input"}, path


def test_commands_ask_answers_and_present_them(project: Path) -> None:
    # What a run may end with, the type of what it reports on the way, and where things lie.
    ends = ("engine.errors", "engine.home", "engine.jobs.errors", "engine.jobs.progress")
    rooms = {
        *("answers", "bucket_project", "cli", "project", "headlines", "estimate_text"),
        "warning_sentences",
        "reports.replay_picture",
        # The UI and the service are processes, not answers.
        "home_process",
        "service",
        "ui_processes",
    }
    for path in _modules(project / "mc_assets" / "cli"):
        for name in _imports(path, project):
            if name.startswith("engine"):
                assert name.startswith(ends), f"{path} imports {name}"
            elif name.startswith("mc_assets."):
                inner = name.removeprefix("mc_assets.")
                assert any(f"{inner}.".startswith(f"{room}.") for room in rooms), (
                    f"{path} imports {name}"
                )


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


COMPILER_INTERNALS = ("llvmlite", "numba.core", "numba.extending", "numba.np", "numba.experimental")


def test_what_lies_inside_the_compiler_is_known_to_one_room(project: Path) -> None:
    below = project / "engine" / "compiled"
    files = [*_modules(project / "engine"), *_modules(project / "mc_assets")]
    for path in files:
        inside = [
            name
            for name in _imports(path, project)
            if any(name == item or name.startswith(f"{item}.") for item in COMPILER_INTERNALS)
        ]
        assert not inside or below in path.parents, f"{path.relative_to(project)}: {inside}"


def test_no_file_imports_in_a_circle(project: Path) -> None:
    """Imports inside functions and those for type checkers count too."""
    named = {_module_name(path, project): path for path in _modules(project / "engine")}
    graph: dict[str, set[str]] = {}
    for name, path in named.items():
        found = _imports(path, project)
        modules = found & named.keys()
        # `from package import module` names the package too, whose own file is not meant.
        packages = {item for item in modules if any(m.startswith(f"{item}.") for m in modules)}
        graph[name] = modules - packages - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def _module_name(path: Path, project: Path) -> str:
    parts = path.relative_to(project).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_package_that_is_imported_is_a_dependency_of_its_own(project: Path) -> None:
    # What another package happens to bring goes, or is too old, when that package changes.
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = declared["optional-dependencies"]
    given = [*declared["dependencies"]]
    given += [
        line
        for extra in ("testing", "cluster", "search", "mcp", "api", "learning", "storage")
        for line in optional[extra]
    ]
    names = {_plain(re.split(r"[^\w.-]", line)[0]) for line in given}
    # numba pins the one version of it that it works with.
    names |= {"llvmlite"}
    known = packages_distributions()
    missing = {
        f"{path.relative_to(project)}: {top}"
        for room in ("engine", "mc_assets")
        for path in (project / room).rglob("*.py")
        for top in _outside(path, project)
        if not names & {_plain(name) for name in known.get(top, [top])}
    }
    assert not missing


def _plain(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _outside(path: Path, project: Path) -> set[str]:
    """Top-level modules that a file imports and that are neither Python's nor ours."""
    tops = {module.split(".")[0] for module in _imports(path, project)}
    return tops - sys.stdlib_module_names - {"engine", "mc_assets"}
