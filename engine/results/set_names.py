"""Names of parameter sets in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from engine.jobs.parameter_text import parameter_text

__all__ = ["set_names"]


def set_names(sets: pl.DataFrame, parameters: Sequence[str]) -> list[str]:
    """Name parameter sets by their number and the parameters that vary.

    Parameters
    ----------
    sets : polars.DataFrame
        A row per parameter set, with ``parameter_set`` and the columns of `parameters`.
    parameters : sequence of str
        Columns that hold parameters.

    Examples
    --------
    >>> sets = pl.DataFrame({"parameter_set": [0, 1], "fast": [3, 5], "stop": [0.1, 1.1111111]})
    >>> set_names(sets, ["fast", "stop"])
    ['set 0 (fast 3, stop 0.1)', 'set 1 (fast 5, stop 1.11111)']
    """
    swept = [name for name in parameters if sets[name].n_unique() > 1]
    found = []
    for row in sets.iter_rows(named=True):
        values = ", ".join(f"{name} {parameter_text(row[name])}" for name in swept)
        found.append(f"set {row['parameter_set']}" + (f" ({values})" if values else ""))
    return found
