"""The page in a browser: a person follows a study there and finds what a path did."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import uvicorn
from fastapi.testclient import TestClient

from engine.paper import COMPARISON_SCHEMA, PaperComparison
from mc_assets.paper.comparison_files import keep_comparison
from mc_assets.project import Project
from mc_assets.service.app import make_app
from tests.mc_assets.service.conftest import keyring
from tests.mc_assets.service.test_jobs import DEFINITION

PAGE = Path(__file__).parents[3] / "mc_assets" / "service" / "page"


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """A server on loopback."""
    config = uvicorn.Config(
        make_app(project, None, keyring(project)),
        **{"host": "127.0.0.1", "port": 0, "ws": "none", "lifespan": "off"},
        **{"log_level": "warning", "access_log": False},
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def opened(page: Any, address: str) -> Iterator[Any]:
    """The page with a key, on its list of studies; its scripts fail nowhere and ask nobody else."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if address not in asked.url else None)
    page.goto(f"{address}/#key=run")
    page.get_by_role("heading", name="Studies").wait_for()
    assert "key=" not in page.url
    yield page
    page.wait_for_timeout(100)
    assert [one for one in wrong if not one.startswith("data:")] == []


def test_the_page_is_served_whole_and_without_a_key(client: TestClient) -> None:
    page = client.get("/", headers={"X-API-Key": ""})
    assert page.status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    names = {path.name for path in PAGE.iterdir()}
    for name in names - {"index.html"}:
        part = client.get(f"/page/{name}", headers={"X-API-Key": ""})
        assert part.text == (PAGE / name).read_text(encoding="utf-8")
        known = client.get(f"/page/{name}", headers={"If-None-Match": part.headers["ETag"]})
        assert known.status_code == 304
    assert "Plotly" in client.get("/page/plotly.js").text
    for name in ("..%2fapp.py", "nothing.js", "%2e%2e/%2e%2e/etc/passwd"):
        assert client.get(f"/page/{name}").status_code == 404


def test_the_page_asks_nothing_of_the_world() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), path.name
        assert not re.search(r"\bon[a-z]+=\"|innerHTML|eval\(", text), path.name
        for module in re.findall(r'from "(/page/[^"]+)"', text):
            assert (PAGE / module.removeprefix("/page/")).is_file(), module


@pytest.mark.browser
def test_sets_are_sorted_filtered_and_opened_down_to_a_trade(opened: Any) -> None:
    opened.get_by_role("link", name="quick").click()
    table = opened.get_by_role("table", name="parameter sets")
    table.wait_for(timeout=30_000)
    rows = table.locator("tbody tr")
    assert rows.count() == 2
    assert re.search(r"-?[\d,.]+ to [\d,.]+", rows.first.inner_text())
    table.get_by_role("button", name="set", exact=True).click()
    first = rows.first.locator("td").first.inner_text()
    table.get_by_role("button", name="set", exact=True).click()
    assert {first, rows.first.locator("td").first.inner_text()} == {"0", "1"}
    assert table.locator("th[aria-sort=ascending]").inner_text() == "set"
    opened.get_by_label("Filter parameter sets").fill("fast=5")
    assert rows.count() == 1
    opened.locator(".picture .main-svg").first.wait_for(timeout=30_000)
    rows.first.click()
    simulations = opened.get_by_role("table", name="simulations")
    simulations.wait_for(timeout=30_000)
    assert simulations.locator("tbody tr").count() == 20
    opened.get_by_label("Filter simulations").fill("trades>=1")
    simulations.locator("tbody tr").first.press("Enter")
    trades = opened.get_by_role("table", name="trades")
    trades.wait_for(timeout=90_000)
    assert trades.locator("tbody tr").count() >= 1
    opened.locator(".picture .main-svg").first.wait_for(timeout=30_000)


@pytest.mark.slow
@pytest.mark.browser
def test_a_run_is_followed_from_its_beginning_to_its_statistics(
    opened: Any, client: TestClient
) -> None:
    asked = DEFINITION | {"name": "watched", "seeds": 60_000}
    job = client.post("/v1/monte-carlo", json={"definition": asked}).json()
    opened.get_by_role("link", name="Jobs").click()
    row = opened.locator("tbody tr", has_text="watched")
    row.wait_for(timeout=30_000)
    opened.goto(opened.url.partition("#")[0] + "#/study/watched")
    opened.locator(".word", has_text="finished").wait_for(timeout=180_000)
    # What it told on the way was partial; at the end it is not.
    opened.get_by_text("All simulations have run").wait_for(timeout=60_000)
    assert client.get(f"/v1/jobs/{job['id']}").json()["done"] == 120_000


