from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import linecache
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from engine.compiled import code_hash, inlined, kernel
from engine.compiled.code_hash import bytecode_hash
from engine.user_code import import_user_file

ZOO = Path(__file__).parent / "hash_zoo" / "run.py"


# --- the same hash everywhere ------------------------------------------------------------------


def _zoo(project: Path, python: str = sys.executable, *words: str, seed: str = "0") -> Any:
    done = subprocess.run(
        [python, str(ZOO), str(project), *words],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def zoo(project: Path) -> dict[str, str]:
    return _zoo(project)


@pytest.mark.parametrize(
    "seed", ["1", "2", *(pytest.param(seed, marks=pytest.mark.slow) for seed in ("3", "4"))]
)
def test_the_hash_does_not_follow_pythons_hash_seed(
    seed: str, zoo: dict[str, str], project: Path
) -> None:
    assert _zoo(project, seed=seed) == zoo
    assert len(zoo) == len(set(zoo.values())) >= 60


def test_the_hash_of_unchanged_code_stays_from_one_release_to_the_next(
    zoo: dict[str, str],
) -> None:
    # Where the canonical form changes on purpose, stored results of users' code are computed anew:
    # the changelog says so, and the number below changes.
    plain = {name: digest for name, digest in zoo.items() if name.startswith("plain.")}
    found = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    assert found[:16] == "0acbf9d1a79846ef"


def test_strategies_and_price_models_have_one_fingerprint_under_any_hash_seed(
    zoo: dict[str, str], project: Path
) -> None:
    one, other = (_zoo(project, sys.executable, "models", seed=seed) for seed in "12")
    assert one == other
    assert zoo.items() <= one.items()
    assert {"print.sided", "print.cev", "print.walk", "print.sma_crossover"} <= one.keys()


def _other_pythons() -> dict[str, str]:
    """Return the interpreters of other minor versions that are installed, with or without NumPy."""
    known = [shutil.which(f"python{version}") for version in ("3.11", "3.12", "3.13")]
    known += [str(path) for path in Path.home().glob(".pyenv/versions/3.1[123].*/bin/python")]
    found: dict[str, str] = {}
    for candidate in filter(None, known):
        say = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", say], capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        if done.returncode == 0 and version != f"3.{sys.version_info.minor}":
            found.setdefault(version, candidate)
    return found


def test_every_version_of_python_finds_the_same_hash(zoo: dict[str, str], project: Path) -> None:
    pythons = _other_pythons()
    if not pythons:
        pytest.skip("no other Python installed")
    for version, python in pythons.items():
        found = _zoo(project, python, seed="random")
        assert len(found) >= 50, version
        assert found == {name: zoo[name] for name in found}, version


# --- what counts and what does not -------------------------------------------------------------

HELPERS = """
RATE = 0.25
OTHER = 1


def moved(x):
    return x + RATE
"""

USER = '''
"""A user's file."""
import math
from dataclasses import dataclass, field

import helpers
from helpers import moved

import numpy as np

SCALE = 2.0
WORDS = {"long", "both"}
LEVELS = np.array([1.0, 2.0])
TABLE = {"a": [1, 2], "b": (3, {"x": None})}
UNUSED = 5


def helper(x, by=3):
    return x * by


@dataclass(frozen=True)
class Rule:
    """A rule."""

    limit: float = 0.5
    names: list = field(default_factory=lambda: ["a"])
    doc: str = field(default="text", compare=False)

    def holds(self, x):
        return x > self.limit


class Base:
    step = 1

    def apply(self, x):
        return x + self.step


class Derived(Base):
    marks = [1, 2]

    @property
    def first(self):
        return self.marks[0]


RULE = Rule()
pick, skip = lambda x: x if x > 1 else -x, lambda x: 0


def offset_by(offset):
    def inner(x):
        return x - offset

    return inner


CLOSED = offset_by(4.0)


def decide(x, side="long", *, strict=True):
    """Decide."""
    total: float = 0.0  # a running total
    for value in x:
        if side in {"long", "both", "short"} and value >= 1 and side in WORDS:
            total += helper(value) * SCALE + helpers.RATE - moved(value)
        elif not strict or math.sqrt(value) == LEVELS[0]:
            total -= pick(value) ** 2 // CLOSED(value)
        else:
            total = max(total, TABLE["a"][0], 7.5)
    label = f"{total:.2f} of {side!r}"
    def last(a, b=2):
        return [a + b for a in x if a is not None]
    match label:
        case "0.00" | "none":
            return skip(total), 1
        case [first, *rest]:
            return rest
    return RULE.holds(total), Derived().first, last(total, b=3), 1e-3
'''

MEANINGFUL = [
    ("= 2.0\n", "= 2.5\n"),
    ("= 2.0\n", "= 2\n"),
    ('WORDS = {"long", "both"}', 'WORDS = {"long", "flat"}'),
    ("array([1.0, 2.0])", "array([1.0, 3.0])"),
    ("array([1.0, 2.0])", "array([1, 2])"),
    ('{"x": None}', '{"x": 0}'),
    ("return x * by", "return x / by"),
    ("by=3", "by=4"),
    ("limit: float = 0.5", "limit: float = 0.6"),
    ("limit: float", "bound: float"),
    ('lambda: ["a"]', 'lambda: ["b"]'),
    ("x > self.limit", "x >= self.limit"),
    ("step = 1", "step = 2"),
    ("x + self.step", "x - self.step"),
    ("class Derived(Base)", "class Derived(Rule)"),
    ("marks = [1, 2]", "marks = [2, 2]"),
    ("self.marks[0]", "self.marks[1]"),
    ("RULE = Rule()", "RULE = Rule(limit=3)"),
    ("x if x > 1 else -x", "x if x > 2 else -x"),
    ("lambda x: 0", "lambda x: 0.0"),
    ("x - offset", "offset - x"),
    ("offset_by(4.0)", "offset_by(4.5)"),
    ('side="long"', 'side="both"'),
    ("*, strict", "strict"),
    ("strict=True", "strict=1"),
    ('"both", "short"}', '"both", "flat"}'),
    ("value >= 1", "value > 1"),
    ("value >= 1 and", "value >= 1 or"),
    ("total += helper(value)", "total -= helper(value)"),
    ("helper(value) *", "pick(value) *"),
    ("helpers.RATE", "helpers.OTHER"),
    ("math.sqrt", "math.exp"),
    ("LEVELS[0]", "LEVELS[-1]"),
    ("not strict", "strict"),
    ('TABLE["a"][0]', 'TABLE["b"][0]'),
    ("7.5", "7.25"),
    (":.2f", ":.3f"),
    ("side!r", "side!s"),
    (" of ", " in "),
    ("b=2)", "b=3)"),
    ("is not None", "is None"),
    ('"none":', '"some":'),
    ("[first, *rest]", "[first, last, *rest]"),
    ("skip(total), 1", "skip(total), True"),
    ("last(total, b=3)", "last(total, 3)"),
    ("1e-3", "1e-4"),
    ("total: float = 0.0 ", "total: float = -0.0 "),
]
MEANINGLESS = [
    ('"""A user\'s file."""', "# no docstring\n\n\n"),
    ('"""Decide."""', '"""Decide otherwise.\n\n    At length.\n    """'),
    ('    """Decide."""\n', ""),
    ('    """A rule."""\n', ""),
    ("  # a running total", ""),
    ("total: float = 0.0", "total = 0.0"),
    ("total: float = 0.0", "total: int = 0.00"),
    ("x, by=3)", "x: float, by: int = 3) -> float"),
    ("limit: float = 0.5", "limit: int = 5e-1"),
    ('"text"', '"another text"'),
    ("UNUSED = 5", "UNUSED = 6"),
    ("import math\nfrom data", "import os\nimport math\nfrom data"),
    (
        "\nimport helpers\nfrom helpers import moved\n",
        "\nfrom helpers import moved\nimport helpers\n",
    ),
    ("x if x > 1 else -x", "(x) if (x > 1) else (-x)"),
    ('side in {"long", "both", "short"}', "side in {'long', 'both',\n            'short'}"),
    ("    def holds", "\n    # why\n    def holds"),
    ("7.5", "75e-1"),
    (
        "        else:\n            total = max",
        "        else:\n            pass\n            total = max",
    ),
    ("RULE.holds(total), D", "(RULE\n        .holds(total)), D"),
]


def _load(folder: Path, text: str = USER, helpers: str = HELPERS) -> ModuleType:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "helpers.py").write_text(helpers)
    (folder / "user.py").write_text(text)
    return import_user_file(folder / "user.py")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return code_hash(_load(tmp_path_factory.mktemp("base")).decide)


