"""``mc schema``: the JSON Schema of study files, for editors."""

from __future__ import annotations

import typer


def schema(
    output: str = typer.Option(None, "--output", "-o", help="Write to a file instead."),
) -> None:
    """Print the JSON Schema of a study file.

    With `# yaml-language-server: $schema=study.schema.json` as the first line of a study, editors
    complete its keys and mark mistakes.
    """
    import json
    from pathlib import Path

    from mc_assets.answers.studies import study_schema
    from mc_assets.answers.written import write_answer

    text = json.dumps(study_schema(), indent=2) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_answer(Path(output), text)
        typer.echo(f"wrote {output}")
