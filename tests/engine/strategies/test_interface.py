"""Writing a strategy: parameters, state, helpers, errors that name the line, users' files."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import (
    SMA,
    Choice,
    Float,
    Int,
    Momentum,
    Strategy,
    StrategyError,
    backtest,
    describe_strategy,
    get_strategy,
    load_user_strategies,
)


@pytest.fixture(scope="module")
def bars() -> Bars:
    close = 100.0 + np.sin(np.arange(80) / 5.0) * 10.0
    opens = np.concatenate([[100.0], close[:-1]])
    stamps = np.arange(80, dtype=np.int64) * 86_400_000_000
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    return Bars("X", stamps, opens, high, low, close, np.full(80, 1.0))


def band(price: float, width: float) -> float:
    return price * (1.0 + scaled(width))


def scaled(width: float) -> float:
    return width / 100.0


class Everything(Strategy):
    """State, helpers, loops, constants, optional and word parameters in one hook."""

    WIDEST = 3.0
    look_back = Int(5, low=1, high=50)
    width = Float(1.0)
    cap = Float(None)
    side = Choice("up", ["up", "down"])
    entry_price = 0.0
    held_bars = 0
    armed = False
    mean = SMA(look_back)

    def on_start(self, order):
        self.armed = self.width < self.WIDEST

    def on_bar(self, bar, order, account):
        if not self.armed or bar.index < self.look_back:
            return
        highest = 0.0
        for back in range(1, self.look_back + 1):
            highest = max(highest, bar.high[back])
        if account.position == 0.0:
            wanted = bar.close > self.mean if self.side == "up" else bar.close < self.mean
            if wanted and (self.cap is None or bar.close < self.cap):
                order.market(1)
                self.entry_price = bar.close
                self.held_bars = 0
        else:
            self.held_bars += 1
            if bar.close > band(self.entry_price, self.width) or self.held_bars >= 7:
                order.close()

    def on_finish(self, account):
        self.entry_price = account.equity


def plain_everything(bars: Bars, side: str, cap: float) -> list[tuple[int, int]]:
    """The same strategy as a loop over lists."""
    trades, position, entry, held, due, opened = [], 0, 0.0, 0, "", 0
    for t in range(len(bars)):
        if due == "buy":
            position, opened = 1, t
        elif due == "sell":
            position = 0
            trades.append((opened, t))
        due = ""
        if t < 5:
            continue
        close, mean = bars.close[t], bars.close[t - 4 : t + 1].mean()
        if position == 0:
            if (close > mean if side == "up" else close < mean) and close < cap:
                due, entry, held = "buy", close, 0
        else:
            held += 1
            if close > entry * 1.01 or held >= 7:
                due = "sell"
    return trades


@pytest.mark.parametrize(("side", "cap"), [("up", None), ("down", None), ("up", 95.0)])
def test_a_hook_does_what_the_same_python_does(bars, side, cap) -> None:
    found = backtest(Everything, bars, {"side": side, "cap": cap}).trades
    expected = plain_everything(bars, side, np.inf if cap is None else cap)
    assert list(zip(found["entry_bar"], found["exit_bar"], strict=True)) == expected
    assert expected


def test_on_start_can_disarm_the_strategy(bars) -> None:
    assert backtest(Everything, bars, {"width": 5.0}).trades.height == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"look_back": 0}, r"look_back: found 0, allowed a whole number >= 1 and <= 50"),
        ({"look_back": 2.5}, r"look_back: found 2.5"),
        ({"side": "left"}, r"side: found 'left', allowed one of 'up', 'down'"),
        ({"widht": 1.0}, r"everything: found parameter widht, allowed look_back, width, cap, side"),
    ],
)
def test_a_wrong_parameter_names_what_is_allowed(bars, parameters, message) -> None:
    with pytest.raises(ValueError, match=message):
        backtest(Everything, bars, parameters)


HEAD = """import numpy as np
from engine.strategies import *
class Bad(Strategy):
    count, level, word = 0, 0.0, "up"
    n = Int(-1)

