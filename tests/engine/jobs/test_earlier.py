"""Results of another version: computed again once, one line says so, and pruning takes the old."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.files import read_json, write_json
from engine.jobs.progress import Progress
from engine.results import find_unused, remove_unused
from engine.studies import Study, load_results, run_block

Make = Callable[..., Study]

ENGINE = "engine.strategies.bar_engine.ENGINE_VERSION"
AGAIN = "they are computed again, once, and `mc prune` removes the old ones"


def computed(study: Study, root: Path) -> int:
    """Run a study; return how many simulations were computed."""
    seen: list[Progress] = []
    study.run(root=root, progress=seen.append)
    return seen[-1].total - seen[-1].reused


def of_version_2(root: Path) -> None:
    """Take from what is stored the fields that version 2 of the tables did not have."""
    for path in root.rglob("part-*.json"):
        content = read_json(path) | {"schema_version": 2}
        for name in ("groups", "precision"):
            del content["holds"][name]
        write_json(path, content)
    for path in root.glob("results/*/*/study.json"):
        content = read_json(path) | {"schema_version": 2}
        del content["groups"]
        write_json(path, content)


def test_results_of_an_earlier_engine_are_computed_again_once_and_one_line_says_so(
    make_study: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(ENGINE, "8")
        assert computed(make_study(), tmp_path) == 160
        old = load_results(tmp_path, "small").frame
    monkeypatch.setattr(ENGINE, "9")
    # What is stored can still be read before it is computed again.
    assert load_results(tmp_path, "small").frame.equals(old)
    assert computed(make_study(), tmp_path) == 160
    assert caplog.messages == [
        f"small: its stored results are of version 8 of the engine, this is version 9; {AGAIN}"
    ]
    assert computed(make_study(), tmp_path) == 0
    assert computed(make_study(seeds=50), tmp_path) == 40
    assert len(caplog.messages) == 1
    assert load_results(tmp_path, "small").frame.drop("world").head(160).equals(old.drop("world"))


def test_a_line_is_said_once_for_all_blocks_and_not_where_another_study_has_made_the_rows(
    make_study: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(ENGINE, "8")
        computed(make_study(), tmp_path)
        computed(make_study(name="other"), tmp_path)
    for block in range(16):
        run_block(make_study(), block, root=tmp_path)
    assert len(caplog.messages) == 1
    assert computed(make_study(name="other"), tmp_path) == 0
    assert len(caplog.messages) == 1


def test_a_study_that_is_changed_says_nothing_of_versions(
    make_study: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    computed(make_study(), tmp_path)
    assert computed(make_study(steps=70), tmp_path) == 160
    assert caplog.messages == []


def test_tables_of_an_earlier_form_are_computed_again_once_and_one_line_says_so(
    make_study: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    computed(make_study(), tmp_path)
    before = load_results(tmp_path, "small").frame
    of_version_2(tmp_path)
    assert computed(make_study(), tmp_path) == 160
    assert caplog.messages == [
        f"small: its stored results are of version 2 of the tables, this is version 3; {AGAIN}"
    ]
    assert load_results(tmp_path, "small").frame.equals(before)
    assert computed(make_study(), tmp_path) == 0
    assert len(caplog.messages) == 1


def test_pruning_takes_what_an_earlier_version_left(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(ENGINE, "8")
        computed(make_study(), tmp_path)
    computed(make_study(name="gone", steps=70), tmp_path)
    of_version_2(tmp_path)
    computed(make_study(), tmp_path)
    found = {path.parent.name for path in tmp_path.glob("manifests/*/*.json")}
    assert len(found) == 3
    # "gone" is a name whose parts nothing reads any more: its next run computes them again.
    for path in tmp_path.glob("results/gone/*/study.json"):
        content = read_json(path)
        path.unlink()
        write_json(path, content | {"schema_version": 3, "groups": {"bar_trading": 1}})
    remove_unused(tmp_path, find_unused(tmp_path))
    (left,) = {path.parent.name for path in tmp_path.glob("manifests/*/*.json")}
    assert left == load_results(tmp_path, "small").summary.world
    assert {path.name for path in (tmp_path / "simulations").iterdir()} == {left}
