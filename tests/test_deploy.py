"""The files of `deploy/` fit each other, and nothing listens beyond the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema


def _read(project: Path, *names: str) -> Any:
    texts = [(project / "deploy" / name).read_text(encoding="utf-8") for name in names]
    return yaml.safe_load("\n".join(texts))


@pytest.mark.parametrize("launcher", [None, "dagster-celery.yaml", "dagster-kubernetes.yaml"])
def test_dagster_accepts_its_settings(project: Path, launcher: str | None) -> None:
    settings = _read(project, "dagster.yaml", *([launcher] if launcher else []))
    storage = settings.pop("storage")
    assert storage == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    found = process_config(resolve_to_config_type(dagster_instance_config_schema()), settings)
    assert found.success, [error.message for error in found.errors or []]
    assert ("run_launcher" in settings) == (launcher is not None)


def test_services_begin_when_what_they_need_is_there(project: Path) -> None:
    compose = _read(project, "compose.yaml")
    services = compose["services"]
    assert set(services) == {"postgres", "code", "webserver", "daemon"}
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            named = source in compose["volumes"] or source.startswith("${")
            assert named or (project / "deploy" / source).is_file(), source
    # The code location answers where the workspace looks for it.
    (location,) = _read(project, "workspace.yaml")["load_from"]
    server = location["grpc_server"]
    assert server["host"] in services
    assert str(server["port"]) in services[server["host"]]["entrypoint"]


def test_the_ui_listens_on_this_machine_alone_and_no_password_is_written(project: Path) -> None:
    compose = _read(project, "compose.yaml")
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]
    proxied = (project / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert "basic_auth" in proxied
    assert "reverse_proxy 127.0.0.1:3000" in proxied
    password = compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${POSTGRES_PASSWORD:?")
