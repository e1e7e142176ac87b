"""Seed sets: which there are, and drawing a new one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["NewSeedSet", "SeedSet", "draw_seed_set", "list_seed_sets"]


@dataclass(frozen=True)
class SeedSet:
    """A seed set.

    Parameters
    ----------
    seeds : int
        How many it holds.
    path : Path
        Its file.
    """

    seeds: int
    path: Path


@dataclass(frozen=True)
class NewSeedSet:
    """A seed set that was drawn.

    Parameters
    ----------
    name : str
        Its name, which decides its seeds.
    path : Path
        Its file.
    """

    name: str
    path: Path


def list_seed_sets() -> dict[str, SeedSet]:
    """List the published seed sets and the project's own by name."""
    from engine import studies

    found = studies.list_seed_sets()
    return {name: SeedSet(len(studies.load_seeds(path)), path) for name, path in found.items()}


def draw_seed_set(name: str, count: int) -> NewSeedSet:
    """Draw a new seed set of the project from its name alone; none is ever overwritten.

    Raises
    ------
    ValueError
        If the set exists, or its name or count cannot be used.
    """
    from engine.studies.seeds import write_seed_set

    return NewSeedSet(name, write_seed_set(name, count))