"""
MISTAKES = {
    "        z = open('f')": "`open` is not supported: a decision follows from bars",
    "        z = bar.close.foo": "foo",
    "        z = unknown(bar.close)": "name 'unknown' is not defined",
    "        order.buy(3)": "found order.buy, allowed",
    "        order.limit(3)": "order.limit: missing a required argument: 'price'",
    "        z = bar.close[-1]": "found a later bar",
    "        self.other = 1.0": "self.other is not declared",
    "        self.n = 3": "parameter self.n cannot be assigned",
    "        self.count += 0.5": "declared as a whole number",
    "        z = self.fast": "found self.fast, allowed n, count",
    "        z = bar.colse": "found bar.colse, allowed open, high, low, close, volume, index",
    "        return 3": "allowed a bare return",
    "        def inner(): return 1": "a hook defines no function",
    "        class Inner: pass": "`class` is not supported",
    "        with open('f'): pass": "`with` is not supported",
    "        import math": "import at the top of the file",
    "        z = (y := bar.close)": "`:=` is not supported",
    "        order.limit(1, 5.0, tif='week')": "tif: found 'week', allowed gtc, day, ioc, fok",
    "        del x": "`del` is not supported",
    "        order.market('all')": "order.market: found 'all', allowed a number",
    "        order.market(None)": "order.market: found None, allowed a number",
    "        order.market([x])": "found a list, allowed a number",
    "        order.market(x if bar.index else None)": "found a value that may be None",
    "        self.level = 'up'": "state is a number: found",
    "        self.level: float = 'up'": "state is a number: found",
    "        self.level = 1.0 if bar.index else None": "found a value that may be None, allowed",
    "        self.level, self.count = 1.0, 0.5": "declared as a whole number",
    "        self.word = 'down'": "word is declared as 'up', which is neither number nor Choice",
    "        z = bar.position": "found bar.position, allowed open, high, low, close, volume, "
    "index; position is account.position",
    "        z = bar.cash": "cash is account.cash",
    "        z = self.close": "close is bar.close or order.close",
    "        bar.close = 3.0": "bar is read only",
    "        z = bar.close[0.5]": "an index is a whole number: found a fraction",
    "        z = bar.close[1:3]": "found a slice, allowed a number of bars back",
    "        z = bar[-1].close": "found symbol -1, allowed 0 to 0",
    "        z = np.nothing(x)": "`np.nothing` is not defined",
}


def load(path: Path, name: str) -> type[Strategy]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


DECLARATIONS = {
    "n = Int(2.5)": "Int: found default 2.5, allowed a whole number",
    "n = Int(2, low=3)": "Int: found default 2, allowed a whole number >= 3",
    "n = Int(2, low=3, high=1)": "Int: found low = 3, allowed at most high = 1",
    "n = Int(2, low='a')": "Int: found low = 'a', allowed a number",
    "n = Int(2, low=0, log=True)": "Int: found low = 0, allowed > 0 on a logarithmic scale",
    "n = Float('x')": "Float: found default 'x', allowed a number",
    "n = Choice('a', ['b'])": "Choice: found default 'a', allowed one of 'b'",
    "n = Choice(1, [])": "Choice: found choices [], allowed all numbers or all strings",
    "n = SMA('x')": "SMA: found period 'x', allowed a whole number >= 1, or a parameter declared "
    "above",
    "n = SMA(0)": "SMA: found period 0, allowed a whole number >= 1",
    "n = MACD(3, 6, 2.5)": "MACD: found signal 2.5, allowed a whole number >= 1",
    "n = SMA(20, fields='low')": "SMA: got an unexpected keyword argument 'fields'; its arguments "
    "are period, field, symbol, timeframe",
    "n = ATR(14, symbol='X')": "ATR: found symbol 'X', allowed a whole number or a tuple of 3",
}


@pytest.mark.parametrize("line", DECLARATIONS)
def test_a_wrong_declaration_names_file_and_line(tmp_path, line) -> None:
    path = tmp_path / f"declared_{list(DECLARATIONS).index(line)}.py"
    path.write_text(HEAD + f"    {line}\n")
    with pytest.raises(StrategyError) as caught:
        load(path, "Bad")
    assert str(caught.value) == f"{path}, line 7: {DECLARATIONS[line]}\n    {line}"


class Periods(Strategy):
    """Its period may be left out, and may be anything."""

    period = Int(None)
    change = Momentum(period)

    def on_bar(self, bar, order):
        if self.change > 0.0:
            order.market(1)


@pytest.mark.parametrize("period", [0, -5])
def test_a_period_below_one_is_refused_and_none_leaves_the_indicator_undefined(
    bars, period
) -> None:
    with pytest.raises(ValueError, match=rf"periods.change: found period {period}, allowed"):
        backtest(Periods, bars, {"period": period})
    assert backtest(Periods, bars, {"period": None}).orders.height == 0
    assert backtest(Periods, bars, {"period": 5}).orders.height > 0


def test_a_symbol_that_is_not_simulated_is_refused(bars) -> None:
    class Second(Strategy):
        mean = SMA(3, symbol=1)

        def on_bar(self, bar, order):
            order.market(bar[bar.index].close)

    with pytest.raises(StrategyError, match=r"second.mean: found symbol 1, allowed 0 to 0"):
        backtest(Second, bars)

    class Counted(Strategy):
        def on_bar(self, bar, order):
            order.market(bar[bar.index].close)

    with pytest.raises(ValueError, match="named a symbol that is not simulated"):
        backtest(Counted, bars)


@pytest.mark.parametrize("line", MISTAKES)
def test_an_error_of_compilation_names_file_and_line(bars, tmp_path, line) -> None:
    path = tmp_path / f"bad_{list(MISTAKES).index(line)}.py"
    path.write_text(HEAD + "    def on_bar(self, bar, order):\n        x = 1.0\n" + line + "\n")
    with pytest.raises(StrategyError) as caught:
        backtest(load(path, "Bad"), bars)
    assert f"{path}, line 9:" in str(caught.value)
    assert MISTAKES[line] in str(caught.value)
    assert line.strip() in str(caught.value)


SHORT_TABLE = np.zeros(5)


class Fails(Strategy):
    """Goes wrong inside the kernel."""

    how = Int(0)

    def on_bar(self, bar, order):
        if self.how == 1 and bar.close[-self.how] > 0.0:
            order.close()
        if self.how == 2 and bar.index == 5:
            raise ValueError("no")
        if self.how == 3:
            order.limit(1, 1.0)
        if self.how == 4 and SHORT_TABLE[bar.index] > 1.0:
            order.close()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (1, "read a bar after the current one"),
        (2, "the strategy raised ValueError: no"),
        (3, "more than 512"),
        (4, "the strategy raised IndexError: index is out of bounds"),
    ],
)
def test_a_simulation_fails_alone(bars, how, message) -> None:
    from engine.bars import BAR_FIELDS
    from engine.strategies import prepare_strategy

    long = np.ones((1, 1, 5, 600)) * 100.0
    shape = {"symbols": ("X",), "fields": BAR_FIELDS, "steps": 600, "bars_per_year": 252.0}
    engine = prepare_strategy(Fails, None, **shape)
    sets = np.array([engine.encode({"how": item}) for item in (0, how)])
    metrics = np.empty((1, 2, len(engine.metric_names)))
    status = np.empty((1, 2), dtype=np.int8)
    scratch = engine.scratch()
    engine.run(long, sets, metrics, status, scratch)
    assert status[0, 0] == 0
    assert message in engine.failure(int(status[0, 1]), long, sets[1:], scratch)
    assert np.isnan(metrics[0, 1]).all()
    assert metrics[0, 0, 0] == 0.0


def test_the_fingerprint_follows_parameters_constants_state_and_helpers() -> None:
    def make(factor=1.0, start=0.0, units=Int(2, high=9), function=scaled):  # noqa: B008
        declared = units

        class Made(Strategy):
            FACTOR = factor
            units = declared
            level = start

            def on_bar(self, bar, order):
                self.level = function(bar.close) * self.FACTOR

        return Made.code_hash()

    same = [Int(2, high=9, doc="Units to hold."), Int(3, low=1, high=8, log=True)]
    assert {make(units=units) for units in same} == {make()}
    others = [Float(2.0), Int(2, optional=True), Choice(1, [1, 2])]
    hashes = {make(), make(factor=2.0), make(start=1.0), make(function=np.sqrt)}
    assert len(hashes | {make(units=units) for units in others}) == 7


USER = """
from engine.strategies import Int, Strategy

