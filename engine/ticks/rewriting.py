"""Turns the hooks of a strategy of ticks into functions of a simulation, parameters and state."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any, ClassVar, Final

import numpy as np

from engine.strategies import typed_values
from engine.strategies.hook_rewriter import HookRewriter
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.order_calls import order_call
from engine.strategies.purity import check_purity
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import call, load
from engine.ticks import handles, ordering
from engine.ticks.indicators import indicators_of
from engine.ticks.layout import TIMES_IN_FORCE

__all__ = ["check_indicators", "reads_worth", "rewrite_tick_hook"]

_OFFERED: Final = {
    handle: tuple(name for name in names if name.startswith(f"{handle}_"))
    for handle, names in (
        *((item, handles.__all__) for item in ("tick", "account", "fill")),
        ("order", ordering.__all__),
    )
}
#: What has a value of its own for each symbol, and is not of the event alone.
_OF_TOUCH: Final = frozenset(("bid", "ask", "bid_size", "ask_size", "mid", "microprice", "spread"))
_WORTH: Final = ("equity", "unrealised")
_TRADE: Final = ("price", "size", "side")


def rewrite_tick_hook(
    cls: type[Strategy], name: str, *, symbol_count: int, namespace: dict[str, Any]
) -> Callable[..., Any]:
    """Return a hook as a function ``(t, simulation, parameters, touch, rows, state) -> state``.

    Parameters
    ----------
    cls : type
        The strategy.
    name : str
        Name of the hook.
    symbol_count : int
        Number of symbols.
    namespace : dict
        What the hook's global names mean, with helper functions already compiled.

    Raises
    ------
    StrategyError
        If the hook uses something that the interface does not offer.
    """
    check_purity(cls.hooks()[name])
    hook = HookText(cls.hooks()[name])
    definition = hook.definition()
    rewriter = _TickRewriter(cls, name, hook, definition, symbol_count, namespace)
    module = ast.Module(body=[rewriter.function()], type_ignores=[])
    ast.fix_missing_locations(module)
    scope = {**namespace, **_RUNTIME}
    exec(compile(module, hook.file, "exec"), scope)
    function = scope[name]
    assert isinstance(function, types.FunctionType)
    return function


_RUNTIME: dict[str, Any] = {
    **{f"mc_{number}": np.int64(number) for number in range(64)},
    **{f"mc_{name}": getattr(typed_values, name) for name in typed_values.__all__},
    "mc_indicator": handles.indicator_value,
    **{f"mc_{name}": getattr(handles, name) for name in handles.__all__},
    **{f"mc_{name}": getattr(ordering, name) for name in ordering.__all__},
}


class _TickRewriter(HookRewriter):
    given: ClassVar[tuple[str, ...]] = ("tick", "order", "account")
    given_apart: ClassVar[dict[str, tuple[str, ...]]] = {
        "on_start": ("order", "account"),
        "on_fill": ("fill", "order", "account"),
        "on_finish": ("account",),
    }

    def own_symbol(self) -> ast.expr:
        """Return the symbol of the tick or the fill; of an account before and after, the first."""
        if self.symbol_count == 1 or self.name in ("on_start", "on_finish"):
            return load("mc_0")
        which = "mc_symbol_of_fill" if self.name == "on_fill" else "mc_symbol_of_tick"
        return call(which, load("mc_s"), load("mc_t"))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self.is_self(node.value):
            return self.self_attribute(node)
        found = self._named(node)
        if found is None:
            return self.generic_visit(node)
        handle, name, symbol = found
        if not isinstance(node.ctx, ast.Load):
            raise self.hook.error(node, f"{handle} is read only; found {handle}.{name} = ")
        if handle == "order" or f"{handle}_{name}" not in _OFFERED[handle]:
            offered = [item.partition("_")[2] for item in _OFFERED[handle]]
            if handle == "order" and f"order_{name}" in _OFFERED["order"]:
                raise self.hook.error(node, f"order.{name} is called, as in order.{name}(...)")
            raise self.hook.error(node, f"found {handle}.{name}, allowed {', '.join(offered)}")
        arguments = [load("mc_s"), load("mc_t"), symbol]
        if handle == "tick" and name in _OF_TOUCH:
            arguments = [load("mc_r")]
            if self.symbol_count > 1 and self._is_indexed(node):
                arguments = [call("mc_touch_of_symbol", load("mc_s"), symbol)]
        made = call(f"mc_{handle}_{name}", *arguments)
        return ast.copy_location(made, node)

    def _named(self, node: ast.Attribute) -> tuple[str, str, ast.expr] | None:
        """Return handle, name and symbol of what is read: ``tick.trade.price`` is one thing."""
        inner = node.value
        if isinstance(inner, ast.Attribute) and inner.attr == "trade" and node.attr in _TRADE:
            handle = self.handle(inner.value)
            if handle is not None and handle[0] == "tick":
                return "tick", f"trade_{node.attr}", handle[1]
        handle = self.handle(node.value)
        if handle is None:
            return None
        of_symbol = handle[0] == "tick" and self._is_indexed(node)
        if of_symbol and node.attr not in _OF_TOUCH:
            raise self.hook.error(node, f"tick.{node.attr} is of the event: write it plainly")
        return handle[0], node.attr, handle[1]

    def _is_indexed(self, node: ast.Attribute) -> bool:
        """Whether a symbol is named, as in ``tick[1].bid``."""
        return isinstance(node.value, ast.Subscript)

    def self_attribute(self, node: ast.Attribute) -> ast.AST:
        """Return what ``self.name`` stands for: an indicator's value, or as of bars."""
        found = indicators_of(self.cls).get(node.attr)
        if found is None:
            return super().self_attribute(node)
        if not isinstance(node.ctx, ast.Load):
            raise self.hook.error(node, f"the indicator self.{node.attr} cannot be assigned")
        place = ast.Constant(found[1])
        return ast.copy_location(call("mc_indicator", load("mc_s"), place), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Attribute) and self._named(node.value) is not None:
            raise self.hook.error(
                node, f"found {ast.unparse(node)}, allowed the present; keep what is past on self"
            )
        return ast.NodeTransformer.generic_visit(self, node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            handle = self.handle(node.func.value)
            if handle is not None and handle[0] == "order":
                made = order_call(
                    node,
                    handle[1],
                    hook=self.hook,
                    visit=self.visit,
                    offered=ordering,
                    times=TIMES_IN_FORCE,
                    unit="seconds",
                )
                return ast.copy_location(made, node)
        return super().visit_Call(node)


def reads_worth(cls: type[Strategy]) -> bool:
    """Return whether a hook asks what the account is worth: by the touch as last heard of."""
    return any(
        isinstance(node, ast.Attribute) and node.attr in _WORTH
        for function in cls.hooks().values()
        for node in ast.walk(HookText(function).definition())
    )


def check_indicators(cls: type[Strategy]) -> None:
    """Refuse indicators of bars that nobody says the bars of.

    Raises
    ------
    StrategyError
        If there is one.
    """
    for name in cls.indicators:
        raise StrategyError(
            f"{cls.__name__}.{name}: an indicator of bars, found ticks; "
            f'OnBars({type(cls.indicators[name]).__name__}(...), "1m") of engine.ticks makes bars'
        )
