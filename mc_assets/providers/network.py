"""Shared by network providers: limits, retries, rate limiter, errors without secrets."""

from __future__ import annotations

import email.utils
import json
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from engine.errors import Refusal
from mc_assets.providers.base import FetchError
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.failures import Failure, LimitReached, Transient
from mc_assets.providers.masking import masked
from mc_assets.providers.rate_limiter import RateLimiter, rest

__all__ = [
    "KEY_HOSTS",
    "FetchLimits",
    "NetworkOptions",
    "asked_pause",
    "check_address",
    "check_status",
    "environment_key",
    "fetch_error",
    "quoted",
    "with_retries",
]

Answer = TypeVar("Answer")

#: Environment variable that lists additional hosts to which keys may be sent.
KEY_HOSTS: Final = "MC_KEY_HOSTS"
# Characters of an answer that are searched for a message, and characters shown.
_LOOKED_AT: Final = 65_536
_SHOWN: Final = 200
# After this many consecutive failures of the server, the fetch sends no further requests.
_PATIENCE: Final = 3
_MEGABYTE: Final = 1_000_000
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524})


class NetworkOptions(BaseModel):
    """Options of a network provider.

    Parameters
    ----------
    base_url : str, optional
        Address used instead of the provider's own. Keys are sent there only if the environment
        variable ``MC_KEY_HOSTS`` names the host.
    timeout : float
        Seconds without receiving a byte after which a request fails.
    deadline : float
        Longest total duration of a request, seconds.
    megabytes : float
        Largest size of one answer, decompressed.
    fetch_deadline : float
        Longest total duration of a fetch, pauses included, seconds; data received before are kept.
    fetch_megabytes : float
        Largest total size of the answers for one symbol in a fetch.
    fetch_pages : int
        Largest number of pages for one symbol in a fetch.
    attempts : int
        Total number of attempts of a request.
    backoff : float
        Seconds before the second attempt; doubled, with jitter, before each one after it.
    longest_wait : float
        Longest pause before an attempt, seconds. A ``Retry-After`` beyond it is a failure.
    requests_per_minute : float, optional
        Rate limit; the provider's usual one by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    base_url: str | None = None
    timeout: float = Field(default=30.0, gt=0, le=3600)
    deadline: float = Field(default=120.0, gt=0, le=86_400)
    megabytes: float = Field(default=16.0, gt=0, le=1_000)
    fetch_deadline: float = Field(default=21_600.0, gt=0, le=604_800)
    fetch_megabytes: float = Field(default=1_000.0, gt=0, le=100_000)
    fetch_pages: int = Field(default=1_000, ge=1, le=1_000_000)
    attempts: int = Field(default=5, ge=1, le=100)
    backoff: float = Field(default=1.0, ge=0, le=600)
    longest_wait: float = Field(default=60.0, ge=0, le=86_400)
    requests_per_minute: float | None = Field(default=None, ge=0.01, le=1_000_000)

    @field_validator("base_url")
    @classmethod
    def _base_url_is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        plain = value.isascii() and value.isprintable() and " " not in value
        if parts.scheme not in ("http", "https") or not host or not plain or "@" in parts.netloc:
            raise Refusal("", repr(value), "an address such as https://api.example.com")
        return value


class FetchLimits:
    """Enforces the limits of one fetch.

    Parameters
    ----------
    options : NetworkOptions
        The limits.

    Notes
    -----
    Pages and bytes are counted per symbol, time over the whole fetch. After three consecutive
    failures (a limit exceeded or no answer) the fetch sends no further requests, so a broken
    server cannot delay the remaining symbols one by one.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self._ends = time.monotonic() + options.fetch_deadline
        self._failures = 0
        self.begin(1)

    def begin(self, symbol_count: int) -> None:
        """Restart the counts for a request that covers this many symbols."""
        self._pages = 0
        self._bytes = 0
        self._most_pages = self._options.fetch_pages * symbol_count
        self._most_bytes = self._options.fetch_megabytes * symbol_count * _MEGABYTE

    def page(self) -> None:
        """Count a page before it is requested.

        Raises
        ------
        LimitReached
            If the number of pages or the duration of the fetch exceeds its limit.
        """
        self.check()
        self._pages += 1
        if self._pages > self._most_pages:
            self.failed()
            raise self._reached(f"more than {self._most_pages:,} pages", "fetch_pages")

    def check(self) -> None:
        """Raise `LimitReached` after the deadline of the fetch or three consecutive failures."""
        if self._failures >= _PATIENCE:
            raise LimitReached(
                f"not asked, since the server failed {_PATIENCE} times in a row before"
            )
        if time.monotonic() > self._ends:
            allowed = f"{self._options.fetch_deadline:g} s in all"
            raise self._reached(f"no end within {allowed}", "fetch_deadline")

    def received(self, size: int) -> None:
        """Count the decompressed bytes of an answer.

        Raises
        ------
        LimitReached
            If the total size exceeds its limit.
        """
        self._bytes += size
        if self._bytes > self._most_bytes:
            found = f"more than {self._most_bytes / _MEGABYTE:,.3g} MB in all"
            raise self._reached(found, "fetch_megabytes")

    def failed(self) -> None:
        """Count a failure of the server: no answer, or a limit exceeded."""
        self._failures += 1

    def succeeded(self) -> None:
        """Reset the count of consecutive failures after a symbol was fetched completely."""
        self._failures = 0

    @staticmethod
    def _reached(found: str, option: str) -> LimitReached:
        return LimitReached(f"{found} (options.{option})")