FACTOR = {factor}


def level(bar_close):
    return bar_close * FACTOR


class UsersOwn(Strategy):
    '''Buys once.'''

    units = Int(2, low=1, high=9, doc="how many")

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.limit(self.units, level(bar.close))
"""


def test_a_users_file_is_found_and_listed(tmp_path, bars) -> None:
    (tmp_path / "own.py").write_text(USER.format(factor=2.0))
    assert load_user_strategies(tmp_path) == ("users_own",)
    assert backtest("users_own", bars).orders["event"].to_list() == ["submitted", "filled"]
    first = get_strategy("users_own")
    load_user_strategies(tmp_path / "own.py")
    assert get_strategy("users_own") is first
    (tmp_path / "own.py").write_text(USER.format(factor=0.5))
    load_user_strategies(tmp_path / "own.py")
    assert get_strategy("users_own") is not first
    assert backtest("users_own", bars).orders["event"].to_list() == ["submitted"]
    listing = describe_strategy("users_own")
    assert listing["doc"] == "Buys once."
    assert listing["parameters"]["units"]["high"] == 9
    (tmp_path / "broken.py").write_text("x = 1\nclass Bad(:\n")
    with pytest.raises(ValueError, match=r"broken.py, line 2: invalid syntax"):
        load_user_strategies(tmp_path / "broken.py")
    with pytest.raises(ValueError, match="found no"):
        load_user_strategies(tmp_path / "absent.py")
    with pytest.raises(ValueError, match=r"allowed .*breakout, .*buy_and_hold, .*users_own"):
        get_strategy("nothing")


PROBE = """
import sys
import numpy as np
from engine.bars import Bars
from engine.compiled import cache
from engine.strategies import backtest, load_user_strategies

