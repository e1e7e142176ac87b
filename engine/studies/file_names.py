"""Names of files in a study file: such as a file system can hold."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

from pydantic import AfterValidator

from engine.errors import Refusal

__all__ = ["FileName", "check_file_name"]

# What Linux, macOS and Windows hold: a longer name is an error of the operating system's own.
_LONGEST_PART = 255
_LONGEST = 4096


def check_file_name(name: str) -> str:
    """Return a name that a file may have, whether or not there is such a file.

    Raises
    ------
    Refusal
        If no file can have it.
    """
    if not name.strip():
        raise Refusal("", repr(name), "the name of a file")
    parts = [len(part.encode(errors="surrogatepass")) for part in PurePath(name).parts]
    if "\0" in name or sum(parts) > _LONGEST or max(parts, default=0) > _LONGEST_PART:
        raise Refusal(
            "", repr(name), f"the name of a file, up to {_LONGEST_PART} bytes in each folder"
        )
    return name


#: A string that may name a file.
FileName = Annotated[str, AfterValidator(check_file_name)]
