"""Which version of this project wrote a data folder, and what is done for an earlier one."""

from __future__ import annotations

from contextlib import suppress

from mc_assets.project import Project

__all__ = ["MARKER", "bring_up_to_date"]

#: The file of a data folder that says how its files are made.
MARKER = ".layout"

# 2: every file has a checksum.
_LAYOUT = "2"


def bring_up_to_date(project: Project) -> int:
    """Give the files of a data folder of an earlier version what those of this one have.

    Files without a checksum are refused wherever they are read, since a flipped bit could have
    taken it from them. An earlier version wrote none, so they are given one, once: the folder is
    marked afterwards.

    Parameters
    ----------
    project : Project
        Its data folder.

    Returns
    -------
    int
        How many files were given a checksum; 0 where the folder is marked, new or absent.
    """
    marker = project.data / MARKER
    if marker.exists() or not project.data.is_dir():
        return 0
    from engine.files import (
        KINDS,
        write_whole,
    )  # with Polars, which no other command should wait for

    sealed = 0
    if any((project.data / kind).is_dir() for kind in KINDS):
        from mc_assets.answers.verify import seal_files

        sealed = seal_files(project)
    # Where nothing can be written, nothing of an earlier version can be mended either.
    with suppress(OSError):
        write_whole(marker, f"{_LAYOUT}\n".encode())
    return sealed