saved = []
original = cache.KernelCache.save_overload
cache.KernelCache.save_overload = lambda self, *rest: (
    saved.append(self._function.__name__), original(self, *rest)
)
load_user_strategies(sys.argv[1])
close = np.linspace(100.0, 90.0, 30)
bars = Bars("X", np.arange(30), close, close, close, close, close)
print(backtest("users_own", bars).trades.height, "filled" in
      backtest("users_own", bars).orders["event"].to_list(), len(saved))
"""


def test_a_second_process_starts_warm_and_an_edited_helper_is_never_stale(tmp_path, bars) -> None:
    file, probe = tmp_path / "own.py", tmp_path / "probe.py"
    probe.write_text(PROBE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def run(factor: float) -> list[str]:
        file.write_text(USER.format(factor=factor))
        command = [sys.executable, str(probe), str(file)]
        output = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, cwd=os.getcwd()
        )
        return output.stdout.split()

    file.write_text(USER.format(factor=2.0))
    load_user_strategies(file)
    backtest("users_own", bars)
    assert run(2.0) == ["0", "True", "0"]
    assert run(0.5)[:2] == ["0", "False"]


BESIDE = """
from engine.strategies import Strategy
from levels_beside import level


class UsersOwn(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.limit(1, level(bar.close))
"""
BY_MODULE = BESIDE.replace("from levels_beside import level", "import levels_beside").replace(
    "level(bar", "levels_beside.level(bar"
)


@pytest.mark.parametrize("text", [BESIDE, BY_MODULE], ids=["by name", "by module"])
def test_a_helper_in_a_file_beside_the_strategy_is_never_stale(tmp_path, bars, text) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, factor in zip(folders, ("2.0", "0.5"), strict=True):
        folder.mkdir()
        (folder / "own.py").write_text(text)
        (folder / "levels_beside.py").write_text(f"def level(x):\n    return x * {factor}\n")

    def filled(folder: Path) -> bool:
        load_user_strategies(folder / "own.py")
        return "filled" in backtest("users_own", bars).orders["event"].to_list()

    assert filled(folders[0])
    assert not filled(folders[1])  # a file of the same name beside another strategy
    assert filled(folders[0])
    first = get_strategy("users_own")
    load_user_strategies(folders[0] / "own.py")
    assert get_strategy("users_own") is first
    # Within the second, and of the same length: what a bytecode cache would miss.
    (folders[0] / "levels_beside.py").write_text("def level(x):\n    return x * 0.5\n")
    assert not filled(folders[0])
    assert get_strategy("users_own").code_hash() != first.code_hash()
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_helper_in_a_module_of_a_module_beside_is_never_stale(tmp_path, bars) -> None:
    strategy, helper = tmp_path / "own.py", tmp_path / "deeper_beside.py"
    strategy.write_text(BY_MODULE.replace("levels_beside.level", "levels_beside.deeper.level"))
    (tmp_path / "levels_beside.py").write_text("import deeper_beside as deeper\n")
    filled = []
    for factor in ("2.0", "0.5"):
        helper.write_text(f"def level(x):\n    return x * {factor}\n")
        load_user_strategies(strategy)
        filled.append("filled" in backtest("users_own", bars).orders["event"].to_list())
        filled.append(get_strategy("users_own").code_hash())
    assert filled[0]
    assert not filled[2]
    assert filled[1] != filled[3]


@pytest.mark.parametrize(
    "inside", ["from . import deeper", "import package_beside.deeper as deeper"]
)
def test_a_module_of_a_package_beside_is_never_stale_nor_another_folders(
    tmp_path, bars, inside
) -> None:
    text = BESIDE.replace("levels_beside", "package_beside.rules")
    filled = {}
    for name, factor in (("one", 2.0), ("two", 0.5), ("one", 0.5), ("two", 2.0)):
        package = tmp_path / name / "package_beside"
        package.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "own.py").write_text(text)
        (package / "__init__.py").write_text("")
        (package / "rules.py").write_text(
            f"{inside}\n\n\ndef level(x):\n    return deeper.scaled(x)\n"
        )
        (package / "deeper.py").write_text(f"def scaled(x):\n    return x * {factor}\n")
        load_user_strategies(tmp_path / name / "own.py")
        filled[name, factor] = "filled" in backtest("users_own", bars).orders["event"].to_list()
    assert filled == {key: key[1] == 2.0 for key in filled}
    assert not list(tmp_path.rglob("*.pyc"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BESIDE, id="by name"),
        pytest.param(BY_MODULE, id="by module", marks=pytest.mark.slow),
    ],
)
def test_a_second_process_takes_the_helper_beside_the_strategy_as_it_is_now(
    tmp_path, bars, text
) -> None:
    file, helper, probe = (tmp_path / name for name in ("own.py", "levels_beside.py", "probe.py"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file.write_text(text)
    (elsewhere / probe.name).write_text(PROBE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def run(factor: str) -> list[str]:
        helper.write_text(f"def level(x):\n    return x * {factor}\n")
        command = [sys.executable, str(elsewhere / probe.name), str(file)]
        output = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, cwd=os.getcwd()
        )
        return output.stdout.split()

    helper.write_text("def level(x):\n    return x * 2.0\n")
    load_user_strategies(file)
    assert "filled" in backtest("users_own", bars).orders["event"].to_list()
    assert run("0.5")[:2] == ["0", "False"]


def test_the_hot_loop_counts_no_references() -> None:
    from engine.strategies import prepare_strategy

    class Fresh(Strategy):
        period = Int(3)
        mean = SMA(period)
        level = 0.0

        def on_bar(self, bar, order):
            if bar.close > self.mean[1] + self.level:
                self.level = bar.close

    from engine.bars import BAR_FIELDS

    shape = {"symbols": ("X",), "fields": BAR_FIELDS, "steps": 50, "bars_per_year": 252.0}
    engine = prepare_strategy(Fresh, None, **shape)
    engine._event_loop.simulate._cache.disable()  # code that comes from the cache cannot be read
    metrics, status = np.empty((1, 1, len(engine.metric_names))), np.empty((1, 1), dtype=np.int8)
    scratch = engine.scratch()
    engine.run(np.ones((1, 1, 5, 50)), engine.encode({})[None], metrics, status, scratch)
    (text,) = engine._event_loop.simulate.inspect_asm().values()
    lines = text.splitlines()
    calls = [i for i, line in enumerate(lines) if "mc__trade_bar" in line and "mov" in line]
    # The first bar may stand before the loop; once per simulation references may be counted.
    loop = "\n".join(lines[calls[-1] - 10 : calls[-1] + 50])
    assert "_trade_bar" in loop
    assert "NRT_incref" not in loop
