"""What is run: jobs, their parts, and the threads and stores that parts go through."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.jobs.batch import Batch
    from engine.jobs.blocks import BLOCKS
    from engine.jobs.errors import StorageError, StudyFailed, StudyInterrupted
    from engine.jobs.job import Holds, Job
    from engine.jobs.manifest import Manifest
    from engine.jobs.part import Part
    from engine.jobs.prepared_job import PreparedJob
    from engine.jobs.progress import Progress
    from engine.jobs.replay import Replay
    from engine.jobs.settings import PathSettings, Record, Until
    from engine.jobs.store import MemoryStore, ParquetStore
    from engine.jobs.summary import JobSummary

# Names are imported at first use: reading study files must not load the simulation engine.
_MODULES = {
    "engine.jobs.batch": ["Batch"],
    "engine.jobs.errors": ["StorageError", "StudyFailed", "StudyInterrupted"],
    "engine.jobs.blocks": ["BLOCKS"],
    "engine.jobs.job": ["Holds", "Job"],
    "engine.jobs.manifest": ["Manifest"],
    "engine.jobs.part": ["Part"],
    "engine.jobs.prepared_job": ["PreparedJob"],
    "engine.jobs.progress": ["Progress"],
    "engine.jobs.replay": ["Replay"],
    "engine.jobs.settings": ["PathSettings", "Record", "Until"],
    "engine.jobs.store": ["MemoryStore", "ParquetStore"],
    "engine.jobs.summary": ["JobSummary"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BLOCKS",
    "Batch",
    "Holds",
    "Job",
    "JobSummary",
    "Manifest",
    "MemoryStore",
    "ParquetStore",
    "Part",
    "PathSettings",
    "PreparedJob",
    "Progress",
    "Record",
    "Replay",
    "StorageError",
    "StudyFailed",
    "StudyInterrupted",
    "Until",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
