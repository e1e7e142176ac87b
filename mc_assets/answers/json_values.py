"""Answers as plain JSON values, the same whoever asks."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import polars as pl

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Turn an answer into what JSON knows: objects, lists, text, numbers, null.

    Parameters
    ----------
    value : Any
        A frame becomes a list of rows, a dataclass an object of its fields unless its ``to_json``
        says otherwise, a path or date its text. Numbers that are not finite become null.
    """
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, pl.DataFrame):
        return json.loads(value.write_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value) if isinstance(value, PurePath) else value
