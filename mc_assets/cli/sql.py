"""``mc sql``: ask the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.errors import Refusal

if TYPE_CHECKING:
    from mc_assets.answers.tables import TableEntry


def sql(
    query: str = typer.Argument(None, help='SQL for DuckDB, e.g. "SELECT * FROM statistics".'),
    tables: bool = typer.Option(
        False, "--tables", help="List the tables: what a row is, columns, units, a query to try."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print rows as a JSON list."),
    as_csv: bool = typer.Option(False, "--csv", help="Print rows as CSV."),
    limit: int = typer.Option(100, min=1, help="Rows shown in the table form."),
    unsafe: bool = typer.Option(
        False, "--unsafe", help="Run any statement, on any file, without limits: yours alone."
    ),
) -> None:
    """Ask the warehouse, published anew if need be; `--tables` says what is there."""
    from mc_assets.answers.tables import ask_first_rows, ask_tables, describe_tables
    from mc_assets.cli.tables import print_first_rows
    from mc_assets.project import Project

    if as_json and as_csv:
        raise Refusal("--json", "together with --csv", "one of the two")
    if tables == (query is not None):
        found = "both" if tables else "neither"
        raise Refusal("query", f"{found} a query and --tables", "one of the two")
    project = Project.from_environment()
    if tables:
        _print_tables(describe_tables(project), as_json)
        return
    if as_json:
        from mc_assets.cli.json_output import print_json

        print_json(ask_tables(project, query, unsafe=unsafe))
    elif as_csv:
        typer.echo(ask_tables(project, query, flat=True, unsafe=unsafe).write_csv(), nl=False)
    else:
        print_first_rows(ask_first_rows(project, query, limit, unsafe=unsafe))


def _print_tables(entries: list[TableEntry], as_json: bool) -> None:
    import polars as pl

    from mc_assets.cli.json_output import print_json
    from mc_assets.cli.tables import print_frame

    if as_json:
        print_json(entries)
        return
    for entry in entries:
        typer.secho(entry.name, bold=True)
        if entry.grain:
            typer.echo(entry.grain)
        if entry.example:
            typer.echo(f'mc sql "{entry.example.replace(chr(34), chr(92) + chr(34))}"')
        rows = [(c.name, c.type, c.unit, c.meaning) for c in entry.columns]
        schema = dict.fromkeys(("column", "type", "unit", "holds"), pl.String)
        print_frame(pl.DataFrame(rows, schema=schema, orient="row"), limit=len(rows))