def with_retries(
    call: Callable[[], Answer],
    options: NetworkOptions,
    limiter: RateLimiter,
    limits: FetchLimits,
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
    limits : FetchLimits
        Ends the attempts where the fetch has no time left.

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
        limits.check()
        limiter.wait()
        try:
            return call()
        except LimitReached:
            limits.failed()
            raise
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
        if error.status is None:
            limits.failed()
        tries = "attempt" if options.attempts == 1 else "attempts"
        reason = f"{error.reason} after {options.attempts} {tries}"
        raise Failure(reason, error.status) from None


def check_status(status: int, retry_after: str | None, text: str, keys: Sequence[str]) -> None:
    """Raise `Failure` or `Transient` for an HTTP status that is not a success.

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
        # Following a redirect could send a key to another host.
        raise Failure(f"status {status}, a redirection, allowed an answer", status)
    reason = f"status {status}{_message_in(text, keys)}"
    if status in _RETRIED:
        raise Transient(reason, status, asked_pause(retry_after))
    raise Failure(reason, status)


def check_address(provider: str, base_url: str | None, own: Sequence[str]) -> None:
    """Refuse to send a key to a host that is neither the provider's nor named in the environment.

    Parameters
    ----------
    provider : str
        Its name.
    base_url : str, optional
        The address that the options give; the provider's own by default.
    own : sequence of str
        The provider's hosts; only over HTTPS.

    Raises
    ------
    MarketDataError
        Names the address and the environment variable that would allow it.
    """
    if base_url is None:
        return
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    allowed = os.environ.get(KEY_HOSTS, "").replace(",", " ").lower().split()
    if (host in own and parts.scheme == "https") or {host, f"{host}:{parts.port}"} & set(allowed):
        return
    raise MarketDataError(
        f"{provider}: options.base_url",
        base_url,
        f"https://{own[0]}, or a host that the environment variable {KEY_HOSTS} names: a key is "
        "sent nowhere else",
    )


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
    raise MarketDataError(provider, "no key in the environment", f"one in {' or '.join(names)}")


def fetch_error(
    provider: str, symbol: str, timeframe: str, start: datetime, end: datetime, reason: str
) -> FetchError:
    """Return an error that names provider, symbol, range and reason."""
    return FetchError(
        "", f"{provider} {symbol} {timeframe}, {start:%Y-%m-%d} to {end:%Y-%m-%d}: {reason}"
    )


def quoted(text: object, keys: Sequence[str]) -> str:
    """Quote text of a server: keys removed, control characters escaped, shortened."""
    shown = masked(str(text)[:_LOOKED_AT], keys)
    return repr(shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…")


def _message_in(text: str, keys: Sequence[str]) -> str:
    """Quote the JSON ``message`` or ``error`` of an error body; HTML pages are not quoted."""
    # Keys are removed before shortening, which could otherwise leave part of a key.
    text = masked(text[:_LOOKED_AT], keys)
    found = re.search(r'"(?:message|error|description)"\s*:\s*"((?:[^"\\]|\\.)+)"', text)
    if found is None:
        return " (an HTML page)" if "<html" in text[:2000].lower() else ""
    try:
        message = json.loads(f'"{found[1]}"', strict=False)
    except ValueError:
        message = found[1]
    return f", {quoted(message, keys)}"


def asked_pause(header: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, in seconds or as a date.

    Parameters
    ----------
    header : str, optional
        Its value.

    Returns
    -------
    float or None
        Seconds from now, at least 0; None where there is none that can be read.

    Examples
    --------
    >>> asked_pause("2"), asked_pause("nan"), asked_pause(None)
    (2.0, None, None)
    """
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