def _changed(old: str, new: str) -> str:
    assert USER.count(old) == 1, old
    return USER.replace(old, new)


@pytest.mark.parametrize(("old", "new"), MEANINGFUL)
def test_a_change_of_meaning_changes_the_hash(
    old: str, new: str, base: str, tmp_path: Path
) -> None:
    assert code_hash(_load(tmp_path, _changed(old, new)).decide) != base


@pytest.mark.parametrize(("old", "new"), MEANINGLESS)
def test_a_change_without_meaning_keeps_the_hash(
    old: str, new: str, base: str, tmp_path: Path
) -> None:
    assert code_hash(_load(tmp_path / "elsewhere", _changed(old, new)).decide) == base


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [("0.25", "0.5", True), ("x + RATE", "x - RATE", True), ("OTHER = 1", "OTHER = 2", False)],
)
def test_of_another_module_counts_what_is_read(
    old: str, new: str, counts: bool, base: str, tmp_path: Path
) -> None:
    changed = code_hash(_load(tmp_path, helpers=HELPERS.replace(old, new)).decide)
    assert (changed != base) == counts


# --- the code that runs --------------------------------------------------------------------------


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_edit_after_the_import_changes_nothing_until_the_file_is_imported_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x\n")
    module, twin = _import(path, "edited"), _import(path, "edited")
    before = code_hash(module.g)
    path.write_text(
        "# moved\n\n\ndef f(x):\n    return x + 2\n\n\ndef g(x):\n    return x  # same\n"
    )
    linecache.checkcache(str(path))
    again = _import(path, "again")
    assert code_hash(twin.g) == before == code_hash(again.g)
    assert code_hash(twin.f) != code_hash(again.f)
    # Its text is gone: the bytecode stands for it.
    assert code_hash(twin.f) == code_hash(module.f)


