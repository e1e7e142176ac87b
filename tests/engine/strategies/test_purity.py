"""Hooks decide by bars, parameters and state alone: the rest is refused, by line."""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import Strategy, StrategyError, backtest, load_user_strategies
from engine.strategies.purity import check_purity
from engine.user_code import import_user_file

HEAD = """import ctypes, datetime, math, os, random, time
from time import perf_counter as clock
import numba
import numpy as np
from numpy.random import normal
from engine.strategies import *
TABLE, PAIR, RECORDS = np.ones(9), (np.ones(2),), np.zeros(2, dtype=[("a", "f8")])
LOG, KNOWN = [1.0], {"a": 1.0}
GENERATOR = np.random.default_rng(1)
RAND = ctypes.CDLL(None).rand
def noisy(x):
    return x + np.random.normal()
def deeper(x):
    return noisy(x)
@numba.njit
def compiled(x):
    return x + random.random()
def remembers(x):
    TABLE[0] = x
    return x
def sums(x, total=[0.0]):
    total[0] += x
    return total[0]
def outside(x):
    with numba.objmode(y="float64"):
        y = x
    return y
unnamed = lambda x: x + normal()
def honest(x, limit=3.0):
    row = np.zeros(3)
    row[0] = x
    values = [x]
    values.append(limit)
    return math.sqrt(abs(row[0])) + TABLE[0] + PAIR[0][1] + values[1]


class Impure(Strategy):
    level = 0.0

    def on_bar(self, bar, order, account):
"""
LINES = {
    name: HEAD.splitlines().index(text) + 1
    for name, text in [
        ("noisy", "    return x + np.random.normal()"),
        ("compiled", "    return x + random.random()"),
        ("remembers", "    TABLE[0] = x"),
        ("sums", "def sums(x, total=[0.0]):"),
        ("outside", '    with numba.objmode(y="float64"):'),
        ("unnamed", "unnamed = lambda x: x + normal()"),
    ]
}
HERE = len(HEAD.splitlines()) + 1
OUTSIDE = "is not supported: a decision follows from bars, parameters and state alone"
SHARED = "is shared by all simulations, not changed; keep state on self"
REFUSED = {
    "x = np.random.normal()": (HERE, f"`np.random.normal` {OUTSIDE}"),
    "np.random.seed(1)": (HERE, f"`np.random.seed` {OUTSIDE}"),
    "x = random.random()": (HERE, f"`random.random` {OUTSIDE}"),
    "x = normal()": (HERE, f"`normal` {OUTSIDE}"),
    "x = GENERATOR.normal()": (HERE, f"`GENERATOR.normal` {OUTSIDE}"),
    "x = RAND()": (HERE, f"`RAND` {OUTSIDE}"),
    "x = time.time()": (HERE, f"`time.time` {OUTSIDE}"),
    "x = clock()": (HERE, f"`clock` {OUTSIDE}"),
    "x = datetime.datetime.now()": (HERE, f"`datetime.datetime.now` {OUTSIDE}"),
    "x = os.getpid()": (HERE, f"`os.getpid` {OUTSIDE}"),
    "x = numba.carray(bar.index, 3)": (HERE, f"`numba.carray` {OUTSIDE}"),
    "print(bar.close)": (HERE, "`print` is not supported; trades and orders are recorded"),
    "x = input()": (HERE, f"`input` {OUTSIDE}"),
    "x = hash('a')": (HERE, f"`hash` {OUTSIDE}"),
    "x = noisy(1.0)": (LINES["noisy"], f"`np.random.normal` {OUTSIDE}"),
    "x = deeper(1.0)": (LINES["noisy"], f"`np.random.normal` {OUTSIDE}"),
    "x = compiled(1.0)": (LINES["compiled"], f"`random.random` {OUTSIDE}"),
    "x = unnamed(1.0)": (LINES["unnamed"], f"`normal` {OUTSIDE}"),
    "x = outside(1.0)": (LINES["outside"], "`with` is not supported"),
    "x = remembers(1.0)": (LINES["remembers"], f"`TABLE` {SHARED}"),
    "x = sums(1.0)": (LINES["sums"], "the default of 'total' is shared by all simulations"),
    "TABLE[0] = 1.0": (HERE, f"`TABLE` {SHARED}"),
    "TABLE[0] += 1.0": (HERE, f"`TABLE` {SHARED}"),
    "PAIR[0][0] = 1.0": (HERE, f"`PAIR` {SHARED}"),
    "for TABLE[0] in range(3): pass": (HERE, f"`TABLE` {SHARED}"),
    "TABLE.sort()": (HERE, f"`TABLE` {SHARED}"),
    "LOG.append(1.0)": (HERE, f"`LOG` {SHARED}"),
    "KNOWN['b'] = 1.0": (HERE, f"`KNOWN` {SHARED}"),
    "x = RECORDS[0].a": (HERE, "`RECORDS` is an array of records, allowed arrays of numbers"),
    "global TABLE; TABLE = 1.0": (HERE, "`global` is not supported; keep state on self"),
}


