"""What a shell completes after a command."""

from __future__ import annotations

__all__ = ["study_names"]


def study_names(incomplete: str) -> list[str]:
    """Return the studies of the project whose names begin so."""
    from mc_assets.project import Project

    return [name for name in Project.from_environment().study_files if name.startswith(incomplete)]
