"""``mc studies``: what can be run, and what has been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.given_study import load_code_of_studies

if TYPE_CHECKING:
    from pathlib import Path


def studies(
    strategies: bool = typer.Option(False, "--strategies", help="List strategies instead."),
    sources: bool = typer.Option(False, "--sources", help="List price sources instead."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List the study files with their state, or the strategies and price sources they may name."""
    import json

    from mc_assets.project import Project

    wrong: list[str] = []
    if strategies or sources:
        wrong = load_code_of_studies(Project.from_environment())
        rows = (_strategies() if strategies else []) + (_sources() if sources else [])
    else:
        rows = _studies()
    for sentence in wrong:
        typer.secho(f"mc: {sentence}", fg="red", err=True)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['name']}  {row['state'] if 'state' in row else row['kind']}")
        if row["description"]:
            typer.echo(f"    {row['description']}")
        for line in parameters if isinstance(parameters := row.get("parameters"), list) else []:
            typer.echo(f"    {line}")


def _studies() -> list[dict[str, object]]:
    from engine.studies import load_definition
    from mc_assets.project import Project

    project = Project.from_environment()
    rows: list[dict[str, object]] = []
    for name, path in project.study_files.items():
        row: dict[str, object] = {"name": name, "path": str(path)}
        try:
            definition = load_definition(path)
        except ValueError as error:
            # A study that cannot be read must not hide the others.
            row |= {"state": "cannot be read", "description": str(error)}
        else:
            try:
                state = _state(project.data, definition.name)
            except (ValueError, KeyError, OSError):
                state = "its results are damaged: run it again"
            row |= {"state": state, "description": definition.description}
        rows.append(row)
    return rows


def _state(data: Path, study: str) -> str:
    from engine.studies import load_results

    if not (data / "results" / study / "current.json").is_file():
        return "not run yet"
    results = load_results(data, study)
    asked, missing = results.summary.simulations, results.missing
    return f"{asked - missing:,} of {asked:,} simulations" if missing else f"{asked:,} simulations"


def _strategies() -> list[dict[str, object]]:
    from engine.strategies import get_strategy, strategy_names

    return [_described("strategy", name, get_strategy(name)) for name in strategy_names()]


def _sources() -> list[dict[str, object]]:
    from engine.sources import get_source, source_names

    return [_described("source", name, get_source(name)) for name in source_names()]


def _described(kind: str, name: str, cls: type) -> dict[str, object]:
    lines = (cls.__doc__ or "").strip().splitlines()
    parameters = [
        f"{key} = {value.default}  ({value.allowed})  {value.doc}".rstrip()
        for key, value in cls.parameters.items()  # type: ignore[attr-defined]
    ]
    return {
        "kind": kind,
        "name": name,
        "description": lines[0] if lines else "",
        "parameters": parameters,
    }
