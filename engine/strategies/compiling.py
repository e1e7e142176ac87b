"""From a strategy class to a compiled kernel."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from engine.execution.calling import hook, part, users_hook
from engine.execution.linked import broker_calls
from engine.execution.signals import changes_target, follow_signals
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.indicator import indicators_in
from engine.strategies.indicator_code import check_fill
from engine.strategies.kernel import EventLoop, Hooks, make_event_loop
from engine.strategies.parameters import Choice, Int, Parameter
from engine.strategies.rewriting import rewrite_hook
from engine.strategies.strategy import Strategy
from engine.strategies.user_functions import namespace_of
from engine.strategies.vector_form import fill_targets, rewrite_signals

__all__ = ["cast_of", "compile_hooks", "compile_strategy", "tuple_function"]


def compile_strategy(cls: type[Strategy], fields: tuple[str, ...], symbol_count: int) -> EventLoop:
    """Return the event loop of a strategy, of `SIMULATE_ARGUMENTS` integers.

    Raises
    ------
    StrategyError
        If a hook uses something the interface does not offer.
    """
    key = (cls, fields, symbol_count)
    if key not in _COMPILED:
        cls.check_hooks()
        if cls.hears_ticks():
            raise StrategyError(
                f"{cls.__name__}: hears ticks, found bars; allowed a stream of ticks, as of "
                "mc.backtest_ticks(strategy, ticks)"
            )
        _COMPILED[key] = make_event_loop(compile_hooks(cls, fields, symbol_count), broker_calls())
    return _COMPILED[key]


_COMPILED: dict[tuple[type[Strategy], tuple[str, ...], int], EventLoop] = {}


def compile_hooks(cls: type[Strategy], fields: tuple[str, ...], symbol_count: int) -> Hooks:
    """Return the pieces of a strategy as its event loop calls them; the loop compiles them.

    Raises
    ------
    StrategyError
        If a hook uses something the interface does not offer.
    """
    for kind in indicators_in(*cls.indicators.values()):
        check_fill(kind)
    found = cls.hooks()
    compiled: dict[str, Any] = {}
    for name in ("on_start", "on_bar", "on_finish"):
        if name in found:
            namespace = namespace_of(found[name])
            rewritten = rewrite_hook(
                cls, name, fields=fields, symbol_count=symbol_count, namespace=namespace
            )
            compiled[name] = users_hook(rewritten.function)
            if rewritten.acts is not None:
                compiled["acts"] = hook(rewritten.acts.function)
                compiled["bars_back"] = rewritten.acts.bars_back
        else:
            compiled[name] = _keep_state
    state = [
        f"int64({value})" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
        for value in cls.state.values()
    ]
    compiled["signals"] = _no_signals
    if "signals" in found:
        if "on_bar" in found or cls.state:
            raise StrategyError(
                f"{cls.__name__}: found signals beside on_bar or state, allowed one form only"
            )
        names = namespace_of(found["signals"])
        signals = rewrite_signals(cls, fields=fields, symbol_count=symbol_count, namespace=names)
        compiled["signals"] = fill_targets(users_hook(signals), symbol_count)
        compiled["on_bar"] = follow_signals
        compiled["acts"], compiled["bars_back"] = changes_target(symbol_count), 1
    casts = [cast_of(parameter, f"row[{i}]") for i, parameter in enumerate(cls.parameters.values())]
    count = sum(len(indicator.outputs) for indicator in cls.indicators.values())
    return Hooks(
        parameter_count=len(cls.parameters),
        row_count=count,
        closes_now=any(map(_closes_now, found.values())),
        parameters=tuple_function("row", casts),
        rows=tuple_function("row, bars", [f"row[{i}] * bars" for i in range(count)]),
        state=tuple_function("", state),
        **compiled,
    )


def _closes_now(function: Any) -> bool:
    """Whether a hook closes a position in a way that it says more of: ``order.close(now=True)``."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "close"
        and bool(node.args or node.keywords)
        for node in ast.walk(HookText(function).definition())
    )


def cast_of(parameter: Parameter, value: str) -> str:
    """Return how a parameter is read from its code, so that it is the kind that was declared."""
    kinds = {type(choice) for choice in parameter.choices} if isinstance(parameter, Choice) else {}
    if (isinstance(parameter, Int) and not parameter.optional) or kinds == {int}:
        return f"int({value})"
    return f"{value} != 0.0" if kinds == {bool} else value


@part
def _no_signals(s: Any, p: Any, r: Any, rows: Any) -> None:
    pass


@part
def _keep_state(t: Any, s: Any, p: Any, r: Any, rows: Any, state: Any) -> Any:
    return state


def tuple_function(argument: str, items: list[str]) -> Any:
    """Return a compiled function that makes a tuple; its items differ in type."""
    scope: dict[str, Any] = {"nan": float("nan"), "inf": float("inf"), "int64": np.int64}
    text = f"def make({argument}): return ({''.join(item + ', ' for item in items)})"
    exec(text, scope)
    return hook(scope["make"])
