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
from typing import Any

import numpy as np

from engine.execution import handles
from engine.execution.layout import CLOCK_NAMES
from engine.strategies import typed_values
from engine.strategies.crossings import crossing
from engine.strategies.declared_reads import DeclaredReads
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.order_calls import ORDERS, order_call
from engine.strategies.purity import check_purity
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import call, is_negative, is_none, load, read

__all__ = ["HANDLES", "rewrite_hook"]

HANDLES = ("bar", "order", "account")
_ARGUMENTS = ("mc_t", "mc_s", "mc_p", "mc_r", "mc_rows", "mc_state")
_ACCOUNT = tuple(name for name in vars(handles) if name.startswith("account_"))


def rewrite_hook(
    cls: type[Strategy],
    name: str,
    *,
    fields: tuple[str, ...],
    symbol_count: int,
    namespace: dict[str, Any],
) -> Callable[..., Any]:
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
    module = ast.Module(body=[rewriter.function()], type_ignores=[])
    ast.fix_missing_locations(module)
    scope = dict(namespace)
    scope.update(_RUNTIME)
    exec(compile(module, hook.file, "exec"), scope)
    function = scope[name]
    assert isinstance(function, types.FunctionType)
    return function


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
    **{f"mc_{name}": getattr(handles, name) for name in (*_ACCOUNT, *ORDERS)},
}


