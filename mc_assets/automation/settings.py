"""Settings of what runs by itself: ``automation.yaml`` beside the series file, all optional."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import Refusal
from engine.yaml_text import YamlError, read_yaml_file
from mc_assets.project import Project
from mc_assets.providers.errors import MarketDataError, first_error, shown

__all__ = [
    "AutomationSettings",
    "CheckSettings",
    "EmailSettings",
    "FreshnessSettings",
    "NightlySettings",
    "NotifySettings",
    "load_automation",
]

#: Name of the file.
_FILE: Final = "automation.yaml"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NightlySettings(_Settings):
    """When nights begin and how long they wait.

    Parameters
    ----------
    delay_minutes : int
        Minutes after a session's close at which its bars are asked for.
    retry_minutes : int
        Minutes between two requests of bars that are late.
    give_up_hours : float
        Hours after its first request at which a night goes on without the series that are late.
    catch_up_sessions : int
        Missed sessions that are made up for, the newest ones.
    saturday : datetime.time or None
        Time of day on Saturdays, in the time zone of the first series' exchange, at which every
        model is calibrated on all bars, fetched anew; None for never.
    """

    delay_minutes: int = Field(default=30, ge=0, le=1_440)
    retry_minutes: int = Field(default=15, ge=1, le=1_440)
    give_up_hours: float = Field(default=20.0, ge=0.0, le=240.0)
    catch_up_sessions: int = Field(default=60, ge=1, le=1_000)
    saturday: datetime.time | None = datetime.time(10)


class CheckSettings(_Settings):
    """From where on the checks of assets warn.

    Parameters
    ----------
    realism_score : float
        Least share of a history's statistics that a model's paths are to reproduce.
    failed_share : float
        Largest share of a study's simulations that may fail before it is warned of.
    failed_calibrations : int
        Models of a run that may fail to calibrate before it is warned of.
    """

    realism_score: float = Field(default=0.75, ge=0.0, le=1.0)
    failed_share: float = Field(default=0.0, ge=0.0, le=1.0)
    failed_calibrations: int = Field(default=0, ge=0)


class FreshnessSettings(_Settings):
    """Hours after which an asset counts as late, for assets that a night makes.

    Parameters
    ----------
    warn_hours : float
        It is about to be late.
    fail_hours : float
        It is late. The default leaves a weekend with a holiday on either side.
    """

    warn_hours: float = Field(default=80.0, gt=0.0, le=10_000.0)
    fail_hours: float = Field(default=128.0, gt=0.0, le=10_000.0)


class EmailSettings(_Settings):
    """Where failures are mailed to.

    Parameters
    ----------
    host, port : str, int
        The mail server.
    sender, to : str, list of str
        Addresses.
    tls : {"starttls", "tls", "none"}
        How the connection is encrypted.
    user : str, optional
        Who logs in, with the password in ``MC_SMTP_PASSWORD``.
    """

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=587, ge=1, le=65_535)
    sender: str = Field(min_length=3, max_length=320, pattern=r"^[^\s@]+@[^\s@]+$")
    to: tuple[str, ...] = Field(min_length=1, max_length=100)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = Field(default=None, min_length=1, max_length=320)


class NotifySettings(_Settings):
    """Who is told of failures and late feeds, beside the log.

    Parameters
    ----------
    email : EmailSettings, optional
        Mail.
    webhook : bool
        Post JSON to the address in ``MC_WEBHOOK_URL``, which is a secret.
    """

    email: EmailSettings | None = None
    webhook: bool = False


class AutomationSettings(_Settings):
    """All of ``automation.yaml``.

    Examples
    --------
    >>> AutomationSettings().nightly.delay_minutes
    30
    """

    nightly: NightlySettings = NightlySettings()
    checks: CheckSettings = CheckSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    notify: NotifySettings = NotifySettings()


def load_automation(project: Project) -> AutomationSettings:
    """Read ``automation.yaml`` beside the series file; without one all settings are the defaults.

    Raises
    ------
    MarketDataError
        One sentence naming the file, the field, what was found and what is allowed.
    """
    path = project.series.parent / _FILE
    if not path.is_file():
        return AutomationSettings()
    try:
        document = read_yaml_file(path)
    except YamlError as error:
        line = f" line {error.line}" if error.line is not None else ""
        raise MarketDataError(f"{_FILE}{line}", error.problem, "YAML: a mapping") from None
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise MarketDataError(str(path), found, "one that can") from None
    if document is None:
        return AutomationSettings()
    if not isinstance(document, dict):
        raise MarketDataError(_FILE, shown(document), "a mapping")
    try:
        settings = AutomationSettings.model_validate(document)
    except ValidationError as error:
        raise MarketDataError("", first_error(error, _FILE, AutomationSettings)) from None
    fresh = settings.freshness
    if fresh.warn_hours > fresh.fail_hours:
        found, allowed = f"{fresh.warn_hours:g}", f"up to fail_hours, {fresh.fail_hours:g}"
        raise Refusal("freshness.warn_hours", found, allowed, file=Path(_FILE))
    return settings
