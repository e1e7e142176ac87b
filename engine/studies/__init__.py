"""What is asked: study files and studies made in Python, from their names to a job."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.studies.definition import StudyDefinition
    from engine.studies.loader import load_definition
    from engine.studies.reopen import load_results
    from engine.studies.search_definition import Budget, SearchDefinition
    from engine.studies.seed_block import BlockResult, run_block
    from engine.studies.seeds import SeedRange, draw_seeds, list_seed_sets, load_seeds
    from engine.studies.study import Study, load_study
    from engine.studies.values import (
        choice,
        integer,
        linspace,
        log_integer,
        log_uniform,
        logspace,
        normal,
        step_range,
        uniform,
    )

# Names are imported at first use: reading study files must not load the simulation engine.
_MODULES = {
    "engine.studies.definition": ["StudyDefinition"],
    "engine.studies.loader": ["load_definition"],
    "engine.studies.reopen": ["load_results"],
    "engine.studies.search_definition": ["Budget", "SearchDefinition"],
    "engine.studies.seed_block": ["BlockResult", "run_block"],
    "engine.studies.seeds": ["SeedRange", "draw_seeds", "list_seed_sets", "load_seeds"],
    "engine.studies.study": ["Study", "load_study"],
    "engine.studies.values": [
        "choice",
        "integer",
        "linspace",
        "log_integer",
        "log_uniform",
        "logspace",
        "normal",
        "step_range",
        "uniform",
    ],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BlockResult",
    "Budget",
    "SearchDefinition",
    "SeedRange",
    "Study",
    "StudyDefinition",
    "choice",
    "draw_seeds",
    "integer",
    "linspace",
    "list_seed_sets",
    "load_definition",
    "load_results",
    "load_seeds",
    "load_study",
    "log_integer",
    "log_uniform",
    "logspace",
    "normal",
    "run_block",
    "step_range",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
