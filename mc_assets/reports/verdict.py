"""The box that the page of a study opens with: what the best set is worth, after the search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.plots.page import verdict_box
from engine.results.choice import Choice
from engine.results.definitions import statistics_of
from mc_assets.answers.choice import best_set_of
from mc_assets.estimate_text import interval_pair
from mc_assets.headlines import ERROR_KINDS, headlines_in
from mc_assets.reports.material import Material

__all__ = ["verdict_of"]

_SHARPE = "sharpe"

# What more paths do not narrow.
_WITHIN = {"history": "the history's error", "parameters": "the calibration's error"}


def verdict_of(material: Material, data: Path) -> str:
    """Return the box: a word, what the search explains, and the numbers that it rests on.

    Parameters
    ----------
    material : Material
        Of the study.
    data : Path
        Root of the trial ledger.
    """
    if not material.sets or _SHARPE not in statistics_of(material.results):
        return ""
    headlines = headlines_in(material.statistics)
    best = best_set_of(material.results, _SHARPE, data)
    sentences = [] if best is None else best.sentences
    said = [f"{text[0].upper()}{text[1:]}." for text in sentences]
    kind, word, number = _word(material, None if best is None else best.choice)
    facts: dict[str, str | tuple[str, str]] = {"set": material.labels[number]}
    for known in headlines:
        row = material.statistic(number, known.statistic)
        ends = (row["std_error"], row["ci_low"], row["ci_high"])
        estimate, interval = interval_pair(row["estimate"], *ends, known.unit)
        unit = " %" if known.unit == "share" else ""
        shown = f"{estimate}{unit}"
        facts[known.title] = shown if row["ci_low"] is None else (shown, interval)
    row = material.statistic(number, headlines[0].statistic)
    facts["largest error"] = ERROR_KINDS.get(row["dominant"], "not known")
    facts["sets in this study"] = f"{len(material.sets):,}"
    first, *more = said or ["One set was tried: nothing was searched for."]
    return verdict_box(kind, word, first, facts, *more)


def _word(material: Material, choice: Choice | None) -> tuple[str, str, int]:
    """Return the colour, the word, and the set that it is about."""
    if choice is None:
        number = material.sets[0]
        row = material.statistic(number, _SHARPE)
        low, high = row["ci_low"], row["ci_high"]
    else:
        number = choice.parameter_set
        # One history has no interval of its paths: the sentences beside the word have its doubt.
        alone = choice.corrected.n <= 1
        low = None if alone else choice.corrected.low
        high = None if alone else choice.corrected.high
    whole = material.statistic(number, _SHARPE)
    sides = [low is not None and low > 0.0, high is not None and high < 0.0]
    if any(sides) and not _is_told(whole):
        side = "above" if sides[0] else "below"
        within = _WITHIN.get(whole["dominant"], "its whole error")
        return "open", f"Sharpe ratio {side} zero on these paths, but within {within}", number
    if low is not None and low > 0.0:
        return "good", "Sharpe ratio above zero on these paths, the search counted in", number
    if high is not None and high < 0.0:
        return "bad", "Sharpe ratio below zero on these paths", number
    where = "this one history" if material.one_path else "these paths"
    return "open", f"No edge shown on {where}", number


def _is_told(row: dict[str, Any]) -> bool:
    """Whether zero lies outside the interval of all errors that the study can tell."""
    low, high = row["ci_low"], row["ci_high"]
    return low is not None and (low > 0.0 or high < 0.0)
