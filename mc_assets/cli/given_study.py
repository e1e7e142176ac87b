"""Studies as they are named on the command line."""

from __future__ import annotations

__all__ = ["study_name"]


def study_name(given: str) -> str:
    """Return the name of a study that was given by name or by file."""
    from pathlib import Path

    from engine.studies import load_definition

    path = Path(given)
    return load_definition(path).name if path.suffix in (".yaml", ".yml") else given
