"""Notices reach a web server and a mail server, and say no secret when they fail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mc_assets.automation.notices import SMTP_PASSWORD, WEBHOOK_URL, Notice, send_notice
from mc_assets.automation.settings import EmailSettings, NotifySettings

NOTICE = Notice("recalibrate failed", "calibrations: found no bars, allowed some", "0123-4567")
HOOK = NotifySettings(webhook=True)


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def web_server(status: int = 200) -> Iterator[tuple[int, list[Any]]]:
    posted: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            posted.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(HTTPServer(("127.0.0.1", 0), Hook)) as port:
        yield port, posted


class _MailServer(socketserver.TCPServer):
    allow_reuse_address = True
    mails: list[str]


class _Mail(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client asks for."""

    def handle(self) -> None:
        assert isinstance(self.server, _MailServer)
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self._say("354 go on")
                text = ""
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    text += part
                self.server.mails.append(text)
            self._say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def test_a_webhook_gets_subject_text_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as (port, posted):
        monkeypatch.setenv(WEBHOOK_URL, f"http://127.0.0.1:{port}/hooks/secret")
        assert send_notice(NOTICE, HOOK) == []
    ((path, content),) = posted
    assert path == "/hooks/secret"
    assert content == {
        "subject": NOTICE.subject,
        "text": f"{NOTICE.subject}: {NOTICE.text}",
        "run": NOTICE.run,
    }


def test_a_mail_server_gets_a_mail() -> None:
    server = _MailServer(("127.0.0.1", 0), _Mail)
    server.mails = []
    with _serving(server) as port:
        settings = EmailSettings(
            host="127.0.0.1",
            port=port,
            sender="lab@example.org",
            to=("quant@example.org",),
            tls="none",
        )
        assert send_notice(NOTICE, NotifySettings(email=settings)) == []
    (mail,) = server.mails
    assert "Subject: mc-lab: recalibrate failed\r\n" in mail
    assert "To: quant@example.org\r\n" in mail
    assert "calibrations: found no bars, allowed some" in mail
    assert "Run 0123-4567 in `mc ui`." in mail


def test_what_keeps_a_notice_from_being_sent_is_said_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "s3cr3t"
    monkeypatch.setenv(SMTP_PASSWORD, secret)
    with web_server(500) as (port, _):
        monkeypatch.setenv(WEBHOOK_URL, f"http://127.0.0.1:{port}/{secret}")
        (refused,) = send_notice(NOTICE, HOOK)
    assert refused == "webhook: the server answered 500"
    mail = EmailSettings(host="127.0.0.1", port=port, sender="a@b.c", to=("d@e.f",), user="me")
    (gone, unsent) = send_notice(NOTICE, NotifySettings(webhook=True, email=mail))
    assert gone == "webhook: it could not be posted (URLError)"
    assert unsent.startswith(f"mail: 127.0.0.1:{port} did not take it")
    monkeypatch.setenv(WEBHOOK_URL, f"ftp://{secret}")
    (wrong,) = send_notice(NOTICE, HOOK)
    assert secret not in f"{refused}{gone}{unsent}{wrong}"
