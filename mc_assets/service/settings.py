"""How much a service gives to whom."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refusal

__all__ = ["ServiceSettings"]


@dataclass(frozen=True)
class ServiceSettings:
    """Limits of a service.

    Parameters
    ----------
    requests_per_second : float
        Requests of one key that are answered each second, in the long run; twice as many at once.
    concurrent : int
        Requests of one key that are answered at the same time.
    jobs_of_key : int
        Jobs of one key that wait or run at the same time.
    slots : int
        Jobs of all that run at the same time; the others wait.
    body_bytes : int
        Longest body of a request.
    seconds : float
        Longest time until an answer; the body has half of it to arrive.
    stream_seconds : float
        Longest time that events of a job are sent on one connection; its reader resumes.
    simulations : int
        Most simulations that one job may ask for.
    uploads : bool
        Whether an admin may put study files and strategies into the project.
    origins : tuple of str
        Origins whose pages a browser lets ask (CORS); none by default.

    Raises
    ------
    Refusal
        If a limit is not above 0.

    Examples
    --------
    >>> ServiceSettings(slots=0)
    Traceback (most recent call last):
    ...
    engine.errors.Refusal: slots: found 0, allowed above 0
    """

    requests_per_second: float = 500.0
    concurrent: int = 256
    jobs_of_key: int = 8
    slots: int = 2
    body_bytes: int = 1_000_000
    seconds: float = 60.0
    stream_seconds: float = 3600.0
    simulations: int = 100_000_000
    uploads: bool = False
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            *("requests_per_second", "concurrent", "jobs_of_key", "slots", "body_bytes"),
            *("seconds", "stream_seconds", "simulations"),
        ):
            if not getattr(self, name) > 0:
                raise Refusal(name, str(getattr(self, name)), "above 0")
