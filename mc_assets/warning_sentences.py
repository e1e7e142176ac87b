"""The sentences of a study's warnings, of each kind the first few."""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["warning_sentences"]

_MOST: Final = 3


def warning_sentences(warnings: pl.DataFrame) -> list[str]:
    """Return the sentences of a table of warnings, of each kind the first few.

    Parameters
    ----------
    warnings : polars.DataFrame
        Rows of `engine.results.study_warnings`.

    Examples
    --------
    >>> rows = {"code": ["few_paths"] * 5, "sentence": [f"set {n}" for n in range(5)]}
    >>> warning_sentences(pl.DataFrame(rows))[2:]
    ['set 2', 'and 2 more parameter sets like these']
    """
    found: list[str] = []
    for code in warnings["code"].unique(maintain_order=True):
        sentences = warnings.filter(pl.col("code") == code)["sentence"].to_list()
        found += sentences[:_MOST]
        if len(sentences) > _MOST:
            more = len(sentences) - _MOST
            found.append(f"and {more:,} more parameter sets like these")
    return found
