"""How the paths of a study were made, and so what narrows the errors of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.jobs.resampled import ResampledHistory, ResampledPaths
from engine.jobs.summary import JobSummary

__all__ = ["Kind", "Paths", "what_to_run"]

Kind = Literal["history", "bootstrap", "drawn", "calibrated", "given"]


@dataclass(frozen=True)
class Paths:
    """How the paths of a study were made.

    Parameters
    ----------
    seeds : ndarray of uint64, shape (seeds,)
        In the study's order.
    history : ResampledHistory, optional
        What a bootstrap draws from.
    """

    seeds: NDArray[np.uint64]
    history: ResampledHistory | None = None

    def again(self, paths: NDArray[np.int64], summary: JobSummary) -> ResampledPaths | None:
        """Draw the bars of some paths of the study again; None where nothing tells them."""
        if self.history is None or self.history.blocks == 0 or not len(self.seeds):
            return None
        each = summary.paths_per_seed
        return self.history.paths(
            self.seeds[paths // each], (paths % each).astype(np.uint64), summary.steps
        )


def what_to_run(dominant: str, told: bool, kind: Kind, paths: Paths, summary: JobSummary) -> str:
    """Say what narrows the largest part of an error, or tells one that is not told.

    Parameters
    ----------
    dominant : str
        The largest part.
    told : bool
        Whether the history's part is told.
    kind : str
        What the paths come from.
    paths : Paths
        How they were made.
    summary : JobSummary
        Of the study.

    Returns
    -------
    str
        Half a sentence.
    """
    if kind == "history":
        if (summary.definition or {}).get("ticks"):
            return "a single stream tells none, more days of ticks do"
        return "`source.model: bootstrap` tells one, a single history none"
    if kind == "bootstrap" and not told:
        return _to_be_told(paths, summary)
    if kind == "calibrated":
        return (
            "`source.parameters: draw` with `paths_per_seed: 4` counts the calibration's error in"
        )
    if kind == "drawn" and summary.paths_per_seed == 1:
        return "`paths_per_seed: 4` tells the parameters' part from Monte Carlo"
    if dominant == "history":
        return "a longer history narrows it, more seeds hardly do"
    if dominant == "parameters":
        return "a longer calibration window narrows it, more seeds hardly do"
    return "more seeds narrow it"


def _to_be_told(paths: Paths, summary: JobSummary) -> str:
    """Say what lets the history's part of a bootstrap be told."""
    if paths.history is None:
        if any(name.endswith("block_length") for name in summary.parameters):
            return "a single `block_length` lets the history's part be told"
        return f"`mc run {summary.study}` writes down what is resampled, so that its part is told"
    if paths.history.blocks == 0:
        return "a history ten times as long as its blocks depend on one another tells its part"
    return "more seeds narrow it, and let the history's part stand out of the noise"
