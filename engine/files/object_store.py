"""Files in a bucket of an object store: each published by one conditional put.

S3 has no rename, no folder and no append, and needs none here: a put is seen whole or not at all,
and one that asks for no file under its key is refused where there is one. The network may fail
where a disk does not; that is said as such, never taken for a missing or damaged file.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from engine.errors import Refusal
from engine.files.file_store import checked_key

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ObjectStore

__all__ = ["ObjectFiles", "UnreachableStore"]

# Names that no program needs to quote: Polars would take some of the others for patterns.
_ADDRESS: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w=-][\w.=-]*)*/?", re.ASCII)
# Kept beside a file, brought by the put that brings it.
_DIGEST: Final = "sha256"
_PUT: Final = "put"
_CLIENT: Final[dict[str, str]] = {"connect_timeout": "5s", "timeout": "120s"}
_RETRIES: Final = 6
_RETRY_TIME: Final = datetime.timedelta(seconds=60)


class UnreachableStore(ConnectionError):
    """An object store does not answer, or refuses what it is asked."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be reached: {self.strerror}"


class ObjectFiles:
    """Files in an object store.

    Credentials, region and endpoint are those of the environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``), or of the machine's role.

    Parameters
    ----------
    address : str, optional
        Bucket and folder, such as ``s3://lab/data``; None where other programs cannot reach them.
    store : obstore.store.ObjectStore, optional
        What keeps the files, in place of what the address says.

    Raises
    ------
    Refusal
        If the address is none, or the extra ``storage`` is not installed.

    Examples
    --------
    >>> from obstore.store import MemoryStore
    >>> files = ObjectFiles(store=MemoryStore())
    >>> files.put_new("ledger/a.json", b"1"), files.put_new("ledger/a.json", b"2")
    (True, False)
    >>> files.get("ledger/a.json"), files.list("ledger/")
    (b'1', ['ledger/a.json'])
    """

    def __init__(self, address: str | None = None, store: ObjectStore | None = None) -> None:
        self._address = None if address is None else _checked_address(address)
        self._store = _opened(self._address) if store is None else store

    @property
    def address(self) -> str | None:
        """Bucket and folder, without a slash at the end."""
        return self._address

    def put_new(self, key: str, content: bytes) -> bool:
        """Write a file in one conditional put, unless there is one."""
        from obstore.exceptions import AlreadyExistsError

        name = secrets.token_hex(8)
        with self._reached():
            try:
                self._put(key, content, "create", name)
            except AlreadyExistsError:
                # A put whose answer was lost is sent again, and then finds the file that it wrote.
                return self._told(key).get(_PUT) == name
        return True

    def replace(self, key: str, content: bytes) -> None:
        """Put a file in place of another, in one put (`engine.files.documents.replace`)."""
        with self._reached():
            self._put(key, content, "overwrite", secrets.token_hex(8))

    def put_over(self, key: str, content: bytes, version: str) -> str | None:
        """Put a file in place of a version of it, in one conditional put.

        Parameters
        ----------
        key, content : str, bytes
            The file.
        version : str
            Of what is replaced (`versions`).

        Returns
        -------
        str or None
            The new version; None where the file is none of that version any more, and stays.
        """
        from obstore.exceptions import PreconditionError

        name = secrets.token_hex(8)
        with self._reached():
            try:
                self._put(key, content, {"e_tag": version}, name)
            except PreconditionError:
                if self._told(key).get(_PUT) != name:
                    return None
            except FileNotFoundError:
                return None
        return self.version(key)

    def version(self, key: str) -> str:
        """Return the version of a file."""
        with self._reached():
            return str(self._store.head(checked_key(key))["e_tag"])

    def versions(self, prefix: str) -> dict[str, str]:
        """Return the version of each file in a folder, such as ``bars/``, by its key.

        A version changes whenever a file is put with another content.
        """
        with self._reached():
            listed = self._store.list(prefix.rstrip("/"))
            return {entry["path"]: str(entry["e_tag"]) for page in listed for entry in page}

    def get(self, key: str) -> bytes:
        """Return the content of a file."""
        with self._reached():
            return bytes(self._store.get(checked_key(key)).bytes())

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        folder = prefix.rpartition("/")[0]
        with self._reached():
            found = [entry["path"] for page in self._store.list(folder or None) for entry in page]
        return sorted(key for key in found if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Delete a file, if there is one."""
        with self._reached():
            self._store.delete(checked_key(key))

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`."""
        with self._reached():
            size = self._store.head(checked_key(key))["size"]
            # A store refuses a range without a byte in it.
            if length <= 0 or start >= size:
                return b""
            length = min(length, size - start)
            return bytes(self._store.get_range(key, start=start, length=length))

    def state(self, key: str) -> tuple[int, float]:
        """Return size in bytes and age in seconds of a file (`engine.files.documents.state_of`)."""
        with self._reached():
            found = self._store.head(checked_key(key))
        age = datetime.datetime.now(datetime.UTC) - found["last_modified"]
        return found["size"], age.total_seconds()

    def digest(self, key: str) -> str:
        """Return the SHA-256 of a file as its writer put it there: no byte of the content travels.

        The put that brought the content brought it, and the store answers for what it keeps.
        Computed from the content where another program put the file.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        with self._reached():
            told = self._told(key)
        return told.get(_DIGEST) or hashlib.sha256(self.get(key)).hexdigest()

    def _put(self, key: str, content: bytes, mode: PutMode, name: str) -> None:
        told: Any = {_DIGEST: hashlib.sha256(content).hexdigest(), _PUT: name}
        # An upload in pieces cannot be conditional, and a kill would leave pieces that cost money.
        self._store.put(checked_key(key), content, attributes=told, mode=mode, use_multipart=False)

    def _told(self, key: str) -> dict[str, str]:
        """Return what the writer of a file put beside it."""
        try:
            return dict(self._store.get(checked_key(key), options={"head": True}).attributes)
        except FileNotFoundError:
            return {}  # deleted meanwhile

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in a sentence why a store did not do what it was asked.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        UnreachableStore
            For anything else.
        """
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            yield
        except FileNotFoundError as error:
            # A missing bucket is no missing file: every part would seem to be still to compute.
            if "NoSuchBucket" not in str(error):
                raise FileNotFoundError(errno.ENOENT, "there is no such file") from None
            raise self._unreachable(error) from None
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, PermissionError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> UnreachableStore:
        return UnreachableStore(errno.EIO, _reason(error), self._address or "the object store")

    def __repr__(self) -> str:
        return f"ObjectFiles({self._address or self._store!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as its address, so that a worker opens a connection of its own."""
        return ObjectFiles, (self._address, None if self._address else self._store)


def _checked_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise Refusal(
            "root",
            repr(address),
            "a folder, or a bucket and folder of plain letters such as 's3://lab/data'",
        )
    return address.rstrip("/")


def _opened(address: str | None) -> ObjectStore:
    if address is None:
        raise Refusal("root", "neither an address nor a store", "one of them")
    try:
        from obstore.store import S3Store
    except ImportError:
        raise Refusal(
            "root",
            f"{address!r} without a client of object stores",
            "a folder",
            hint="`pip install 'mc-lab[storage]'` brings one",
        ) from None
    retries: Any = {"max_retries": _RETRIES, "retry_timeout": _RETRY_TIME}
    # These take the place of what the environment says, so an endpoint without TLS is named here.
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    client: Any = {**_CLIENT, "allow_http": plain}
    return S3Store.from_url(address, retry_config=retries, client_options=client)


def _reason(error: Exception) -> str:
    """Return the one line of an error that says what happened."""
    text = str(error)
    said = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
    if said is not None:
        return said[1].strip().rstrip(".")
    return text.splitlines()[0].rpartition(" - ")[2].strip().rstrip(".")
