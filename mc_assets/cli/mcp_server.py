"""What `mc mcp` offers: tools of the Model Context Protocol that present answers.

None of them runs a study, a strategy or a model, opens a file that its caller names, or writes but
for the published copy of the tables, which `mc sql` publishes too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from engine.errors import Refusal
from mc_assets.answers.bounded import bounded_rows
from mc_assets.answers.comparison import compare_studies
from mc_assets.answers.json_values import plain
from mc_assets.answers.lineage import explain_fingerprint
from mc_assets.answers.results import StudyTable, headlines, statistics, warnings
from mc_assets.answers.studies import list_studies
from mc_assets.answers.tables import ask_tables, describe_tables, left_out
from mc_assets.project import Project

__all__ = ["make_server"]

_MOST_ROWS: Final = 1_000
_INSTRUCTIONS: Final = (
    "Results of Monte Carlo studies of trading strategies. Each estimate has an error: state it "
    "with the number. `ci_low` and `ci_high` are a 95 % interval; `n` is the number of paths. "
    "Sets whose intervals overlap are not told apart: `compare` says which are. The best of many "
    "sets looks better than it is."
)

_Study = Annotated[str, Field(description="Name of a study, as `studies` lists it.")]
_Rows = Annotated[int, Field(ge=1, le=_MOST_ROWS, description="Rows to return at most.")]


def make_server(project: Project) -> MCPServer[Any]:
    """Make the server of a project's answers.

    Parameters
    ----------
    project : Project
        Where studies and results lie.

    Returns
    -------
    MCPServer
        Its ``run()`` serves on standard input and output until the input ends.
    """
    server: MCPServer[Any] = MCPServer(
        "mc-lab", instructions=_INSTRUCTIONS, version=version("mc-lab"), log_level="WARNING"
    )
    hints = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    for tool in _tools(project):
        server.add_tool(_with_errors_told(tool), annotations=hints)
    return server


def _tools(project: Project) -> tuple[Callable[..., dict[str, Any]], ...]:
    def studies() -> dict[str, Any]:
        """List the studies of the project: name, how far each is, what it asks."""
        found = [
            {"name": study.name, "state": str(study.state), "description": study.description}
            for study in list_studies(project)
        ]
        return {"studies": found}

    def tables(
        table: Annotated[
            str | None, Field(description="Tell this table's columns instead of listing all.")
        ] = None,
    ) -> dict[str, Any]:
        """List the tables that `ask` may be asked about, or the columns of one with their units."""
        entries = describe_tables(project)
        if table is None:
            listed = [{"name": one.name, "row": one.grain} for one in entries]
            return {"tables": listed} | _left_out(project)
        for entry in entries:
            if entry.name == table:
                return {"table": plain(entry)}
        names = ", ".join(entry.name for entry in entries)
        raise Refusal("table", repr(table), f"one of {names}")

    def ask(
        sql: Annotated[str, Field(description="One SELECT for DuckDB; `tables` says of what.")],
        rows: _Rows = 100,
    ) -> dict[str, Any]:
        """Ask the tables of results, calibrations and bars in SQL: one statement that reads."""
        found = ask_tables(project, sql, flat=True, rows=rows + 1)
        return _object(bounded_rows(found, rows)) | _left_out(project)

    def study_statistics(
        study: _Study,
        names: Annotated[
            list[str] | None,
            Field(description="Statistics, or metrics for their means; default: the headlines."),
        ] = None,
        rows: _Rows = 100,
    ) -> dict[str, Any]:
        """Estimate statistics of every parameter set of a study, with errors and warnings."""
        name = _plain_name(study)
        if names is None:
            found = headlines(project, name)
        else:
            found = statistics(project, name, names=names)
        return _told(found) | {
            **_object(bounded_rows(found.table, rows)),
            "warnings": _object(bounded_rows(warnings(project, name).table, rows))["rows"],
        }

    def compare(
        study: _Study,
        baseline: Annotated[str, Field(description="The study to compare it with.")],
        statistic: Annotated[
            str, Field(description="A statistic, or a metric for its mean.")
        ] = "mean_net_pnl",
        rows: _Rows = 100,
    ) -> dict[str, Any]:
        """Compare two studies: differences with errors, paired where they share paths."""
        ours, theirs = _plain_name(study), _plain_name(baseline)
        found = compare_studies(project, ours, theirs, statistic=statistic)
        return {
            **{"study": found.study, "baseline": found.baseline},
            **{"statistic": found.statistic, "paired": found.paired},
            **_object(bounded_rows(found.table, rows)),
        }

    def explain(
        fingerprint: Annotated[str, Field(description="Of results; its beginning is enough.")],
    ) -> dict[str, Any]:
        """Say which study, bars, calibration and engine made the results of a fingerprint."""
        return _object(explain_fingerprint(project, fingerprint))

    return studies, tables, ask, study_statistics, compare, explain


def _object(answer: object) -> dict[str, Any]:
    """Return an answer as a JSON object."""
    made: dict[str, Any] = plain(answer)
    return made


def _left_out(project: Project) -> dict[str, Any]:
    """Name the damaged files whose rows are not in the answer, where there are any."""
    sentences = left_out(project)
    return {"left_out": sentences} if sentences else {}


def _told(found: StudyTable) -> dict[str, Any]:
    return {
        **{"study": found.study, "fingerprint": found.fingerprint},
        "simulations_missing": found.missing,
    }


def _plain_name(study: str) -> str:
    """Refuse what is a path: files that the caller names are not opened."""
    if not study or study.startswith(".") or set(study) & set("/\\\0"):
        raise Refusal("study", repr(study), "the name of a study")
    if study.endswith((".yaml", ".yml")):
        raise Refusal("study", repr(study), "the name of a study, without a file's ending")
    return study


def _with_errors_told(tool: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Let the sentence of an error reach the caller, as the command line prints it."""

    @functools.wraps(tool)
    def telling(*given: Any, **named: Any) -> dict[str, Any]:
        try:
            return tool(*given, **named)
        except (ValueError, OSError) as error:
            raise ToolError(str(error)) from error

    return telling
