"""The page of an asset: tables, pictures, rounded numbers, versions, a link that opens."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from mc_assets.answers.report_pages import REPORTS_PORT, report_address, serving_reports
from mc_assets.defs.previews import best_metadata, headline_preview
from mc_assets.market_data import BarStore
from mc_assets.market_data.quality.stored import stored_findings
from tests.mc_assets.mc_here import call_here
from tests.mc_assets.stored_home import SERIES, stored_home

STUDY = """name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 40}
record: {equity: 5}
"""


def _pages() -> None:
    from engine.jobs.manifest import manifests_hash
    from engine.jobs.store import ParquetStore
    from mc_assets.definitions import defs
    from mc_assets.defs.partitions import batch_tags
    from mc_assets.offered_studies import offer_studies
    from mc_assets.project import Project

    job = defs.resolve_implicit_global_asset_job_def()
    project = Project.from_environment()
    found: dict[str, Any] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, project)

        def make(asset: str, first: str, last: str) -> None:
            done = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(asset)],
                tags=batch_tags(first, last),
            )
            for check in done.get_asset_check_evaluations():
                found[check.check_name] = check.passed
            # The picture is on one of the partitions of a study.
            shown: dict[str, Any] = {}
            for made in done.asset_materializations_for_node(asset):
                shown |= {name: str(entry.value) for name, entry in made.metadata.items()}
                shown["tags"] = dict(made.tags or {})
            found[asset] = shown

        make("simulations", "00|quick", "15|quick")
        version = found["simulations"]["tags"]["dagster/data_version"]
        make("simulations", "00|quick", "15|quick")
        found["same"] = found["simulations"]["tags"]["dagster/data_version"] == version
        found["again"] = found["simulations"]
        (world,) = project.data.glob("manifests/*")
        stored = ParquetStore(project.data).manifests(world.name)
        found["hash"] = [version, manifests_hash(reversed(stored))]
        described = STUDY.replace("name: quick", "name: renamed\ndescription: The same again.")
        project.study_file("quick").with_name("renamed.yaml").write_text(described)
        offer_studies(instance, project)
        make("simulations", "00|renamed", "15|renamed")
        found["renamed"] = found["simulations"]["tags"]["dagster/data_version"] == version
        make("simulations", "03|renamed", "03|renamed")
        one = found["simulations"]
        found["one"] = [one["tags"]["dagster/data_version"], one["data_version"]]
        file = project.study_file("quick")
        file.write_text(STUDY.replace("sigma: 0.2", "sigma: 0.3"))
        make("simulations", "00|quick", "15|quick")
        found["other"] = found["simulations"]["tags"]["dagster/data_version"] != version
        make("statistics", "quick", "quick")
        make("reports", "quick", "quick")
    print(json.dumps(found))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "studies").mkdir()
    (folder / "studies" / "quick.yaml").write_text(STUDY)
    (folder / "series.yaml").write_text("series: []\n")
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(folder / place) for name, place in places.items()}
    done = call_here(_pages, places=in_folder, folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_simulations_show_rows_a_picture_and_their_speed(pages: dict[str, Any]) -> None:
    shown = pages["simulations"]
    assert shown["first_rows"].startswith("| seed | status | net_pnl |")
    assert shown["picture"].startswith("![quick: ")
    assert float(shown["simulations_per_second"]) > 0.0
    # Nothing was computed the second time, so nothing was fast.
    assert "simulations_per_second" not in pages["again"]
    assert pages["few_simulations_failed"]


def test_the_same_rows_have_the_same_version_and_others_another(pages: dict[str, Any]) -> None:
    assert pages["same"]
    assert pages["other"]


def test_the_version_is_the_hash_of_the_sorted_manifests_and_no_name_is_in_it(
    pages: dict[str, Any],
) -> None:
    version, of_manifests = pages["hash"]
    assert version == of_manifests
    assert pages["renamed"]
    # A run of one block has the version that stands in the metadata of the block.
    tag, of_block = pages["one"]
    assert tag == of_block != version


def test_statistics_show_the_best_sets_with_rounded_numbers(pages: dict[str, Any]) -> None:
    shown = pages["statistics"]
    header, _, first, *_ = shown["headlines"].splitlines()
    assert header == "| parameters | mean net P&L | profit probability | Sharpe |"
    assert first.startswith("| fast\N{NO-BREAK SPACE}")
    assert "\N{NO-BREAK SPACE}± " not in first
    assert "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}" in first
    assert shown["picture"].startswith("![quick](data:image/png;base64,")
    number = float(shown["best_mean_net_pnl"])
    assert number == round(number, 2)
    assert shown["best"].split(" with ")[0].replace(" ", "\N{NO-BREAK SPACE}") in first
    assert float(shown["seconds"]) > 0.0


def test_a_report_has_a_link_that_opens_it(
    pages: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pages["reports"]["open"].endswith("/quick.html")
    (tmp_path / "quick.html").write_text("<p>here</p>")
    with serving_reports(tmp_path) as port:
        monkeypatch.setenv(REPORTS_PORT, str(port))
        with urllib.request.urlopen(report_address("quick.html"), timeout=10) as answer:
            assert answer.read() == b"<p>here</p>"
        for path, headers in (
            ("../secret", {}),
            ("%2e%2e/secret", {}),
            ("quick.html", {"Host": "evil.example:80"}),
        ):
            request = urllib.request.Request(report_address("") + path, headers=headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=10)
            refused.value.close()
            assert refused.value.code in (403, 404)


def test_a_table_without_net_pnl_shows_what_there_is() -> None:
    row = {
        **{"parameter_set": 0, "parameters": '{"a":1}', "statistic": "sharpe"},
        **{"estimate": 0.5, "std_error": 0.04, "supported": True},
    }
    table = pl.DataFrame([row])
    assert best_metadata(table) == {}
    assert headline_preview(table).splitlines()[0] == "| parameters | Sharpe |"
    number = "0.500 ± 0.040".replace(" ", "\N{NO-BREAK SPACE}")
    assert headline_preview(table).endswith(f"| a\N{NO-BREAK SPACE}1 | {number} |")


def test_what_checks_found_of_every_series_stays_visible(tmp_path: Path) -> None:
    with stored_home(tmp_path) as home:
        store = BarStore(home.data)
        symbol, _, timeframe = SERIES.rpartition("@")
        known = store.quality(symbol, timeframe).filter(pl.col("severity") != "ignore")
        assert len(known)
        found = stored_findings(store, [SERIES], set())
        assert set(found) == set(known["check"])
        line = found[known["check"][0]][0]
        assert line.startswith(f"{SERIES} {known['year'][0]} {known['check'][0]}: ")
        years = {(SERIES, int(year)) for year in known["year"]}
        assert stored_findings(store, [SERIES], years) == {}
