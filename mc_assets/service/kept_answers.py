"""Answers that were made once, kept by their ETag: who asks the same again waits for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from fastapi.responses import Response

__all__ = ["KeptAnswer", "KeptAnswers"]

_MOST_BYTES: Final = 64_000_000


@dataclass(frozen=True)
class KeptAnswer:
    """The bytes of an answer.

    Parameters
    ----------
    content : bytes
        Its body.
    media_type : str
        What the body is.
    headers : dict of str to str
        Its headers, the ETag among them.
    """

    content: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return it as what a route answers with."""
        return Response(self.content, media_type=self.media_type, headers=self.headers)


class KeptAnswers:
    """Answers by their ETag, which is the hash of all that decides them.

    Nothing in it grows old: what changes has another ETag. Those asked least recently make room.

    Parameters
    ----------
    most_bytes : int
        How long all bodies together may be.

    Examples
    --------
    >>> answers = KeptAnswers()
    >>> make = lambda: KeptAnswer(b"[]", "application/json")
    >>> asyncio.run(answers.of("a", make)) is asyncio.run(answers.of("a", make))
    True
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[str, KeptAnswer] = OrderedDict()
        self._made: dict[str, Future[KeptAnswer]] = {}
        self._guard = threading.Lock()

    async def of(self, tag: str, make: Callable[[], KeptAnswer]) -> KeptAnswer:
        """Return the answer of an ETag; make it in a thread where it is not kept.

        Parameters
        ----------
        tag : str
            Of all that decides the answer.
        make : callable
            Makes it. Of those who ask at once one makes it, and the others wait for that.
        """
        with self._guard:
            kept = self._kept.get(tag)
            if kept is not None:
                self._kept.move_to_end(tag)
                return kept
            future = self._made.get(tag)
            is_first = future is None
            if future is None:
                future = self._made[tag] = Future()
        if is_first:
            # Awaited by nobody, so that it begins also where whoever asked first goes away before.
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, self._make, tag, make, future)
        # Whoever goes away must not end what the others wait for.
        return await asyncio.shield(asyncio.wrap_future(future))

    def _make(self, tag: str, make: Callable[[], KeptAnswer], future: Future[KeptAnswer]) -> None:
        try:
            answer = make()
        except BaseException as error:
            with self._guard:
                del self._made[tag]
            future.set_exception(error)
            return
        with self._guard:
            del self._made[tag]
            self._keep(tag, answer)
        future.set_result(answer)

    def _keep(self, tag: str, answer: KeptAnswer) -> None:
        if len(answer.content) > self._most // 4:
            return
        self._kept[tag] = answer
        self._size += len(answer.content)
        while self._size > self._most:
            _, old = self._kept.popitem(last=False)
            self._size -= len(old.content)
