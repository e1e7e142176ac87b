"""Parts of a study on the workers of a Dask cluster, which share no more than the data folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from engine.errors import Refusal
from engine.jobs.errors import WorkerLost
from engine.jobs.executors import Count, shared_root
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.shared_parts import SharedParts, run_part

if TYPE_CHECKING:
    from engine.jobs.store import Store

__all__ = ["SCHEME", "DaskExecutor"]

#: How the address of a scheduler begins.
SCHEME: Final = "dask://"

_CONNECT_SECONDS: Final = 10.0
_REPORT_SECONDS: Final = 0.1
# A part whose worker dies is given to another one so many times.
_RETRIES: Final = 3


class DaskExecutor:
    """Runs parts on the workers of a Dask scheduler.

    Parameters
    ----------
    address : str
        ``dask://host:port`` of the scheduler.

    Raises
    ------
    Refusal
        If the extra is not installed, or there is no address.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise Refusal(
                "executor",
                f"{address} without the package distributed",
                hint="pip install 'mc-lab[cluster]'",
            ) from None
        self._distributed: Any = distributed
        self._address = address
        self._host = address.removeprefix(SCHEME)
        if ":" not in self._host:
            raise Refusal("executor", repr(address), "dask://host:port of a scheduler")
        self._futures: list[Any] = []

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        """Run parts, each on one worker; what they share travels to each worker once."""
        root = shared_root(store, self._address)
        client = self._client()
        try:
            self._check_versions(client)
            shared = SharedParts.of(parts)
            there = client.scatter(shared, broadcast=True, hash=False)
            self._futures = [
                client.submit(
                    run_part, there, shared.place(part), root, pure=False, retries=_RETRIES
                )
                for part in parts
            ]
            yield from self._finished(dict(zip(self._futures, parts, strict=True)), count)
        finally:
            self.stop()
            client.close()

    def stop(self) -> None:
        """Take back the parts that no worker has begun."""
        for future in self._futures:
            if not future.done():
                future.cancel()
        self._futures = []

    def _client(self) -> Any:
        try:
            return self._distributed.Client(
                f"tcp://{self._host}", timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise Refusal(
                "executor",
                f"no scheduler answers at {self._address} ({type(error).__name__})",
                hint="`dask scheduler` starts one",
            ) from None

    def _check_versions(self, client: Any) -> None:
        here = sys.version_info[:2]
        versions = client.run(_python)
        if not versions:
            raise Refusal(
                "executor",
                f"no worker at {self._address}",
                hint=f"`dask worker tcp://{self._host}` starts one",
            )
        for worker, version in versions.items():
            if tuple(version) != here:
                found, own = (".".join(map(str, one)) for one in (version, here))
                raise Refusal("executor", f"Python {found} on {worker}", f"{own}, as here")

    def _finished(self, waiting: dict[Any, Part], count: Count) -> Iterator[Manifest | None]:
        done: SimpleQueue[Any] = SimpleQueue()
        for future in waiting:
            future.add_done_callback(done.put)
        while waiting:
            try:
                future = done.get(timeout=_REPORT_SECONDS)
            except Empty:
                yield None
                continue
            try:
                result = future.result()
            except self._distributed.KilledWorker:
                raise WorkerLost(
                    "Dask workers died on the same part again and again; finished parts are kept, "
                    "run the study again to go on from them"
                ) from None
            part = waiting.pop(future)
            count(part.rows, result.failed, partial(str, result.first_error))
            yield result.of(part)
            yield None


def _python() -> tuple[int, int]:
    return sys.version_info[:2]
