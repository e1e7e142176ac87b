"""The part of rewriting a hook that bars and ticks share: statements, state and plain names."""

from __future__ import annotations

import ast
from typing import Any, ClassVar

from engine.strategies.declared_reads import DeclaredReads
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import call, is_negative, is_none, load

__all__ = ["HANDLES", "HookRewriter"]

HANDLES = ("bar", "order", "account")
_ARGUMENTS = ("mc_t", "mc_s", "mc_p", "mc_r", "mc_rows", "mc_state")


class HookRewriter(DeclaredReads):
    """Rewrites statements, state and names; what a hook is given, its bases read."""

    #: What hooks may be given; those that are called before the first bar or after the last.
    given: ClassVar[tuple[str, ...]] = HANDLES
    given_apart: ClassVar[dict[str, tuple[str, ...]]] = {
        "on_start": ("order", "account"),
        "on_finish": ("bar", "account"),
    }

    def __init__(
        self,
        cls: type[Strategy],
        name: str,
        hook: HookText,
        definition: ast.FunctionDef,
        symbol_count: int,
        namespace: dict[str, Any],
    ) -> None:
        super().__init__(cls, hook, definition, namespace)
        self.name = name
        self.symbol_count = symbol_count
        self.last_store: dict[str, ast.AST] = {}
        arguments = definition.args.args[1:]
        self.handles = {argument.arg for argument in arguments}
        allowed = self.given_apart.get(name, self.given)
        for argument in arguments:
            if argument.arg not in allowed:
                raise hook.error(
                    argument,
                    f"{name}: found argument {argument.arg!r}, allowed {', '.join(allowed)}",
                )

    # --- the whole function --------------------------------------------------------------

    def function(self) -> ast.FunctionDef:
        """Return the whole function."""
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
        """Drop the annotation of an assignment."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        plain = ast.Assign([node.target], node.value)
        made: ast.AST = self.visit(ast.copy_location(plain, node))
        return made

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Check what a state is changed to on its own line."""
        name = self._state_name(node.target)
        if name is None:
            return self.generic_visit(node)
        target = self.visit(node.target)
        value = ast.BinOp(load(f"mc_state_{name}"), node.op, self.visit(node.value))
        kept = self._kept(name, ast.copy_location(value, node))
        return ast.copy_location(ast.Assign([target], ast.copy_location(kept, node)), node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Return the state, whatever a bare return leaves."""
        if node.value is not None and not is_none(node.value):
            raise self.hook.error(node, f"{self.name} returns a value, allowed a bare return")
        return ast.copy_location(self._return_state(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Refuse functions inside a hook."""
        raise self.hook.error(node, "a hook defines no function; write it outside the class")

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Refuse classes inside a hook."""
        raise self.hook.error(node, "`class` is not supported in a hook")

    def visit_With(self, node: ast.With) -> ast.AST:
        """Refuse `with`."""
        raise self.hook.error(node, "`with` is not supported in a hook")

    def visit_Delete(self, node: ast.Delete) -> ast.AST:
        """Refuse `del`."""
        raise self.hook.error(node, "`del` is not supported in a hook")

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Refuse `try`."""
        raise self.hook.error(node, "`try` is not supported in a hook; test with `if` instead")

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        """Refuse `:=`."""
        raise self.hook.error(node, "`:=` is not supported; assign on a line of its own")

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Refuse `global`."""
        raise self.hook.error(node, "`global` is not supported; keep state on self")

    # --- names and symbols ------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Refuse names that mean nothing without a dot."""
        if node.id == self.self_name or node.id in self.handles:
            raise self.hook.error(
                node, f"`{node.id}` can only be used with a dot, as in `{node.id}.name`"
            )
        self.check_name(node)
        return node

    def own_symbol(self) -> ast.expr:
        """Return the symbol that is meant where none is named."""
        return load("mc_0")

    def handle(self, node: ast.AST) -> tuple[str, ast.expr] | None:
        """Return (handle, symbol) of ``order`` or ``order[1]``."""
        symbol = self.own_symbol()
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

    def self_attribute(self, node: ast.Attribute) -> ast.AST:
        """Return what ``self.name`` stands for: state, a parameter, a constant."""
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
        names = ", ".join(allowed) or "nothing"
        return self.hook.error(node, f"found {owner}.{node.attr}, allowed {names}")
