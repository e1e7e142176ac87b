"""A project whose data root lies in a bucket: results there, market data in a copy of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.home import data_address, home_folder
from mc_assets.project import Project

if TYPE_CHECKING:
    from mc_assets.bucket_copy import BucketCopy

__all__ = ["open_project"]


@contextmanager
def open_project(*, market_data: bool = True) -> Iterator[Project]:
    """Open the project of the environment, wherever its data root lies.

    In a bucket, results of studies are read and written where they are. Bars and calibrations are
    made in a folder, ``data/buckets/`` of the project, which is brought up to the bucket first and
    published at the end; Dagster's history lies there, too, and is this machine's.

    Parameters
    ----------
    market_data : bool
        Whether bars or calibrations are read or made; the copy stays as it is where they are not.

    Yields
    ------
    Project
        Its `results` is the bucket.

    Raises
    ------
    Refusal
        If ``MC_DATA`` is an address of something else.
    ConnectionError
        If the bucket cannot be reached.
    OSError
        If somebody else has published other bars meanwhile.
    """
    address = data_address()
    if address is None:
        yield Project.from_environment()
        return
    from mc_assets.answers.data_layout import bring_up_to_date

    # Whatever is made meanwhile, also by Dagster, is made in the copy.
    copy, os.environ["MC_DATA"] = _copy_of(address)
    try:
        if market_data:
            copy.fetch()
        project = dataclasses.replace(Project.from_environment(), bucket=address.rstrip("/"))
        bring_up_to_date(project)
        try:
            yield project
        except Exception:
            # What was made before the failure is whole.
            if market_data:
                copy.publish()
            raise
        if market_data:
            copy.publish()
    finally:
        os.environ["MC_DATA"] = address


def _copy_of(address: str) -> tuple[BucketCopy, str]:
    from engine.files import ObjectFiles
    from mc_assets.bucket_copy import BucketCopy

    files = ObjectFiles(address)
    folder = home_folder() / "data" / "buckets" / address.rstrip("/").partition("://")[2]
    return BucketCopy(files, folder), str(folder)
