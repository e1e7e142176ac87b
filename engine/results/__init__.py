"""What came out: rows of simulations, their statistics, comparisons and exports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.results.choice import Choice, choose
    from engine.results.comparison import Comparison, compare
    from engine.results.error_budget import study_error_budget
    from engine.results.load import read_results, stored_studies
    from engine.results.overfitting import study_overfitting
    from engine.results.prune import find_unused, remove_study, remove_unused
    from engine.results.results import Results
    from engine.results.rows import Rows
    from engine.results.statistics import STATISTICS, study_statistics
    from engine.results.warnings import study_warnings

# Names are imported at first use: reading study files must not load the simulation engine.
_MODULES = {
    "engine.results.choice": ["Choice", "choose"],
    "engine.results.comparison": ["Comparison", "compare"],
    "engine.results.error_budget": ["study_error_budget"],
    "engine.results.load": ["read_results", "stored_studies"],
    "engine.results.overfitting": ["study_overfitting"],
    "engine.results.prune": ["find_unused", "remove_study", "remove_unused"],
    "engine.results.results": ["Results"],
    "engine.results.rows": ["Rows"],
    "engine.results.statistics": ["STATISTICS", "study_statistics"],
    "engine.results.warnings": ["study_warnings"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "STATISTICS",
    "Choice",
    "Comparison",
    "Results",
    "Rows",
    "choose",
    "compare",
    "find_unused",
    "read_results",
    "remove_study",
    "remove_unused",
    "stored_studies",
    "study_error_budget",
    "study_overfitting",
    "study_statistics",
    "study_warnings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
