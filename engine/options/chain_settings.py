"""A chain of quotes in a study: which file, and how long a quote stands in for a missing one."""

from __future__ import annotations

import datetime
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from engine.errors import Refusal
from engine.options.chains import OptionChain, read_option_chain
from engine.settings import SettingsGroup

__all__ = ["ChainSettings", "chain_hash", "chain_of"]


class ChainSettings(SettingsGroup):
    """Quotes that options of a study on history are chosen from, marked with and filled at.

    Parameters
    ----------
    file : str
        File, archive or folder of `mc.read_option_chain`, relative to the study file.
    underlying : str, optional
        Of a file that holds several, or none.
    zone : str
        IANA zone of stamps without one, and of the days of expiry.
    rate : float
        Of discounting, where quotes of calls and puts do not tell it.
    stale_after : float
        Seconds for which a quote stands in for those that are missing: half a day, so that none
        stands in for that of the next session.
    as_of : datetime, optional
        Time of the quotes of a file that has none, in `zone` unless it names another.
    """

    file: str = Field(min_length=1)
    underlying: str | None = None
    zone: str = "America/New_York"
    rate: float = Field(0.0, gt=-1, lt=1)
    stale_after: float = Field(43_200.0, ge=0, le=1e9)
    as_of: datetime.datetime | None = None


def chain_of(settings: ChainSettings, exercise: Literal["european", "american"]) -> OptionChain:
    """Read the chain of a study; one that was read before is not read again.

    `exercise` is that of its options, by which volatilities and greeks are read from quotes.

    Raises
    ------
    Refusal
        If there is no such file, or it holds no quote that can be used; it names the file.
    """
    return _read(settings, exercise, _stamp(_files(settings)))


def chain_hash(settings: ChainSettings) -> str:
    """SHA-256 of the content of its files: what decides numbers is not where they lie."""
    return _hash(_stamp(_files(settings)))


@lru_cache(maxsize=4)
def _read(
    settings: ChainSettings,
    exercise: Literal["european", "american"],
    stamp: tuple[tuple[str, int, int], ...],
) -> OptionChain:
    try:
        return read_option_chain(
            settings.file,
            zone=settings.zone,
            underlying=settings.underlying,
            rate=settings.rate,
            as_of=settings.as_of,
            exercise=exercise,
        )
    except Refusal as refusal:
        raise refusal.within("options.chain") from None


@lru_cache(maxsize=16)
def _hash(stamp: tuple[tuple[str, int, int], ...]) -> str:
    found = hashlib.sha256()
    for name, _, _ in stamp:
        with open(name, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _files(settings: ChainSettings) -> list[Path]:
    path = Path(settings.file)
    if not path.exists():
        raise Refusal("options.chain.file", f"no file or folder {path}", "one of quotes")
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _stamp(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(file), os.stat(file)) for file in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
