"""Notices of what went wrong while nobody looked: by mail and webhook, where that is set up.

No address of a webhook and no password is in a setting, a log or an error: they come from the
environment.
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Final

from mc_assets.automation.settings import EmailSettings, NotifySettings

__all__ = ["SMTP_PASSWORD", "WEBHOOK_URL", "Notice", "send_notice"]

#: Environment variable with the address that webhooks are posted to.
WEBHOOK_URL: Final = "MC_WEBHOOK_URL"
#: Environment variable with the password of the mail server's user.
SMTP_PASSWORD: Final = "MC_SMTP_PASSWORD"
_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Notice:
    """What is told.

    Parameters
    ----------
    subject : str
        In a few words.
    text : str
        In a sentence or more.
    run : str
        Identity of the Dagster run; empty where there is none.
    """

    subject: str
    text: str
    run: str = ""


def send_notice(notice: Notice, settings: NotifySettings) -> list[str]:
    """Send a notice wherever the settings say.

    Parameters
    ----------
    notice : Notice
        What is told.
    settings : NotifySettings
        Who is told.

    Returns
    -------
    list of str
        What kept a notice from being sent, a sentence each, without secrets; nothing is raised,
        since whoever sends it has something else to do.

    Examples
    --------
    >>> send_notice(Notice("failed", "bars of X@1d failed"), NotifySettings())
    []
    >>> send_notice(Notice("failed", "bars of X@1d failed"), NotifySettings(webhook=True))
    ['webhook: found no MC_WEBHOOK_URL in the environment, allowed an address http(s)://…']
    """
    problems = []
    if settings.webhook:
        problems.append(_post(notice))
    if settings.email is not None:
        problems.append(_mail(notice, settings.email))
    return [problem for problem in problems if problem]


def _post(notice: Notice) -> str:
    address = os.environ.get(WEBHOOK_URL, "").strip()
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        found = "another one" if address else f"no {WEBHOOK_URL} in the environment"
        return f"webhook: found {found}, allowed an address http(s)://…"
    # `text` is what chat programs show.
    content = asdict(notice) | {"text": f"{notice.subject}: {notice.text}"}
    try:
        request = urllib.request.Request(
            address,
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "mc-lab"},
        )
        with urllib.request.urlopen(request, timeout=_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"webhook: the server answered {error.code}"
    except (OSError, ValueError) as error:
        return f"webhook: it could not be posted ({type(error).__name__})"


def _mail(notice: Notice, settings: EmailSettings) -> str:
    message = EmailMessage()
    message["Subject"] = " ".join(f"mc-lab: {notice.subject}".split())
    message["From"], message["To"] = settings.sender, ", ".join(settings.to)
    run = f"\n\nRun {notice.run} in `mc ui`." if notice.run else ""
    message.set_content(f"{notice.text}{run}\n")
    context = ssl.create_default_context()
    try:
        server: smtplib.SMTP
        if settings.tls == "tls":
            server = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=_SECONDS)
        with server:
            if settings.tls == "starttls":
                server.starttls(context=context)
            if settings.user is not None:
                server.login(settings.user, os.environ.get(SMTP_PASSWORD, ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return f"mail: {settings.host}:{settings.port} did not take it ({type(error).__name__})"
    return ""
