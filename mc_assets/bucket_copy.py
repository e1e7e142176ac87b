"""The market data of a bucket, and its copy in a folder: bars and calibrations are made there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.files import ObjectFiles, write_whole
from engine.files.documents import for_each, path_of

__all__ = ["COPIED", "BucketCopy"]

#: Folders of a data root that are copied, in the order in which one is made of the others.
COPIED: Final = (
    "raw_bars",
    "bars",
    "bars_factors",
    "bars_quality",
    "bars_quarantine",
    "futures_curves",
    "ticks",
    "ticks_quarantine",
    "calibrations",
)
_STATE: Final = ".bucket.json"


@dataclass(frozen=True)
class _Known:
    """A file as it was when folder and bucket were alike."""

    version: str
    size: int
    changed: int


class BucketCopy:
    """Brings a folder up to a bucket, and a bucket up to what was made in the folder.

    What lies in the bucket counts: each file is put there under the condition that nobody else has
    put another one meanwhile. Only what has changed travels.

    Parameters
    ----------
    files : ObjectFiles
        The bucket.
    folder : Path
        The copy.
    """

    def __init__(self, files: ObjectFiles, folder: Path) -> None:
        self._files = files
        self._folder = folder

    def fetch(self) -> int:
        """Bring the folder up to the bucket; return how many files came.

        A file that was made in the folder and could not be published stays, until the bucket has
        another one.
        """
        known = self._known()
        theirs = {
            key: version
            for versions in for_each(
                self._files, lambda table: self._files.versions(f"{table}/"), COPIED
            )
            for key, version in versions.items()
        }
        wanted = [
            key
            for key, version in theirs.items()
            if key not in known
            or known[key].version != version
            or not (self._folder / key).is_file()
        ]
        for_each(self._files, self._get, wanted)
        known |= {key: self._as_now(key, theirs[key]) for key in wanted}
        for key in known.keys() - theirs.keys():
            (self._folder / key).unlink(missing_ok=True)
            del known[key]
        self._remember(known)
        return len(wanted)

    def publish(self) -> int:
        """Put what was made in the folder into the bucket; return how many files went.

        Raises
        ------
        OSError
            If somebody else has put another file meanwhile; theirs stays.
        """
        known = self._known()
        count, lost = 0, []
        for table in COPIED:
            here = self._keys(table)
            changed = [key for key in here if not self._is_alike(key, known.get(key))]
            put = for_each(self._files, lambda key: self._put(key, known.get(key)), changed)
            for key, version in zip(changed, put, strict=True):
                if version is None:
                    lost.append(key)
                else:
                    known[key] = self._as_now(key, version)
            count += len(changed)
            for key in [key for key in known if key.startswith(f"{table}/") and key not in here]:
                self._files.delete(key)
                del known[key]
        self._remember(known)
        if lost:
            raise OSError(
                f"{path_of(self._files, lost[0])}: somebody else has published it meanwhile, and "
                f"{len(lost)} of these files were not; the same command goes on from theirs"
            )
        return count

    def _get(self, key: str) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, self._files.get(key))

    def _put(self, key: str, known: _Known | None) -> str | None:
        """Put a file in place of the known one; return its version, None if it has another one."""
        content = (self._folder / key).read_bytes()
        if known is not None:
            version = self._files.put_over(key, content, known.version)
        else:
            written = self._files.put_new(key, content)
            version = self._files.version(key) if written else None
        if version is not None:
            return version
        # A kill between a put and its note, or a machine that made the same.
        same = self._files.digest(key) == hashlib.sha256(content).hexdigest()
        return self._files.version(key) if same else None

    def _is_alike(self, key: str, known: _Known | None) -> bool:
        return known is not None and self._as_now(key, known.version) == known

    def _as_now(self, key: str, version: str) -> _Known:
        found = (self._folder / key).stat()
        return _Known(version, found.st_size, found.st_mtime_ns)

    def _keys(self, table: str) -> list[str]:
        paths = sorted((self._folder / table).rglob("*"))
        return [
            path.relative_to(self._folder).as_posix()
            for path in paths
            if path.is_file() and not path.name.startswith(".")
        ]

    def _known(self) -> dict[str, _Known]:
        try:
            text = (self._folder / _STATE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        return {key: _Known(*fields) for key, fields in json.loads(text).items()}

    def _remember(self, known: dict[str, _Known]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        listed = {key: (one.version, one.size, one.changed) for key, one in sorted(known.items())}
        write_whole(self._folder / _STATE, json.dumps(listed, indent=0).encode())