@pytest.mark.slow
@pytest.mark.browser
def test_it_is_used_by_the_keyboard_alone_on_a_phone_and_in_the_dark(opened: Any) -> None:
    opened.keyboard.press("3")
    opened.get_by_role("heading", name="Compare").wait_for()
    opened.get_by_role("table", name="differences").wait_for(timeout=30_000)
    opened.keyboard.press("5")
    opened.get_by_role("heading", name="Trial ledger").wait_for()
    opened.keyboard.press("1")
    opened.locator("tbody tr").first.wait_for()
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    opened.get_by_role("heading", name="quick").wait_for(timeout=30_000)
    opened.keyboard.press("/")
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.get_by_role("table", name="parameter sets").wait_for(timeout=30_000)
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 29)"
    contrast = opened.evaluate(
        """() => { const s = getComputedStyle(document.body);
        const l = (c) => { const v = c.match(/\\d+/g).map(Number).map((x) => { x /= 255;
          return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
          return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const [a, b] = [l(s.color), l(s.backgroundColor)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05); }"""
    )
    assert contrast > 7


@pytest.mark.browser
def test_paper_is_told_beside_what_its_study_assumes_on_a_phone_too(
    opened: Any, project: Project
) -> None:
    names = list(COMPARISON_SCHEMA)
    for bar, off in ((0, None), (9, 1.5), (20, 6.0)):
        error = None if off is None else 0.5
        rows = [
            ("held-0123456789abcdef", "slippage_bps", 4.0, error, 3.0, 5.0, bar, 1.0, off),
            ("held-0123456789abcdef", "net_pnl_difference", -9.0, None, None, None, 21, 0.0, None),
        ]
        table = pl.DataFrame(rows, schema=dict(COMPARISON_SCHEMA), orient="row").select(names)
        keep_comparison(project.data, PaperComparison(table), bar)
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.keyboard.press("6")
    sessions = opened.get_by_role("table", name="paper sessions")
    sessions.locator("tbody tr").first.wait_for(timeout=30_000)
    told = sessions.locator("tbody tr").all_inner_texts()
    assert [("drifted" in row, "set 01234567" in row) for row in told] == [
        (True, True),
        (False, True),
    ]
    # What has drifted is drawn, inside its frame.
    opened.get_by_role("heading", name="slippage, basis points after each bar").wait_for()
    opened.locator(".picture .main-svg").first.wait_for(timeout=30_000)
    drawn = opened.locator(".picture .main-svg").first.bounding_box()
    frame = opened.locator(".picture").bounding_box()
    assert drawn["y"] + drawn["height"] <= frame["y"] + frame["height"]
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The sixth view is named where a phone has room for four.
    inside = (
        "(() => { const at = document.querySelector('[data-view=paper]').getBoundingClientRect();"
    )
    assert opened.evaluate(inside + " return at.left >= 0 && at.right <= innerWidth; })()")


@pytest.mark.browser
def test_what_takes_a_moment_is_seen_to_be_on_its_way(opened: Any, address: str) -> None:
    line = "getComputedStyle(document.querySelector('header'), '::after').content"
    opened.wait_for_function(f"{line} === 'none'")
    held: list[Any] = []
    opened.route("**/v1/ledger**", lambda route: held.append(route))
    opened.keyboard.press("5")
    opened.wait_for_function(f"{line} !== 'none'")
    while not held:
        opened.wait_for_timeout(20)
    held[0].continue_()
    opened.get_by_role("table", name="trials").locator("tbody tr").first.wait_for()
    opened.wait_for_function(f"{line} === 'none'")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", opened.locator("tbody").inner_text())


@pytest.mark.slow
@pytest.mark.browser
def test_without_a_key_the_page_asks_for_one(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("textbox", name="Key").fill("read")
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("link", name="quick").wait_for(timeout=30_000)
    assert json.loads(page.evaluate("JSON.stringify(Object.keys(localStorage))")) == []
