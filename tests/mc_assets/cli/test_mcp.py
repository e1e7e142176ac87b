"""`mc mcp` tells a program what the command line tells a person; nothing can be done through it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import polars as pl
import pytest

from mc_assets.answers.bounded import MOST_CHARACTERS, bounded_rows
from mc_assets.answers.comparison import compare_studies
from mc_assets.answers.json_values import plain
from mc_assets.answers.lineage import study_lineage
from mc_assets.answers.results import statistics
from mc_assets.answers.runs import run_study
from mc_assets.project import Project
from tests.mc_assets.stored_home import stored_home
from tests.mc_assets.test_sql_fence import REFUSED

# They take two seconds to import, which one of the processes that run tests spares.
if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, Tool

TOOLS = {"studies", "tables", "ask", "study_statistics", "compare", "explain"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with everything stored, and a second study to compare with."""
    with stored_home(tmp_path_factory.mktemp("home")) as project:
        text = (project.studies / "quick.yaml").read_text()
        (project.studies / "dearer.yaml").write_text(
            text.replace("quick", "dearer") + "execution: {commission: {rate: 0.001}}\n"
        )
        run_study(project, "dearer")
        yield project


def told(project: Project, name: str, **arguments: object) -> dict[str, Any]:
    """Call a tool, which succeeds."""
    result = called(project, name, **arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def refused(project: Project, name: str, **arguments: object) -> str:
    """Call a tool, which says in one sentence why it does not."""
    result = called(project, name, **arguments)
    assert result.is_error
    (sentence,) = result.content
    assert sentence.type == "text"
    return sentence.text


@functools.cache
def server_of(project: Project) -> Any:
    from mc_assets.cli.mcp_server import make_server

    return make_server(project)


def called(project: Project, name: str, **arguments: object) -> CallToolResult:
    return with_client(server_of(project), lambda client: client.call_tool(name, arguments))


def with_client(server: Any, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    from mcp import Client

    async def talk() -> Any:
        async with Client(server) as client:
            return await ask(client)

    return anyio.run(talk)


def content(folder: Path) -> dict[str, str]:
    """Every file with its hash, but for the published tables and the note of verified files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"warehouse", ".verified.jsonl"} & {*path.parts}
    }


def test_every_tool_is_read_only_and_says_what_it_takes(home: Project) -> None:
    async def ask(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    tools = with_client(server_of(home), ask)
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert not tool.annotations.destructive_hint
        assert len(tool.description or "") > 30
        for field in tool.input_schema["properties"].values():
            assert field["description"]


def test_studies_are_listed_with_their_state(home: Project) -> None:
    listed = told(home, "studies")["studies"]
    assert [(one["name"], one["state"]) for one in listed] == [
        ("dearer", "40 simulations"),
        ("quick", "40 simulations"),
    ]


def test_tables_are_listed_and_told(home: Project) -> None:
    names = {one["name"] for one in told(home, "tables")["tables"]}
    assert {"simulations", "parameter_sets", "calibrations"} <= names
    columns = told(home, "tables", table="simulations")["table"]["columns"]
    assert {"net_pnl", "seed"} <= {column["name"] for column in columns}
    assert "one of " in refused(home, "tables", table="simulation")


def test_a_question_in_sql_is_answered_with_no_more_rows_than_asked(home: Project) -> None:
    answer = told(home, "ask", sql="SELECT seed FROM simulations ORDER BY seed", rows=3)
    assert len(answer["rows"]) == 3
    assert answer["complete"] is False
    count = told(home, "ask", sql="SELECT count(*) AS n FROM simulations")
    assert count == {"rows": [{"n": 80}], "complete": True}
    assert told(home, "ask", sql="SHOW TABLES", rows=1)["complete"] is False
    assert "rows" in refused(home, "ask", sql="SELECT 1", rows=1_000_000)


def test_statistics_are_those_of_the_command_line(home: Project) -> None:
    answer = told(home, "study_statistics", study="quick", names=["sharpe", "mean_net_pnl"])
    assert answer["rows"] == plain(statistics(home, "quick", names=["sharpe", "mean_net_pnl"]))
    assert answer["simulations_missing"] == 0
    assert all(row["ci_low"] <= row["estimate"] <= row["ci_high"] for row in answer["rows"])
    short = told(home, "study_statistics", study="quick")
    assert {row["statistic"] for row in short["rows"]} >= {"mean_net_pnl", "sharpe"}
    assert isinstance(short["warnings"], list)


def test_a_comparison_is_that_of_the_command_line(home: Project) -> None:
    answer = told(home, "compare", study="quick", baseline="dearer")
    assert answer["rows"] == plain(compare_studies(home, "quick", "dearer").table)
    assert answer["paired"] is True


def test_a_fingerprint_is_explained_from_its_first_signs(home: Project) -> None:
    made = study_lineage(home, "quick")
    for given in (made.fingerprint, made.fingerprint[:8]):
        assert told(home, "explain", fingerprint=given) == plain(made)
    assert "no stored results have" in refused(home, "explain", fingerprint="0" * 16)
    assert "4 to 16 of the signs" in refused(home, "explain", fingerprint="../quick")


def test_what_is_no_question_is_refused_and_leaves_every_file_as_it_was(
    home: Project, tmp_path: Path
) -> None:
    """One of each kind that writes, reads files or hides what it does; the fence has all."""
    told(home, "ask", sql="SELECT 1")  # publishes what is new, as `mc sql` does
    before = content(home.data.parent)
    kinds = ("begins with COPY", "contains COPY TO FILE", "begins with ATTACH", "begins with DROP")
    kinds += ("begins with SET", "found 2 statements", "the function query", "Cannot access file")
    for kind in kinds:
        query = REFUSED[kind][0].replace("OUT", str(tmp_path / "out"))
        query = query.replace("PART", str(home.series.parent / "X.csv")).replace(
            "seen", "simulations"
        )
        assert kind in refused(home, "ask", sql=query)
    assert list(tmp_path.iterdir()) == []
    assert content(home.data.parent) == before


@pytest.mark.parametrize("name", ["../quick", "/etc/passwd.yaml", "quick.yaml", ".", "a\0b", ""])
def test_a_study_is_named_and_never_a_file(name: str, home: Project) -> None:
    for tool, arguments in (
        ("study_statistics", {"study": name}),
        ("compare", {"study": name, "baseline": "quick"}),
        ("compare", {"study": "quick", "baseline": name}),
    ):
        sentence = refused(home, tool, **arguments)
        assert f"study: found {name!r}, allowed the name of a study" in sentence


def test_a_study_that_does_not_exist_is_said_with_those_that_do(home: Project) -> None:
    assert "there are results of dearer, quick" in refused(home, "study_statistics", study="quik")


def test_long_texts_are_cut_and_rows_end_where_there_is_no_more_space(home: Project) -> None:
    answer = told(home, "ask", sql="SELECT repeat('x', 3000) AS t FROM range(100)")
    assert answer["complete"] is False
    assert answer["rows"][0]["t"] == "x" * 2_000 + "…"
    assert MOST_CHARACTERS - 2_100 < len(json.dumps(answer["rows"])) <= MOST_CHARACTERS + 100
    wide = ", ".join(f"repeat('x', 1999) AS c{n}" for n in range(30))
    assert "a row of more than 50,000 characters" in refused(home, "ask", sql=f"SELECT {wide}")


def test_an_empty_table_is_complete() -> None:
    found = bounded_rows(pl.DataFrame({"x": []}, schema={"x": pl.Float64}), 5)
    assert (found.rows, found.complete) == ([], True)


def test_what_is_damaged_is_named_in_the_answer_that_lacks_it(home: Project) -> None:
    marker = home.data / "results" / "dearer" / "current.json"
    content = marker.read_bytes()
    marker.write_bytes(content[:-9])
    try:
        asked = told(home, "ask", sql="SELECT count(*) AS n FROM simulations")
        listed = told(home, "tables")
        sentence = refused(home, "study_statistics", study="dearer")
    finally:
        marker.write_bytes(content)
    assert asked["rows"] == [{"n": 40}]
    (said,) = asked["left_out"]
    assert f"{marker} is damaged" in said
    assert "study dearer is left out" in said
    assert listed["left_out"] == [said]
    assert f"{marker} is damaged" in sentence
    assert "\n" not in sentence
    assert "left_out" not in told(home, "ask", sql="SELECT 1")


def test_a_project_without_data_or_studies_is_said_in_one_sentence(
    home: Project, tmp_path: Path
) -> None:
    empty = dataclasses.replace(home, data=tmp_path / "data", studies=tmp_path / "none")
    assert told(empty, "ask", sql="SELECT count(*) AS n FROM simulations")["rows"] == [{"n": 0}]
    for sentence in (
        refused(empty, "studies"),
        refused(empty, "study_statistics", study="quick"),
        refused(empty, "explain", fingerprint="0123"),
    ):
        assert "\n" not in sentence
    (tmp_path / "file").write_text("no folder")
    taken = dataclasses.replace(home, data=tmp_path / "file")
    for tool, given in (("ask", {"sql": "SELECT 1"}), ("tables", {})):
        assert str(tmp_path / "file") in refused(taken, tool, **given)


def test_a_question_while_others_write_is_answered(home: Project) -> None:
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(run_study, home, "quick", seeds="37")
        counts = {
            told(home, "ask", sql="SELECT count(*) AS n FROM simulations")["rows"][0]["n"]
            for _ in range(3)
        }
        writing.result()
    run_study(home, "quick")
    # A study as it was, as it is, or of a part of its seeds, and never half a cell.
    assert all(80 <= count <= 114 for count in counts)


@pytest.mark.slow
def test_the_reference_client_talks_to_the_command_over_its_input_and_output(
    home: Project,
) -> None:
    from mcp import StdioServerParameters

    places = {name: value for name, value in os.environ.items() if name.startswith("MC_")}
    code = "from mc_assets.cli import main; main()"
    command = StdioServerParameters(
        command=sys.executable, args=["-c", code, "mcp"], env=places, cwd=home.root
    )

    async def ask(client: Client) -> CallToolResult:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        wrong = await client.call_tool("ask", {"sql": "DROP VIEW simulations"})
        assert wrong.is_error
        return await client.call_tool("ask", {"sql": "SELECT count(*) AS n FROM simulations"})

    answer = with_client(command, ask)
    assert answer.structured_content == {"rows": [{"n": 80}], "complete": True}


def test_without_the_extra_a_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None\nfrom mc_assets.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "mcp"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mc: mcp: found no package `mcp`, allowed the extra of it; pip install 'mc-lab[mcp]'\n"
    )
