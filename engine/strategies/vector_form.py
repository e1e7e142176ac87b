"""The vector form of a strategy: whole-path signals instead of a decision at each bar."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

from engine.compiled.views import read_only
from engine.execution.calling import hook
from engine.execution.layout import CLOCK_NAMES
from engine.strategies.declared_reads import DeclaredReads
from engine.strategies.hook_text import HookText
from engine.strategies.purity import check_purity
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import is_none, load

__all__ = ["WholeArrays", "fill_targets", "rewrite_signals"]

_ARGUMENTS = ("mc_s", "mc_p", "mc_r", "mc_rows", "mc_target")


def rewrite_signals(
    cls: type[Strategy], *, fields: tuple[str, ...], symbol_count: int, namespace: dict[str, Any]
) -> Callable[..., Any]:
    """Return ``signals(self, bars, target)`` as a function of plain arrays.

    ``bars.close``, ``bars.hour`` and ``self.mean`` become whole arrays to read, ``self.period`` a
    number, and
    ``target`` the array of shares of equity to fill: of shape (bars,) for one symbol, else
    (symbols, bars).

    Raises
    ------
    StrategyError
        If the hook uses something that the interface does not offer.
    """
    cls.check_symbols(symbol_count)
    check_purity(cls.hooks()["signals"])
    text = HookText(cls.hooks()["signals"])
    return _SignalsRewriter(cls, text, fields, symbol_count, namespace).function()


def fill_targets(signals: Callable[..., Any], symbol_count: int) -> Callable[..., Any]:
    """Return what calls `signals` with its target: the last rows of the indicators' space.

    NaN keeps the target before, which is 0 at the start, so that a change is seen by comparing
    two neighbours.
    """

    @hook
    def one(s: Any, p: Any, r: Any, rows: Any) -> None:
        target = rows[rows.shape[0] - s.path.shape[2] :]
        target[:] = 0.0
        signals(s, p, r, rows, target)
        _keep_last(target, 1)

    @hook
    def several(s: Any, p: Any, r: Any, rows: Any) -> None:
        bars = s.path.shape[2]
        target = rows[rows.shape[0] - symbol_count * bars :]
        target[:] = 0.0
        signals(s, p, r, rows, target.reshape((symbol_count, bars)))
        _keep_last(target, symbol_count)

    return one if symbol_count == 1 else several


@hook
def _keep_last(target: Any, symbol_count: int) -> None:
    bars = target.shape[0] // symbol_count
    for symbol in range(symbol_count):
        last = 0.0
        for bar in range(symbol * bars, (symbol + 1) * bars):
            if target[bar] == target[bar]:
                last = target[bar]
            else:
                target[bar] = last


class WholeArrays(DeclaredReads):
    """Rewrites a hook that reads whole arrays and fills a target.

    A subclass says what ``bars.name`` and the indicator ``self.name`` are: `given` and `row`.

    Parameters
    ----------
    cls : type
        The strategy.
    text : HookText
        Of the hook.
    namespace : dict
        What the hook's global names mean, with helper functions already compiled.

    Raises
    ------
    StrategyError
        If the hook takes other arguments than three.
    """

    #: What the second argument is usually called.
    usual = "bars"

    def __init__(self, cls: type[Strategy], text: HookText, namespace: dict[str, Any]) -> None:
        definition = text.definition()
        super().__init__(cls, text, definition, namespace)
        self.name = definition.name
        names = [argument.arg for argument in definition.args.args]
        if len(names) != 3:
            allowed = f"self, {self.usual} and target"
            raise text.error(definition, f"{self.name}: found {names}, allowed {allowed}")
        _, self.given_name, self.target_name = names

    def function(self) -> Callable[..., Any]:
        """Return the hook as a function of `mc_s`, `mc_p`, `mc_r`, `mc_rows` and `mc_target`.

        Raises
        ------
        StrategyError
            If it uses something that the interface does not offer.
        """
        body = [self.visit(statement) for statement in self.definition.body]
        made = ast.parse(f"def {self.name}({', '.join(_ARGUMENTS)}): pass").body[0]
        assert isinstance(made, ast.FunctionDef)
        made.body = body
        module = ast.Module(body=[ast.copy_location(made, self.definition)], type_ignores=[])
        ast.fix_missing_locations(module)
        scope = {**self.namespace, "mc_read_only": read_only}
        exec(compile(module, self.hook.file, "exec"), scope)
        found = scope[self.name]
        assert isinstance(found, types.FunctionType)
        return found

    def given(self, node: ast.Attribute) -> str | None:
        """Return the text of what ``bars.name`` reads, None where it is something else."""
        raise NotImplementedError

    def row(self, node: ast.Attribute) -> str | None:
        """Return the text of what the indicator ``self.name`` reads, None where it is none."""
        raise NotImplementedError

    def known_names(self) -> list[str]:
        """Return what stands behind ``self``, for an error."""
        return [*self.cls.parameters, *self.cls.indicators]

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Let the target be the array to fill, and refuse what stands for nothing alone."""
        if node.id in (self.self_name, self.given_name):
            raise self.hook.error(node, f"`{node.id}` can only be used with a dot")
        if node.id == self.target_name:
            if not isinstance(node.ctx, ast.Load):
                name = node.id
                raise self.hook.error(
                    node, f"{self.name} fills {name}, as in {name}[:] = ...; found a new {name}"
                )
            return ast.copy_location(load("mc_target"), node)
        self.check_name(node)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Refuse a value."""
        if node.value is not None and not is_none(node.value):
            raise self.hook.error(node, f"{self.name} fills its target, allowed a bare return")
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Refuse changes of what is given."""
        root: ast.AST = node
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        own = isinstance(root, ast.Name) and root.id in (self.self_name, self.given_name)
        if own and not isinstance(node.ctx, ast.Load):
            raise self.hook.error(node, f"{self.usual} and indicators cannot be assigned")
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Put arrays and numbers in place of what is read."""
        text = self.given(node) or self.row(node)
        replaced = ast.parse(text, mode="eval").body if text else self._own(node)
        if replaced is None:
            return self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            raise self.hook.error(
                node, f"{self.name} fills its target; nothing else can be assigned"
            )
        return ast.copy_location(replaced, node)

    def _own(self, node: ast.Attribute) -> ast.expr | None:
        if not self.is_self(node.value):
            return None
        declared = self.declared_value(node)
        if declared is not None or node.attr in self.cls.indicators:
            return declared
        known = ", ".join(self.known_names())
        raise self.hook.error(node, f"found self.{node.attr}, allowed {known or 'nothing'}")


class _SignalsRewriter(WholeArrays):
    def __init__(
        self,
        cls: type[Strategy],
        text: HookText,
        fields: tuple[str, ...],
        symbol_count: int,
        namespace: dict[str, Any],
    ) -> None:
        super().__init__(cls, text, namespace)
        self.fields = fields
        self.symbol_count = symbol_count
        self.rows = [
            (name, output) for name, item in cls.indicators.items() for output in item.outputs
        ]

    def given(self, node: ast.Attribute) -> str | None:
        """Return a field of the bars."""
        owner, symbol = node.value, 0
        if isinstance(owner, ast.Subscript):
            index = owner.slice
            if isinstance(index, ast.Constant) and isinstance(index.value, int):
                owner, symbol = owner.value, index.value
        if not (isinstance(owner, ast.Name) and owner.id == self.given_name):
            return None
        if node.attr not in self.fields and node.attr in CLOCK_NAMES:
            return f"mc_read_only(mc_s.clock[{CLOCK_NAMES.index(node.attr)}])"
        if node.attr not in self.fields or not 0 <= symbol < self.symbol_count:
            raise self.hook.error(
                node,
                f"found bars[{symbol}].{node.attr}, allowed symbols 0 to "
                f"{self.symbol_count - 1} and fields {', '.join(self.fields)}; of history also "
                f"{', '.join(CLOCK_NAMES)}",
            )
        return f"mc_read_only(mc_s.path[{symbol}, {self.fields.index(node.attr)}])"

    def row(self, node: ast.Attribute) -> str | None:
        """Return an output of an indicator."""
        output, owner = "value", node.value
        name = node.attr
        if isinstance(owner, ast.Attribute) and owner.attr in self.cls.indicators:
            name, output, owner = owner.attr, node.attr, owner.value
        if not self.is_self(owner) or (name, output) not in self.rows:
            return None
        start = f"mc_r[{self.rows.index((name, output))}]"
        return f"mc_read_only(mc_rows[{start}:{start} + mc_s.path.shape[2]])"
