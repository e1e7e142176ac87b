"""``mc verify``: whether every stored file is what was written."""

from __future__ import annotations

import typer


def verify(
    seal: bool = typer.Option(
        False, "--seal", help="First give files of an earlier version, which have none, a checksum."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print kinds and damaged files as JSON."),
) -> None:
    """Check every stored file against its checksum; name what is damaged and what mends it.

    Exit code 1 when a file is damaged.
    """
    from mc_assets.answers.verify import seal_files, verify_files
    from mc_assets.cli.json_output import print_json
    from mc_assets.cli.problems import print_problems
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    sealed = seal_files(project) if seal else 0
    found = verify_files(project)
    if as_json:
        print_json(
            {
                "kinds": found.kinds.to_dicts(),
                "damaged": [
                    {"file": str(damage.path), "found": damage.reason, "remedy": damage.hint}
                    for damage in found.damaged
                ],
                "sealed": sealed,
            }
        )
    else:
        if seal:
            typer.echo(f"{sealed:,} files were given a checksum")
        if found.kinds.is_empty():
            typer.echo(f"nothing is stored under {project.data}")
        else:
            print_frame(found.kinds, found.kinds.drop("remedy"))
        print_problems(str(damage) for damage in found.damaged)
        if any("no checksum" in damage.reason for damage in found.damaged):
            typer.echo("files of version 0.1 have no checksum: `mc verify --seal` gives them one")
    if found.damaged:
        raise typer.Exit(1)