def test_a_users_file_keeps_its_text_when_it_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "kept.py"
    path.write_text("def f(x):\n    return x + 1\n")
    module = import_user_file(path)
    other = tmp_path / "other.py"
    other.write_text("def f(x):\n    return x + 1  # elsewhere\n")
    path.write_text("def f(x):\n    return x + 2\n")
    assert code_hash(module.f) == code_hash(import_user_file(other).f)
    assert code_hash(import_user_file(path).f) != code_hash(module.f)


def _made(text: str) -> Any:
    scope: dict[str, Any] = {"rate": 0.5}
    exec(text, scope)
    return scope["f"]


MADE = "def f(x):\n    return x * rate + 1 if x in {1, 2} else [y for y in x if y != 'a']"


def test_code_without_text_counts_by_its_bytecode() -> None:
    known = code_hash(_made(MADE))
    assert code_hash(_made(MADE.replace("{1, 2}", "{2, 1}").replace("\n", "  # same\n\n"))) == known
    for old, new in (("+ 1", "+ 2"), ("{1, 2}", "{1, 3}"), ("'a'", "'b'"), ("x * rate", "x")):
        assert code_hash(_made(MADE.replace(old, new))) != known
    changed = _made(MADE)
    changed.__globals__["rate"] = 0.75
    assert code_hash(changed) != known


