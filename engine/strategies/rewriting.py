"""Turns the hooks of a strategy class into functions of plain arrays and tuples.

``self.fast`` becomes an element of the parameter tuple, ``self.entry_price`` a local variable
that travels from bar to bar, ``self.mean[1]`` a guarded read of an indicator row, and
``order.limit(...)`` a call of the order book. Line numbers and the file name stay, so that an
error of the compiler names the line the user wrote.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from engine.execution import handles
from engine.execution.layout import CLOCK_NAMES
from engine.strategies import typed_values
from engine.strategies.crossings import crossing
from engine.strategies.hook_rewriter import HANDLES, HookRewriter
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.order_calls import order_call
from engine.strategies.purity import check_purity
from engine.strategies.quiet_bars import Acts, when_it_acts
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import call, is_negative, load, read

__all__ = ["HANDLES", "Rewritten", "rewrite_hook"]


class Rewritten(NamedTuple):
    """A hook of plain arrays, and at which bars it may act; None: at any."""

    function: Callable[..., Any]
    acts: Acts | None


def rewrite_hook(
    cls: type[Strategy],
    name: str,
    *,
    fields: tuple[str, ...],
    symbol_count: int,
    namespace: dict[str, Any],
) -> Rewritten:
    """Return a hook as a function ``(t, simulation, parameters, rows, values, state) -> state``.

    Parameters
    ----------
    cls : type
        The strategy.
    name : str
        Name of the hook.
    fields : tuple of str
        Fields of the bars.
    symbol_count : int
        Number of symbols.
    namespace : dict
        What the hook's global names mean, with helper functions already compiled.

    Raises
    ------
    StrategyError
        If the hook uses something that the interface does not offer.
    """
    cls.check_symbols(symbol_count)
    check_purity(cls.hooks()[name])
    hook = HookText(cls.hooks()[name])
    definition = hook.definition()
    rewriter = _Rewriter(cls, name, hook, definition, fields, symbol_count, namespace)
    rewritten = rewriter.function()
    module = ast.Module(body=[rewritten], type_ignores=[])
    ast.fix_missing_locations(module)
    scope = dict(namespace)
    scope.update(_RUNTIME)
    scope.update({f"mc_{name}": function for name, function in rewriter.reached.items()})
    exec(compile(module, hook.file, "exec"), scope)
    function = scope[name]
    assert isinstance(function, types.FunctionType)
    of_bars = name == "on_bar" and cls.offered is None and not cls.state
    return Rewritten(function, when_it_acts(rewritten, scope) if of_bars else None)


_RUNTIME: dict[str, Any] = {
    # Small numbers as typed constants; for a literal Numba would compile the callee anew.
    **{f"mc_{number}": np.int64(number) for number in range(64)},
    "mc_value": handles.value,
    "mc_past": handles.past_value,
    "mc_field": handles.bar_value,
    "mc_past_field": handles.past_bar_value,
    "mc_clock": handles.bar_clock,
    "mc_past_clock": handles.past_bar_clock,
    "mc_symbol": handles.known_symbol,
    "mc_index": handles.bar_index,
    **{f"mc_{name}": getattr(typed_values, name) for name in typed_values.__all__},
}


class _Rewriter(HookRewriter):
    def __init__(
        self,
        cls: type[Strategy],
        name: str,
        hook: HookText,
        definition: ast.FunctionDef,
        fields: tuple[str, ...],
        symbol_count: int,
        namespace: dict[str, Any],
    ) -> None:
        super().__init__(cls, name, hook, definition, symbol_count, namespace)
        self.fields = fields
        # A room above may offer handles of its own in the place of those of bars.
        self.offered = handles if cls.offered is None else cls.offered
        self.reached: dict[str, Any] = {
            name: function
            for name, function in vars(self.offered).items()
            if name.startswith(("account_", "order_"))
        }
        self.accounts = tuple(name for name in self.reached if name.startswith("account_"))
        self.orders = tuple(name for name in self.reached if name.startswith("order_"))
        self.outputs = {
            (indicator, output): row
            for row, (indicator, output) in enumerate(
                (indicator, output)
                for indicator, declared in cls.indicators.items()
                for output in declared.outputs
            )
        }

    # --- reads and writes ------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            series = self._series(node)
            if series is not None:
                return ast.copy_location(series(None), node)
        if self.is_self(node.value):
            return self.self_attribute(node)
        handle = self.handle(node.value)
        if handle is not None:
            kind, symbol = handle
            if kind == "bar" and node.attr == "index":
                return ast.copy_location(call("mc_index", load("mc_s"), load("mc_t")), node)
            if not isinstance(node.ctx, ast.Load):
                raise self.hook.error(node, f"{kind} is read only; found {kind}.{node.attr} = ")
            if kind == "account":
                if f"account_{node.attr}" not in self.accounts:
                    raise self._unknown(node, "account", [n[8:] for n in self.accounts])
                return ast.copy_location(
                    call(f"mc_account_{node.attr}", load("mc_s"), load("mc_t"), symbol), node
                )
            names = (*self.fields, "index") if kind == "bar" else tuple(n[6:] for n in self.orders)
            raise self._unknown(node, kind, names)
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        series = self._series(node.value)
        if series is not None:
            if not isinstance(node.ctx, ast.Load):
                raise self.hook.error(node, "bars and indicators cannot be assigned")
            if isinstance(node.slice, ast.Slice | ast.Tuple):
                raise self.hook.error(
                    node, "found a slice, allowed a number of bars back: bar.close[1]"
                )
            if is_negative(node.slice):
                raise self.hook.error(
                    node, "the index counts bars back from the current one; found a later bar"
                )
            return ast.copy_location(series(self._whole(node.slice)), node)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            handle = self.handle(node.func.value)
            if handle is not None and handle[0] == "order":
                made = order_call(
                    node, handle[1], hook=self.hook, visit=self.visit, offered=self.offered
                )
                return ast.copy_location(made, node)
        if isinstance(node.func, ast.Name):
            target = self.namespace.get(node.func.id)
            if target is crossed_above or target is crossed_below:
                made = crossing(
                    node,
                    above=target is crossed_above,
                    hook=self.hook,
                    series=self._series,
                    visit=self.visit,
                )
                return ast.copy_location(made, node)
        return super().visit_Call(node)

    # --- pieces ---------------------------------------------------------------------------

    def _series(self, node: ast.AST) -> Callable[[ast.expr | None], ast.expr] | None:
        """Return what makes a read of an indicator or bar field, some bars back."""
        if not isinstance(node, ast.Attribute):
            return None
        handle = self.handle(node.value)
        if handle is not None and handle[0] == "bar" and node.attr in self.fields:
            symbol = handle[1]
            field = load(f"mc_{self.fields.index(node.attr)}")
            common = [load("mc_s"), load("mc_t"), symbol, field]
            return lambda back: (
                call("mc_field", *common) if back is None else call("mc_past_field", *common, back)
            )
        if handle is not None and handle[0] == "bar" and node.attr in CLOCK_NAMES:
            row_of_clock = load(f"mc_{CLOCK_NAMES.index(node.attr)}")
            return lambda back: read(
                "mc_clock", "mc_past_clock", [load("mc_s"), load("mc_t"), row_of_clock], back
            )
        row = None
        if self.is_self(node.value):
            row = self.outputs.get((node.attr, "value"))
            if row is None and node.attr in self.cls.indicators:
                names = ", ".join(self.cls.indicators[node.attr].outputs)
                raise self.hook.error(node, f"self.{node.attr} has several rows: name {names}")
        elif isinstance(node.value, ast.Attribute) and self.is_self(node.value.value):
            row = self.outputs.get((node.value.attr, node.attr))
        if row is None:
            return None
        if self.name == "on_start":
            raise self.hook.error(node, "on_start runs before the first bar; found an indicator")
        where = ast.Subscript(load("mc_r"), ast.Constant(row), ast.Load())
        common = [load("mc_s"), load("mc_rows"), where, load("mc_t")]
        return lambda back: read("mc_value", "mc_past", common, back)

    def _unknown(self, node: ast.Attribute, owner: str, allowed: Any) -> StrategyError:
        if owner == "order" and f"order_{node.attr}" in self.orders:
            name = f"order.{node.attr}"
            return self.hook.error(node, f"{name} is called, as in {name}(...)")
        message = f"found {owner}.{node.attr}, allowed {', '.join(allowed) or 'nothing'}"
        homes = {
            "bar": (*self.fields, "index", *CLOCK_NAMES),
            "account": tuple(name[8:] for name in self.accounts),
            "order": tuple(name[6:] for name in self.orders),
        }
        found = [f"{home}.{node.attr}" for home, names in homes.items() if node.attr in names]
        value = getattr(self.cls, node.attr, None) if owner == "self" else None
        if isinstance(value, str | list | tuple | dict | set):
            message += f"; {node.attr} is declared as {value!r}, which is neither number nor Choice"
        elif found:
            message += f"; {node.attr} is {' or '.join(found)}"
        if owner == "bar":
            message += f"; of history also {', '.join(CLOCK_NAMES)}"
        return self.hook.error(node, message)