def load(folder: Path, body: str) -> tuple[Path, type[Strategy]]:
    text = HEAD + f"        {body}\n"
    path = folder / f"impure_{zlib.crc32(text.encode()):08x}.py"
    path.write_text(text)
    return path, import_user_file(path).Impure


@pytest.mark.parametrize("body", REFUSED)
def test_what_reaches_outside_its_simulation_is_refused_by_line(tmp_path, body) -> None:
    path, strategy = load(tmp_path, body)
    line, message = REFUSED[body]
    with pytest.raises(StrategyError) as caught:
        check_purity(strategy.hooks()["on_bar"])
    assert str(caught.value).startswith(f"{path}, line {line}: {message}")


@pytest.fixture(scope="module")
def bars() -> Bars:
    close = 100.0 + np.sin(np.arange(30) / 5.0)
    return Bars("X", np.arange(30, dtype=np.int64), close, close, close, close, np.ones(30))


def test_a_field_of_a_bar_is_no_global_of_the_same_name(tmp_path, bars) -> None:
    body = """
import random
from engine.strategies import Strategy

def volume():
    return random.random()

class Plain(Strategy):
    def on_bar(self, bar, order):
        if bar.volume > 0.0:
            order.target_percent(1.0)
"""
    file = tmp_path / "plain.py"
    file.write_text(body)
    load_user_strategies(file)
    assert backtest("plain", bars).metrics["net_pnl"] is not None


def test_both_forms_are_searched_before_they_compile(tmp_path, bars) -> None:
    path, strategy = load(tmp_path, "order.market(np.random.normal())")
    with pytest.raises(StrategyError, match=rf"line {HERE}: `np.random.normal`"):
        backtest(strategy, bars)
    path = tmp_path / "impure_signals.py"
    path.write_text(
        HEAD.replace("on_bar(self, bar, order, account)", "signals(self, bars, target)").replace(
            "    level = 0.0\n", ""
        )
        + "        target[:] = random.random()\n"
    )
    with pytest.raises(StrategyError, match=r"`random.random`"):
        backtest(import_user_file(path).Impure, bars)


@pytest.mark.parametrize(
    "body",
    ["order.market(beside.drawn(1.0))", "order.market(sum([beside.drawn(i) for i in range(2)]))"],
)
def test_a_helper_named_by_its_module_is_searched_too(tmp_path, monkeypatch, body) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = "import numpy as np\ndef drawn(x):\n    return x + np.random.normal()\n"
    for name, compiled in (("plain_beside", ""), ("compiled_beside", "import numba\n@numba.njit")):
        (tmp_path / f"{name}.py").write_text(text.replace("\ndef", f"\n{compiled}\ndef"))
        path, _ = load(tmp_path, body)
        path.write_text(
            path.read_text().replace("import numba\n", f"import numba, {name} as beside\n")
        )
        spec = importlib.util.spec_from_file_location(f"{path.stem}_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(StrategyError, match=r"beside.py, line \d+: `np.random.normal` is not"):
            check_purity(module.Impure.hooks()["on_bar"])


def test_an_alias_of_a_shared_array_cannot_be_changed_either(tmp_path, bars) -> None:
    path, strategy = load(tmp_path, "x = PAIR[0]\n        x[0] = bar.close")
    with pytest.raises(StrategyError) as caught:
        backtest(strategy, bars)
    assert f"{path}, line {HERE + 1}: an array from outside is shared" in str(caught.value)


def test_a_list_from_outside_is_told_apart_from_a_table(tmp_path, bars) -> None:
    _, strategy = load(tmp_path, "order.market(LOG[bar.index])")
    with pytest.raises(StrategyError, match="`LOG` is a list, allowed a tuple or an array"):
        backtest(strategy, bars)


def test_own_arrays_lists_and_tables_that_are_only_read_are_allowed(tmp_path, bars) -> None:
    _, strategy = load(tmp_path, "order.market(honest(bar.close))")
    submitted = backtest(strategy, bars).orders.filter(event="submitted")["units"].to_numpy()
    np.testing.assert_allclose(submitted, np.sqrt(bars.close) + 1.0 + 1.0 + 3.0)
