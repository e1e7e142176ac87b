"""Sentences on standard error about things that did not stop a command."""

from __future__ import annotations

from collections.abc import Iterable

import typer

__all__ = ["print_problems"]


def print_problems(sentences: Iterable[str]) -> None:
    """Print each sentence once, in red."""
    for sentence in dict.fromkeys(sentences):
        typer.secho(f"mc: {sentence}", fg="red", err=True)
