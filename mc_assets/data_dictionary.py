"""What the tables of the warehouse hold: what a row is, its columns with units, a query to try."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.execution.metric_groups import all_metrics
from engine.yaml_text import read_yaml_file
from mc_assets.headlines import ENDINGS, HEADLINE_NAMES

__all__ = ["ColumnEntry", "Dictionary", "StatisticEntry", "TableEntry", "markdown_page"]

_UNIT: Final = re.compile(r"^(.*?)(?: \[([^\]]+)\])?$", re.DOTALL)
_OF_A_STUDY: Final = "parameter, or metric of its own, of the studies that have it; null elsewhere"
_BY_NAME: Final = """\
What `statistics` of a study, `until.statistic`, `mc show STUDY --best NAME` and
`results.statistics(names=...)` take, and what `statistic` holds in `statistics` and `error_budget`.
METRIC is a column of `simulations` that is no ratio, RATIO one that is, NN two digits, X a number,
N a bar of the path, the first of which is 1. Ratios and figures of trades are pooled over all paths
of a set, with errors clustered by path. `complete` in `statistics` of a study is all that its rows
tell (`engine.results.definitions.COMPLETE`)."""
# What the columns of a headline statistic beside its estimate have in common.
_BESIDE: Final = {
    "std_error": "standard error of {name}, of every kind that is told",
    "ci_low": "lower end of its 95 % interval",
    "ci_high": "upper end of its 95 % interval",
    "method": "how the interval came about, or why there is none",
}


@dataclass(frozen=True)
class ColumnEntry:
    """A column of a table.

    Parameters
    ----------
    name, type : str
        Its name, and its type in DuckDB.
    unit : str
        What its numbers count; empty where they count nothing, or it holds none.
    meaning : str
        What it holds.
    """

    name: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class StatisticEntry:
    """A statistic that may be asked for by name.

    Parameters
    ----------
    name : str
        Its name; of a family METRIC, RATIO, NN, X and N stand for what it is made of.
    unit : str
        What its numbers count.
    meaning : str
        What it is.
    """

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class TableEntry:
    """A table of the warehouse.

    Parameters
    ----------
    name : str
        Its name.
    grain : str
        What one row is.
    columns : tuple of ColumnEntry
        In their order.
    example : str
        A query to start from; empty for a table of one's own.
    """

    name: str
    grain: str
    columns: tuple[ColumnEntry, ...]
    example: str


@dataclass(frozen=True)
class Dictionary:
    """The meanings that ``sql/dictionary.yaml`` and the remarks of the SQL files give.

    Parameters
    ----------
    content : mapping
        Of the file.
    grains : mapping of str to str
        What one row is, by table.
    """

    content: Mapping[str, Any]
    grains: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Dictionary:
        """Read the dictionary of a folder of SQL files.

        Raises
        ------
        Refusal
            If the file cannot be read.
        """
        grains = {
            path.stem: _grain(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.sql"))
        }
        return cls(read_yaml_file(folder / "dictionary.yaml"), grains)

    def tables(self, columns: Mapping[str, Sequence[tuple[str, str]]]) -> list[TableEntry]:
        """Describe tables, those of the dictionary in its order, others after them.

        Parameters
        ----------
        columns : mapping of str to sequence of (str, str)
            Name and type of every column, by table.
        """
        known = list(self.content["tables"])
        order = [name for name in known if name in columns]
        order += sorted(set(columns) - set(known))
        return [self._table(name, columns[name]) for name in order]

    def _table(self, name: str, columns: Sequence[tuple[str, str]]) -> TableEntry:
        own = self.content["tables"].get(name, {})
        entries = []
        for column, kind in columns:
            meaning, unit = self._meaning(name, column)
            entries.append(ColumnEntry(column, kind, unit, meaning))
        return TableEntry(name, self.grains.get(name, ""), tuple(entries), own.get("example", ""))

    def _meaning(self, table: str, column: str) -> tuple[str, str]:
        own = self.content["tables"].get(table, {}).get("columns", {})
        if column in own:
            return _parts(own[column])
        if table == "simulations" and column in all_metrics():
            return all_metrics()[column], self.content["metric_units"].get(column, "")
        if table == "parameter_sets":
            headline = self._headline(column)
            if headline is not None:
                return headline
        if column in self.content["columns"]:
            return _parts(self.content["columns"][column])
        return (_OF_A_STUDY if table == "simulations" else ""), ""

    def _headline(self, column: str) -> tuple[str, str] | None:
        for name in HEADLINE_NAMES:
            meaning, unit = _parts(self.content["headlines"][name])
            for value, ending in ENDINGS.items():
                if column == f"{name}{ending}":
                    text = _BESIDE[value].format(name=name) if ending else meaning
                    return text, "" if value == "method" else unit
        return None

    def statistics(self) -> list[StatisticEntry]:
        """Describe what may be asked for as a statistic, by its name or how it is made."""
        return [
            StatisticEntry(name, unit, meaning)
            for name, (meaning, unit) in (
                (name, _parts(text)) for name, text in self.content["statistics"].items()
            )
        ]


def markdown_page(tables: Sequence[TableEntry], statistics: Sequence[StatisticEntry]) -> str:
    """Write the dictionary as a page."""
    lines = [
        "# Tables",
        "",
        'What `mc sql "SELECT ..."` asks, one file of SQL per table. `mc sql --tables` prints this'
        " page,",
        "with the columns that your studies add. `make docs` writes it from `dictionary.yaml`, the",
        "remarks of the files and the tables themselves; every query here is run by the tests.",
        "",
    ]
    for table in tables:
        lines += [f"## {table.name}", "", table.grain, "", "```sql", table.example, "```", ""]
        lines += ["| column | type | unit | holds |", "|---|---|---|---|"]
        lines += [
            f"| `{column.name}` | {column.type} | {column.unit} | {column.meaning} |"
            for column in table.columns
        ]
        lines.append("")
    lines += ["## Statistics by name", "", _BY_NAME, "", "| name | unit | is |", "|---|---|---|"]
    lines += [f"| `{entry.name}` | {entry.unit} | {entry.meaning} |" for entry in statistics]
    return "\n".join(lines).rstrip() + "\n"


def _grain(text: str) -> str:
    """Return the first sentence of the remark at the head of an SQL file."""
    remark = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        remark.append(line.removeprefix("--").strip())
    return re.split(r"(?<=\.)\s", " ".join(remark), maxsplit=1)[0]


def _parts(text: str) -> tuple[str, str]:
    found = _UNIT.match(text)
    assert found is not None
    return found[1], found[2] or ""
