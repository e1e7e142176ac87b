"""Writes sql/README.md, docs/study_file.md and tables of other pages of docs: `make docs`.

A block lies between ``<!-- name -->`` and ``<!-- /name -->``; everything between is replaced.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = PROJECT / "docs" / "architecture.md"
STRATEGIES: Final = PROJECT / "docs" / "strategies.md"
TABLES: Final = PROJECT / "sql" / "README.md"
STUDY_FILE: Final = PROJECT / "docs" / "study_file.md"


def written_anew(text: str, page: Path = PAGE) -> str:
    """Return a page with every generated block as it should be."""
    for name, table in _TABLES[page].items():
        first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        assert text.count(first) == text.count(last) == 1, f"{name}: the page has no such block"
        before, rest = text.split(first)
        text = before + first + "\n".join(table()) + "\n" + last + rest.split(last)[1]
    return text


def tables_page() -> str:
    """Return the page of the tables, as a project without data has them."""
    from mc_assets.answers.tables import describe_tables
    from mc_assets.data_dictionary import Dictionary, markdown_page
    from mc_assets.project import Project

    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder)
        project = Project(PROJECT, nothing, nothing, nothing / "series.yaml")
        named = Dictionary.read(PROJECT / "sql").statistics()
        return markdown_page(describe_tables(project), named)


def study_file_page() -> str:
    """Return the page of every key that a study file may have."""
    from engine.studies.schema import study_schema

    schema = study_schema()
    definitions = schema["$defs"]
    lines = [
        "# Keys of a study file",
        "",
        "Every key, as `mc schema` prints them for an editor; `make docs` writes this page.",
        "[studies/README.md](../studies/README.md) explains the keys by example.",
    ]
    left, shown = [("A study", schema)], set()
    while left:
        title, part = left.pop(0)
        lines += ["", f"## {title}", ""]
        if title != "A study" and part.get("description"):
            lines += [_cell(part["description"].split("\n\n")[0]) + ".", ""]
        lines += ["| key | takes | default | means |", "|---|---|---|---|"]
        for name, entry in part.get("properties", {}).items():
            default = json.dumps(entry["default"]) if "default" in entry else ""
            row = (_takes(entry), f"`{default}`" if default else "", entry["description"])
            lines.append(f"| `{name}` | " + " | ".join(_in_table(cell) for cell in row) + " |")
            for found in _named(entry):
                if found not in shown:
                    shown.add(found)
                    left.append((found, definitions[found]))
    return "\n".join(lines) + "\n"


def rooms_table() -> Iterator[str]:
    """Yield one row per room of the engine, lower rooms first, with what it may import."""
    yield "| room | is | may import |"
    yield "|---|---|---|"
    allowed = _allowed_imports()
    for room in _floors(allowed):
        names = ", ".join(f"`{name}`" for name in sorted(allowed[room])) or "nothing"
        yield f"| `{room}` | {_purpose(room)} | {names} |"


def commands_table() -> Iterator[str]:
    """Yield the commands of `mc` under the headings of their groups, as `mc --help` does."""
    import typer.main

    from mc_assets.cli import app

    rows: dict[str, list[str]] = {}
    for prefix, command in _commands(typer.main.get_command(app), "mc"):
        group = getattr(command, "rich_help_panel", None) or "Other"
        assert isinstance(group, str)
        does = (command.help or "").split("\n\n")[0].replace("\n", " ")
        rows.setdefault(group, []).append(f"| `{prefix}` | {does} |")
    for group, lines in rows.items():
        yield f"\n**{group}**\n"
        yield "| command | does |"
        yield "|---|---|"
        yield from lines
    yield ""


def indicators_table() -> Iterator[str]:
    """Yield one row per built-in indicator: how it is written, its rows, what it is."""
    from engine import strategies
    from engine.strategies.indicator import Indicator

    yield "| indicator | rows | is |"
    yield "|---|---|---|"
    for name in strategies.__all__:
        kind = getattr(strategies, name)
        if not (isinstance(kind, type) and issubclass(kind, Indicator)) or kind is Indicator:
            continue
        given = ", ".join(f"{key}={item.default}" for key, item in kind.parameters.items())
        rows = "" if kind.outputs == ("value",) else ", ".join(f"`{row}`" for row in kind.outputs)
        sentence = (kind.__doc__ or "").split("\n\n")[0]
        yield f"| `{name}({given})` | {rows} | {_cell(sentence)} |"


def futures_table() -> Iterator[str]:
    """Yield one row per preset of a futures contract: its terms and hours."""
    from engine.execution.futures import FUTURES
    from engine.execution.published_margins import PUBLISHED_MARGINS

    yield "| preset | contract | unit | tick | a tick is | margin | published | hours in Chicago |"
    yield "|---|---|---|---|---|---|---|---|"
    for symbol, terms in FUTURES.items():
        value = f"${terms.multiplier * terms.tick:,.4f}"
        value = value.removesuffix("00") if value.endswith("00") else value.rstrip("0")
        hours = f"{terms.hours.open} to {terms.hours.close}"
        margin = PUBLISHED_MARGINS[symbol]
        asked = f"${margin.initial:,.0f} / ${margin.maintenance:,.0f} since {margin.since}"
        yield (
            f"| `{symbol}` | {terms.name} | {terms.unit} | {_decimal(terms.tick)} | {value} | "
            f"${terms.initial:,.0f} / ${terms.maintenance:,.0f} | {asked} | {hours} |"
        )


def orders_table() -> Iterator[str]:
    """Yield one row per call of an order: how it is written, what it does."""
    from engine.strategies.hook_arguments import Order

    yield "| call | does |"
    yield "|---|---|"
    for name, call in vars(Order).items():
        if name.startswith("_"):
            continue
        arguments = ", ".join(map(_argument, list(inspect.signature(call).parameters.values())[1:]))
        yield f"| `order.{name}({arguments})` | {_paragraph(call.__doc__)} |"


def fields_table(kind: str) -> Iterator[str]:
    """Yield one row per field of `Bar` or `Account`: its name, what it holds."""
    text = (PROJECT / "engine" / "strategies" / "hook_arguments.py").read_text(encoding="utf-8")
    body = text.split(f"class {kind}(_Given):")[1].split("\n    def __getitem__")[0]
    yield "| field | holds |"
    yield "|---|---|"
    remark: list[str] = []
    for line in body.split('"""')[2].splitlines():
        if line.startswith("    #: ") or (remark and line.startswith("    #")):
            remark.append(line.strip().removeprefix("#:").strip())
        elif found := re.match(r"    (\w+): ", line):
            holds = " ".join(remark) or f"{found[1]} of the bar"
            yield f"| `{kind.lower()}.{found[1]}` | {_cell(holds)} |"
            remark = []


