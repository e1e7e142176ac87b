"""Which series are to be ingested because their files came or changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Seen", "due_series"]


@dataclass(frozen=True)
class Seen:
    """What is remembered of a series' files.

    Parameters
    ----------
    seen : str
        Their signature at the last look; "" of none.
    done : str
        That of the files which were last ingested.
    """

    seen: str
    done: str


def due_series(
    now: Mapping[str, str], before: Mapping[str, Seen], stored: Collection[str]
) -> tuple[list[str], dict[str, Seen]]:
    """Return the series that are to be ingested, and what to remember.

    A file that is being written is left until it looks the same twice in a row. Files that were
    there at the first look count as ingested where bars of their series are stored.

    Parameters
    ----------
    now : mapping of str to str
        Signature of the files of each series.
    before : mapping of str to Seen
        What was remembered at the last look; empty at the first.
    stored : collection of str
        Series of which bars are stored.

    Examples
    --------
    >>> due, seen = due_series({"A@1d": "x"}, {}, stored=[])
    >>> due, seen = due_series({"A@1d": "x"}, seen, stored=[])
    >>> due
    ['A@1d']
    >>> due_series({"A@1d": "x"}, seen, stored=["A@1d"])[0]
    []
    """
    due = []
    remembered = {}
    for key, found in now.items():
        last = before.get(key)
        if last is None:
            remembered[key] = Seen(found, found if key in stored else "")
            continue
        is_due = found == last.seen and found not in ("", last.done)
        if is_due:
            due.append(key)
        remembered[key] = Seen(found, found if is_due else last.done)
    return due, remembered
