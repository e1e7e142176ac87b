"""A person's way through the Dagster UI, in a real browser; it draws the README's screenshots.

`python -m tests.mc_assets.tour.ui_tour docs/images` draws them anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
SERIES = """series:
  - {{symbols: [SP500], timeframe: 1d, provider: csv, start: 2014-01-01, models: [gbm],
     options: {{path: "{folder}/{{symbol}}.csv"}}}}
"""
CROSSOVER = """name: crossover
description: How a moving-average crossover fares on prices without a trend to follow.
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, s0: 100, steps: 252}
strategy: {name: sma_crossover, parameters: {fast: [5, 10, 20], slow: [50, 100]}}
seeds: 400
record: {equity: 50}
"""
BROKEN = """name: broken
description: A study of a series that nobody has.
source: {model: bootstrap, symbol: NOWHERE, steps: 20}
strategy: {name: buy_and_hold}
seeds: 10
"""
_TWO_MINUTES = 120_000
_GROUPS = (
    "market_data",
    "calibrate",
    "simulate",
    "analyse",
    "publish",
    "learn",
    "trade",
    "studies",
)


@contextmanager
def open_ui(folder: Path) -> Iterator[tuple[str, str]]:
    """Run `mc ui` on a project in a folder; yield the addresses of Dagster and of the reports."""
    (folder / "studies").mkdir()
    (folder / "studies" / "crossover.yaml").write_text(CROSSOVER)
    (folder / "studies" / "broken.yaml").write_text(BROKEN)
    (folder / "series.yaml").write_text(SERIES.format(folder=PROJECT / "data" / "sample"))
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {f"MC_{name}": str(folder / place) for name, place in places.items()}
    environment["MC_HOME"] = str(folder)
    mc = [str(Path(sys.executable).parent / "mc")]
    subprocess.run([*mc, "ingest"], env=environment, check=True, capture_output=True)
    process = subprocess.Popen(
        [*mc, "ui", "--port", "3300"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: dict[str, str] = {}
    try:
        for line in process.stdout:
            name, _, rest = line.partition(": ")
            if rest.strip().startswith("http"):
                said[name.strip()] = rest.split()[0]
            if "Reports" in said:
                break
        yield said["Dagster UI"], said["Reports"]
    finally:
        # Ctrl-C of a terminal reaches every process; this one passes on what ends it.
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        process.stdout.close()


class Tour:
    """What a person does.

    Parameters
    ----------
    page : playwright page
        The browser's.
    address : str
        Of the UI.
    pictures : Path
        Folder that screenshots are put into.
    """

    def __init__(self, page: Any, address: str, pictures: Path) -> None:
        self.page = page
        self.address = address
        self.pictures = pictures
        page.set_default_timeout(_TWO_MINUTES)

    def see_the_graph(self) -> None:
        """See all assets, from the provider's bars to the warehouse."""
        self._go("/asset-groups")
        names = [self.page.get_by_text(group, exact=True).last for group in _GROUPS]
        for name in names:
            name.wait_for()
        time.sleep(2.0)
        boxes = [name.bounding_box() for name in names]
        # Each is the first word of a box of 130 × 20; right of the last one are the page's buttons.
        left, top = (min(box[side] for box in boxes) - 30.0 for side in ("x", "y"))
        right, bottom = (max(box[side] for box in boxes) for side in ("x", "y"))
        clip = {"x": left, "y": top, "width": right + 125.0 - left, "height": bottom + 45.0 - top}
        self._shot("asset_graph", clip=clip)

    def backfill_calibrations(self, period: str) -> None:
        """Calibrate a series as of a period, in one run, and watch it succeed."""
        self._materialize("calibrations", period, "SP500@1d")
        self._wait_for_rows("calibrations", "newest_estimates")
        self._shot("ui_calibrations")

    def run_a_study(self, study: str) -> None:
        """Simulate a study, estimate its statistics, draw its report; see them on their pages."""
        self._materialize("simulations", None, study)
        self._wait_for_rows("simulations", "simulations_per_second")
        self._materialize("statistics", study)
        self._wait_for_rows("statistics", "headlines")
        self._shot("ui_statistics")
        self._open_picture("ui_picture")
        self._materialize("reports", study)
        self._wait_for_rows("reports", "picture")

    def open_the_report(self) -> None:
        """Open the report from the page of its asset."""
        link = self.page.get_by_text("http://127.0.0.1:").first
        address = link.inner_text().strip()
        report = self.page.context.browser.new_page()
        report.goto(address, wait_until="load")
        report.get_by_text("crossover").first.wait_for()
        report.close()

    def switch_the_chain_on(self) -> None:
        """Switch the nightly chain on, and read what it waits for."""
        self._go("/automation")
        row = self.page.get_by_text("nightly_chain").first
        row.wait_for()
        # The page has grey bars at first; of what runs from the start a switch is on then.
        self.page.locator("input:checked").first.wait_for(state="attached")
        time.sleep(2.0)
        self._shot("ui_automation")
        self._go("/locations/mc_assets/sensors/nightly_chain")
        switch = self.page.locator("label, [role=switch]")
        switch.filter(has=self.page.locator("input")).first.click()
        requested = self.page.get_by_text(re.compile(r"[1-9] runs? requested")).first
        requested.wait_for()
        # Above its ticks the page goes on saying that the sensor has never run.
        self.page.reload(wait_until="domcontentloaded")
        requested.wait_for()
        time.sleep(2.0)
        self._shot("ui_nightly_chain")

    def see_why_a_run_failed(self, study: str) -> None:
        """Run a study that cannot run, and read why."""
        self._materialize("simulations", None, study)
        query = (
            "{ runsOrError(filter: {statuses: [FAILURE]}) { ... on Runs { results { runId } } } }"
        )
        deadline = time.monotonic() + 240
        while True:
            asked = json.dumps({"query": query}).encode()
            request = urllib.request.Request(
                f"{self.address}/graphql", asked, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                failed = json.loads(answer.read())["data"]["runsOrError"]["results"]
            if failed:
                break
            assert time.monotonic() < deadline, "no run failed"
            time.sleep(5.0)
        self._go(f"/runs/{failed[0]['runId']}")
        self.page.get_by_text("Why it failed").last.wait_for()
        self.page.get_by_text("Why it failed").last.scroll_into_view_if_needed()
        time.sleep(2.0)
        self._shot("ui_failed_run")

    def _open_picture(self, name: str) -> None:
        """Open what a row keeps folded; a picture is there that the browser can draw."""
        self.page.get_by_text("picture", exact=True).first.wait_for()
        self.page.locator("tr", has_text="picture").get_by_text("[Show Markdown]").first.click()
        picture = self.page.locator("img[src^='data:image/png']").first
        picture.wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
        self._shot(name)

    def _materialize(self, asset: str, *keys: str | None) -> None:
        """Launch partitions from the page of an asset: a key for each dimension, None for all."""
        page = self.page
        self._go(f"/assets/{asset}")
        page.get_by_role("button", name="Materialize").first.click()
        confirm = page.get_by_role("button", name="Confirm")
        title = page.get_by_text("Launch runs to materialize").first
        page.get_by_role("button", name="Confirm").or_(title).first.wait_for()
        if confirm.is_visible():
            confirm.click()
        title.wait_for()
        time.sleep(1.0)
        for place, key in enumerate(keys):
            if key is None:
                page.get_by_role("button", name="All", exact=True).nth(place).click()
                continue
            page.get_by_text("Select a partition or create one").first.click()
            page.get_by_placeholder("Filter partitions").fill(key)
            page.locator("[role=menuitem], [role=option], li").filter(has_text=key).last.click()
            title.click()
            time.sleep(0.5)
        page.get_by_role("button", name="Launch").last.click()
        title.wait_for(state="hidden")

    def _wait_for_rows(self, asset: str, entry: str) -> None:
        """Wait until the newest materialisation of an asset shows an entry."""
        deadline = time.monotonic() + 240
        while True:
            self._go(f"/assets/{asset}?view=events")
            try:
                self.page.get_by_text(entry, exact=True).first.wait_for(timeout=15_000)
            except Exception:
                assert time.monotonic() < deadline, f"{asset} shows no {entry}"
                continue
            time.sleep(1.0)
            return

    def _go(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}", wait_until="domcontentloaded")

    def _shot(self, name: str, clip: dict[str, float] | None = None) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png", clip=clip)


def walk(address: str, page: Any, pictures: Path) -> None:
    """Go the whole way."""
    tour = Tour(page, address, pictures)
    try:
        tour.see_the_graph()
        tour.backfill_calibrations("2016")
        tour.run_a_study("crossover")
        tour.open_the_report()
        tour.switch_the_chain_on()
        tour.see_why_a_run_failed("broken")
    except BaseException:
        page.screenshot(path=Path(tempfile.gettempdir()) / "mc_tour_stopped_here.png")
        raise


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp())
    with open_ui(folder) as (dagster, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        walk(
            dagster,
            browser.new_page(viewport={"width": 1400, "height": 900}),
            Path(sys.argv[1]),
        )
        browser.close()
    shutil.rmtree(folder)
