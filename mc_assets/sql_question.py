"""Whether a text of SQL is a question: one statement that reads and writes nothing.

The type of a statement is not enough: ``WITH a AS (COPY ... TO ...) FROM a`` is a SELECT to DuckDB,
and a function may run text as SQL. So the words are looked at, and then the plan.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import duckdb

from engine.errors import Refusal

__all__ = ["check_plan", "check_question"]

_ALLOWED: Final = (
    "one question: SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN, PIVOT, or "
    "PRAGMA table_info"
)
_HINT: Final = "`mc sql --unsafe` runs anything, for whoever owns the machine"

_FIRST_WORDS: Final = frozenset(
    [
        "SELECT",
        "FROM",
        "WITH",
        "VALUES",
        "TABLE",
        "DESCRIBE",
        "DESC",
        "SUMMARIZE",
        "SHOW",
        "PIVOT",
        "PIVOT_WIDER",
        "UNPIVOT",
        "PIVOT_LONGER",
    ]
)
# DuckDB takes a PIVOT without the values of its columns apart into several statements.
_READING_TYPES: Final = ("SELECT", "MULTI")
_READING_PRAGMAS: Final = frozenset(
    [
        "table_info",
        "show_tables",
        "show_tables_expanded",
        "database_list",
        "database_size",
        "version",
        "storage_info",
        "functions",
        "collations",
        "platform",
        "show",
    ]
)
# They run text as SQL, which hides what it does, or read memory at an address.
_HIDING_FUNCTIONS: Final = frozenset(
    [
        "query",
        "json_execute_serialized_sql",
        "import_database",
        "copy_database",
        "arrow_scan",
        "arrow_scan_dumb",
        "pandas_scan",
        "python_arrow_scan",
        "python_map_function",
        "add_parquet_key",
    ]
)
_WRITING_OPERATORS: Final = ("COPY", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "EXECUTE")


@dataclass(frozen=True)
class _Word:
    text: str
    place: int  # in bytes, as DuckDB counts
    kind: str


def check_question(connection: duckdb.DuckDBPyConnection, query: str) -> str | None:
    """Refuse what is no question by its words.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Whose parser is asked; nothing runs.
    query : str
        SQL for DuckDB.

    Returns
    -------
    str or None
        The statement whose plan has to be looked at before it runs; None where there is none.

    Raises
    ------
    Refusal
        If it is not one statement that reads.
    duckdb.ParserException
        If it is no SQL.

    Examples
    --------
    >>> check_question(duckdb.connect(), "EXPLAIN SELECT 42")
    'SELECT 42'
    >>> check_question(duckdb.connect(), "DROP TABLE bars")
    Traceback (most recent call last):
    ...
    engine.errors.Refusal: query: found a statement that begins with DROP, allowed one question: \
SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN, PIVOT, or PRAGMA table_info; \
`mc sql --unsafe` runs anything, for whoever owns the machine
    """
    kind = _only_type(connection, query)
    words = [word for word in _words(query) if word.text != ";"]
    for word, following in pairwise(words):
        if following.text == "(" and word.kind != "string" and word.text in _HIDING_FUNCTIONS:
            raise _refused(f"the function {word.text}")
    if kind == "PRAGMA" and len(words) > 1 and words[1].text in _READING_PRAGMAS:
        return None
    if kind == "PRAGMA" and len(words) > 1 and words[0].text == "pragma":
        raise _refused(f"PRAGMA {words[1].text}")
    if words[0].text == "explain":
        query = query.encode()[_explained(words) :].decode()
        kind, words = _only_type(connection, query), _words(query)
    first = next(word.text.upper() for word in words if word.text not in ("(", ";"))
    if kind not in _READING_TYPES or first not in _FIRST_WORDS:
        raise _refused(f"a statement that begins with {first}")
    return query


def check_plan(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Refuse a statement whose plan writes, before it runs.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where it would run.
    statement : str
        What `check_question` returned.

    Raises
    ------
    Refusal
        If it writes.
    duckdb.Error
        If it cannot be planned.
    """
    rows = connection.execute(f"EXPLAIN (FORMAT json) {statement}").fetchall()
    waiting = [node for _, plan in rows for node in json.loads(plan)]
    while waiting:
        node = waiting.pop()
        name = str(node["name"]).upper()
        if any(word in name for word in _WRITING_OPERATORS):
            raise _refused(f"a statement that contains {name.replace('_', ' ')}")
        waiting += node.get("children", [])


def _only_type(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the type of the only statement."""
    try:
        found = [statement.type.name for statement in connection.extract_statements(query)]
    except ValueError:  # a type that the Python package does not know: none of those that read
        found = ["unknown"]
    if len(found) != 1:
        raise _refused(f"{len(found)} statements" if found else "nothing")
    return found[0]


def _words(query: str) -> list[_Word]:
    """Words and signs of a query in lower case, without comments; names without their quotes."""
    content = query.encode()
    tokens = [*duckdb.tokenize(query), (len(content), None)]
    words = []
    for (place, kind), (end, _) in pairwise(tokens):
        if kind == duckdb.token_type.comment:
            continue
        text = content[place:end].decode().strip().lower()
        quoted = kind == duckdb.token_type.string_const
        words.append(_Word(text.strip('"'), place, "string" if quoted else "word"))
    return words


def _explained(words: list[_Word]) -> int:
    """Place of the statement behind EXPLAIN and its options."""
    rest = words[1:]
    if rest and rest[0].text == "analyze":
        rest = rest[1:]
    if len(rest) > 1 and rest[0].text == "(" and rest[1].text.upper() not in _FIRST_WORDS | {"("}:
        depth = 0
        for number, word in enumerate(rest):
            depth += (word.text == "(") - (word.text == ")")
            if depth == 0:
                rest = rest[number + 1 :]
                break
    return rest[0].place if rest else words[-1].place


def _refused(found: str) -> Refusal:
    return Refusal("query", found, _ALLOWED, hint=_HINT)
