"""The DuckDB file is rebuilt whole and swapped in."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pytest

from engine.errors import Refusal
from engine.files import KINDS
from mc_assets.headlines import HEADLINE_NAMES, headline_sql
from mc_assets.project import Project
from mc_assets.warehouse import publish_warehouse, refresh_warehouse
from mc_assets.warehouse_queries import query_warehouse


@pytest.fixture
def home(tmp_path: Path) -> Project:
    """An empty project whose checkout holds two SQL files."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "b_first.sql").write_text(
        "CREATE TABLE b_first AS SELECT * FROM read_parquet({numbers})"
    )
    # Sorted before the table it reads: order must come from the text, not from the name.
    (tmp_path / "sql" / "a_second.sql").write_text(
        "-- FROM nowhere\nCREATE VIEW a_second AS SELECT sum(x) AS total FROM b_first"
    )
    return Project(
        root=tmp_path,
        data=tmp_path / "it's data",
        studies=tmp_path / "studies",
        series=tmp_path / "series.yaml",
        sql=tmp_path / "sql",
    )


def _write(project: Project, values: list[int]) -> None:
    folder = project.data / "numbers"
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"x": values}).write_parquet(folder / "part.parquet")


def test_tables_are_built_after_those_they_read(home: Project) -> None:
    _write(home, [1, 2, 3])
    tables = {table.name: table.rows for table in publish_warehouse(home)}
    assert tables == {"b_first": 3, "a_second": 1}
    assert query_warehouse(home, "SELECT total FROM a_second")["total"].to_list() == [6]


def test_tables_without_files_are_left_out_and_so_are_their_readers(home: Project) -> None:
    home.data.mkdir()
    assert {table.name: table.rows for table in publish_warehouse(home)} == {
        "b_first": None,
        "a_second": None,
    }
    assert query_warehouse(home, "SHOW TABLES").is_empty()


def test_an_open_reader_neither_blocks_nor_sees_a_publication(home: Project) -> None:
    _write(home, [1])
    publish_warehouse(home)
    with duckdb.connect(str(home.warehouse), read_only=True) as reader:
        _write(home, [1, 2])
        publish_warehouse(home)
        assert reader.sql("SELECT count(*) FROM b_first").fetchall() == [(1,)]
    assert query_warehouse(home, "SELECT count(*) AS n FROM b_first")["n"].to_list() == [2]


def test_of_threads_that_ask_at_once_one_publishes_and_the_others_wait(home: Project) -> None:
    _write(home, [1, 2])
    together = threading.Barrier(4)

    def refresh(_: int) -> bool:
        together.wait(30)
        return refresh_warehouse(home)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(refresh, range(4))) == [False, False, False, True]
        list(threads.map(lambda _: publish_warehouse(home), range(4)))
    assert query_warehouse(home, "SELECT total FROM a_second")["total"].to_list() == [3]


