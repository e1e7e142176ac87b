"""Keys of the service: who may ask it, and for what. Only their hashes are stored."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from engine.errors import Refusal
from mc_assets.answers.folder_lock import alone_in
from mc_assets.project import Project

__all__ = ["ROLES", "ApiKey", "NewKey", "Role", "add_key", "hash_of", "list_keys", "remove_key"]

Role = Literal["read", "run", "admin"]

#: From the least to the most; each may do what those before it may.
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class ApiKey:
    """A key as it is stored.

    Parameters
    ----------
    name : str
        What logs and job records call whoever has it.
    role : {"read", "run", "admin"}
        What it allows.
    sha256 : str
        Hash of the key, which has 256 random bits.
    created : str
        When, UTC.
    """

    name: str
    role: Role
    sha256: str
    created: str

    def matches(self, key: str) -> bool:
        """Whether a key is this one; takes as long for any other."""
        return hmac.compare_digest(self.sha256, hash_of(key))

    def to_json(self) -> dict[str, str]:
        """Return what may be shown of it."""
        return {"name": self.name, "role": self.role, "created": self.created}


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: the only time that it can be read.

    Parameters
    ----------
    name : str
        Its name.
    role : {"read", "run", "admin"}
        What it allows.
    key : str
        The secret.
    """

    name: str
    role: Role
    key: str


def hash_of(key: str) -> str:
    """Return the hash of a key.

    Examples
    --------
    >>> hash_of("mc_0")[:8]
    'cccb8657'
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def add_key(project: Project, name: str, role: str) -> NewKey:
    """Make a key.

    Parameters
    ----------
    project : Project
        Whose service it is for.
    name : str
        Small letters, digits, ``_`` and ``-``.
    role : str
        ``read``: look at everything. ``run``: also begin and stop jobs, and delete their results.
        ``admin``: also put files into the project, where the service allows uploads.

    Raises
    ------
    Refusal
        If the name is taken or cannot be one, or there is no such role.
    """
    if not _NAME.fullmatch(name):
        raise Refusal("name", repr(name), "up to 40 small letters, digits, _ and -")
    if role not in ROLES:
        raise Refusal("role", repr(role), ", ".join(ROLES))
    secret = f"mc_{secrets.token_urlsafe(32)}"
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    with _changing(project):
        keys = list_keys(project)
        if name in {key.name for key in keys}:
            raise Refusal("name", f"{name!r}, which is taken", "a new name")
        _write(project, [*keys, ApiKey(name, role, hash_of(secret), now)])
    return NewKey(name, role, secret)


def list_keys(project: Project) -> list[ApiKey]:
    """Return the keys of a project's service.

    Raises
    ------
    DamagedFile
        If their file is not what was written.
    """
    from engine.files import DamagedFile, read_json

    file = _file(project)
    try:
        content: dict[str, Any] = read_json(file)
        return [ApiKey(**entry) for entry in content["keys"]]
    except FileNotFoundError:
        return []
    except (KeyError, TypeError):
        raise DamagedFile(file, "was written by another version") from None


def remove_key(project: Project, name: str) -> ApiKey:
    """Forget a key: services refuse it from their next request on.

    Raises
    ------
    Refusal
        If there is none of that name.
    """
    with _changing(project):
        keys = list_keys(project)
        for key in keys:
            if key.name == name:
                _write(project, [other for other in keys if other is not key])
                return key
    raise Refusal(
        "name", repr(name), ", ".join(key.name for key in keys) or "none: there is no key"
    )


@contextmanager
def _changing(project: Project) -> Iterator[None]:
    """Let one process at a time read the keys and write them: of two, neither undoes the other."""
    folder = _file(project).parent
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        yield


def _write(project: Project, keys: list[ApiKey]) -> None:
    from engine.files import write_json

    file = _file(project)
    write_json(file, {"keys": [vars(key) for key in keys]})
    with suppress(OSError):
        file.chmod(0o600)


def _file(project: Project) -> Path:
    return project.data / "service" / "keys.json"
