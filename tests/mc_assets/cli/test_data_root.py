"""Where the data root of a project may lie, as commands say it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from engine.files import as_files
from tests.bucket_server import new_bucket, serving_buckets
from tests.mc_assets.mc_here import Done, mc_here

SERIES = """series:
  - {{symbols: [SP500], timeframe: 1d, provider: csv, start: 2014-01-01, models: [gbm],
     options: {{path: "{folder}/{{symbol}}.csv"}}}}
"""
STUDY = """name: calibrated
source: {model: gbm, symbol: SP500, calibration: latest, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [10, 20]}}
seeds: 40
"""


@pytest.mark.parametrize("command", ["status", "doctor", "ui"])
def test_a_command_that_needs_a_disk_says_which_do_without(command: str, tmp_path: Path) -> None:
    done = mc_here(command, places={"MC_DATA": "s3://lab/data"}, folder=tmp_path)
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr == (
        "mc: MC_DATA: found 's3://lab/data', allowed a folder, since this command needs files of "
        "a disk; in an object store work `mc ingest`, `mc calibrate`, `mc backfill`, `mc run "
        "STUDY`, `mc show`, `mc studies` and `mc runs`\n"
    )
    assert not list(tmp_path.iterdir()), "no folder of that name"


def test_an_address_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    done = mc_here("studies", places={"MC_DATA": "https://lab/data"}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mc: root: found 'https://lab/data', allowed a folder, or a ")


def test_a_series_of_which_the_provider_sent_no_bar_is_not_calibrated_and_said_to_have_none(
    tmp_path: Path, project: Path
) -> None:
    machine = Machine(tmp_path / "here", str(tmp_path / "data"), project)
    (machine.folder / "series.yaml").write_text(
        SERIES.format(folder=machine.folder / "sent").replace("2014-01-01", "2019-01-01")
    )
    machine.mc("ingest")
    done = mc_here("run", "calibrated", places=machine.places, folder=machine.folder)
    assert done.returncode == 2
    assert done.stderr == (
        "mc: bars of SP500@1d: none to calibrate on; the provider sent none from the series' start "
        "to its end\n"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving_buckets() as url:
        yield url


class Machine:
    """A project of its own: a series file, what its provider sent, and studies."""

    def __init__(self, folder: Path, data: str, project: Path, studies: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir()
        if studies is None:
            studies = folder / "studies"
            studies.mkdir()
            (studies / "calibrated.yaml").write_text(STUDY)
        (folder / "sent").mkdir()
        shutil.copy(project / "data" / "sample" / "SP500.csv", folder / "sent")
        (folder / "series.yaml").write_text(SERIES.format(folder=folder / "sent"))
        self.places = {"MC_HOME": str(folder), "MC_DATA": data}
        self.places |= {"MC_SERIES": str(folder / "series.yaml"), "MC_STUDIES": str(studies)}

    def mc(self, *arguments: str) -> str:
        done: Done = mc_here(*arguments, places=self.places, folder=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


def content(root: str | Path) -> dict[str, object]:
    """What a data root holds of market and results, the time of trials left out."""
    files = as_files(root)
    found: dict[str, object] = {}
    for key in files.list():
        if key.startswith("ledger/"):
            found[key] = pl.read_parquet(files.get(key)).drop("tried_at").write_json()
        elif not key.startswith((".", "jobs/", "dagster_home/", "receipts/")):
            found[key] = files.get(key)
    return found


@pytest.mark.slow
def test_a_project_in_a_bucket_has_the_bytes_of_one_in_a_folder_and_every_machine_goes_on_from_it(
    server: str, tmp_path: Path, project: Path
) -> None:
    bucket = new_bucket(server, "lab")
    here = Machine(tmp_path / "here", str(tmp_path / "here" / "data"), project)
    studies = here.folder / "studies"
    there = Machine(tmp_path / "there", bucket, project, studies)
    for machine in (here, there):
        machine.mc("ingest")
        backfill = ("backfill", "calibrations", "--from", "2018-01-01", "--to", "2018-01-31")
        assert machine.mc(*backfill).split()[-2:] == ["23", "0"]
        assert machine.mc(*backfill).split()[-3:] == ["23", "0", "0"]
        said = machine.mc("run", "calibrated")
    assert f"parquet: {bucket}/simulations/" in said
    found = content(bucket)
    assert {key.split("/")[0] for key in found} >= {"bars", "raw_bars", "calibrations", "results"}
    assert found == content(tmp_path / "here" / "data")
    assert there.mc("show", "calibrated") == here.mc("show", "calibrated")
    # Another machine, to which the provider sends nothing.
    other = Machine(tmp_path / "other", bucket, project, studies)
    shutil.rmtree(other.folder / "sent")
    assert "160 found finished" in other.mc("run", "calibrated")
    assert "calibrated  160 simulations" in other.mc("studies")
    assert other.mc("runs").count("finished") == 2
    assert content(bucket) == found
