"""``mc mcp``: the answers of the command line for other programs."""

from __future__ import annotations

from engine.errors import Refusal


def mcp() -> None:
    """Answer programs in the Model Context Protocol: read-only, on standard input and output."""
    try:
        from mc_assets.cli.mcp_server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise Refusal(
            "mcp", "no package `mcp`", "the extra of it", hint="pip install 'mc-lab[mcp]'"
        ) from None
    from mc_assets.project import Project

    make_server(Project.from_environment()).run()
