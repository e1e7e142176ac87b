"""Where a project lies, and the files of this repository that an installed wheel carries."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import Refusal

__all__ = ["data_address", "data_folder", "home_folder", "shipped"]


def home_folder() -> Path:
    """Return the folder of the project that is worked in.

    It is ``MC_HOME``; or the nearest folder, from the working directory upwards, that has
    ``studies/``; or the working directory.
    """
    given = os.environ.get("MC_HOME")
    if given:
        return Path(given).expanduser().resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if _has_studies(folder)), here)


def data_address() -> str | None:
    """Return the data root of the project where ``MC_DATA`` is an address, such as ``s3://lab/x``."""
    given = os.environ.get("MC_DATA")
    return given if given and "://" in given else None


def data_folder() -> Path:
    """Return the data root of the project that is worked in: ``MC_DATA``, or its ``data/``.

    Raises
    ------
    Refusal
        If it is the address of an object store, which would become a folder of that name.
    """
    address = data_address()
    if address is not None:
        raise Refusal("MC_DATA", repr(address), "a folder")
    return Path(os.environ.get("MC_DATA") or home_folder() / "data").expanduser().resolve()


def shipped(package: str, name: str) -> Path:
    """Return a file or folder that the wheel carries inside a package.

    In a checkout it lies beside the package, where people look for it. Nothing is ever written
    there: it may be among the installed packages.

    Parameters
    ----------
    package : {"engine", "mc_assets"}
        The package that needs it.
    name : str
        Its name in the repository, such as ``"seeds"``.
    """
    from importlib.resources import files

    folder = Path(str(files(package)))
    packed = folder / "shipped" / name
    return packed if packed.exists() else folder.parent / name


def _has_studies(folder: Path) -> bool:
    """Return whether a folder holds study files: a package of Python of that name does not."""
    studies = folder / "studies"
    return studies.is_dir() and not (studies / "__init__.py").exists()
