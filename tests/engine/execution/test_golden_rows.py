"""Result rows are the same bits everywhere, and every piece that decides them takes part.

A failure of the first test says that rows changed: raise ENGINE_VERSION, so that stored results are
computed anew, or find out why they changed.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

import polars as pl
import pytest
from pydantic import BaseModel

from engine.compiled.version import ENGINE_VERSION
from engine.execution import handles, layout
from engine.execution.instruments import INSTRUMENTS
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.orders import FILL_OR_KILL, TIMES_IN_FORCE
from engine.execution.settings import Execution
from engine.strategies import Strategy, registry
from engine.strategies import indicators as built_in
from tests.engine.execution import (
    golden_exits,
    golden_indicators,
    golden_rows,
    golden_strategies,
)
from tests.engine.execution.golden_rows import COMMAND, FILE, Backtested, Tables

GOLDEN = golden_rows.golden()


@pytest.fixture(scope="module")
def made() -> dict[str, Tables]:
    return golden_rows.run()


@pytest.fixture(scope="module")
def found(made) -> dict[str, dict[str, str]]:
    return golden_rows.hashes(made)


@pytest.fixture(scope="module")
def orders(made) -> pl.DataFrame:
    return pl.concat([tables["orders"] for tables in made.values() if "orders" in tables])


def test_rows_have_the_golden_hashes(found):
    changed = golden_rows.changes(GOLDEN["rows"], found)
    assert not changed, (
        f"changed are {golden_rows.shortened(changed)}. If that is meant, raise ENGINE_VERSION "
        f"(engine/compiled/version.py) and run `{COMMAND}`"
    )


def test_the_golden_hashes_are_of_this_version_and_of_every_scenario_and_metric(found):
    names = {name: list(content) for name, content in found.items()}
    held = {name: list(content) for name, content in GOLDEN["rows"].items()}
    assert (GOLDEN["engine_version"], held) == (ENGINE_VERSION, names), (
        f"{FILE.name} is of another ENGINE_VERSION, other scenarios or metrics: run `{COMMAND}`"
    )


def test_changed_rows_are_refused_under_the_same_version(found, monkeypatch, tmp_path):
    file = tmp_path / "golden_rows.json"
    before = json.loads(FILE.read_text())
    before["rows"]["vector form"]["sharpe"] = "another"
    file.write_text(json.dumps(before))
    monkeypatch.setattr(golden_rows, "FILE", file)
    monkeypatch.setattr(golden_rows, "run", dict)
    monkeypatch.setattr(golden_rows, "hashes", lambda made: found)
    with pytest.raises(SystemExit, match=r"changed are vector form: sharpe\. First raise ENGINE_V"):
        golden_rows.renew()
    before["engine_version"] = "0"
    file.write_text(json.dumps(before))
    assert golden_rows.renew() == "golden_rows.json: 1 values changed"
    assert file.read_text() == FILE.read_text()


# --- completeness ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script() -> ast.Module:
    return ast.parse(inspect.getsource(golden_strategies) + inspect.getsource(golden_exits))


@pytest.mark.parametrize("handle", ["order", "account"])
def test_scripts_use_every_name_of_a_handle(handle, script):
    known = {name.split("_", 1)[1] for name in vars(handles) if name.startswith(f"{handle}_")}
    assert {node.attr for node in ast.walk(script) if _is_of(node, handle)} == known


def _is_of(node: ast.AST, handle: str) -> bool:
    """Whether this is an attribute of ``order`` or ``order[k]``."""
    owner = node.value if isinstance(node, ast.Attribute) else None
    owner = owner.value if isinstance(owner, ast.Subscript) else owner
    return isinstance(owner, ast.Name) and owner.id == handle


def test_scripts_use_every_time_in_force(script):
    given = [item.value for item in ast.walk(script) if isinstance(item, ast.keyword)]
    words = {value.value for value in given if isinstance(value, ast.Constant)}
    assert words >= TIMES_IN_FORCE.keys()
    drawn = {golden_strategies.time_in_force(number) for number in range(4)}
    assert drawn | {FILL_OR_KILL} == {*TIMES_IN_FORCE.values(), 3.0}


def test_scripts_read_every_indicator():
    declared = {
        type(indicator).__name__
        for cls in (*vars(golden_strategies).values(), *vars(golden_indicators).values())
        if isinstance(cls, type) and issubclass(cls, Strategy)
        for indicator in cls.indicators.values()
    }
    assert set(built_in.__all__) <= declared
    for probe in (
        golden_strategies.EveryIndicator,
        golden_indicators.EveryTrend,
        golden_indicators.EveryExpression,
    ):
        text = inspect.getsource(probe.on_bar)
        for name, indicator in probe.indicators.items():
            for output in indicator.outputs:
                assert f"self.{name}" + ("" if output == "value" else f".{output}") in text


def test_every_kind_size_and_fate_of_an_order_occurs(orders):
    assert set(orders["kind"]) == set(layout.KIND_NAMES)
    assert set(orders["size"]) == set(layout.SIZE_NAMES)
    assert set(orders["event"]) == set(layout.EVENT_NAMES)


def test_every_failure_occurs(made):
    errors = [tables["error"]["error"][0] for tables in made.values() if "error" in tables]
    for code, text in layout.STATUS_TEXTS.items():
        found = [error for error in errors if text in error or "strategy raised" in error]
        assert code == layout.OK or found, text
    assert len(set(errors)) == len(errors) == len(layout.STATUS_TEXTS) - 1
    rows = pl.concat([made[name]["rows"]["error"] for name in made if "infinite paths" in name])
    assert rows.drop_nulls().unique().to_list() == ["the path has a price that is not finite"]


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_every_metric_takes_several_values(metric, made):
    tables = [item["metrics"] for item in made.values() if "metrics" in item]
    values = pl.concat([table[metric] for table in tables]).drop_nulls()
    assert values.n_unique() >= 3


def settings_used() -> list[Execution]:
    return [Execution.model_validate(item.execution) for item in golden_rows.scenarios().values()]


def _fields(model: BaseModel, found: dict[str, set[str]]) -> None:
    """Collect the values that each setting takes, below this one too."""
    for name, value in model:
        inner = list(value.values()) if isinstance(value, dict) else [value]
        found.setdefault(f"{type(model).__name__}.{name}", set()).add(repr(value))
        for item in inner:
            if isinstance(item, BaseModel):
                _fields(item, found)


def test_every_setting_takes_another_value_than_its_default():
    used: dict[str, set[str]] = {}
    for execution in settings_used():
        _fields(execution, used)
    for model in _settings_classes(Execution):
        for name, field in model.model_fields.items():
            key = f"{model.__name__}.{name}"
            if get_origin(field.annotation) is dict:
                continue
            words = get_args(field.annotation) if _is_choice(field.annotation) else ()
            if words:
                assert used.get(key, set()) == {repr(word) for word in words}, key
            else:
                assert used.get(key, set()) - {repr(field.default)}, key


def _is_choice(annotation: Any) -> bool:
    return "Literal" in str(get_origin(annotation))


def _settings_classes(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A settings class and all that its fields may hold."""
    found = [model]
    for field in model.model_fields.values():
        for kind in _leaves(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += _settings_classes(kind)
    return found


def _leaves(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [leaf for item in inner for leaf in _leaves(item)] if inner else [annotation]


def test_every_sizing_rule_is_used():
    rules = {kind.__name__ for kind in get_args(Execution.model_fields["sizing"].annotation)}
    assert {type(execution.sizing).__name__ for execution in settings_used()} == rules


def test_every_instrument_and_every_built_in_strategy_is_used():
    scenarios = golden_rows.scenarios().values()
    presets = {item.execution.get("instrument") for item in scenarios if _has_preset(item)}
    assert presets == INSTRUMENTS.keys()
    by_name = {item.strategy for item in scenarios if isinstance(item.strategy, str)}
    assert by_name == registry._BUILT_IN.keys()


def _has_preset(item: Any) -> bool:
    return isinstance(item.execution.get("instrument"), str)


def test_there_are_symbols_side_by_side_and_prices_below_zero(made):
    played = [item for item in golden_rows.scenarios().values() if isinstance(item, Backtested)]
    assert any(len(item.bars) > 1 for item in played)
    assert any((item.bars[0].low < 0.0).any() for item in played)
    sides = pl.concat([made[name]["trades"]["units"] for name in made if "every order" in name])
    assert (sides > 0).any()
    assert (sides < 0).any()


# --- other machines --------------------------------------------------------------------------


def elsewhere(project: Path, settings: dict[str, str]) -> dict[str, Any]:
    """Hashes in a process with other settings."""
    command = [sys.executable, "-m", "tests.engine.execution.golden_rows", "--print"]
    done = subprocess.run(
        command,
        cwd=project,
        env=dict(os.environ, **settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_LOOP_VECTORIZE": "0"},
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
        {"PYTHONHASHSEED": "7"},
    ],
    ids=["generic without vectors", "haswell", "another hash seed"],
)
def test_rows_are_the_same_bits_on_other_machines(settings, project):
    assert elsewhere(project, settings) == {"rows": GOLDEN["rows"]}
