"""The journal of a paper session: append-only, and all that a session knows.

An entry is a file of one or more rows that is written whole or not at all and never over another
one, so that a kill leaves entries up to some number, and of two processes that trade one session
the second is told so.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from engine.errors import Refusal
from engine.files import FileStore
from engine.files.seal import is_whole
from engine.files.writing import table_bytes

__all__ = ["JOURNAL_SCHEMA", "Journal", "journal_folder"]

_INSTANT: Final = pl.Datetime("us", "UTC")

#: Columns of a journal, and of the table ``paper_journal``.
JOURNAL_SCHEMA: Final[Mapping[str, Any]] = {
    "session": pl.String,
    "entry": pl.Int64,
    "row": pl.Int32,
    "at": _INSTANT,
    "event": pl.String,
    "bar": pl.Int64,
    "bar_time": _INSTANT,
    "symbol": pl.String,
    "client_order_id": pl.String,
    "order": pl.Int64,
    "kind": pl.String,
    "units": pl.Float64,
    "limit": pl.Float64,
    "stop": pl.Float64,
    "take_profit": pl.Float64,
    "stop_loss": pl.Float64,
    "time_in_force": pl.String,
    "price": pl.Float64,
    "commission": pl.Float64,
    "filled_at": _INSTANT,
    "text": pl.String,
}


def journal_folder(session: str) -> str:
    """Return the folder of a session's journal under a data root."""
    return f"paper/{session}/journal"


class Journal:
    """Rows of a session, oldest first.

    Parameters
    ----------
    files : FileStore
        The data root.
    session : str
        Its folder.

    Attributes
    ----------
    rows : list of dict
        All of them, by the columns of `JOURNAL_SCHEMA`; what a row does not have is None.

    Raises
    ------
    Refusal
        If an entry is damaged or missing.

    Examples
    --------
    >>> from engine.files import MemoryFiles
    >>> files = MemoryFiles()
    >>> Journal(files, "study-1").append([{"event": "opened"}])
    >>> [row["event"] for row in Journal(files, "study-1").rows]
    ['opened']
    """

    def __init__(self, files: FileStore, session: str) -> None:
        self._files = files
        self._session = session
        self._folder = journal_folder(session)
        self.rows: list[dict[str, Any]] = []
        self._entries = 0
        for key in files.list(f"{self._folder}/"):
            if not key.endswith(".parquet"):
                continue
            if key != self._key(self._entries):
                raise self._damaged(self._key(self._entries), "missing")
            content = files.get(key)
            if not is_whole(content):
                raise self._damaged(key, "damaged")
            self.rows += pl.read_parquet(io.BytesIO(content)).to_dicts()
            self._entries += 1

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write an entry of some rows.

        Raises
        ------
        Refusal
            If another process has written one since this journal was read.
        """
        if not rows:
            return
        now = datetime.datetime.now(datetime.UTC)
        empty = dict.fromkeys(JOURNAL_SCHEMA)
        same = {"session": self._session, "entry": self._entries, "at": now}
        whole = [empty | {**row, **same, "row": number} for number, row in enumerate(rows)]
        content = table_bytes(pl.DataFrame(whole, schema=dict(JOURNAL_SCHEMA)))
        if not self._files.put_new(self._key(self._entries), content):
            raise Refusal(
                f"paper {self._session}",
                "another process trades this session",
                "one at a time",
                hint="stop the other, or let it go on",
            )
        self._entries += 1
        self.rows += whole

    def _key(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.parquet"

    def _damaged(self, key: str, how: str) -> Refusal:
        return Refusal(
            f"paper {self._session}",
            f"{key} is {how}, and without it nobody knows what was sent",
            hint="stop at the broker, and begin another session under another name of the study",
        )
