"""What simulations of a part have come to before they end, for a run that is killed to go on from.

Under the data root, ``unfinished/WORLD/PART/NAME.state``: the SHA-256 of a content, then the
content. They are removed once the part is written.
"""

from __future__ import annotations

import hashlib

from engine.files import FileStore
from engine.files.documents import read_document, remove, replace, tidy

__all__ = ["FOLDER", "Unfinished", "forget_unfinished", "is_whole_state"]

#: Their folder under the data root.
FOLDER = "unfinished"
_DIGEST = 32


class Unfinished:
    """States of the simulations of one part, by names that the engine gives them.

    Parameters
    ----------
    files : FileStore
        The data root.
    world, part : str
        Id of the world and name of the part.

    Examples
    --------
    >>> from engine.files import MemoryFiles
    >>> states = Unfinished(MemoryFiles(), "w", "part-00")
    >>> states.save("a", b"1"), states.save("a", b"2")
    (None, None)
    >>> states.load("a"), states.load("b")
    (b'2', None)
    """

    def __init__(self, files: FileStore, world: str, part: str) -> None:
        self._files = files
        self._folder = f"{FOLDER}/{world}/{part}"

    def load(self, name: str) -> bytes | None:
        """Return the state of a name; None where none is kept, or it is not what was kept."""
        try:
            found = read_document(self._files, self._key(name))
        except FileNotFoundError:
            return None
        return found[_DIGEST:] if is_whole_state(found) else None

    def save(self, name: str, content: bytes) -> None:
        """Keep a state in place of the last one.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        replace(self._files, self._key(name), hashlib.sha256(content).digest() + content)

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}.state"


def is_whole_state(stored: bytes) -> bool:
    """Whether the file of a state is what was kept.

    Examples
    --------
    >>> is_whole_state(hashlib.sha256(b"x").digest() + b"x"), is_whole_state(b"x")
    (True, False)
    """
    return hashlib.sha256(stored[_DIGEST:]).digest() == stored[:_DIGEST]


def forget_unfinished(files: FileStore, world: str, part: str = "") -> None:
    """Remove the states of a part, or of all parts of a world."""
    folder = f"{FOLDER}/{world}/{part}/" if part else f"{FOLDER}/{world}/"
    keys = files.list(folder)
    for key in keys:
        remove(files, key)
    if keys:
        tidy(files, FOLDER)
