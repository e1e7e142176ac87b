"""Receipts: a step is skipped exactly where it would do again what is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mc_assets import receipts as module
from mc_assets.market_data import load_series
from mc_assets.project import Project
from mc_assets.receipts import Needs, Receipts
from mc_assets.step_needs import (
    bars_needs,
    calibration_needs,
    statistics_needs,
    study_needs,
    warehouse_needs,
)
from mc_assets.steps import all_steps


@pytest.fixture
def needs(tmp_path: Path) -> Needs:
    for name in ("given.csv", "data/read/a.parquet", "data/written/b.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    data = tmp_path / "data"
    return Needs("step", "told", (tmp_path / "given.csv",), (data / "read",), (data / "written",))


def kept(needs: Needs) -> Path:
    """Keep a receipt; return the data folder."""
    data = needs.read[0].parent
    receipts = Receipts(data)
    receipts.keep(needs, receipts.before(needs))
    return data


def test_a_step_is_current_after_it_ended_well_also_in_another_process(needs: Needs) -> None:
    assert not Receipts(needs.read[0].parent).is_current(needs)
    assert Receipts(kept(needs)).is_current(needs)


def test_a_step_without_needs_is_never_current(needs: Needs) -> None:
    assert not Receipts(kept(needs)).is_current(None)


def test_a_forgotten_receipt_makes_a_step_run_again(needs: Needs) -> None:
    assert not Receipts(kept(needs), forget=True).is_current(needs)


def test_a_file_that_is_given_counts_by_its_content(needs: Needs) -> None:
    data = kept(needs)
    os.utime(needs.given[0], ns=(1, 1))
    assert Receipts(data).is_current(needs)
    stat = needs.given[0].stat()
    needs.given[0].write_text("GIVEN.csv")  # as long as before, at the same time
    os.utime(needs.given[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not Receipts(data).is_current(needs)
    needs.given[0].unlink()
    assert not Receipts(data).is_current(needs)


@pytest.mark.parametrize("folder", ["read", "written"])
@pytest.mark.parametrize("change", ["write", "remove", "add"])
def test_what_lies_in_the_data_folder_counts_by_size_and_time(
    needs: Needs, folder: str, change: str
) -> None:
    data = kept(needs)
    (file,) = (data / folder).iterdir()
    if change == "write":
        file.write_text(file.read_text())
        os.utime(file, ns=(1, 1))
    elif change == "remove":
        file.unlink()
    else:
        (data / folder / "other.parquet").write_text("")
    assert not Receipts(data).is_current(needs)


def test_other_settings_and_other_code_make_a_step_run_again(
    needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = kept(needs)
    assert not Receipts(data).is_current(
        Needs("step", "told otherwise", needs.given, needs.read, needs.written)
    )
    monkeypatch.setattr(module, "_code", lambda: "another checkout")
    assert not Receipts(data).is_current(needs)


def test_an_input_that_changes_while_a_step_runs_is_taken_by_the_next_run(needs: Needs) -> None:
    receipts = Receipts(needs.read[0].parent)
    before = receipts.before(needs)
    needs.given[0].write_text("changed meanwhile")
    receipts.keep(needs, before)
    assert not receipts.is_current(needs)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"step": 5}'])
def test_a_damaged_file_of_receipts_costs_a_run_and_nothing_else(
    needs: Needs, content: str
) -> None:
    data = kept(needs)
    (data / "receipts.json").write_text(content)
    receipts = Receipts(data)
    assert not receipts.is_current(needs)
    receipts.keep(needs, receipts.before(needs))
    assert Receipts(data).is_current(needs)


def test_a_folder_that_cannot_be_written_costs_a_run_and_nothing_else(
    needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.files.write_whole", full)
    data = kept(needs)
    assert not (data / "receipts.json").exists()


# --- the steps of `mc run` ---------------------------------------------------------------------

SERIES = """\
series:
  - {symbols: [A, B], provider: csv, start: 2015-01-01, end: 2016-12-31, models: [gbm],
     options: {path: "given/{symbol}.csv"}}
