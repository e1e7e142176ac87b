"""Dagster's event log on SQLite, with the events of many partitions written in one transaction."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dagster import AssetKey, DagsterEventType, EventLogEntry, Field
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

from mc_assets.home_lock import hold, release

__all__ = ["EventLog"]

# A webserver reads the files of as many runs as there are; a run writes its own and the index.
_MOST_ENGINES: Final = 8
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class EventLog(SqliteEventLogStorage):
    """Event log in ``$DAGSTER_HOME/history/runs``, the same files as Dagster's own.

    Dagster's own storage opens several connections and commits several times for each event,
    which for a backfill of ten thousand partitions takes longer than the work itself.

    While it is open, its process counts as a user of the home (`mc_assets.home_lock`).

    Attributes
    ----------
    keep_days : int
        After so many days a finished run may be forgotten (`mc_assets.history_retention`); 0 keeps
        every run.
    """

    keep_days: int = 0
    _home: Path | None = None

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Any] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir=base_dir, inst_data=inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return what `dagster.yaml` may set; DAGSTER_HOME decides where the log lies."""
        return {"keep_days": Field(int, is_required=False, default_value=0)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> EventLog:
        """Open the log of the Dagster home in use."""
        home = Path(os.environ["DAGSTER_HOME"])
        opened = cls(base_dir=str(home / "history" / "runs"), inst_data=inst_data)
        hold(home)
        opened._home = home
        opened.keep_days = config_value.get("keep_days", 0)
        return opened

    def dispose(self) -> None:
        """Close the log."""
        super().dispose()
        for shard in [*self._engines]:
            self._close(shard)
        if self._home is not None:
            release(self._home)
            self._home = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        """Connect to the index or to a run's file.

        Dagster's own makes an engine each time, which compiles every statement anew, and opens the
        file for each event, which writes what is in its log into it at each closing.
        """
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Any:
        """Return the engine of a file, with its tables made; those used last are kept."""
        engine = self._engines.pop(shard, None) or create_engine(
            self.conn_string_for_shard(shard),
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        self._engines[shard] = engine
        if len(self._engines) > _MOST_ENGINES:
            self._close(next(iter(self._engines)))
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _close(self, shard: str) -> None:
        engine = self._engines.pop(shard, None)
        if engine is not None:
            engine.dispose()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; one that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def runs_to_keep(self, periods: Collection[str]) -> set[str]:
        """Return the runs that made what every partition and every check shows now.

        Parameters
        ----------
        periods : collection of str
            The periods that are offered: a day that is none any more shows nothing.
        """
        materialised = (
            "SELECT run_id, partition, MAX(id) FROM event_logs "
            "WHERE dagster_event_type = 'ASSET_MATERIALIZATION' GROUP BY asset_key, partition"
        )
        checked = (
            "SELECT run_id, NULL, MAX(id) FROM asset_check_executions "
            "GROUP BY asset_key, check_name"
        )
        with self.index_connection() as connection:
            rows = [
                row
                for query in (materialised, checked)
                for row in connection.exec_driver_sql(query)
            ]
        days = ((run_id, (partition or "").partition("|")[0]) for run_id, partition, _ in rows)
        return {run_id for run_id, day in days if not _DAY.fullmatch(day) or day in periods}

    def delete_events(self, run_id: str) -> None:
        """Delete what a run logged, and its file."""
        super().delete_events(run_id)
        self._close(run_id)
        self._initialized_dbs.discard(run_id)
        for ending in ("", "-journal", "-wal", "-shm"):
            Path(self.path_for_shard(run_id) + ending).unlink(missing_ok=True)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events: together in their run's file, those of assets also in the index.

        The result is the same as storing them one by one.
        """
        of_assets = [event for event in events if _is_of_asset(event)]
        for event in events:
            if not _is_of_asset(event):
                self.store_event(event)
        if not of_assets:
            return
        by_run: dict[str, list[Any]] = {}
        statements = [self.prepare_insert_event(event) for event in of_assets]
        for event, statement in zip(of_assets, statements, strict=True):
            by_run.setdefault(event.run_id, []).append(statement)
        for run_id, own in by_run.items():
            with self.run_connection(run_id) as connection:
                for statement in own:
                    connection.execute(statement)
        with self.index_transaction() as connection:
            ids: list[int] = []
            for statement in statements:
                key: Any = connection.execute(statement).inserted_primary_key
                ids.append(key[0])
            self._store_asset_event_tags(connection, of_assets, ids)
            # An asset's entry holds its last event of each kind: earlier ones are overwritten.
            last: dict[tuple[AssetKey | None, DagsterEventType | None], int] = {}
            for position, event in enumerate(of_assets):
                last[event.get_dagster_event().asset_key, event.dagster_event_type] = position
            for position in sorted(last.values()):
                self._store_asset_event(connection, of_assets[position], ids[position])


def _is_of_asset(event: EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS
