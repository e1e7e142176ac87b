"""``mc sql``: ask the warehouse."""

from __future__ import annotations

import typer


def sql(
    query: str = typer.Argument(..., help='SQL for DuckDB, e.g. "SELECT * FROM statistics".'),
    as_json: bool = typer.Option(False, "--json", help="Print rows as a JSON list."),
    as_csv: bool = typer.Option(False, "--csv", help="Print rows as CSV."),
    limit: int = typer.Option(100, min=1, help="Rows shown in the table form."),
    unsafe: bool = typer.Option(
        False, "--unsafe", help="Run any statement, on any file, without limits: yours alone."
    ),
) -> None:
    """Ask the warehouse, published anew if need be; `SHOW TABLES` lists its tables."""
    from mc_assets.answers.tables import ask_tables
    from mc_assets.cli.json_output import print_json
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    if as_json and as_csv:
        raise ValueError("--json: found together with --csv, allowed one of the two")
    frame = ask_tables(Project.from_environment(), query, flat=as_csv, unsafe=unsafe)
    if as_json:
        print_json(frame)
    elif as_csv:
        typer.echo(frame.write_csv(), nl=False)
    else:
        print_frame(frame, limit=limit)