"""
STUDY = """\
name: NAME
source: {model: gbm, symbol: A, calibration: latest, steps: 5}
strategy: {name: buy_and_hold}
seeds: 3
"""


@pytest.fixture
def done(tmp_path: Path, project: Path) -> Project:
    """A project whose steps all have receipts; what they wrote are empty files."""
    for name in ("given/A.csv", "given/B.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("date,open,high,low,close\n2015-01-02,1,1,1,1\n")
    (tmp_path / "series.yaml").write_text(SERIES)
    studies = tmp_path / "studies"
    studies.mkdir()
    for name in ("one", "two"):
        (studies / f"{name}.yaml").write_text(STUDY.replace("NAME", name))
    made = Project(project, tmp_path / "data", studies, tmp_path / "series.yaml")
    for name in (
        *("bars/1d/A/2015.parquet", "bars/1d/B/2015.parquet", "bars/1d/A/2016.parquet"),
        *("calibrations/A@1d/2016.parquet", "statistics/one.parquet", "statistics/two.parquet"),
        *("reports/one.html", "warehouse/mc.duckdb", "manifests/w1/part.json"),
    ):
        (made.data / name).parent.mkdir(parents=True, exist_ok=True)
        (made.data / name).write_text("")
    for number, name in enumerate(("one", "two"), 1):
        folder = made.data / "results" / name
        (folder / "print").mkdir(parents=True)
        (folder / "current.json").write_text('{"fingerprint": "print"}')
        (folder / "print" / "study.json").write_text(f'{{"world": "w{number}"}}')
    config = load_series(made.series)
    receipts = Receipts(made.data)
    for found in (
        *(bars_needs(made, config, key) for key in config.keys),
        *(calibration_needs(made, config, key) for key in config.keys),
        *(study_needs(made, name) for name in ("one", "two")),
        *(statistics_needs(made, name) for name in ("one", "two")),
        warehouse_needs(made),
    ):
        assert found is not None
        receipts.keep(found, receipts.before(found))
    return made


def stale(project: Project) -> list[str]:
    """Names of the steps that would run if each changed nothing."""
    config, receipts = load_series(project.series), Receipts(project.data)
    asked = {
        **{f"bars {key}": bars_needs(project, config, key) for key in config.keys},
        **{f"calibrations {key}": calibration_needs(project, config, key) for key in config.keys},
        **{f"study {name}": study_needs(project, name) for name in project.study_files},
        **{f"statistics {name}": statistics_needs(project, name) for name in project.study_files},
        "warehouse": warehouse_needs(project),
    }
    return [name for name, found in asked.items() if not receipts.is_current(found)]


def test_a_project_that_is_done_has_current_steps_alone(done: Project) -> None:
    steps = list(all_steps(done, Receipts(done.data)))
    assert all(step.current and not step.assets for step in steps)
    assert [step.title for step in steps] == [
        *("bars of A@1d", "bars of B@1d", "calibrations of A@1d", "calibrations of B@1d"),
        *("study one", "study two", "statistics and report of one"),
        *("statistics and report of two", "warehouse"),
    ]
    assert stale(done) == []


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def write(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("")


CHANGES: dict[str, tuple[Callable[[Project], None], list[str]]] = {
    "a row of a file of bars": (
        lambda project: edit(project.series.parent / "given/A.csv", "1,1,1,1", "2,2,2,2"),
        ["bars A@1d"],
    ),
    "stored bars": (
        lambda project: (project.data / "bars/1d/A/2016.parquet").unlink(),
        [
            *("bars A@1d", "calibrations A@1d", "calibrations B@1d"),
            *("study one", "study two", "warehouse"),
        ],
    ),
    "a quarantine where none was": (
        lambda project: (
            (project.data / "bars_quarantine/1d/B").mkdir(parents=True)
            or ((project.data / "bars_quarantine/1d/B/2015.parquet").write_text("") and None)
        ),
        ["bars B@1d", "warehouse"],
    ),
    "factors of splits": (
        lambda project: write(project.data / "bars_factors/1d/A/factors.parquet"),
        [
            *("bars A@1d", "calibrations A@1d", "calibrations B@1d"),
            *("study one", "study two", "warehouse"),
        ],
    ),
    "a curve of futures": (
        lambda project: write(project.data / "futures_curves/1d/CL/curve.parquet"),
        ["calibrations A@1d", "calibrations B@1d", "study one", "study two", "warehouse"],
    ),
    "a trial of another study": (
        lambda project: write(project.data / "ledger/w9/part-00.parquet"),
        ["statistics one", "statistics two", "warehouse"],
    ),
    "a calibration": (
        lambda project: (project.data / "calibrations/A@1d/2016.parquet").write_text("x") and None,
        ["calibrations A@1d", "study one", "study two", "warehouse"],
    ),
    "a study file": (
        lambda project: edit(project.studies / "one.yaml", "seeds: 3", "seeds: 4"),
        ["study one", "warehouse"],
    ),
    "a part of a study": (
        lambda project: (project.data / "manifests/w1/part.json").unlink(),
        ["study one", "statistics one", "warehouse"],
    ),
    "statistics of a study": (
        lambda project: (project.data / "statistics/two.parquet").write_text("x") and None,
        ["statistics two", "warehouse"],
    ),
    "a report": (
        lambda project: (project.data / "reports/one.html").unlink(),
        ["statistics one"],
    ),
    "the tables": (
        lambda project: (project.data / "warehouse/mc.duckdb").unlink(),
        ["warehouse"],
    ),
    "a model of a series": (
        lambda project: edit(project.series, "models: [gbm]", "models: [gbm, merton]"),
        [
            *("bars A@1d", "bars B@1d", "calibrations A@1d", "calibrations B@1d"),
            *("study one", "study two", "warehouse"),
        ],
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_makes_the_steps_run_that_take_it_in(done: Project, what: str) -> None:
    change, expected = CHANGES[what]
    change(done)
    assert stale(done) == expected


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        (
            "source: {model: gbm, symbol: A, calibration: latest, steps: 5}\n"
            "strategy: {name: buy_and_hold}",
            "ticks: {path: quotes}\nstrategy: {name: ofi}",
            "quotes/2024-08-06.csv",
        ),
        (
            "strategy: {name: buy_and_hold}",
            "strategy: {name: short_put}\noptions: {chain: {file: chain.csv}}",
            "chain.csv",
        ),
        ("steps: 5}", "steps: 5, columns: mood.csv}", "mood.csv"),
    ],
)
def test_a_study_runs_again_when_a_file_that_it_names_has_changed(
    done: Project, old: str, new: str, file: str
) -> None:
    edit(done.studies / "one.yaml", old, new)
    place = done.studies / file
    place.parent.mkdir(exist_ok=True)
    place.write_text("one")
    receipts, needs = Receipts(done.data), study_needs(done, "one")
    assert needs is not None
    receipts.keep(needs, receipts.before(needs))
    assert stale(done) == ["warehouse"]
    place.write_text("another")
    assert stale(done) == ["study one", "warehouse"]


def test_code_of_the_users_own_and_servers_are_never_taken_for_current(done: Project) -> None:
    (done.studies / "mine.py").write_text("")
    edit(done.studies / "one.yaml", "name: buy_and_hold", "name: mine, file: mine.py")
    edit(done.studies / "two.yaml", "model: gbm", "model: mine, file: mine.py")
    edit(done.series, "models: [gbm]", "models: [gbm, {model: mine, file: mine.py}]")
    edit(done.series, "symbols: [A, B], provider: csv", "symbols: [A, B], provider: yahoo")
    edit(done.series, 'options: {path: "given/{symbol}.csv"}', "options: {}")
    config = load_series(done.series)
    assert bars_needs(done, config, "A@1d") is None
    assert calibration_needs(done, config, "A@1d") is None
    assert study_needs(done, "one") is study_needs(done, "two") is None


def test_calibrations_on_quotes_read_their_files_anew(done: Project) -> None:
    edit(done.series, "models: [gbm],", "models: [gbm, heston], option_quotes: quotes.csv,")
    assert calibration_needs(done, load_series(done.series), "A@1d") is None


def test_calibrations_of_bars_that_are_still_coming_are_asked_for_every_day(
    done: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_series(done.series)
    settled = calibration_needs(done, config, "A@1d")
    (done.data / "bars/1d/A/2990.parquet").write_text("")
    growing = calibration_needs(done, config, "A@1d")
    assert settled is not None
    assert growing is not None
    assert growing.settings != settled.settings
