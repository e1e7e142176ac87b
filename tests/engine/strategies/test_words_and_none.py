"""What is written like Python means what it means in Python, or is refused by line."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import StrategyError, backtest
from engine.user_code import import_user_file

BARS = 6
HEAD = """import functools
import numpy as np
from engine.strategies import *
def asks(x):
    return 1.0 if x is None else 2.0
def doubled(x):
    return 2.0 * x
TABLE = (1.0, 2.0)
def totalled(x):
    return sum([doubled(x) * TABLE[i] for i in range(2)])
def passed_on(hook):
    @functools.wraps(hook)
    def inner(*arguments):
        return hook(*arguments)
    return inner
class Written(Strategy):
    side = Choice("up", ["up", "down", "flat"])
    sure = Choice(True, [True, False])
    step = Choice(2, [1, 2, 3])
    cap = Float(None)
    mean = SMA(2)
"""
ON_BAR = "    def on_bar(self, bar, order, account):\n        x = 0.0\n"
SIGNALS = "    def signals(self, bars, target):\n        x = 0.0\n"
LINE = len(HEAD.splitlines()) + 3


@pytest.fixture(scope="module")
def bars() -> Bars:
    close = np.array([100.0, 101.0, 99.0, 102.0, 103.0, 98.0])
    stamps = np.arange(BARS, dtype=np.int64) * 86_400_000_000
    return Bars("X", stamps, close, close + 1.0, close - 1.0, close, np.full(BARS, 1e6))


def written(folder: Path, text: str):
    path = folder / f"written_{zlib.crc32(text.encode()):08x}.py"
    path.write_text(text)
    return path, import_user_file(path).Written


def body(lines: str) -> str:
    return "".join(f"        {line}\n" for line in lines.split("\n"))


# An expression, the parameters that are not defaults, and what Python makes of it.
MEANINGS = [
    ("'up' == self.side", {}, True),
    ("'down' != self.side", {}, True),
    ("self.side in ('up', 'flat')", {}, True),
    ("self.side in ['down', 'flat']", {}, False),
    ("self.side not in ('down', 'flat')", {"side": "flat"}, False),
    ("None is self.cap", {}, True),
    ("self.cap == None", {}, True),
    ("None != self.cap", {"cap": 3.0}, True),
    ("self.sure == True", {}, True),
    ("not self.sure", {"sure": False}, True),
    ("bar.close[self.step] > 100.5", {"step": 1}, True),
    ("7 // self.step == 3", {}, True),
    ("2 ** -self.step == 0.25", {}, True),
    ("10 ** -2 == 0.01", {}, True),
]


@pytest.mark.parametrize(("text", "parameters", "meaning"), MEANINGS)
def test_an_expression_means_what_it_does_in_python(
    tmp_path, bars, text, parameters, meaning
) -> None:
    _, cls = written(tmp_path, HEAD + ON_BAR + body(f"if {text}:\n    order.market(1)"))
    found = backtest(cls, bars, parameters).orders.filter(bar=2, event="submitted")
    assert found.height == int(meaning)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("x = sum([doubled(v) * TABLE[1] for v in TABLE])", 12.0),
        ("x = totalled(1.0)", 6.0),
        ("x = len([v for v in TABLE if v > TABLE[0]])", 1.0),
    ],
)
def test_a_comprehension_sees_the_names_of_its_file(tmp_path, bars, text, units) -> None:
    _, cls = written(tmp_path, HEAD + ON_BAR + body(f"{text}\norder.market(x)"))
    orders = backtest(cls, bars).orders.filter(bar=2, event="submitted")
    assert orders["units"].to_list() == [units]


@pytest.mark.parametrize(
    ("parameters", "expected"), [({}, 1.0), ({"cap": 3.0}, 2.0), ({"cap": 0.0}, 2.0)]
)
def test_a_name_given_an_optional_parameter_may_be_asked_for_none(
    tmp_path, bars, parameters, expected
) -> None:
    text = "cap = self.cap\nx = 1.0 if cap is None else 2.0\norder.market(x)"
    _, cls = written(tmp_path, HEAD + ON_BAR + body(text))
    orders = backtest(cls, bars, parameters).orders.filter(bar=2, event="submitted")
    assert orders["units"].to_list() == [expected]


@pytest.mark.parametrize(
    ("condition", "parameters", "meaning"),
    [
        ("self.side == 'up'", {}, True),
        ("'down' == self.side", {}, False),
        ("self.side in ('flat', 'down')", {"side": "down"}, True),
        ("self.cap is None", {}, True),
        ("self.cap is not None", {"cap": 1.0}, True),
    ],
)
def test_signals_compare_words_and_none_as_hooks_do(
    tmp_path, bars, condition, parameters, meaning
) -> None:
    _, cls = written(tmp_path, HEAD + SIGNALS + body(f"if {condition}:\n    target[2:] = 0.5"))
    assert backtest(cls, bars, parameters).orders.height == (2 if meaning else 0)


WORD = "self.side is a word, allowed comparisons such as self.side == 'up'"
UNSURE = "may be None, neither true nor false: ask `is None`"
REFUSED = {
    "side = self.side": WORD,
    "x = 1.0 if self.side else 2.0": WORD,
    "x = doubled(self.side)": WORD,
    "match self.side:\n    case 'up': x = 1.0": WORD,
    "x = 1.0 if self.side in 'up' else 2.0": "self.side is compared with something else than one",
    "x = 1.0 if 'up' < self.side else 2.0": "self.side is compared with something else than one",
    "x = 1.0 if self.cap else 2.0": f"self.cap {UNSURE}",
    "x = self.cap or 5.0": f"self.cap {UNSURE}",
    "x = 1.0 if not self.cap else 2.0": f"self.cap {UNSURE}",
    "x = 1.0 if bar.close > 1.0 and self.cap else 2.0": f"self.cap {UNSURE}",
    "x = asks(self.cap)": "asks compares with None, which self.cap is not inside a helper",
    "x = 1.0 if self.sure is True else 2.0": "`is` tells None apart; compare with == instead",
    "a, *b = (1.0, 2.0)": "`*` on the left of an assignment is not supported",
    "f = order.market": "order.market is called, as in order.market(...)",
    "order.close": "order.close is called, as in order.close(...)",
    "order.limit(1, 5.0, tif=-3)": "tif: found -3, allowed gtc, day, ioc, fok or bars, at least 1",
    "order.limit(1, 5.0, tif=0)": "tif: found 0, allowed gtc, day, ioc, fok or bars, at least 1",
    "x = 1.0 if crossed_above(bar.close, 2 * self.mean) else 2.0": "found 2 * self.mean, allowed "
    "indicators, bar fields and numbers",
    "x = 1.0 if crossed_above(bar.close, self.mean[1]) else 2.0": "found self.mean[1], allowed "
    "indicators, bar fields and numbers",
}
REFUSED_IN_SIGNALS = {
    "side = self.side": WORD,
    "x = 1.0 if self.cap else 2.0": f"self.cap {UNSURE}",
    "target = np.ones(6)": "signals fills target, as in target[:] = ...; found a new target",
    "return np.ones(6)": "signals fills its target, allowed a bare return",
    "yield 1.0": "signals is a plain function; `yield` is not supported",
    "import os": "a hook imports nothing; import at the top of the file",
    "a, *b = (1.0, 2.0)": "`*` on the left of an assignment is not supported",
    "target[:] = unknown": "name 'unknown' is not defined",
    "order.market(1)": "name 'order' is not defined",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_hook_would_read_otherwise_than_python_is_refused(tmp_path, bars, text) -> None:
    path, cls = written(tmp_path, HEAD + ON_BAR + body(text))
    with pytest.raises(StrategyError) as caught:
        backtest(cls, bars)
    assert f"{path}, line {LINE}: " in str(caught.value)
    assert REFUSED[text] in str(caught.value)


@pytest.mark.parametrize("text", REFUSED_IN_SIGNALS)
def test_what_signals_would_read_otherwise_than_python_is_refused(tmp_path, bars, text) -> None:
    path, cls = written(tmp_path, HEAD + SIGNALS + body(text))
    with pytest.raises(StrategyError) as caught:
        backtest(cls, bars)
    assert f"{path}, line {LINE}: " in str(caught.value)
    assert REFUSED_IN_SIGNALS[text] in str(caught.value)


HOOKS = {
    "    def on_bars(self, bar, order):": (0, "found on_bars, allowed on_start, on_bar, on_finish"),
    "    x = 0.0": (None, "found no hook, allowed on_bar, on_tick, on_start or signals"),
    "    on_bar = 3": (None, "on_bar is a plain function, found int"),
    "    @staticmethod\n    def on_bar(bar, order):": (None, "on_bar is a plain function, found "),
    "    @passed_on\n    def on_bar(self, bar, order):": (0, "a hook has no decorator"),
    "    def on_bar(self, *, bar, order):": (0, "on_bar: found `*`, allowed self, bar, order"),
    "    def on_bar(self, bar, *order):": (0, "on_bar: found *order, allowed self, bar, order"),
    "    def on_bar(self, bar, **order):": (0, "on_bar: found **order, allowed self, bar, order"),
    "    def on_bar(self, bar, order, /):": (0, "on_bar: found `/`, allowed self, bar, order"),
}


@pytest.mark.parametrize("text", HOOKS)
def test_a_hook_of_another_form_is_refused_not_left_out(tmp_path, bars, text) -> None:
    line, message = HOOKS[text]
    rest = "        pass\n" if text.endswith(":") else ""
    path, cls = written(tmp_path, HEAD + text + "\n" + rest)
    with pytest.raises(StrategyError) as caught:
        backtest(cls, bars)
    assert message in str(caught.value)
    if line is not None:
        # A decorated function begins at its first decorator.
        assert f"{path}, line {len(HEAD.splitlines()) + 1}" in str(caught.value)


@pytest.mark.parametrize("line", ["state = Int(3)", "parameters = 0", "hooks = SMA(3)"])
def test_a_declaration_cannot_take_a_name_of_the_interface(tmp_path, line) -> None:
    with pytest.raises(StrategyError, match=rf"{line.split()[0]} is a name of Strategy's own"):
        written(tmp_path, HEAD + f"    {line}\n")


@pytest.mark.parametrize(
    ("declared", "units"),
    [
        ("np.float64(1.5)", 2.5),
        ("np.int64(2)", 3.0),
        ("np.bool_(False)", 1.0),
        ("np.float64('nan')", 7.0),
    ],
)
def test_state_may_be_a_number_of_numpy_and_begin_with_an_underscore(
    tmp_path, bars, declared, units
) -> None:
    text = "if self._x != self._x:\n    self._x = 6\nself._x += 1\norder.market(self._x)"
    _, cls = written(tmp_path, HEAD + f"    _x = {declared}\n" + ON_BAR + body(text))
    orders = backtest(cls, bars, {}, {"cash": 1e9}).orders.filter(bar=0, event="submitted")
    assert orders["units"].to_list() == [units]


def test_a_whole_number_too_large_for_a_float_is_refused(tmp_path, bars) -> None:
    _, cls = written(tmp_path, HEAD + "    n = Int(3)\n" + ON_BAR + body("order.market(self.n)"))
    with pytest.raises(ValueError, match=r"n: found 1e\+300, allowed a whole number"):
        backtest(cls, bars, {"n": 1e300})