def test_a_try_block_counts_in_bytecode_too() -> None:
    body = "    try:\n        x += 1\n        x += 1\n    except ValueError:\n        x = 0\n"
    inside = _made(f"def f(x):\n{body}    return x\n")
    narrower = body.replace("        x += 1\n        x += 1\n", "        x += 1\n", 1)
    outside = _made(f"def f(x):\n{narrower}    x += 1\n    return x\n")
    assert code_hash(inside) != code_hash(outside)


# --- values --------------------------------------------------------------------------------------


def _reading(value: Any) -> Any:
    def function(x: Any) -> Any:
        return value, x

    return function


class Held:
    def __init__(self, *values: Any) -> None:
        self.values = values


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    "make",
    [
        lambda: Held(1, {"a", "b"}, [Held(2.0)]),
        lambda: Slotted({"k": (1, None)}),
        lambda: {frozenset(("a", "b")): Held(np.arange(3))},
        lambda: object(),
        lambda: threading.Lock(),
        lambda: Path("folder") / "file.csv",
        lambda: np.random.default_rng(5),
        lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
        lambda: MappingProxyType({"a": {"b", "c"}}),
        lambda: {"a": 1}.items(),
        lambda: memoryview(b"abc"),
        lambda: itertools.chain([1], [2]),
    ],
)
def test_an_object_counts_by_value_never_by_its_address(make: Any) -> None:
    first, second = make(), make()
    assert code_hash(_reading(first)) == code_hash(_reading(second))


def test_what_an_object_holds_counts() -> None:
    values = [
        *(Held(1), Held(1.0), Held(True), Held(1, 2), Held([1]), Held((1,)), Held({1})),
        *(Slotted(1), Slotted(2), Held(Slotted(1)), Held(np.zeros(2)), Held(np.ones(2))),
        *(Held(0.0), Held(-0.0), Held(float("nan")), Held("1"), Held(b"1"), Held(None)),
        *(np.random.default_rng(5), np.random.default_rng(6), Path("a"), Path("b")),
        *({1: 2}, {2: 1}, {1: 2.0}, [1, [2]], [[1], 2], [1, 2], range(2), slice(2)),
        *(MappingProxyType({1: 2}), MappingProxyType({1: 3}), MappingProxyType({2: 2})),
        *({1: 2}.keys(), {1: 2}.values(), {1: 2}.items(), {1: 3}.items(), {2: 2}.keys()),
        *(memoryview(b"a"), memoryview(b"b"), iter([1]), iter([2]), map(abs, [1]), map(abs, [2])),
        *(itertools.count(1), itertools.count(2), re.compile("a"), re.compile("a", re.I)),
        *(list[int], list[str], int | None, str | None),
        *(np.vectorize(abs), np.vectorize(_reading), np.frompyfunc(_reading, 1, 1), np.add),
        *(np.frompyfunc(Held, 1, 1), np.frompyfunc(Slotted.__init__, 1, 1)),
        *(random.Random(1).gauss, random.Random(2).gauss, np.array([1]).dot, np.array([2]).dot),
        *(compile("1", "a", "eval"), compile("2", "a", "eval"), stats.norm, stats.expon),
    ]
    hashes = [code_hash(_reading(value)) for value in values]
    for one, other in itertools.combinations(range(len(values)), 2):
        assert hashes[one] != hashes[other], (values[one], values[other])


def test_a_distribution_counts_by_its_parameters_not_by_the_generator_of_the_process() -> None:
    before = code_hash(_reading(stats.norm(1.0, 2.0)))
    of_method = code_hash(_reading(stats.norm.cdf))
    np.random.standard_normal()  # noqa: NPY002  # the generator that all of them share
    assert code_hash(_reading(stats.norm(1.0, 2.0))) == before
    assert code_hash(_reading(stats.norm.cdf)) == of_method
    assert code_hash(_reading(stats.norm(1.0, 3.0))) != before


