"""Names of studies: a folder, files and a partition are called after one."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import Refusal

__all__ = ["check_study_name"]

# Folders are read by patterns, and partitions are listed and spanned by `,`, `|` and `...`.
_NAME: Final = re.compile(
    r"(?!.*\.\.\.)[^\s./\\*?\[\]|,\ud800-\udfff][^/\\*?\[\]|,\x00-\x1f\x7f\ud800-\udfff]*"
)
_LONGEST: Final = 120


def check_study_name(name: str) -> str:
    """Return a name that a study may have.

    Raises
    ------
    Refusal
        If no study can have it.

    Examples
    --------
    >>> check_study_name("sma on SP500")
    'sma on SP500'
    """
    if not _NAME.fullmatch(name):
        raise Refusal("", repr(name), "text without / \\ * ? [ ] | , and ..., or a dot in front")
    if len(name.encode()) > _LONGEST:
        raise Refusal("", repr(name), f"up to {_LONGEST} bytes")
    return name
