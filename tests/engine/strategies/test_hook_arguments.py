"""The classes that hooks are annotated with say what the compiler does."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest

from engine.bars import BAR_FIELDS, Bars
from engine.execution import handles
from engine.execution.layout import CLOCK_NAMES
from engine.execution.orders import TIMES_IN_FORCE
from engine.strategies import Account, Bar, Order, Strategy, backtest, get_strategy, strategy_names
from engine.strategies.hook_arguments import Series
from engine.ticks.hook_arguments import Tick, TickAccount, TickOrder
from engine.user_code import import_user_file

# The frame, the bar and the symbol, which the compiler fills in.
INNER = 3


def compiled(prefix: str) -> dict[str, inspect.Signature]:
    """Signatures of the functions that hooks reach, by the name that they have there."""
    return {
        name.removeprefix(prefix): inspect.signature(getattr(function, "py_func", function))
        for name, function in vars(handles).items()
        if name.startswith(prefix)
    }


def methods(cls: type) -> dict[str, inspect.Signature]:
    public = {name: item for name, item in vars(cls).items() if not name.startswith("_")}
    return {name: inspect.signature(item) for name, item in public.items()}


def in_words(value: object) -> object:
    """A time in force as a hook would write it."""
    words = {number: word for word, number in TIMES_IN_FORCE.items()}
    return words.get(value, value)


def test_there_is_a_method_for_each_order_and_for_nothing_else() -> None:
    assert methods(Order).keys() == compiled("order_").keys()


@pytest.mark.parametrize("name", compiled("order_"))
def test_an_order_takes_and_returns_what_the_compiled_function_does(name: str) -> None:
    inner = compiled("order_")[name]
    outer = methods(Order)[name]
    expected = list(inner.parameters.values())[INNER:]
    found = list(outer.parameters.values())[1:]
    assert [item.name for item in found] == [item.name for item in expected]
    for one, other in zip(found, expected, strict=True):
        if other.default is inspect.Parameter.empty:
            assert one.default is inspect.Parameter.empty, one.name
        else:
            default = in_words(other.default) if one.name == "tif" else other.default
            np.testing.assert_equal(one.default, default)
        assert one.annotation == ("TimeInForce" if one.name == "tif" else other.annotation)
    assert outer.return_annotation == inner.return_annotation
    assert typing.get_args(typing.get_args(typing.get_type_hints(Order.limit)["tif"])[0]) == tuple(
        TIMES_IN_FORCE
    )


def test_the_account_has_the_fields_that_are_compiled() -> None:
    fields = typing.get_type_hints(Account)
    inner = compiled("account_")
    assert fields.keys() == inner.keys()
    for name, kind in fields.items():
        assert kind.__name__ == inner[name].return_annotation, name


def test_a_bar_has_the_fields_of_bars_its_number_and_its_time() -> None:
    fields = typing.get_type_hints(Bar)
    assert tuple(fields) == (*BAR_FIELDS, "index", *CLOCK_NAMES)
    assert {fields[name] for name in (*BAR_FIELDS, *CLOCK_NAMES)} == {Series}


@pytest.mark.parametrize("cls", [Bar, Order, Account])
def test_what_hooks_are_given_cannot_be_made(cls: type) -> None:
    with pytest.raises(TypeError, match=rf"{cls.__name__}: allowed in the hooks of a Strategy"):
        cls()


@pytest.mark.parametrize("name", strategy_names())
def test_the_built_in_strategies_are_annotated(name: str) -> None:
    strategy = get_strategy(name)
    ticks = {"tick": Tick, "order": TickOrder, "account": TickAccount}
    own = ticks if strategy.hears_ticks() else {"bar": Bar, "order": Order, "account": Account}
    for hook in strategy.hooks().values():
        found = typing.get_type_hints(hook)
        expected = own | {"return": type(None)}
        names = [*inspect.signature(hook).parameters, "return"]
        assert found == {key: expected[key] for key in names if key != "self"}


ANNOTATED = '''"""A strategy with every kind of annotation."""
from __future__ import annotations
from typing import TYPE_CHECKING
from engine.strategies import Int, SMA, Strategy
if TYPE_CHECKING:
    from engine.strategies import Account, Bar, Order

def above(price: float, level: float) -> bool:
    return price > level

class Annotated(Strategy):
    period = Int(5)
    mean = SMA(period)
    entry: float = 0.0

    def on_start(self, order: Order) -> None:
        self.entry = 1.0

    def on_bar(self, bar: Bar, order: "Order", account: Account) -> None:
        before: float = bar.close[1]
        if above(bar.close, self.mean) and bar.close > before:
            number: int = order.limit(10, 0.99 * bar.low, take_profit=1.1 * bar.close, tif="day")
            self.entry += number
        elif account.position > 0.0:
            order.close()

    def on_finish(self, bar: Bar, account: Account) -> None:
        self.entry = account.equity + bar.index
'''


def test_annotations_change_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, 400)))
    stamps = np.arange(400, dtype=np.int64) * 86_400_000_000
    bars = Bars("X", stamps, close, close * 1.01, close * 0.98, close, np.ones(400))
    bare = ANNOTATED
    for text in (
        ": float",
        ": Order",
        ': "Order"',
        ": Bar",
        ": Account",
        ": int",
        " -> None",
        " -> bool",
    ):
        bare = bare.replace(text, "")
    assert bare != ANNOTATED
    done = []
    for number, text in enumerate((ANNOTATED, bare)):
        path = tmp_path / f"annotated_{number}.py"
        path.write_text(text)
        strategy: type[Strategy] = import_user_file(path).Annotated
        done.append(backtest(strategy, bars))
    assert done[0].trades.height > 10
    assert done[0].orders.equals(done[1].orders)


TYPED = """
from engine.strategies import Account, Bar, Int, Order, SMA, Strategy

class Typed(Strategy):
    period = Int(5)
    mean = SMA(period)

    def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
        if bar.close > self.mean[1] and bar[1].close[2] < bar.variance:
            order[1].limit(10, 0.99 * bar.low, tif="day")
            order.stop(-account.position, 5.0, tif=3)
            order.limit(10)  # Missing positional argument "price"
            order.limt(10, 5.0)  # has no attribute "limt"
            order.limit(10, 5.0, tif="week")  # incompatible type
            order.market(account.money)  # has no attribute "money"
"""


@pytest.mark.slow
def test_a_type_checker_tells_right_calls_from_wrong_ones(tmp_path: Path) -> None:
    path = tmp_path / "typed.py"
    path.write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    expected = [
        (number, text.partition("# ")[2])
        for number, text in enumerate(TYPED.splitlines(), 1)
        if "# " in text
    ]
    assert len(found) == len(expected) == 4, done.stdout
    for line, (number, error) in zip(found, expected, strict=True):
        assert f"typed.py:{number}:" in line
        assert error in line