def metrics_table() -> Iterator[str]:
    """Yield one row per metric that a simulation may have: its group, what it is."""
    from engine.execution.metric_groups import metric_groups

    yield "| metric | group | is |"
    yield "|---|---|---|"
    for group in metric_groups().values():
        for name, text in group.metrics.items():
            yield f"| `{name}` | `{group.name}` | {text} |"


_TABLES: Final[dict[Path, dict[str, Callable[[], Iterator[str]]]]] = {
    PAGE: {
        "rooms": rooms_table,
        "commands": commands_table,
        "indicators": indicators_table,
        "futures": futures_table,
    },
    STRATEGIES: {
        "orders": orders_table,
        "account": lambda: fields_table("Account"),
        "bar": lambda: fields_table("Bar"),
        "metrics": metrics_table,
    },
}


def _argument(parameter: inspect.Parameter) -> str:
    """Write an argument of a call; one that is not given by default stands for itself."""
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name
    nothing = isinstance(default, float) and not math.isfinite(default)
    return f"{parameter.name}=..." if nothing else f"{parameter.name}={default!r}"


def _paragraph(text: str | None) -> str:
    return _cell((text or "").split("\n\n")[0])


def _takes(entry: dict[str, Any]) -> str:
    """Say in words what a key of the schema takes."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in entry:
            found = dict.fromkeys(_takes(one) for one in entry[union])
            return " or ".join(words for words in found if words != "null") or "null"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    kind = entry.get("type", "anything")
    if isinstance(kind, list):
        return "one value"
    first = next(iter(entry.get("required", ())), None)
    if kind == "object" and first and entry["properties"][first].get("type") == "array":
        return f"`{{{first}: [...]}}`"
    words = {"array": "a list", "object": "a mapping", "string": "text", "number": "a number"}
    words |= {"integer": "a whole number", "boolean": "true or false"}
    return words.get(kind, kind) + _bounds(entry)


def _bounds(entry: dict[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {entry[key]:,}" for key, sign in signs.items() if key in entry]
    return f" {' and '.join(found)}" if found else ""


def _named(entry: Any) -> Iterator[str]:
    """Yield the definitions that a part of the schema refers to."""
    if isinstance(entry, dict):
        if "$ref" in entry:
            yield entry["$ref"].rpartition("/")[2]
        for name, inner in entry.items():
            if name != "discriminator":
                yield from _named(inner)
    elif isinstance(entry, list):
        for inner in entry:
            yield from _named(inner)


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _decimal(number: float) -> str:
    return f"{number:.7f}".rstrip("0").removesuffix(".")


def _cell(sentence: str) -> str:
    return " ".join(sentence.split()).removesuffix(".").replace("``", "`")


def _allowed_imports() -> dict[str, set[str]]:
    path = PROJECT / "tests" / "test_import_rules.py"
    spec = importlib.util.spec_from_file_location("import_rules", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    allowed: dict[str, set[str]] = module.ALLOWED
    return allowed


def _floors(allowed: dict[str, set[str]]) -> list[str]:
    """Rooms with every room after those that it imports; by name where the rules leave it open."""
    order: list[str] = []
    while len(order) < len(allowed):
        free = sorted(room for room in set(allowed) - set(order) if allowed[room] <= set(order))
        assert free, "the rules allow a circle of imports"
        order += free
    return order


def _purpose(room: str) -> str:
    """First sentence of a room's docstring, without the room's name in front."""
    single = PROJECT / "engine" / f"{room}.py"
    path = single if single.is_file() else PROJECT / "engine" / room / "__init__.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = text.split("\n\n")[0].replace("\n", " ").removesuffix(".")
    name = room.replace("_", " ")
    sentence = re.sub(rf"^(The )?{name}: ", "", sentence, flags=re.IGNORECASE)
    return sentence[0].upper() + sentence[1:]


def _commands(command: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below a group with the words that call it."""
    for name, item in command.commands.items():
        words = f"{prefix} {name}"
        if hasattr(item, "commands"):
            yield from _commands(item, words)
        else:
            yield words, item


if __name__ == "__main__":
    for page in _TABLES:
        page.write_text(written_anew(page.read_text(encoding="utf-8"), page), encoding="utf-8")
    TABLES.write_text(tables_page(), encoding="utf-8")
    STUDY_FILE.write_text(study_file_page(), encoding="utf-8")
