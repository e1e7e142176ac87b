"""The checklists of CONTRIBUTING.md: what nothing else holds, and that what they name exists."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine as mc

A_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
A_FILE = re.compile(r"`((?:engine|mc_assets|tests|sql|docs|benchmarks|studies|seeds)/[\w./]*)`")
A_YEAR = re.compile(r"\b(19|20)\d\d\b")
# Sources that come from no paper.
OF_NO_PAPER = {"correlated", "historical", "rolling_futures", "stressed"}


def texts(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("test_*.py")))


def test_every_test_and_file_that_contributors_are_told_of_exists(project: Path) -> None:
    page = (project / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = [(file, test) for file, test in A_TEST.findall(page) if "NAME" not in file]
    assert len(named) > 20
    for file, test in named:
        text = (project / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, f"{file}::{test}"
    for file in A_FILE.findall(page):
        assert "NAME" in file or (project / file).exists(), file


# --- a price model, an estimator ---------------------------------------------------------------


def built_in_sources() -> Iterator[type[mc.Source]]:
    for name in mc.source_names():
        source = mc.get_source(name)
        if source.__module__.startswith("engine."):
            yield source


def test_a_source_has_a_file_a_public_class_and_tests_of_its_name(project: Path) -> None:
    for source in built_in_sources():
        assert source.__module__ == f"engine.sources.{source.name}"
        assert getattr(mc, source.__name__, None) is source, source.name
        assert (project / "tests/engine/sources" / f"test_{source.name}.py").is_file(), source.name


def test_models_are_listed_in_one_place(project: Path) -> None:
    """A file that names two models means them; one that lists more is a second registry."""
    names = mc.models.BUILT_IN.keys()
    files = [*(project / "engine").rglob("*.py"), *(project / "mc_assets").rglob("*.py")]
    longest = {path.relative_to(project).as_posix(): 0 for path in files}
    for path in files:
        text = path.read_text(encoding="utf-8")
        # Most files name none, and a tree is dear.
        if len({*re.findall(r"['\"](\w+)['\"]", text)} & names) <= 2:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                items = node.keys
            elif isinstance(node, ast.List | ast.Tuple | ast.Set):
                items = node.elts
            else:
                continue
            listed = {item.value for item in items if isinstance(item, ast.Constant)} & names
            place = path.relative_to(project).as_posix()
            longest[place] = max(longest[place], len(listed))
    assert longest.pop("engine/models.py") == len(names)
    assert {place for place, count in longest.items() if count > 2} == set()


def test_a_source_says_where_it_comes_from_and_what_its_parameters_are(project: Path) -> None:
    for source in built_in_sources():
        file = project / "engine" / "sources" / f"{source.name}.py"
        module = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        page = f"{module} {source.__doc__ or ''}"
        assert source.name in OF_NO_PAPER or A_YEAR.search(page), (
            f"{source.name}: no paper, no year"
        )
        for name, declared in source.parameters.items():
            assert declared.doc, f"{source.name}.{name}"


def test_an_estimator_has_a_file_and_tests_of_its_name_and_estimates_a_source(
    project: Path,
) -> None:
    from importlib import import_module

    built_in = mc.models.estimated_models()
    assert len(built_in) >= 8
    assert set(built_in) <= {source.name for source in built_in_sources()}
    for name in built_in:
        module = import_module(f"engine.calibration.{name}")
        assert callable(getattr(module, f"estimate_{name}"))
        assert (project / "tests/engine/calibration" / f"test_{name}.py").is_file()


# --- a strategy, an indicator, an order kind ---------------------------------------------------


def test_a_built_in_strategy_has_a_file_of_its_name_and_says_what_it_does() -> None:
    for name in mc.strategy_names():
        strategy = mc.get_strategy(name)
        if strategy.__module__.startswith("engine."):
            of_options = "engine.options.built_ins"  # legs as data, all in one file
            homes = (f"engine.strategies.{name}", f"engine.ticks.{name}", of_options)
            assert strategy.__module__ in homes
            assert len(strategy.__doc__ or "") > 20
            for parameter in strategy.parameters.values():
                told = parameter.describe()
                assert "choices" in told or None not in (told["low"], told["high"]), name


def test_an_indicator_is_compared_with_an_implementation_that_is_not_ours(project: Path) -> None:
    from engine import strategies
    from engine.strategies import indicators

    tested = (project / "tests/engine/strategies/test_indicators.py").read_text(encoding="utf-8")
    folder = f"{indicators.__name__}."
    known = [
        name
        for name in strategies.__all__
        if getattr(getattr(strategies, name), "__module__", "").startswith(folder)
    ]
    assert sorted(known) == sorted(indicators.__all__)
    assert len(known) >= 23
    for name in known:
        assert re.search(rf"\b{name}\(", tested), name


def handles(kind: str) -> list[str]:
    from engine.execution import handles

    return [name.removeprefix(kind) for name in vars(handles) if name.startswith(kind)]


@pytest.mark.parametrize(("kind", "least"), [("order_", 13), ("account_", 8)])
def test_every_call_and_figure_that_a_strategy_has_is_used_by_a_test(
    kind: str, least: int, project: Path
) -> None:
    found = handles(kind)
    assert len(found) >= least
    tested = texts(project / "tests" / "engine")
    for name in found:
        assert f"{kind.removesuffix('_')}.{name}" in tested, name


# --- a metric, a statistic ---------------------------------------------------------------------


def test_a_metric_is_in_the_twin_that_defines_it_anew(project: Path) -> None:
    from engine.execution.metrics import METRIC_NAMES

    twin = (project / "tests/engine/strategies/test_metrics_against_plain.py").read_text()
    for name in METRIC_NAMES:
        assert f'"{name}"' in twin, name


def test_metric_groups_share_no_metric_and_load_no_compiler() -> None:
    from engine.execution.metric_groups import all_metrics, metric_groups

    groups = metric_groups()
    assert sum(len(group.metrics) for group in groups.values()) == len(all_metrics())
    assert groups.keys().isdisjoint(all_metrics())
    for name, group in groups.items():
        assert name == group.name
        assert group.version >= 1
        assert all(len(text) > 10 for text in group.metrics.values())
    loaded = "from engine.execution.metric_groups import all_metrics; all_metrics()"
    code = f"import sys; {loaded}; print('numba' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


# --- a table, a provider, a command -------------------------------------------------------------


def test_a_file_of_sql_makes_the_table_or_view_of_its_name(project: Path) -> None:
    for path in sorted((project / "sql").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        made = re.findall(r"^CREATE (?:TABLE|VIEW) (\w+)", text, flags=re.MULTILINE)
        assert made == [path.stem]
        assert text.startswith("--"), f"{path.name}: a remark says what one row is"


def test_a_provider_has_tests_and_options_that_say_what_they_are(project: Path) -> None:
    from mc_assets.providers import get_provider, provider_names

    tested = texts(project / "tests" / "mc_assets")
    for name in provider_names():
        provider = get_provider(name)
        if not provider.__module__.startswith("mc_assets."):
            continue
        assert re.search(rf"provider: {name}\b|\"{name}\"|{provider.__name__}\b", tested), name
        assert provider.__doc__, name


def test_a_command_lies_in_a_file_of_its_name_and_says_what_it_does() -> None:
    from mc_assets.cli import app

    for command in app.registered_commands:
        function = command.callback
        assert function is not None
        assert function.__module__ == f"mc_assets.cli.{function.__name__}"
        first = (function.__doc__ or "").split("\n")[0]
        assert 20 < len(first) <= 100, function.__name__
