"""Answers as JSON on standard output."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["print_json"]


def print_json(answer: Any) -> None:
    """Print an answer as one line of JSON."""
    import json

    import polars as pl

    from mc_assets.answers.json_values import plain

    if isinstance(answer, pl.DataFrame):
        # The same values as those of `plain`, without a detour through Python objects.
        typer.echo(answer.write_json())
    else:
        typer.echo(json.dumps(plain(answer)))
