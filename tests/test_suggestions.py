"""Every command that a sentence of the program suggests exists, with its options."""

from __future__ import annotations

import ast
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mc_assets.cli import app

PROJECT = Path(__file__).resolve().parents[1]
# In backticks, or as what to type next.
SUGGESTED = re.compile(r"`(mc [a-z][^`]*)`|(?:next: |   or   )(mc [a-z]\S*(?: \S+)*)")


def told(node: ast.expr) -> str:
    """Return the text of a string, a word in place of what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(told(part) or "1" for part in node.values)
    return ""


def suggestions() -> Iterator[tuple[str, str]]:
    """Yield places and the commands that strings there name, docstrings among them."""
    for package in ("engine", "mc_assets"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            # Most files name none, and a tree is dear.
            if "mc " not in text:
                continue
            nodes = list(ast.walk(ast.parse(text)))
            whole = [node for node in nodes if isinstance(node, ast.JoinedStr)]
            parts = {id(part) for node in whole for part in node.values}
            for node in nodes:
                if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts:
                    for found in SUGGESTED.findall(told(node)):
                        yield path.relative_to(PROJECT).as_posix(), " ".join("".join(found).split())


@cache
def places() -> dict[str, list[str]]:
    """Return the files that name a command, by what they name."""
    found: dict[str, list[str]] = defaultdict(list)
    for place, suggested in suggestions():
        found[suggested].append(place)
    return found


@cache
def command_line() -> Any:
    """Every command, as typer makes them; seconds where it is done for each."""
    return typer.main.get_command(app)


def mistake(text: str) -> str | None:
    """Parse a command as the command line would; return what is wrong with it."""
    words = shlex.split(text.replace("…", "1"))[1:]
    command = command_line()
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands and hasattr(command, "by_default"):
            words, name = [name, *words], command.by_default
        command = command.commands.get(name)
        if command is None:
            return f"there is no command {name}"
    context = command.context_class(command)
    try:
        _, left, _ = command.make_parser(context).parse_args(words)
    except Exception as error:
        return str(error)
    return f"too many words: {left}" if left else None


def test_commands_are_found() -> None:
    assert {"mc init", "mc run STUDY", "mc calibrate SERIES", "mc show 1"} <= places().keys()
    assert len(places()) > 40


def test_a_command_that_a_sentence_names_can_be_typed() -> None:
    wrong = {command: mistake(command) for command in places()}
    said = {command: (text, places()[command]) for command, text in wrong.items() if text}
    assert said == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("mc calibrate --model gbm", "--model"),
        ("mc fly away", "there is no command fly"),
        ("mc verify this", "too many words"),
    ],
)
def test_what_cannot_be_typed_is_noticed(command: str, wrong: str) -> None:
    assert wrong in (mistake(command) or "")
