"""A server of S3 on loopback, for tests."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["new_bucket", "serving_buckets"]


@contextmanager
def serving_buckets() -> Iterator[str]:
    """Serve buckets, one request after the other; the environment says where, and who asks.

    S3 decides a conditional put in one step; moto looks first and puts then.
    """
    pytest.importorskip("moto")
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    application = DomainDispatcherApplication(create_backend_app)
    served = make_server("127.0.0.1", 0, application, request_handler=Quiet)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        url = f"http://127.0.0.1:{served.server_port}"
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield url
    served.shutdown()
    served.server_close()


def new_bucket(server: str, name: str) -> str:
    """Make a bucket; return the address of a data root in it."""
    urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT")).close()
    return f"s3://{name}/data"
