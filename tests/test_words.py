"""One word, one thing: the table of words, and the names that public code gives to things."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_COUNTS = r"(int|float|bool)"
_TEXTS = r"(str|Path)"
#: What a word of the house never stands for, wherever a reader meets it: in the public signatures,
#: properties and fields of `engine` and `mc_assets`. A key of a study file has its own name for
#: the same thing there too (`bars` is the form of bars, `steps` their number).
OTHER_MEANINGS = {
    "bars": rf"{_COUNTS}|{_TEXTS}|NDArray.*",  # data; a number of them is `bar_count`
    "symbols": rf"{_COUNTS}",  # names; a number of them is `symbol_count`
    "steps": r"(?!int$).*",  # how many bars a path has; time between rows is `elapsed_years`
    "source": rf"{_COUNTS}|Path|tuple.*|.*DataFrame",  # where paths come from
    "sources": rf"{_COUNTS}|.*tuple.*|.*DataFrame",
    "results": r"(?!Results$|Rows$).*",  # of a study
    "simulations": r"(?!int$).*",  # rows: how many
    "constraint": _COUNTS,
    "constraints": r".*",  # the study's word is `constraint`
    "equity_samples": r".*",  # the study's words are `record.equity` and `record.trades`
    "record": r"(?!Record\b).*",
    "window": rf"{_COUNTS}|slice",
}
#: A strategy's own parameter, which it is free to name.
OWN_NAMES = {("engine/execution/sizing_rules.py", "window")}


def _named_things(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield names and annotations of public parameters, properties and fields of a module."""

    def of_function(node: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        arguments = node.args
        for given in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if given.annotation is not None:
                yield given.arg, ast.unparse(given.annotation)
        made = {ast.unparse(decorator) for decorator in node.decorator_list}
        if made & {"property", "cached_property"} and node.returns is not None:
            yield node.name, ast.unparse(node.returns)

    def of_body(body: list[ast.stmt], in_class: bool) -> Iterator[tuple[str, str]]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from of_body(node.body, True)
            elif isinstance(node, ast.FunctionDef):
                if not node.name.startswith("_") or (in_class and node.name.startswith("__")):
                    yield from of_function(node)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and in_class:
                yield node.target.id, ast.unparse(node.annotation)

    return of_body(tree.body, False)


def other_meanings(project: Path) -> list[str]:
    """Return the places where a word of the house stands for something else."""
    found = []
    for room in ("engine", "mc_assets"):
        for path in sorted((project / room).rglob("*.py")):
            place = path.relative_to(project).as_posix()
            for name, annotation in _named_things(ast.parse(path.read_text(encoding="utf-8"))):
                meant = annotation.removesuffix(" | None")
                if (place, name) in OWN_NAMES or name not in OTHER_MEANINGS:
                    continue
                if re.fullmatch(OTHER_MEANINGS[name], meant):
                    found.append(f"{place}: {name}: {annotation}")
    return found


def test_a_word_has_one_meaning(project: Path) -> None:
    text = (project / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Words")[1].split("\n## ")[0]
    words = [
        word.strip()
        for row in re.findall(r"^\| ([^|]+) \|", section, flags=re.MULTILINE)
        for word in row.split(",")
    ]
    assert len(words) == len(set(words)) > 20


def test_a_public_name_is_used_for_one_kind_of_thing(project: Path) -> None:
    assert other_meanings(project) == []


def test_a_word_with_a_second_meaning_is_found(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "block.py").write_text(
        "class Block:\n"
        "    steps: Array\n"
        "    bars: NDArray[np.float64]\n"
        "    @property\n"
        "    def bars(self) -> int: ...\n"
        "    def run(self, source: int, bars: Bars) -> None: ...\n"
        "    def _own(self, source: int) -> None: ...\n"
        "def prepare(equity_samples: int | None) -> None: ...\n",
        encoding="utf-8",
    )
    assert [line.split(": ", 1)[1] for line in other_meanings(tmp_path)] == [
        "steps: Array",
        "bars: NDArray[np.float64]",
        "bars: int",
        "source: int",
        "equity_samples: int | None",
    ]
