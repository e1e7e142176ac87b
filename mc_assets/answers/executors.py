"""Where the parts of a study are computed, by the name that a person writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import Refusal

if TYPE_CHECKING:
    from engine.jobs.executors import Executor

__all__ = ["executor_named"]

_EXECUTORS: Final = ("threads", "processes")


def executor_named(text: str) -> str | Executor:
    """Return an executor that only this project knows; the name of one that the library makes.

    Parameters
    ----------
    text : str
        ``threads``, ``processes``, or ``dask://host:port`` of a scheduler.

    Raises
    ------
    Refusal
        If there is none of the name, or it needs an extra that is not installed.
    """
    from mc_assets.dask_executor import SCHEME, DaskExecutor

    if text.startswith(SCHEME):
        return DaskExecutor(text)
    if text not in _EXECUTORS:
        raise Refusal("executor", repr(text), f"{', '.join(_EXECUTORS)}, or {SCHEME}host:port")
    return text
