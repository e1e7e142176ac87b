"""`mc sql` answers questions, and does nothing else."""

from __future__ import annotations

import datetime
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from engine.errors import Refusal
from mc_assets.project import Project
from mc_assets.warehouse import publish_warehouse
from mc_assets.warehouse_queries import Limits, query_warehouse

QUESTIONS = {
    "SELECT sum(x) FROM seen": [(6,)],
    "FROM seen ORDER BY x LIMIT 1": [(1, "a")],
    "WITH few AS (SELECT x FROM kept) SELECT count(*) FROM few": [(3,)],
    "VALUES (7)": [(7,)],
    "TABLE kept LIMIT 0": [],
    "SHOW TABLES": [("kept",), ("seen",)],
    "SELECT column_name FROM (DESCRIBE seen)": [("x",), ("copy",)],
    "SELECT column_name, max FROM (SUMMARIZE kept)": [("x", "3"), ("copy", "b")],
    "PIVOT kept ON copy USING sum(x)": [(4, 2)],
    "SELECT name FROM (PRAGMA_TABLE_INFO('kept'))": [("x",), ("copy",)],
    "SELECT max(copy) FROM seen -- COPY seen TO 'x'; DROP TABLE seen": [("b",)],
    "/* INSTALL httpfs; */ (SELECT 'LOAD x; ATTACH y');": [("LOAD x; ATTACH y",)],
    "SELECT typed_value FROM duckdb_settings() WHERE name = 'access_mode'": [("automatic",)],
    "SELECT DATE '9999-12-31', NULL::DATE": [(datetime.date(9999, 12, 31), None)],
    "SELECT 1 AS \"query\", 'query(' AS text": [(1, "query(")],
}

