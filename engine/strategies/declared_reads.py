"""What both forms of a strategy share: reads of declared parameters, and what neither supports.

A parameter travels as a number: a word by its position, None as NaN. Where that would read
otherwise than in Python, the text is rewritten, or refused with its line.
"""

from __future__ import annotations

import ast
import builtins
from typing import Any

from engine.strategies.hook_text import HookText
from engine.strategies.parameters import Choice, Parameter
from engine.strategies.strategy import Strategy
from engine.strategies.syntax import is_none, load

__all__ = ["DeclaredReads"]


class DeclaredReads(ast.NodeTransformer):
    """Rewrites reads of parameters and constants; base of the rewriters of both forms."""

    def __init__(
        self,
        cls: type[Strategy],
        hook: HookText,
        definition: ast.FunctionDef,
        namespace: dict[str, Any],
    ) -> None:
        self.cls = cls
        self.hook = hook
        self.definition = definition
        self.namespace = namespace
        self.self_name = self._arguments()[0]
        self.known = {item.arg for item in ast.walk(definition) if isinstance(item, ast.arg)} | {
            item.id
            for item in ast.walk(definition)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        }
        # Names that are given an optional parameter as it is hold NaN for None too.
        self.may_be_none = {
            target.id
            for item in ast.walk(definition)
            if isinstance(item, ast.Assign | ast.AnnAssign) and self._is_optional(item.value)
            for target in (item.targets if isinstance(item, ast.Assign) else [item.target])
            if isinstance(target, ast.Name)
        }

    def _arguments(self) -> list[str]:
        """Return the names of the arguments, which are plain ones."""
        definition, given = self.definition, self.definition.args
        if definition.decorator_list:
            raise self.hook.error(definition.decorator_list[0], "a hook has no decorator")
        unusual = [f"*{given.vararg.arg}"] if given.vararg else ["`*`"] if given.kwonlyargs else []
        unusual += [f"**{given.kwarg.arg}"] if given.kwarg else []
        unusual += ["`/`"] if given.posonlyargs else []
        if unusual:
            every = (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg)
            names = ", ".join(item.arg for item in every if item is not None)
            raise self.hook.error(
                definition, f"{definition.name}: found {unusual[0]}, allowed {names}"
            )
        if not given.args:
            raise self.hook.error(definition, f"{definition.name} takes no `self`")
        return [argument.arg for argument in given.args]

    # --- parameters and constants --------------------------------------------------------

    def declared_value(self, node: ast.Attribute) -> ast.expr | None:
        """Return a read of the parameter or constant that ``self.name`` stands for, if any."""
        parameter = self.parameter(node)
        if isinstance(parameter, Choice) and parameter.words:
            raise self.hook.error(
                node,
                f"self.{node.attr} is a word, allowed comparisons such as "
                f"self.{node.attr} == {parameter.choices[0]!r}",
            )
        if parameter is not None:
            return self._code(node)
        handed = self.cls.handed()
        if node.attr in handed:
            return ast.copy_location(ast.Constant(float(handed[node.attr])), node)
        value = getattr(self.cls, node.attr, None)
        if node.attr.isupper() and isinstance(value, bool | int | float):
            return ast.copy_location(ast.Constant(value), node)
        return None

    def parameter(self, node: ast.AST | None) -> Parameter | None:
        """Return the parameter that the node reads."""
        if isinstance(node, ast.Attribute) and self.is_self(node.value):
            return self.cls.parameters.get(node.attr)
        return None

    def is_self(self, node: ast.AST) -> bool:
        """Whether the node is the word ``self``."""
        return isinstance(node, ast.Name) and node.id == self.self_name

    def _code(self, node: ast.Attribute) -> ast.expr:
        index = ast.Constant(list(self.cls.parameters).index(node.attr))
        return ast.copy_location(ast.Subscript(load("mc_p"), index, ast.Load()), node)

    def _is_optional(self, node: ast.AST | None) -> bool:
        parameter = self.parameter(node)
        return parameter is not None and parameter.optional

    def _holds_none_as_nan(self, node: ast.AST) -> bool:
        return self._is_optional(node) or (
            isinstance(node, ast.Name) and node.id in self.may_be_none
        )

    # --- comparisons and conditions ------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Compare a Choice of words, or an optional parameter with None, by its code."""
        sides = [node.left, *node.comparators]
        for side in sides:
            parameter = self.parameter(side)
            if isinstance(parameter, Choice) and parameter.words:
                return ast.copy_location(self._word_comparison(node, side, parameter), node)
        if len(node.ops) == 1 and any(map(is_none, sides)):
            asked = sides[0] if is_none(sides[1]) else sides[1]
            if self._holds_none_as_nan(asked):
                value = self.visit(asked)
                equal = isinstance(node.ops[0], ast.Is | ast.Eq)
                operator = ast.NotEq() if equal else ast.Eq()
                # NaN is the one number that differs from itself.
                return ast.copy_location(ast.Compare(value, [operator], [value]), node)
            return self.generic_visit(node)
        asks_identity = any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
        if asks_identity and any(self.parameter(side) is not None for side in sides):
            raise self.hook.error(node, "`is` tells None apart; compare with == instead")
        return self.generic_visit(node)

    def _word_comparison(self, node: ast.Compare, side: ast.AST, parameter: Choice) -> ast.Compare:
        assert isinstance(side, ast.Attribute)
        operator = node.ops[0]
        other = node.comparators[0] if side is node.left else node.left
        words = [other]
        if isinstance(operator, ast.In | ast.NotIn):
            listed = side is node.left and isinstance(other, ast.Tuple | ast.List | ast.Set)
            words = other.elts if listed else []  # type: ignore[attr-defined]
        found = [word.value for word in words if isinstance(word, ast.Constant)]
        known = len(found) == len(words) > 0 and all(word in parameter.choices for word in found)
        comparable = isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        if len(node.ops) != 1 or not comparable or not known:
            raise self.hook.error(
                node,
                f"self.{parameter.name} is compared with something else than {parameter.allowed}",
            )
        codes: list[ast.expr] = [ast.Constant(parameter.encode(word)) for word in found]
        if isinstance(operator, ast.In | ast.NotIn):
            return ast.Compare(self._code(side), node.ops, [ast.Tuple(codes, ast.Load())])
        return ast.Compare(self._code(side), node.ops, codes)

    def _check_truth(self, *conditions: ast.expr) -> None:
        for condition in conditions:
            if self._holds_none_as_nan(condition):
                raise self.hook.error(
                    condition,
                    f"{ast.unparse(condition)} may be None, neither true nor false: ask `is None`",
                )

    def visit_If(self, node: ast.If | ast.IfExp | ast.While) -> ast.AST:
        """Refuse None for a condition: NaN would be true."""
        self._check_truth(node.test)
        return self.generic_visit(node)

    visit_IfExp = visit_While = visit_If

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Refuse None beside ``and`` and ``or``."""
        self._check_truth(*node.values)
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Refuse None behind ``not``."""
        if isinstance(node.op, ast.Not):
            self._check_truth(node.operand)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Raise to a negative power in fractions: of whole numbers the compiler would make 0."""
        minus = isinstance(node.right, ast.UnaryOp) and isinstance(node.right.op, ast.USub)
        if isinstance(node.op, ast.Pow) and minus:
            node.right = ast.BinOp(ast.Constant(1.0), ast.Mult(), node.right)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Refuse to hand None to a helper that asks for it: it would see a number."""
        helper = self.namespace.get(node.func.id) if isinstance(node.func, ast.Name) else None
        text = getattr(helper, "py_func", None)
        if text is not None:
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                if self._holds_none_as_nan(value) and _asks_for_none(text):
                    name = ast.unparse(node.func)
                    raise self.hook.error(
                        node,
                        f"{name} compares with None, which {ast.unparse(value)} is not inside a "
                        "helper: ask in the hook",
                    )
        return self.generic_visit(node)

    # --- names and statements --------------------------------------------------------------

    def check_name(self, node: ast.Name) -> None:
        """Refuse names that mean nothing, and those that the rewriting uses."""
        if node.id.startswith("mc_"):
            raise self.hook.error(node, f"found name {node.id!r}, allowed any without `mc_`")
        known = node.id in self.known or node.id in self.namespace
        if not known and not hasattr(builtins, node.id):
            raise self.hook.error(node, f"name {node.id!r} is not defined")

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        """Refuse a name for the rest of a tuple."""
        if isinstance(node.ctx, ast.Store):
            raise self.hook.error(node, "`*` on the left of an assignment is not supported")
        return self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> ast.AST:
        """Refuse generators."""
        raise self.hook.error(
            node, f"{self.definition.name} is a plain function; `yield` is not supported"
        )

    visit_YieldFrom = visit_Yield

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        """Refuse imports, which the compiler would not see."""
        raise self.hook.error(node, "a hook imports nothing; import at the top of the file")

    visit_ImportFrom = visit_Import


def _asks_for_none(function: Any) -> bool:
    tree = HookText(function).definition()
    compared = (item for item in ast.walk(tree) if isinstance(item, ast.Compare))
    return any(is_none(side) for item in compared for side in (item.left, *item.comparators))
