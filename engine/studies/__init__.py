"""Studies: a strategy over a parameter space, a seed set and a source of price paths."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.studies.definition import StudyDefinition
    from engine.studies.errors import (
        ConfigurationError,
        StorageError,
        StudyFailed,
        StudyInterrupted,
    )
    from engine.studies.job import BLOCKS
    from engine.studies.load import load_results
    from engine.studies.loader import load_definition
    from engine.studies.market_data import MarketData
    from engine.studies.progress import Progress
    from engine.studies.results import Results
    from engine.studies.seeds import draw_seeds, list_seed_sets, load_seeds
    from engine.studies.statistics import STATISTICS, study_statistics
    from engine.studies.study import BlockResult, Study, load_study, run_block
    from engine.studies.values import (
        choice,
        integer,
        linspace,
        log_uniform,
        logspace,
        steps,
        uniform,
    )

# Names are imported at first use: reading study files must not load the simulation engine.
_MODULES = {
    "definition": ["StudyDefinition"],
    "errors": ["ConfigurationError", "StorageError", "StudyFailed", "StudyInterrupted"],
    "job": ["BLOCKS"],
    "load": ["load_results"],
    "loader": ["load_definition"],
    "market_data": ["MarketData"],
    "progress": ["Progress"],
    "results": ["Results"],
    "seeds": ["draw_seeds", "list_seed_sets", "load_seeds"],
    "statistics": ["STATISTICS", "study_statistics"],
    "study": ["BlockResult", "Study", "load_study", "run_block"],
    "values": [
        "choice",
        "integer",
        "linspace",
        "log_uniform",
        "logspace",
        "steps",
        "uniform",
    ],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BLOCKS",
    "STATISTICS",
    "BlockResult",
    "ConfigurationError",
    "MarketData",
    "Progress",
    "Results",
    "StorageError",
    "Study",
    "StudyDefinition",
    "StudyFailed",
    "StudyInterrupted",
    "choice",
    "draw_seeds",
    "integer",
    "linspace",
    "list_seed_sets",
    "load_definition",
    "load_results",
    "load_seeds",
    "load_study",
    "log_uniform",
    "logspace",
    "run_block",
    "steps",
    "study_statistics",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
