"""What every network provider needs: retries, a rate limiter, errors without secrets."""

from __future__ import annotations

import email.utils
import math
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from mc_assets.providers.base import FetchError
from mc_assets.providers.errors import MarketDataError

__all__ = [
    "Failure",
    "NetworkOptions",
    "RateLimiter",
    "Transient",
    "check_status",
    "environment_key",
    "fetch_error",
    "limiter_of",
    "masked",
    "rest",
    "with_retries",
]

Answer = TypeVar("Answer")

_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524})
_LIMITERS: Final[dict[str, RateLimiter]] = {}
_LIMITERS_LOCK: Final = threading.Lock()


class NetworkOptions(BaseModel):
    """Options of a provider that is asked over a network.

    Parameters
    ----------
    base_url : str, optional
        Address asked in place of the provider's own.
    timeout : float
        Seconds without an answer after which a request has failed.
    attempts : int
        How often a request is tried in all.
    backoff : float
        Seconds before the second attempt; doubled, with jitter, before each one after it.
    longest_wait : float
        Longest pause before an attempt, seconds. A ``Retry-After`` beyond it is a failure.
    requests_per_minute : float, optional
        Rate limit; the provider's usual one by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str | None = None
    timeout: float = Field(default=30.0, gt=0)
    attempts: int = Field(default=5, ge=1)
    backoff: float = Field(default=1.0, ge=0)
    longest_wait: float = Field(default=60.0, ge=0)
    requests_per_minute: float | None = Field(default=None, gt=0)


class Failure(Exception):
    """A request that will not succeed, whenever it is tried.

    Parameters
    ----------
    reason : str
        Part of a sentence, for the user; never holds a key.
    status : int, optional
        HTTP status.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Transient(Failure):
    """A request that may succeed when tried again.

    Parameters
    ----------
    reason, status
        As of `Failure`.
    retry_after : float, optional
        Seconds the server asked to wait.
    """

    def __init__(
        self, reason: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after


class RateLimiter:
    """Spaces requests evenly; one per provider and process, shared by its threads.

    Parameters
    ----------
    per_minute : float, optional
        Requests a minute; None means unlimited.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.spacing = 0.0 if per_minute is None else 60.0 / per_minute
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until the next request may go."""
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self.spacing
        if mine > now:
            rest(mine - now)


def limiter_of(name: str, per_minute: float | None) -> RateLimiter:
    """Return the process's rate limiter of a provider; a new rate makes a new one."""
    key = f"{name} {per_minute}"
    with _LIMITERS_LOCK:
        return _LIMITERS.setdefault(key, RateLimiter(per_minute))


def with_retries(
    call: Callable[[], Answer], options: NetworkOptions, limiter: RateLimiter
) -> Answer:
    """Call until it succeeds, fails for good, or the attempts are used up.

    Parameters
    ----------
    call : callable
        Sends one request; raises `Transient` for what may pass.
    options : NetworkOptions
        Attempts and pauses.
    limiter : RateLimiter
        Asked before each attempt.

    Raises
    ------
    Failure
        The last failure; the reason says how often it was tried.
    """
    growing = wait_exponential(options.backoff, options.longest_wait) + wait_random(
        0, options.backoff
    )

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = getattr(error, "retry_after", None)
        return growing(state) if asked is None else float(asked)

    def attempt() -> Answer:
        limiter.wait()
        try:
            return call()
        except Transient as error:
            asked = error.retry_after
            if asked is not None and asked > options.longest_wait:
                raise Failure(
                    f"{error.reason}; the server asks for a pause of {asked:g} s, allowed "
                    f"{options.longest_wait:g} s (longest_wait)",
                    error.status,
                ) from None
            raise

    retrying = Retrying(
        retry=retry_if_exception_type(Transient),
        stop=stop_after_attempt(options.attempts),
        wait=pause,
        sleep=rest,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Transient as error:
        tries = "attempt" if options.attempts == 1 else "attempts"
        reason = f"{error.reason} after {options.attempts} {tries}"
        raise Failure(reason, error.status) from None


def rest(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)


def check_status(status: int, retry_after: str | None, text: str, keys: Sequence[str]) -> None:
    """Turn an HTTP status that is no success into a `Failure` or a `Transient`.

    Parameters
    ----------
    status : int
        HTTP status.
    retry_after : str, optional
        The header of that name: seconds or a date.
    text : str
        Body; its message is quoted, in short and without keys.
    keys : sequence of str
        Secrets that a server might echo.
    """
    if status < 300:
        return
    if status < 400:
        # A key must not follow to wherever it points.
        raise Failure(f"status {status}, a redirection, allowed an answer", status)
    reason = f"status {status}{_message_in(text, keys)}"
    if status in _RETRIED:
        raise Transient(reason, status, _seconds(retry_after))
    raise Failure(reason, status)


def environment_key(provider: str, names: Sequence[str]) -> str:
    """Value of the first of several environment variables that is set.

    Raises
    ------
    MarketDataError
        If none is; names the variables, which is all that may be said of a key.
    """
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            return value
    raise MarketDataError(
        f"{provider}: found no key in the environment, allowed one in {' or '.join(names)}"
    )


def masked(text: str, keys: Sequence[str]) -> str:
    """Cut secrets out of a text, also as an address spells them."""
    for key in filter(None, keys):
        for spelled in (key, quote(key), quote(key, safe="")):
            text = text.replace(spelled, "***")
    return text


def fetch_error(
    provider: str, symbol: str, timeframe: str, start: datetime, end: datetime, reason: str
) -> FetchError:
    """Say which provider, symbol and range failed, and why."""
    return FetchError(
        f"{provider} {symbol} {timeframe}, {start:%Y-%m-%d} to {end:%Y-%m-%d}: {reason}"
    )


def _message_in(text: str, keys: Sequence[str]) -> str:
    """Quote the message of an error body: a JSON ``message`` or ``error``, never a page."""
    found = re.search(r'"(?:message|error|description)"\s*:\s*"([^"]{1,200})"', text)
    if found is None:
        return " (an HTML page)" if "<html" in text[:2000].lower() else ""
    message = masked(found.group(1).replace("\\/", "/"), keys)
    return f", {message!r}"


def _seconds(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        seconds = float(header)
        return None if math.isnan(seconds) else max(seconds, 0.0)
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