#: By what the sentence says; OUT is a file beside the store, PART one that a view reads.
REFUSED = {
    "begins with COPY": [
        "COPY (SELECT 1) TO 'OUT'",
        "COPY seen TO 'PART' (use_tmp_file false)",
        "COPY (PIVOT kept ON copy) TO 'OUT'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'PART' (use_tmp_file false)",
        "EXPLAIN /* */ (ANALYZE, FORMAT json) COPY (SELECT 1) TO 'OUT'",
    ],
    "contains COPY TO FILE": [
        "WITH a AS (COPY (SELECT 1) TO 'PART' (use_tmp_file false)) SELECT * FROM a",
        "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO 'PART' (use_tmp_file false)) FROM a",
        "WITH a AS (COPY (PIVOT kept ON copy) TO 'PART' (use_tmp_file false)) FROM a",
    ],
    "read-only mode": ["WITH a AS (INSERT INTO kept VALUES (1, 'c') RETURNING *) FROM a"],
    "begins with ATTACH": ["ATTACH 'OUT' AS other"],
    "begins with INSTALL": ["INSTALL httpfs"],
    "begins with FORCE": ["FORCE INSTALL httpfs"],
    "begins with LOAD": ["LOAD httpfs"],
    "begins with CREATE": [
        "CREATE TABLE made AS FROM seen",
        "CREATE TEMP TABLE made AS FROM seen",
        "CREATE TABLE made AS PIVOT kept ON copy",
        "CREATE OR REPLACE VIEW seen AS SELECT 1",
        "EXPLAIN ANALYZE CREATE TEMP TABLE made AS FROM seen",
    ],
    "begins with SET": ["SET memory_limit = '99GB'", "SET GLOBAL enable_external_access = true"],
    "begins with RESET": ["RESET memory_limit"],
    "PRAGMA": ["PRAGMA memory_limit = '99GB'", "PRAGMA enable_profiling"],
    "begins with EXPORT": ["EXPORT DATABASE 'OUT'"],
    "begins with IMPORT": ["IMPORT DATABASE 'OUT'"],
    "begins with CALL": ["CALL pragma_version()"],
    "begins with USE": ["USE memory"],
    "begins with INSERT": ["INSERT INTO kept VALUES (4, 'd')"],
    "begins with DROP": ["DROP TABLE kept"],
    "begins with PREPARE": ["PREPARE later AS COPY (SELECT 1) TO 'OUT'"],
    "begins with UPDATE": ["UPDATE kept SET x = 0", "UPDATE EXTENSIONS"],
    "begins with CHECKPOINT": ["CHECKPOINT"],
    "found 2 statements": [
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO 'OUT'",
        "EXPLAIN SELECT 1; COPY (SELECT 1) TO 'OUT'",
    ],
    "found nothing": ["", "-- nothing", ";"],
    "the function query": [
        "FROM query('SELECT 1')",
        "FROM main . \"QUERY\" /* */ ('SELECT 1')",
        "FROM query(CASE WHEN current_query() LIKE 'EXPLAIN%' THEN 'SELECT 1' ELSE 'X' END)",
    ],
    "the function json_execute_serialized_sql": [
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "PRAGMA json_execute_serialized_sql('{}')",
    ],
    "the function pandas_scan": ["FROM pandas_scan(1, 2, 3)"],
    "Cannot access file": [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/etc/passwd')",
        "FROM read_parquet('OTHER')",
        "FROM 'OTHER'",
        "FROM glob('/etc/*')",
        "FROM parquet_kv_metadata('OTHER')",
        "FROM read_csv('https://example.com/a.csv')",
        "FROM read_json_auto('/proc/self/environ')",
    ],
    "beyond the years 1 to 9999": [
        "SELECT DATE '290000-01-01' AS x",
        "SELECT TIMESTAMP '294247-01-01' AS \"it's\"",
        "SELECT 'infinity'::TIMESTAMPTZ",
        "SELECT '-infinity'::DATE",
    ],
    "does not exist": ["FROM '/etc/passwd'", "FROM project", "SELECT getenv('HOME')"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A published view of Parquet, a published table, and a Parquet file that is not published."""
    root = tmp_path_factory.mktemp("fence")
    project = Project(
        *(root, root / "it's data", root, root / "series.yaml"),
        sql=root / "sql",
    )
    (root / "sql").mkdir()
    (root / "sql" / "seen.sql").write_text(
        "CREATE VIEW seen AS SELECT * FROM read_parquet({numbers})"
    )
    (root / "sql" / "kept.sql").write_text("CREATE TABLE kept AS SELECT * FROM seen")
    folder = project.data / "numbers"
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"x": [1, 2, 3], "copy": ["a", "b", "a"]})
    frame.write_parquet(folder / "part.parquet")
    frame.write_parquet(project.data / "other.parquet")
    publish_warehouse(project)
    return project


@pytest.mark.parametrize(("query", "rows"), QUESTIONS.items())
def test_a_question_is_answered(home: Project, query: str, rows: list[Any]) -> None:
    assert query_warehouse(home, query).rows() == rows


@pytest.mark.parametrize(
    "query", ["EXPLAIN FROM seen", "EXPLAIN ANALYZE (SELECT sum(x) FROM seen)"]
)
def test_a_plan_is_shown(home: Project, query: str) -> None:
    assert "PARQUET" in query_warehouse(home, query)["explain_value"][0].upper()


@pytest.mark.parametrize(
    ("said", "query"), [(said, query) for said, queries in REFUSED.items() for query in queries]
)
def test_anything_else_is_one_sentence_and_changes_nothing(
    home: Project, said: str, query: str
) -> None:
    before = _content(home.root)
    places = {"PART": "numbers/part.parquet", "OTHER": "other.parquet", "OUT": "out"}
    for word, place in places.items():
        query = query.replace(word, str(home.data / place).replace("'", "''"))
    with pytest.raises(Refusal, match=said) as caught:
        query_warehouse(home, query)
    assert "\n" not in str(caught.value)
    assert _content(home.root) == before


def test_whoever_owns_the_machine_may_write_and_read_any_file(
    home: Project, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.csv"
    (count,) = query_warehouse(home, f"COPY kept TO '{copy}'", unsafe=True).row(0)
    assert (count, len(copy.read_text().splitlines())) == (3, 4)
    assert query_warehouse(home, f"FROM '{copy}'", unsafe=True).height == 3


def test_a_question_beyond_its_time_says_which_setting_allows_more(home: Project) -> None:
    with pytest.raises(Refusal, match=r"no answer within 0\.2 s; MC_SQL_SECONDS allows more"):
        query_warehouse(
            home, "SELECT count(*) FROM range(10_000_000_000) AS a, kept", limits=Limits(1.0, 0.2)
        )


def test_a_question_beyond_its_memory_says_which_setting_allows_more(home: Project) -> None:
    with pytest.raises(Refusal, match=r"more than 0\.05 GB of memory; MC_SQL_GIGABYTES allows"):
        query_warehouse(home, "SELECT list(range) FROM range(30_000_000)", limits=Limits(0.05, 60))


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf"])
def test_a_limit_that_is_no_number_above_zero_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("MC_SQL_SECONDS", text)
    with pytest.raises(Refusal, match=r"MC_SQL_SECONDS: found '.*', allowed a number above 0"):
        Limits.from_environment()


def test_questions_asked_at_once_have_limits_of_their_own(home: Project) -> None:
    start = threading.Barrier(4)

    def ask(number: int) -> list[Any]:
        start.wait()
        limits = Limits(0.1 * (number + 1), 60.0)
        return query_warehouse(home, "SELECT sum(x) FROM seen", limits=limits).rows()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [[(6,)]] * 4


@pytest.mark.parametrize("word", ["query", "json_execute_serialized_sql", "pandas_scan"])
def test_the_functions_that_are_refused_by_name_are_those_of_this_duckdb(word: str) -> None:
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", [word]
        ).fetchall()
    assert found[0][0] > 0


def _content(folder: Path) -> dict[str, str]:
    """Every file with its hash, but for the note of verified files."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".verified.jsonl"
    }