def test_equal_values_count_alike_whether_they_are_one_object_or_two() -> None:
    shared = [1.0, 2.0]
    assert code_hash((shared, shared)) == code_hash(([1.0, 2.0], [1.0, 2.0]))


def test_what_contains_itself_has_a_hash() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    held = Held()
    held.values = (held, {held})
    assert len({code_hash(circle), code_hash(held), code_hash([1, [1]])}) == 3


def test_a_cached_property_is_no_value() -> None:
    from functools import cached_property

    class Lazy:
        def __init__(self) -> None:
            self.x = 1

        @cached_property
        def double(self) -> int:
            return 2 * self.x

    lazy = Lazy()
    before = code_hash(lazy)
    assert lazy.double == 2
    assert code_hash(lazy) == before


# --- compiled functions --------------------------------------------------------------------------


def _make(shift, table=(1.0, 2.0)):
    @inlined
    def callee(x):
        return x + shift

    def caller(x):
        """Text that does not count."""
        return callee(x) * table[0]

    return caller


def test_equal_code_has_an_equal_hash_and_compilation_does_not_count():
    assert code_hash(_make(1.0)) == code_hash(_make(1.0))


@pytest.mark.parametrize("hash_of", [code_hash, bytecode_hash])
def test_a_captured_constant_of_a_callee_counts(hash_of):
    assert hash_of(_make(1.0)) != hash_of(_make(2.0))
    assert hash_of(_make(1.0, (1.0, 2.5))) != hash_of(_make(1.0))


@pytest.mark.parametrize("hash_of", [code_hash, bytecode_hash])
def test_a_captured_array_counts_by_its_content(hash_of):
    zeros = hash_of(_reading(np.zeros(3)))
    assert zeros == hash_of(_reading(np.zeros(3)))
    assert zeros != hash_of(_reading(np.ones(3)))


def test_recursion_ends():
    def again(n):
        return 1 if n < 1 else again(n - 1)

    assert len(code_hash(again)) == 64


def test_a_class_counts_by_its_methods():
    def make(amount):
        class Rule:
            limit = amount

            def apply(self, x):
                return x

        return Rule

    assert code_hash(make(1)) == code_hash(make(1))
    assert code_hash(make(1)) != code_hash(make(2))


@pytest.mark.parametrize("hash_of", [code_hash, bytecode_hash])
def test_a_compiled_function_and_its_original_differ_only_by_options(hash_of):
    def function(x):
        return x

    assert hash_of(kernel(function)) == hash_of(kernel(function))
    assert hash_of(kernel(function)) != hash_of(kernel(boundscheck=True)(function))


def test_what_the_engine_has_loaded_says_nothing():
    from engine.sources import make_source
    from engine.sources.registered import SOURCES

    def model(x):
        return make_source("gbm"), x

    before = code_hash(model)
    SOURCES["a name of this test"] = object
    try:
        assert code_hash(model) == before
    finally:
        del SOURCES["a name of this test"]


def test_a_kernel_of_the_engine_counts_by_what_it_computes(monkeypatch):
    from engine.compiled import elementary

    model = _reading(elementary.exp)
    before = code_hash(model)
    monkeypatch.setattr(elementary, "_EXP_HIGH", 700.0)
    assert code_hash(model) != before


def test_helpers_of_a_built_in_strategy_count_by_what_they_do_in_a_users_by_name(monkeypatch):
    from engine.strategies import crossed_above
    from engine.strategies.sma_crossover import SmaCrossover

    users = _reading(crossed_above)
    before = SmaCrossover.code_hash(), code_hash(users)

    def changed(series, other):
        return True

    code = changed.__code__.replace(co_qualname=crossed_above.__qualname__)
    monkeypatch.setattr(crossed_above, "__code__", code)
    assert SmaCrossover.code_hash() != before[0]
    assert code_hash(users) == before[1]


def test_the_hash_of_the_bytecode_names_the_modules_that_it_comes_from():
    assert bytecode_hash(_make(1.0)).modules == (__name__,)
