"""The option `start_variance: garch` of a study's source: filtered from the bars of its symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.bars import Bars
from engine.errors import Refusal

__all__ = ["with_start_variance"]


def with_start_variance(options: Mapping[str, Any], bars: tuple[Bars, ...]) -> dict[str, Any]:
    """Return a source's options with the variance that ``garch`` stands for.

    Parameters
    ----------
    options : mapping
        As the study says.
    bars : tuple of Bars
        What the source is allowed to know of each symbol.

    Raises
    ------
    Refusal
        If there are no bars, or GARCH cannot be estimated on them.
    """
    given = dict(options)
    if given.get("start_variance") != "garch":
        return given
    # Estimating needs SciPy, which takes a tenth of the start of a study that does not ask for it.
    from engine.calibration.garch_start import garch_start

    if not bars:
        raise Refusal("start_variance", "'garch'", "with a `symbol`")
    try:
        given["start_variance"] = tuple(garch_start(series) for series in bars)
    except ValueError as error:
        raise Refusal("start_variance", f"'garch', which cannot be estimated: {error}") from error
    return given