# Another program that has the file open for writing, until its standard input ends.
HOLDING = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("writes", ["SELECT 1", "CREATE TABLE own AS SELECT 1"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_question_is_answered_while_another_program_holds_the_file(
    home: Project, writes: str, killed: bool
) -> None:
    _write(home, [1])
    publish_warehouse(home)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(home.warehouse), writes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        asked = "SELECT count(*) AS n FROM b_first"
        assert query_warehouse(home, asked)["n"].to_list() == [1]
        if killed:  # what it wrote stays beside the file
            other.kill()
            assert query_warehouse(home, asked)["n"].to_list() == [1]
        _write(home, [1, 2])
        refresh_warehouse(home)
        assert query_warehouse(home, asked)["n"].to_list() == [2]
        other.communicate()
    assert other.returncode == (-9 if killed else 0)
    assert refresh_warehouse(home) is False
    assert query_warehouse(home, asked)["n"].to_list() == [2]


def test_a_failed_publication_keeps_the_old_file_and_leaves_nothing_behind(home: Project) -> None:
    _write(home, [1])
    publish_warehouse(home)
    before = home.warehouse.read_bytes()
    (home.root / "sql" / "broken.sql").write_text("CREATE TABLE broken AS SELECT nonsense")
    with pytest.raises(duckdb.Error, match="nonsense"):
        publish_warehouse(home)
    assert home.warehouse.read_bytes() == before
    assert {path.name for path in home.warehouse.parent.iterdir()} == {
        "mc.duckdb",
        ".mc.duckdb.json",
    }


def test_a_publication_that_is_killed_before_the_swap_leaves_the_old_file_readable(
    home: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(home, [1])
    publish_warehouse(home)

    class Killed(BaseException):
        pass

    def kill(source: Path, target: Path) -> None:
        if Path(target) == home.warehouse:
            raise Killed
        real(source, target)

    real = os.replace
    monkeypatch.setattr("os.replace", kill)
    _write(home, [1, 2])
    for _ in range(6):
        with pytest.raises(Killed):
            publish_warehouse(home)
        assert query_warehouse(home, "SELECT count(*) AS n FROM b_first")["n"].to_list() == [1]


def test_a_damaged_file_is_refused_and_published_anew(home: Project) -> None:
    _write(home, [1, 2])
    publish_warehouse(home)
    content = bytearray(home.warehouse.read_bytes())
    content[len(content) // 2] ^= 1
    home.warehouse.write_bytes(content)
    with pytest.raises(Refusal, match="does not match its checksum; the next `mc sql` publishes"):
        query_warehouse(home, "SELECT total FROM a_second")
    assert refresh_warehouse(home)
    assert query_warehouse(home, "SELECT total FROM a_second")["total"].to_list() == [3]


def test_asking_before_anything_was_published_says_what_to_do(home: Project) -> None:
    with pytest.raises(ValueError, match="mc run"):
        query_warehouse(home, "SELECT 1")


def test_a_query_cannot_change_the_warehouse(home: Project) -> None:
    _write(home, [1])
    publish_warehouse(home)
    with pytest.raises(Refusal, match="begins with DROP, allowed one question"):
        query_warehouse(home, "DROP TABLE b_first")
    with pytest.raises(Refusal, match="read-only"):
        query_warehouse(home, "DROP TABLE b_first", unsafe=True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "SELECT y FROM b_first",
            'query: Referenced column "y" not found in FROM clause! Candidate bindings: "x"; '
            '`mc sql "DESCRIBE simulations"` lists the columns of a table',
        ),
        (
            "SELECT b.sortino FROM b_first b",
            "query: no stored result has the column 'sortino'; "
            "`mc run STUDY` computes it for a study whose `record.metrics` asks for it",
        ),
        (
            "SELECT * FROM b_last",
            'query: Table with name b_last does not exist! Did you mean "b_first"?; '
            "`mc sql --tables` lists the tables",
        ),
        ("SELEC 1", 'query: syntax error at or near "SELEC"'),
    ],
)
def test_a_mistake_in_a_query_is_one_sentence(home: Project, query: str, said: str) -> None:
    _write(home, [1])
    publish_warehouse(home)
    with pytest.raises(Refusal) as caught:
        query_warehouse(home, query)
    assert str(caught.value) == said


def test_the_parameter_sets_have_every_headline_with_its_error(project: Path) -> None:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE statistics AS SELECT 's' AS study, 0 AS parameter_set, '{}' AS parameters, "
        "unnest(['sharpe', 'mean_net_pnl']) AS statistic, "
        "unnest([0.5, 7.0]::DOUBLE[]) AS estimate, 0.01 AS std_error, 0.48 AS ci_low, "
        "0.52 AS ci_high, 'Student' AS method, 30 AS n, 0.25 AS idle_share"
    )
    connection.execute(
        "CREATE TABLE error_budget AS SELECT 's' AS study, 0 AS parameter_set, "
        "unnest(['sharpe', 'mean_net_pnl']) AS statistic, "
        "unnest([0.1, 2.0]::DOUBLE[]) AS total, unnest([0.3, 3.0]::DOUBLE[]) AS ci_low, "
        "unnest([0.7, 11.0]::DOUBLE[]) AS ci_high, "
        "unnest(['error budget', 'one history']) AS method, "
        "unnest(['history', 'none']) AS dominant, "
        "unnest(['more bars', 'a bootstrap']) AS what_to_run"
    )
    text = (project / "sql" / "parameter_sets.sql").read_text()
    connection.execute(text.replace("{headlines}", headline_sql()))
    row = connection.sql("SELECT * FROM parameter_sets").pl().row(0, named=True)
    endings = ("", "_std_error", "_ci_low", "_ci_high", "_method")
    names = [f"{own}{ending}" for own in HEADLINE_NAMES for ending in endings]
    ends = ["dominant", "what_to_run", "n", "idle_share"]
    assert list(row) == ["study", "parameter_set", "parameters", *names, *ends]
    assert (row["dominant"], row["what_to_run"]) == ("none", "a bootstrap")
    assert (row["sharpe_ci_low"], row["sharpe_ci_high"]) == (0.3, 0.7)
    assert (row["mean_net_pnl_method"], row["idle_share"]) == ("one history", 0.25)
    assert (row["sharpe"], row["sharpe_std_error"]) == (0.5, 0.1)
    assert (row["mean_net_pnl"], row["mean_net_pnl_std_error"]) == (7.0, 2.0)
    assert row["max_drawdown"] is None


def test_every_headline_is_a_statistic() -> None:
    from engine.results import STATISTICS

    assert set(HEADLINE_NAMES) <= set(STATISTICS)


def test_a_circle_of_tables_is_named(home: Project) -> None:
    (home.root / "sql" / "c.sql").write_text("CREATE VIEW c AS SELECT * FROM d")
    (home.root / "sql" / "d.sql").write_text("CREATE VIEW d AS SELECT * FROM c")
    _write(home, [1])
    with pytest.raises(ValueError, match=r"\['c', 'd'\]"):
        publish_warehouse(home)


def test_every_sql_file_of_the_project_makes_the_table_it_is_named_after(project: Path) -> None:
    for path in (project / "sql").glob("*.sql"):
        text = path.read_text()
        assert text.startswith("-- "), path.name
        assert f"TABLE {path.stem} AS" in text or f"VIEW {path.stem} AS" in text, path.name


def test_every_stored_table_that_sql_reads_is_verified(project: Path) -> None:
    texts = [path.read_text() for path in (project / "sql").glob("*.sql")]
    read = {word for text in texts for word in re.findall(r"\{(\w+)\}", text)} - {"headlines"}
    assert read <= set(KINDS)


def test_projects_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_DATA", "/somewhere/else")
    project = Project.from_environment()
    assert project.data == Path("/somewhere/else").resolve()
    assert dataclasses.replace(project, data=Path("/x")).warehouse == Path("/x/warehouse/mc.duckdb")
