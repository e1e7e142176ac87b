"""Hashes of plain values that are equal exactly when the values are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

__all__ = ["canonical_json", "short_hash"]


def short_hash(content: Any) -> str:
    """SHA-256 of the canonical JSON of `content`, its first 16 hexadecimal digits.

    64 bits keep folder names short; a chance collision among a million worlds has probability
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


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        digest = hashlib.sha256(data.tobytes()).hexdigest()
        return {"dtype": data.dtype.str, "shape": list(data.shape), "sha256": digest}
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be hashed: only plain values and arrays can")
