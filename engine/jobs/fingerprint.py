"""The fingerprint: a hash of everything that decides a job's numbers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from engine.compiled import source_hash
from engine.compiled.version import ENGINE_VERSION
from engine.execution.metric_names import METRIC_NAMES
from engine.jobs.columns import KEY_COLUMNS, SCHEMA_VERSION
from engine.jobs.job import PART_LIMITS, Job
from engine.jobs.space import MODEL_PREFIX

__all__ = ["canonical_json", "fingerprint", "job_fingerprint"]


def job_fingerprint(job: Job) -> str:
    """Hash everything that decides the numbers of a job, and nothing else."""
    return fingerprint(
        {
            "engine_version": ENGINE_VERSION,
            "schema": [SCHEMA_VERSION, *KEY_COLUMNS],
            "metrics": METRIC_NAMES,
            "part_limits": PART_LIMITS,
            "study": job.study,
            "paths": _deciding_paths(job),
            "strategy": job.strategy.name,
            "strategy_source": job.strategy.source_hash(),
            "execution": job.execution.model_dump(mode="json"),
            "names": job.space.names,
            "sets": job.space.sets,
            "seeds": job.seeds,
            "paths_per_seed": job.paths_per_seed,
            "record": job.record.model_dump(),
            "until": None if job.until is None else job.until.model_dump(),
            "own_metrics": {name: source_hash(function) for name, function in job.metrics.items()},
        }
    )


def fingerprint(content: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of `content`, its first 16 hexadecimal digits.

    64 bits keep folder names short; a chance collision among a million studies has probability
    below 1e-7.
    """
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:16]


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; equal content gives equal text.

    Raises
    ------
    TypeError
        If something in it has no JSON form.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)


def _deciding_paths(job: Job) -> dict[str, Any]:
    """Return everything that decides which path a seed and a source's parameters make."""
    source = job.sources[0].fingerprint()
    kind = type(job.sources[0])
    if not kind.__module__.startswith("engine."):
        # Our own sources state their version; a user's is what its code says today.
        source["code"] = source_hash(kind)
    for name in job.space.names:
        # The first set's value of a swept parameter says nothing about the others.
        if name.startswith(MODEL_PREFIX):
            source.pop(name.removeprefix(MODEL_PREFIX), None)
    return {
        "source": source,
        "draw": job.draw.fingerprint() if job.draw is not None else None,
        **job.path.model_dump(),
        "calendar": [job.calendar.exchange, job.calendar.timeframe],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        digest = hashlib.sha256(data.tobytes()).hexdigest()
        return {"dtype": data.dtype.str, "shape": list(data.shape), "sha256": digest}
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"fingerprint: found {type(value).__name__}, allowed plain values and arrays")
