"""The assets of searches: experiments and windows as partitions that go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from mc_assets.offered_studies import offer_studies
from mc_assets.project import Project
from mc_assets.receipts import Receipts
from mc_assets.steps import all_steps
from tests.mc_assets.mc_here import call_here

SEARCHED = """
name: searched
source: {model: gbm, steps: 60, parameters: {mu: 0.1}}
strategy:
  name: sma_crossover
  parameters: {fast: {integer: [3, 9]}, slow: {log_uniform: [10, 30]}}
search: {method: genetic, budget: {sets: 40}, seed: 1, objective: {maximise: mean_net_pnl}}
seeds: 20
nightly: true
"""
WALKED = """
name: walked
source: {model: gbm, steps: 200, parameters: {mu: 0.0}}
strategy: {name: sma_crossover, parameters: {fast: [3, 8], slow: [20, 40]}}
walk_forward: {windows: 3, score: net_pnl}
seeds: 30
"""


def _materialize(instance: dg.DagsterInstance, name: str, *keys: str) -> dict[str, Any]:
    """Run partitions of an asset as a backfill does; return their metadata by key."""
    from mc_assets.definitions import defs
    from mc_assets.defs.partitions import batch_tags

    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name)],
        tags=batch_tags(keys[0], keys[-1]),
        raise_on_error=True,
    )
    return {
        str(made.partition): {key: entry.value for key, entry in made.metadata.items()}
        for made in done.asset_materializations_for_node(name)
    }


def _searches() -> None:
    from mc_assets.project import Project

    reports = Project.from_environment().reports / "searched"
    found: dict[str, Any] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, Project.from_environment())
        first = _materialize(instance, "experiments", "searched")["searched"]
        found["first"] = {key: str(value)[:400] for key, value in first.items()}
        parts = sorted((reports / "generations").glob("*.parquet"))
        found["generations"] = len(parts)
        # As a kill leaves it: the first generation, and nothing after it.
        stamp = parts[0].stat().st_mtime_ns
        for part in parts[1:]:
            part.unlink()
        trials = (reports / "trials.parquet").read_bytes()
        again = _materialize(instance, "experiments", "searched")["searched"]
        found["resumed"] = parts[0].stat().st_mtime_ns == stamp
        found["same"] = (reports / "trials.parquet").read_bytes() == trials
        found["same_sentence"] = again["sentence"] == first["sentence"]
        # Other paths are another search, and take the place of this one.
        file = Project.from_environment().study_file("searched")
        file.write_text(file.read_text().replace("mu: 0.1", "mu: 0.2"))
        other = _materialize(instance, "experiments", "searched")["searched"]
        found["other"] = other["data_version"] != first["data_version"]
    print(json.dumps(found))


def _walks() -> None:
    from mc_assets.defs.partitions import walked, windows
    from mc_assets.project import Project

    project = Project.from_environment()
    folder = project.data / "walk_forward" / "walked" / "generations"
    found: dict[str, Any] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, project)
        found["windows"] = windows.get_partition_keys(dynamic_partitions_store=instance)
        found["walked"] = walked.get_partition_keys(dynamic_partitions_store=instance)
        alone = _materialize(instance, "walk_forward_windows", "walked@001")
        stamp = (folder / "000001.parquet").stat().st_mtime_ns
        whole = _materialize(instance, "walk_forward_windows", "walked@000", "walked@002")
        found["kept"] = (folder / "000001.parquet").stat().st_mtime_ns == stamp
        found["same"] = alone["walked@001"] == whole["walked@001"]
        found["keys"] = sorted(whole)
        summed = _materialize(instance, "walk_forward", "walked")["walked"]
        found["sum"] = {key: str(value) for key, value in summed.items()}
        # A study that comes to be walked forward, while the definitions stay as they are loaded.
        text = (project.studies / "walked.yaml").read_text().replace("name: walked", "name: later")
        (project.studies / "later.yaml").write_text(text)
        offer_studies(instance, project)
        found["later"] = sorted(_materialize(instance, "walk_forward_windows", "later@002"))
        found["later_sum"] = "sentence" in _materialize(instance, "walk_forward", "later")["later"]
    print(json.dumps(found))


def _nightly() -> None:
    from mc_assets.automation.nightly_studies import nightly_searches, nightly_studies
    from mc_assets.project import Project

    project = Project.from_environment()
    # A search is no simulation.
    print(json.dumps([nightly_searches(project), nightly_studies(project)]))


def _called(folder: Path, function: Any) -> Any:
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / "searched.yaml").write_text(SEARCHED)
    (folder / "studies" / "walked.yaml").write_text(WALKED)
    (folder / "series.yaml").write_text("series: []\n")
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(folder / place) for name, place in places.items()}
    done = call_here(function, places=in_folder, folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_an_experiment_shows_its_leaderboard_and_map_and_goes_on_where_it_was_killed(
    tmp_path: Path,
) -> None:
    found = _called(tmp_path, _searches)
    first = found["first"]
    assert first["leaderboard"].startswith("| role | fast | slow | claim | fresh |")
    assert first["map"].startswith("![searched](data:image/png;base64,")
    assert first["sentence"].startswith("40 parameter sets tried by genetic")
    assert float(first["fresh_std_error"]) > 0.0
    assert first["dagster/partition_row_count"] == "40"
    assert found["generations"] > 1
    checks = ("resumed", "same", "same_sentence", "other")
    assert {name: found[name] for name in checks} == dict.fromkeys(checks, True)


def test_windows_are_partitions_that_are_kept_and_summed_up(tmp_path: Path) -> None:
    found = _called(tmp_path, _walks)
    assert found["windows"] == ["walked@000", "walked@001", "walked@002"]
    assert found["walked"] == ["walked"]
    assert found["kept"]
    assert found["same"]
    assert found["keys"] == found["windows"]
    assert found["sum"]["sentence"].startswith("3 windows, 4 parameter sets: a net_pnl of")
    assert found["sum"]["windows"].splitlines()[-1].startswith("| all |")
    assert float(found["sum"]["selection_loss"]) > 0.0
    assert found["later"] == ["later@002"]
    assert found["later_sum"]


def test_a_night_searches_the_studies_that_are_marked_so(tmp_path: Path) -> None:
    searched, simulated = _called(tmp_path, _nightly)
    assert searched == ["searched"]
    assert simulated == []


def test_a_run_of_everything_searches_what_has_an_objective_and_runs_the_rest(
    tmp_path: Path,
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "searched.yaml").write_text(SEARCHED)
    (tmp_path / "studies" / "walked.yaml").write_text(WALKED)
    (tmp_path / "series.yaml").write_text("series: []\n")
    project = Project(tmp_path, tmp_path / "data", tmp_path / "studies", tmp_path / "series.yaml")
    receipts = Receipts(project.data)
    steps = list(all_steps(project, receipts))
    assert [step.title for step in steps] == [
        *("study walked", "statistics and reports of walked", "search searched", "warehouse"),
    ]
    search = steps[2]
    assert (search.assets, search.partitions) == (["experiments"], ("searched", "searched"))
    # A receipt shows the search done until what it depends on changes.
    (needs,) = [needs for ask in search.needs if (needs := ask()) is not None]
    receipts.keep(needs, receipts.before(needs))
    assert [step.current for step in all_steps(project, receipts)] == [False, False, True, False]
    (tmp_path / "studies" / "searched.yaml").write_text(SEARCHED.replace("mu: 0.1", "mu: 0.2"))
    assert not any(step.current for step in all_steps(project, receipts))
