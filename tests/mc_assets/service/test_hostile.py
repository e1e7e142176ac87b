"""What is sent to do harm does none: no path is opened, no code runs, nothing is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mc_assets.project import Project
from mc_assets.service.settings import ServiceSettings
from tests.mc_assets.service.conftest import STUDY, client_of
from tests.mc_assets.service.test_jobs import DEFINITION

PATHS = [
    *("../quick", "..%2fquick", "%2e%2e/quick", "/etc/passwd", "....//etc/passwd", "quick.yaml"),
    *("C:\\windows", "quick%00", "quick\n", "~root", "$(id)", "`id`", "{{7*7}}", "'; DROP TABLE x"),
    *("quick/../../quick", "\u202equick", "quick%0d%0aX-Injected: 1", "a" * 5_000),
]
FIELDS: dict[str, Any] = {
    "strategy.file": "../evil.py",
    "source.file": "/tmp/evil.py",
    "source.columns": "/etc/passwd.csv",
    "strategy.name": "../evil",
    "source.model": "os.system",
    "seeds": "../../etc/passwd",
    "name": "../../evil",
    "storage": "csv",
    "ticks": {"path": "/etc/passwd"},
    "options": {"chain": {"file": "/etc/passwd"}},
}


def content(folder: Path) -> dict[str, str]:
    """Every file with its hash, but what a question publishes and a service locks."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not {"warehouse", ".verified.jsonl", "service", "empty_tables"} & {*path.parts}
    }


@pytest.fixture
def untouched(project: Project) -> Callable[[], bool]:
    before = content(project.root)
    return lambda: content(project.root) == before


@pytest.mark.parametrize("name", PATHS)
def test_a_name_is_never_a_path(
    client: TestClient, untouched: Callable[[], bool], name: str
) -> None:
    quoted = name.replace("\n", "%0A").replace("/", "%2F")
    for url in (
        f"/v1/studies/{quoted}",
        f"/v1/studies/{quoted}/trades",
        f"/v1/studies/quick/pictures/{quoted}",
        f"/v1/jobs/{quoted}",
        f"/v1/jobs/{quoted}/result",
        f"/v1/backtests/{quoted}",
        f"/v1/data/series/{quoted}/bars",
    ):
        answer = client.get(url)
        assert answer.status_code in (404, 422), (url, answer.status_code, answer.text)
        assert "X-Injected" not in answer.headers
        assert "root:" not in answer.text
    for params in ({"study": name}, {"study": "quick", "baseline": name}):
        answer = client.get("/v1/analysis/comparison", params=params)
        assert answer.status_code in (404, 422)
    assert client.delete(f"/v1/backtests/{quoted}").status_code in (404, 422)
    assert untouched()


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_stated_study_reaches_no_file_and_no_code(
    client: TestClient, untouched: Callable[[], bool], field: str
) -> None:
    stated = json.loads(json.dumps(DEFINITION))
    *folders, last = field.split(".")
    place = stated
    for folder in folders:
        place = place[folder]
    place[last] = FIELDS[field]
    answer = client.post("/v1/monte-carlo", json={"definition": stated})
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"].startswith(field.partition(".")[0])
    assert "root:" not in answer.text
    changed = {"study": "quick", "changes": {field: FIELDS[field]}}
    assert client.post("/v1/monte-carlo", json=changed).status_code == 422
    assert untouched()


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['id']",
        "!!python/name:os.system",
        "&a [*a]",
        "__import__('os').system('id')",
    ],
)
def test_no_tag_of_yaml_and_no_expression_is_run(
    client: TestClient, untouched: Callable[[], bool], value: str
) -> None:
    for body in (
        {"study": "quick", "changes": {"strategy.fast": value}},
        {"study": "quick", "changes": {"constraint": value}},
        {"definition": DEFINITION | {"constraint": [value]}},
        {"study": "quick", "changes": {f"strategy.fast={value}": 1}},
        {"definition": DEFINITION | {"source": value}},
    ):
        answer = client.post("/v1/monte-carlo", json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert untouched()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 50_000,
        b'{"study": "quick", "study": "dearer", "x": 1}',
        b'{"study": ' + b"9" * 5_000 + b"}",
        b'{"study": NaN}',
        b'{"definition": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    ],
)
def test_a_body_that_is_none_is_refused(client: TestClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/monte-carlo", content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.status_code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


def test_uploads_are_off_and_then_an_admins_alone(
    new_home: Callable[[str], Project],
) -> None:
    project = new_home(STUDY)
    text = STUDY.replace("quick", "uploaded")
    for key, settings, status in (
        ("admin", ServiceSettings(), 403),
        ("run", ServiceSettings(uploads=True), 403),
        ("admin", ServiceSettings(uploads=True), 201),
    ):
        client = client_of(project, key, settings)
        put = client.put(
            "/v1/studies/uploaded/file",
            content=text,
            headers={"Content-Type": "application/yaml"},
        )
        assert put.status_code == status, put.text
        assert (project.studies / "uploaded.yaml").exists() is (status == 201)
    client = client_of(project, "admin", ServiceSettings(uploads=True))
    for name, body in (
        ("other", text),
        ("tagged", "name: tagged\nsource: !!python/name:os.system\n"),
        ("..%2fevil", text),
    ):
        refused = client.put(
            f"/v1/studies/{name}/file", content=body, headers={"Content-Type": "application/yaml"}
        )
        assert refused.status_code in (404, 422), name
    code = {"Content-Type": "text/x-python"}
    strategy = client.put("/v1/strategies/mine", content="import engine as mc\n", headers=code)
    assert strategy.json() == {"file": "strategies/mine.py"}
    assert client.put("/v1/strategies/mine", content="def (", headers=code).status_code == 422
    assert client.put("/v1/strategies/..%2fevil", content="x=1", headers=code).status_code in (
        404,
        422,
    )
    assert sorted(path.name for path in project.studies.iterdir()) == ["own.yaml", "uploaded.yaml"]
