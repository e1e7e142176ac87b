"""The text of a hook, and errors that point into it."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["HookText", "StrategyError", "declaration_error", "definition_of"]


class StrategyError(ValueError):
    """A strategy that cannot be compiled; names the file, the line and what is wrong."""


def declaration_error(message: str) -> StrategyError:
    """Return an error that names the line, outside this package, that is being run."""
    frame = sys._getframe(1)
    while os.path.dirname(frame.f_code.co_filename) == _HERE and frame.f_back is not None:
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    shown = linecache.getline(file, line).strip()
    return StrategyError(f"{file}, line {line}: {message}\n    {shown}")


_HERE = os.path.dirname(__file__)


class HookText:
    """Where a hook's text lies.

    Raises
    ------
    StrategyError
        If the text cannot be read, as for a class typed into a bare interpreter.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.file = function.__code__.co_filename
        try:
            lines, self.first_line = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise StrategyError(
                f"{function.__qualname__}: its text cannot be read, allowed a class in a file, a "
                "notebook or IPython; Python keeps no text of what is typed into `python -`"
            ) from None
        self.text = textwrap.dedent("".join(lines))

    def definition(self) -> ast.FunctionDef:
        """Return the parsed function, with the line numbers of the file."""
        tree = ast.parse(self.text)
        ast.increment_lineno(tree, self.first_line - 1)
        found = tree.body[0]
        if not isinstance(found, ast.FunctionDef):
            raise self.error(found, "a hook is a plain function")
        return found

    def error(self, node: ast.AST, message: str) -> StrategyError:
        """Return an error that names the line of `node` and shows it."""
        return self.error_at(getattr(node, "lineno", self.first_line), message)

    def error_at(self, line: int, message: str) -> StrategyError:
        """Return an error that names a line of the file and shows it."""
        rows = self.text.splitlines()
        index = line - self.first_line
        row = rows[index].strip() if 0 <= index < len(rows) else ""
        return StrategyError(f"{self.file}, line {line}: {message}\n    {row}")


@cache
def definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the parsed text of a hook, read once: a search asks about every batch of sets.

    Raises
    ------
    StrategyError
        If the text cannot be read.
    """
    return HookText(function).definition()
