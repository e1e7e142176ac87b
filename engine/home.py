"""Where a project lies, and the files of this repository that an installed wheel carries."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import Refusal

__all__ = ["data_folder", "home_folder", "shipped"]


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


def data_folder() -> Path:
    """Return the data root of the project that is worked in: ``MC_DATA``, or its ``data/``.

    Raises
    ------
    Refusal
        If it is the address of an object store, which would become a folder of that name.
    """
    given = os.environ.get("MC_DATA")
    if given and "://" in given:
        raise Refusal(
            "MC_DATA",
            repr(given),
            "a folder, since bars, calibrations and the warehouse are files of a disk",
            hint="in Python `Study.run(root=...)` keeps the results of a study in an object store",
        )
    return Path(given or home_folder() / "data").expanduser().resolve()


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
