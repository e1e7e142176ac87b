"""The version of each estimator: what stored calibrations are marked with."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from engine.models import BUILT_IN, estimated_models

__all__ = ["ESTIMATOR_VERSIONS", "estimator_version"]

#: Numerical versions of the built-in estimators, from their lines in `engine.models`.
ESTIMATOR_VERSIONS: dict[str, str] = {
    model: BUILT_IN[model].estimator_version for model in estimated_models()
}


def estimator_version(model: str) -> str:
    """Return the version of a model's estimator.

    A stored calibration counts as missing once its estimator has another version. For a user's
    model it is a hash of what the class means (`engine.compiled.code_hash`): its `calibrate`, and
    all that it calls and captures.

    Returns
    -------
    str
        Empty for a model that has no estimator, and for a user's whose file is not loaded.
    """
    if model in BUILT_IN:
        return ESTIMATOR_VERSIONS.get(model, "")
    from engine.sources.registry import get_source, has_source

    try:
        return _hash_of(get_source(model)) if has_source(model) else ""
    except ValueError:  # A package declares something else than a model.
        return ""


@lru_cache(maxsize=64)
def _hash_of(source: type[Any]) -> str:
    """Hash a user's class; of the whole of it, because `calibrate` may call any of its methods."""
    from engine.compiled import code_hash

    return code_hash(source)[:16] if hasattr(source, "calibrate") else ""
