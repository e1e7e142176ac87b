"""Reports as pages that a browser opens: `mc ui` serves the folder of reports beside Dagster.

A page of one server may not link to a file of the disk; so reports have an address of their own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

__all__ = ["REPORTS_PORT", "report_address", "serving_reports"]

#: Environment variable by which `mc ui` tells its runs where it serves reports.
REPORTS_PORT: Final = "MC_REPORTS_PORT"
# Beside the port of `mc ui` that nobody changed.
_USUAL: Final = 3080
_PORTS: Final = 20
_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


def report_address(page: str) -> str:
    """Return the address of a report, given its path in the folder of reports.

    Examples
    --------
    >>> report_address("a study.html")  # doctest: +ELLIPSIS
    'http://127.0.0.1:.../a%20study.html'
    """
    port = os.environ.get(REPORTS_PORT, "") or str(_USUAL)
    return f"http://127.0.0.1:{port}/{quote(page)}"


@contextmanager
def serving_reports(folder: Path) -> Iterator[int]:
    """Serve the folder of reports on this machine alone while the block runs.

    Parameters
    ----------
    folder : Path
        The folder; it need not exist yet.

    Yields
    ------
    int
        The port: the usual one, or the next that is free.

    Raises
    ------
    OSError
        If none of twenty ports is free.
    """
    server = _server(partial(_Pages, directory=os.fspath(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server(handler: Any) -> ThreadingHTTPServer:
    for port in range(_USUAL, _USUAL + _PORTS - 1):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class _Pages(SimpleHTTPRequestHandler):
    """Files of the folder, to pages of this machine alone."""

    def do_GET(self) -> None:
        """Answer with a file, unless another site's name leads here."""
        name = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host", "")
        if name not in _OWN_NAMES:
            self.send_error(403)
            return
        super().do_GET()

    def end_headers(self) -> None:
        """Let a browser ask each time: a report is drawn anew under the same name."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal."""
