"""Fill names into the paths of options, without leaving the folder of the option."""

from __future__ import annotations

import os
from pathlib import Path

from mc_assets.providers.errors import MarketDataError

__all__ = ["filled_path"]

_LONGEST: int = 4_096


def filled_path(template: str, folder: Path, *, field: str = "path", **names: str) -> Path:
    """Fill names into the path of an option.

    Parameters
    ----------
    template : str
        As written, such as ``bars/{symbol}.csv``; a relative one starts at `folder`.
    folder : Path
        Folder of the series file.
    field : str
        The option, for an error.
    **names : str
        What ``{symbol}`` and the like stand for.

    Raises
    ------
    MarketDataError
        If a name leads out of the folder that the template itself points to, as ``../x`` would,
        or there can be no such path.
    """
    fixed = template
    path = template
    for name, value in names.items():
        fixed = fixed.partition(f"{{{name}}}")[0]
        path = path.replace(f"{{{name}}}", value)
    if "\0" in path or len(path) > _LONGEST:
        raise MarketDataError(field, repr(path[:40]), "the path of a file")
    try:
        located = Path(os.path.normpath(folder / Path(path).expanduser()))
        if fixed != template:
            # The folder before the first placeholder; filled-in names must stay inside it.
            home = fixed[: fixed.rfind("/") + 1] or "."
            within = Path(os.path.normpath(folder / Path(home).expanduser()))
            if not located.is_relative_to(within):
                shown = ", ".join(names.values())
                raise MarketDataError(
                    field,
                    f"{template!r} with {shown}, which lies outside of {within}",
                    "names of files in it",
                )
        return located.resolve()
    except (OSError, RuntimeError) as error:
        raise MarketDataError(field, repr(path), f"a path ({error})") from None