class _Rewriter(DeclaredReads):
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
        super().__init__(cls, hook, definition, namespace)
        self.name = name
        self.fields = fields
        self.symbol_count = symbol_count
        self.last_store: dict[str, ast.AST] = {}
        arguments = definition.args.args[1:]
        self.handles = {argument.arg for argument in arguments}
        allowed = {"on_start": ("order", "account"), "on_finish": ("bar", "account")}
        for argument in arguments:
            if argument.arg not in allowed.get(name, HANDLES):
                raise hook.error(
                    argument,
                    f"{name}: found argument {argument.arg!r}, "
                    f"allowed {', '.join(allowed.get(name, HANDLES))}",
                )
        self.outputs = {
            (indicator, output): row
            for row, (indicator, output) in enumerate(
                (indicator, output)
                for indicator, declared in cls.indicators.items()
                for output in declared.outputs
            )
        }

    # --- the whole function --------------------------------------------------------------

    def function(self) -> ast.FunctionDef:
        body: list[ast.stmt] = []
        if self.cls.state:
            names = [ast.Name(f"mc_state_{name}", ast.Store()) for name in self.cls.state]
            body.append(ast.Assign([ast.Tuple(list(names), ast.Store())], load("mc_state")))
        for statement in self.definition.body:
            result = self.visit(statement)
            body.extend(result if isinstance(result, list) else [result])
        body.append(self._return_state())
        for statement in (body[0], body[-1]):
            ast.copy_location(statement, self.definition)
        function = ast.parse(f"def {self.name}({', '.join(_ARGUMENTS)}): pass").body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body = body
        return ast.copy_location(function, self.definition)

    def _return_state(self) -> ast.Return:
        parts: list[ast.expr] = []
        for name in self.cls.state:
            value = self._kept(name, load(f"mc_state_{name}"))
            ast.copy_location(value, self.last_store.get(name, self.definition))
            parts.append(value)
        return ast.Return(ast.Tuple(parts, ast.Load()))

    def _kept(self, name: str, value: ast.expr) -> ast.Call:
        """Return `value` as the kind of number that the state `name` was declared to be."""
        kind = type(self.cls.state[name]).__name__
        return call(f"mc_keep_{kind}", value)

    def _state_name(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Attribute) and self.is_self(node.value):
            return node.attr if node.attr in self.cls.state else None
        return None

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Check what a state is given on its own line."""
        name = self._state_name(node.targets[0]) if len(node.targets) == 1 else None
        made = self.generic_visit(node)
        if name is not None and isinstance(made, ast.Assign):
            made.value = ast.copy_location(self._kept(name, made.value), node)
        return made

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        plain = ast.Assign([node.target], node.value)
        made: ast.AST = self.visit(ast.copy_location(plain, node))
        return made

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        name = self._state_name(node.target)
        if name is None:
            return self.generic_visit(node)
        target = self.visit(node.target)
        value = ast.BinOp(load(f"mc_state_{name}"), node.op, self.visit(node.value))
        kept = self._kept(name, ast.copy_location(value, node))
        return ast.copy_location(ast.Assign([target], ast.copy_location(kept, node)), node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is not None and not is_none(node.value):
            raise self.hook.error(node, f"{self.name} returns a value, allowed a bare return")
        return ast.copy_location(self._return_state(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        raise self.hook.error(node, "a hook defines no function; write it outside the class")

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        raise self.hook.error(node, "`class` is not supported in a hook")

    def visit_With(self, node: ast.With) -> ast.AST:
        raise self.hook.error(node, "`with` is not supported in a hook")

    def visit_Delete(self, node: ast.Delete) -> ast.AST:
        raise self.hook.error(node, "`del` is not supported in a hook")

    def visit_Try(self, node: ast.Try) -> ast.AST:
        raise self.hook.error(node, "`try` is not supported in a hook; test with `if` instead")

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        raise self.hook.error(node, "`:=` is not supported; assign on a line of its own")

    def visit_Global(self, node: ast.Global) -> ast.AST:
        raise self.hook.error(node, "`global` is not supported; keep state on self")

    # --- reads and writes ------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            series = self._series(node)
            if series is not None:
                return ast.copy_location(series(None), node)
        if self.is_self(node.value):
            return self._self_attribute(node)
        handle = self._handle(node.value)
        if handle is not None:
            kind, symbol = handle
            if kind == "bar" and node.attr == "index":
                return ast.copy_location(call("mc_index", load("mc_s"), load("mc_t")), node)
            if not isinstance(node.ctx, ast.Load):
                raise self.hook.error(node, f"{kind} is read only; found {kind}.{node.attr} = ")
            if kind == "account":
                if f"account_{node.attr}" not in _ACCOUNT:
                    raise self._unknown(node, "account", [n[8:] for n in _ACCOUNT])
                return ast.copy_location(
                    call(f"mc_account_{node.attr}", load("mc_s"), load("mc_t"), symbol), node
                )
            names = (*self.fields, "index") if kind == "bar" else tuple(n[6:] for n in ORDERS)
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
            handle = self._handle(node.func.value)
            if handle is not None and handle[0] == "order":
                made = order_call(node, handle[1], hook=self.hook, visit=self.visit)
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

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self.self_name or node.id in self.handles:
            raise self.hook.error(
                node, f"`{node.id}` can only be used with a dot, as in `{node.id}.name`"
            )
        self.check_name(node)
        return node

    # --- pieces ---------------------------------------------------------------------------

    def _handle(self, node: ast.AST) -> tuple[str, ast.expr] | None:
        """Return (handle, symbol) of ``order`` or ``order[1]``."""
        symbol: ast.expr = load("mc_0")
        if isinstance(node, ast.Subscript):
            if not (isinstance(node.value, ast.Name) and node.value.id in self.handles):
                return None
            index, node = node.slice, node.value
            if isinstance(index, ast.Constant) and self._is_symbol(index.value):
                symbol = index
            elif isinstance(index, ast.Constant | ast.Slice | ast.Tuple) or is_negative(index):
                raise self.hook.error(
                    index,
                    f"found symbol {ast.unparse(index)}, allowed 0 to {self.symbol_count - 1}",
                )
            else:
                symbol = call("mc_symbol", load("mc_s"), self._whole(index))
        if isinstance(node, ast.Name) and node.id in self.handles:
            return node.id, symbol
        return None

    def _whole(self, node: ast.expr) -> ast.expr:
        """Return an index that is a whole number, or an error of compilation."""
        made: ast.expr = self.visit(node)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return made
        return ast.copy_location(call("mc_as_whole", made), node)

    def _is_symbol(self, value: Any) -> bool:
        return isinstance(value, int) and 0 <= value < self.symbol_count

    def _series(self, node: ast.AST) -> Callable[[ast.expr | None], ast.expr] | None:
        """Return what makes a read of an indicator or bar field, some bars back."""
        if not isinstance(node, ast.Attribute):
            return None
        handle = self._handle(node.value)
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

    def _self_attribute(self, node: ast.Attribute) -> ast.AST:
        name, cls = node.attr, self.cls
        if name in cls.state:
            if isinstance(node.ctx, ast.Store):
                self.last_store[name] = node
            return ast.copy_location(ast.Name(f"mc_state_{name}", node.ctx), node)
        if isinstance(node.ctx, ast.Load):
            declared = self.declared_value(node)
            if declared is not None:
                return declared
        elif name in cls.parameters:
            raise self.hook.error(node, f"parameter self.{name} cannot be assigned")
        elif not isinstance(getattr(cls, name, None), str | list | tuple | dict | set):
            raise self.hook.error(
                node, f"self.{name} is not declared; write `{name} = 0.0` in the class body"
            )
        if name in cls.hooks():
            raise self.hook.error(
                node, f"hooks call functions, not methods: write {name} outside the class"
            )
        known = [*cls.parameters, *cls.indicators, *cls.state]
        raise self._unknown(node, "self", known)

    def _unknown(self, node: ast.Attribute, owner: str, allowed: Any) -> StrategyError:
        if owner == "order" and f"order_{node.attr}" in ORDERS:
            name = f"order.{node.attr}"
            return self.hook.error(node, f"{name} is called, as in {name}(...)")
        message = f"found {owner}.{node.attr}, allowed {', '.join(allowed) or 'nothing'}"
        homes = {
            "bar": (*self.fields, "index", *CLOCK_NAMES),
            "account": tuple(name[8:] for name in _ACCOUNT),
            "order": tuple(name[6:] for name in ORDERS),
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
