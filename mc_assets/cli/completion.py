"""What a shell completes after a command."""

from __future__ import annotations

__all__ = ["policy_names", "study_names"]


def policy_names(incomplete: str) -> list[str]:
    """Return the policies of the project whose names begin so."""
    from mc_assets.project import Project

    return [name for name in Project.from_environment().policy_files if name.startswith(incomplete)]


def study_names(incomplete: str) -> list[str]:
    """Return the studies of the project whose names begin so."""
    from mc_assets.project import Project

    return [name for name in Project.from_environment().study_files if name.startswith(incomplete)]
