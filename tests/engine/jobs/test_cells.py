"""Cells: what was computed for any study is never computed again, and serves every study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine.jobs.manifest import Manifest, pack_seeds, unpack_seeds
from engine.jobs.plan import find_pieces, make_plan
from engine.jobs.progress import Progress
from engine.jobs.store import ParquetStore
from engine.results import find_unused, remove_study, remove_unused
from engine.sources import GBM
from engine.studies import Study, load_results

Make = Callable[..., Study]


def reused(study: Study, root: Path) -> tuple[int, int]:
    """Run a study; return how many simulations were found finished, of how many."""
    seen: list[Progress] = []
    study.run(root=root, progress=seen.append)
    return seen[-1].reused, seen[-1].total


def files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.glob("simulations/*/*.parquet")}


def test_more_seeds_then_more_sets_then_another_order_compute_only_what_is_new(
    make_study: Make, tmp_path: Path
) -> None:
    two = {"fast": [5, 10], "slow": [50]}
    assert reused(make_study(parameters=two, seeds=range(100)), tmp_path) == (0, 200)
    first = files(tmp_path)
    assert reused(make_study(parameters=two, seeds=range(200)), tmp_path) == (200, 400)
    three = two | {"fast": [5, 10, 20]}
    assert reused(make_study(parameters=three, seeds=range(200)), tmp_path) == (400, 600)
    turned = two | {"fast": [10, 5]}
    assert reused(make_study(parameters=turned, seeds=range(200)), tmp_path) == (400, 400)
    # Nothing was written again, and all of it lies in one world.
    assert all(files(tmp_path)[path] == written for path, written in first.items())
    assert len(list(tmp_path.glob("simulations/*"))) == 1


def test_a_name_a_description_and_a_record_of_less_decide_nothing(
    make_study: Make, tmp_path: Path
) -> None:
    made = make_study(record={"equity": 5}).run(root=tmp_path)
    assert reused(make_study(name="renamed"), tmp_path) == (160, 160)
    assert load_results(tmp_path, "renamed").summary.world == made.summary.world


def test_asking_for_more_computes_the_cells_again(make_study: Make, tmp_path: Path) -> None:
    plain = make_study().run(root=tmp_path).frame
    assert reused(make_study(record={"equity": 5}), tmp_path) == (0, 160)
    found = load_results(tmp_path, "small")
    assert found.equity().height == 160
    assert_frame_equal(found.frame, plain)


def folder(root: Path) -> pd.DataFrame:
    """What pandas reads of the one world under a root."""
    (world,) = root.glob("simulations/*")
    return pd.read_parquet(world)


KEYS = ["world", "set_id", "seed", "path"]


@pytest.mark.parametrize("more", [{"equity": 5}, {"metrics": ["bar_trading", "equity_curve"]}])
def test_no_cell_is_twice_in_a_folder_where_more_is_asked_of_a_study_that_has_grown(
    more: dict[str, Any], make_study: Make, tmp_path: Path
) -> None:
    two = {"fast": [5, 10], "slow": [50]}
    three = two | {"fast": [20, 10, 5]}
    make_study(parameters=two, seeds=range(30)).run(root=tmp_path)
    make_study(parameters=two, seeds=range(60)).run(root=tmp_path)
    plain = make_study(parameters=three, seeds=range(60)).run(root=tmp_path).frame
    names = {path.name for path in files(tmp_path)}
    grown = make_study(parameters=three, seeds=range(60), record=more)
    assert reused(grown, tmp_path) == (0, 180)
    assert {path.name for path in files(tmp_path)} == names
    rows = folder(tmp_path)
    assert len(rows) == 180
    assert not rows.duplicated(KEYS).any()
    assert load_results(tmp_path, "small").frame.select(plain.columns).equals(plain)
    assert reused(grown, tmp_path) == (180, 180)


def test_no_cell_is_twice_in_a_folder_after_all_of_it_is_computed_again(
    make_study: Make, tmp_path: Path
) -> None:
    make_study(seeds=range(30)).run(root=tmp_path)
    before = make_study(seeds=range(60)).run(root=tmp_path).frame
    names = {path.name for path in files(tmp_path)}
    again = make_study(seeds=range(60)).run(root=tmp_path, fresh=True)
    assert {path.name for path in files(tmp_path)} == names
    assert_frame_equal(again.frame, before)
    assert not folder(tmp_path).duplicated(KEYS).any()


def test_more_asked_of_some_sets_of_a_part_leaves_each_cell_once_in_the_folder(
    make_study: Make, tmp_path: Path
) -> None:
    both = {"fast": [3, 5], "slow": [10]}
    plain = make_study(parameters=both).run(root=tmp_path).frame
    some = {"fast": [5, 8], "slow": [10]}
    more = make_study(name="some", parameters=some, record={"equity": 5}, seeds=range(50))
    assert reused(more, tmp_path) == (0, 100)
    # Set 8 and ten seeds of set 5 are new; the rest is shown where it was.
    rows = folder(tmp_path)
    assert len(rows) == 80 + 60
    assert not rows.duplicated(KEYS).any()
    assert reused(more, tmp_path) == (100, 100)
    assert_frame_equal(load_results(tmp_path, "some").frame, more.run().frame)
    assert_frame_equal(load_results(tmp_path, "small").frame, plain)
    # Nor does asking still more of other cells, and of all, show one twice.
    make_study(parameters=both, record={"equity": 5}).run(root=tmp_path)
    make_study(parameters=both, seeds=range(60), record={"equity": 5, "trades": True}).run(
        root=tmp_path
    )
    assert not folder(tmp_path).duplicated(KEYS).any()


def test_all_cells_are_computed_again_though_several_parts_hold_some(
    make_study: Make, tmp_path: Path
) -> None:
    both = {"fast": [3, 5], "slow": [10]}
    make_study(parameters=both).run(root=tmp_path)
    some = {"fast": [5], "slow": [10]}
    make_study(name="some", parameters=some, record={"equity": 5}).run(root=tmp_path)
    seen: list[Progress] = []
    more = make_study(parameters={"fast": [3, 5, 8], "slow": [10]})
    more.run(root=tmp_path, fresh=True, progress=seen.append)
    assert (seen[-1].reused, seen[-1].total) == (0, 120)
    assert len(folder(tmp_path)) == 120
    assert not folder(tmp_path).duplicated(KEYS).any()


def test_cells_of_a_study_stay_in_the_folder_when_the_one_that_showed_them_is_removed(
    make_study: Make, tmp_path: Path
) -> None:
    make_study(parameters={"fast": [3, 5], "slow": [10]}).run(root=tmp_path)
    some = {"fast": [5], "slow": [10]}
    kept = make_study(name="some", parameters=some, record={"equity": 5}).run(root=tmp_path)
    remove_study(tmp_path, "small")
    remove_unused(tmp_path, find_unused(tmp_path))
    rows = folder(tmp_path)
    assert set(kept.frame["seed"]) == set(rows[rows["set_id"] == kept.set_ids[0]]["seed"])
    assert not rows.duplicated(KEYS).any()
    remove_study(tmp_path, "some")
    remove_unused(tmp_path, find_unused(tmp_path))
    assert not list((tmp_path / "simulations").rglob("*.parquet"))


def test_what_is_left_of_a_killed_run_that_asked_for_more_is_cut_as_the_whole_was(
    make_study: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("engine.jobs.part._ROWS", 12)
    for seeds, fast in ((range(100), [5, 10]), (range(150), [5, 10]), (range(150), [5, 10, 20])):
        make_study(parameters={"fast": fast, "slow": [50]}, seeds=seeds).run(root=tmp_path)
    more = make_study(
        parameters={"fast": [20, 5, 10, 30], "slow": [50]}, seeds=range(170), record={"equity": 5}
    )
    job, store = more.resolve(), ParquetStore(tmp_path)
    plain = store.manifests(job.world.id)
    undisturbed = {part.name for part in make_plan(job, plain).parts}
    more.run(root=tmp_path)
    done = {one.part: one for one in store.manifests(job.world.id)}
    assert {name for name, one in done.items() if one.holds.record.equity} == undisturbed
    # At the kill some had been written, the others were still as they were before.
    for kept in (slice(0, None, 2), slice(1, None, 3), slice(0, 1), slice(0, 0)):
        finished = set(sorted(undisturbed)[kept])
        there = [one for one in plain if one.part not in finished] + [done[n] for n in finished]
        assert {part.name for part in make_plan(job, there).parts} == undisturbed - finished, kept


def test_a_study_over_parts_of_others_has_the_rows_of_its_own_run(
    make_study: Make, tmp_path: Path
) -> None:
    for seeds, fast in ((range(30), [3, 5]), (range(20, 50), [5, 8]), (range(10, 15), [3, 5, 8])):
        make_study(seeds=seeds, parameters={"fast": fast, "slow": [10]}).run(root=tmp_path)
    # Some sets and seeds of each, in an order of its own, and some that nobody asked for.
    wanted = make_study(seeds=[44, 7, 12, 60, 25], parameters={"fast": [9, 8, 3], "slow": [10]})
    mixed = wanted.run(root=tmp_path)
    alone = wanted.run()
    assert_frame_equal(mixed.frame, alone.frame)
    assert_frame_equal(mixed.statistics(), alone.statistics())
    assert mixed.missing == 0


def test_the_default_of_a_parameter_is_the_same_set_as_its_value_written_out(
    make_study: Make, tmp_path: Path
) -> None:
    make_study(parameters={"fast": [3]}).run(root=tmp_path)
    default = make_study().resolve().world.strategy.parameters["slow"].default
    written = make_study(parameters={"fast": [3.0], "slow": [default]})
    assert reused(written, tmp_path) == (40, 40)


@pytest.mark.parametrize(
    "change",
    [
        {"source": GBM(mu=0.06, sigma=0.2)},
        {"steps": 61},
        {"s0": 50.0},
        {"bars": "ohlc"},
        {"execution": {"cash": 5000}},
        {"strategy": "buy_and_hold", "parameters": {}},
        {"paths_per_seed": 2},
    ],
)
def test_what_decides_the_numbers_is_another_world(
    change: dict[str, Any], make_study: Make, tmp_path: Path
) -> None:
    base = make_study().run(root=tmp_path)
    other = make_study(**change)
    assert other.resolve().world.id != base.summary.world
    assert reused(other, tmp_path)[0] == 0


def test_the_value_of_a_swept_source_parameter_is_part_of_the_set(
    make_study: Make, tmp_path: Path
) -> None:
    swept = make_study(parameters={"fast": [3], "model.sigma": [0.2, 0.3]})
    assert (
        swept.resolve().world.id
        == (
            make_study(
                source=GBM(mu=0.05, sigma=0.9), parameters={"fast": [3], "model.sigma": [0.3]}
            ).resolve()
        ).world.id
    )
    swept.run(root=tmp_path)
    more = make_study(parameters={"fast": [3], "model.sigma": [0.3, 0.2, 0.4]})
    assert reused(more, tmp_path) == (80, 120)


def test_a_world_is_a_folder_that_pandas_reads(make_study: Make, tmp_path: Path) -> None:
    made = make_study().run(root=tmp_path)
    rows = pd.read_parquet(tmp_path / "simulations" / made.summary.world)
    assert len(rows) == 160
    assert rows["net_pnl"].sum() == pytest.approx(made.frame["net_pnl"].sum())
    assert not rows.duplicated(["world", "set_id", "seed", "path"]).any()


def test_a_seed_has_the_same_block_in_every_study(make_study: Make) -> None:
    few, many = (make_study(seeds=n).resolve() for n in (20, 4000))
    of_few = {int(s): p.block for p in make_plan(few, ()).parts for s in p.seeds}
    of_many = {int(s): p.block for p in make_plan(many, ()).parts for s in p.seeds}
    assert of_few.items() <= of_many.items()


def test_what_is_left_of_a_killed_run_is_cut_as_the_whole_was(
    make_study: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("engine.jobs.part._ROWS", 12)
    study = make_study(seeds=200)
    study.run(root=tmp_path)
    store, job = ParquetStore(tmp_path), study.resolve()
    there = store.manifests(job.world.id)
    whole = {part.name for part in make_plan(job, ()).parts}
    assert {part.part for part in there} == whole
    for lost in (there[::2], there[1::3], there[:1], there):
        gone = {part.part for part in lost}
        kept = [part for part in there if part.part not in gone]
        assert {part.name for part in make_plan(job, kept).parts} == gone


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=40))
def test_seeds_are_packed_and_unpacked_unchanged(seeds: list[int]) -> None:
    ascending = np.array(sorted(seeds), dtype=np.uint64)
    assert np.array_equal(unpack_seeds(pack_seeds(ascending)), ascending)


def test_many_consecutive_seeds_take_a_line_of_a_manifest() -> None:
    block = np.arange(3, 1_000_000, 16, dtype=np.uint64)
    assert pack_seeds(block) == [[3, 16, 62_500]]


def test_a_manifest_comes_back_from_its_json(make_study: Make, tmp_path: Path) -> None:
    study = make_study(record={"equity": 5, "trades": True})
    study.run(root=tmp_path)
    for manifest in ParquetStore(tmp_path).manifests(study.resolve().world.id):
        again = Manifest.from_json(manifest.to_json())
        assert again.to_json() == manifest.to_json()


@given(st.data())
def test_pieces_and_what_is_missing_are_all_cells_once(data: st.DataObject) -> None:
    from engine.jobs.blocks import block_of
    from engine.jobs.job import Holds
    from engine.jobs.plan import Request
    from engine.jobs.settings import Record

    holds = Holds(Record(), ("net_pnl",), {"bar_trading": 1}, {})
    names = [f"{n:016x}" for n in range(6)]
    manifests = []
    for number in range(data.draw(st.integers(0, 6))):
        block = data.draw(st.integers(0, 1))
        seeds = data.draw(st.sets(st.integers(0, 5), min_size=1))
        sets = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
        seed_list = np.array(sorted(16 * s + block for s in seeds), dtype=np.uint64)
        own = np.array(pack_seeds(seed_list), dtype=np.uint64)
        shape = (len(sets) * len(seeds), 0, None)
        manifests.append(
            Manifest("w", f"part-{block:02d}-{number}", block, tuple(sets), own, 1, holds, *shape)
        )
    wanted = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    some = data.draw(st.sets(st.integers(0, 100), min_size=1))
    asked = Request(np.array(wanted), np.array(sorted(some), dtype=np.uint64), holds)
    pieces, missing = find_pieces(asked, manifests)
    found: list[tuple[int, int]] = []
    for piece in pieces:
        cells = [(int(s), int(q)) for s in piece.sets for q in piece.seeds]
        assert all(wanted[s] in piece.manifest.sets for s, _ in cells)
        assert set(piece.seeds.tolist()) <= set(piece.manifest.seeds.tolist())
        found += cells
    for block, sets_missing, seeds_missing in missing:
        assert (block_of(seeds_missing) == block).all()
        found += [(int(s), int(q)) for s in sets_missing for q in seeds_missing]
    every = sorted((s, int(q)) for s in range(len(wanted)) for q in asked.seeds)
    assert sorted(found) == every
    stored = {(n, int(q)) for m in manifests for n in m.sets for q in m.seeds}
    unserved = {(wanted[s], int(q)) for _, rows, cols in missing for s in rows for q in cols}
    assert not unserved & stored


def test_results_are_sorted_however_the_parts_were_cut(make_study: Make, tmp_path: Path) -> None:
    frame = make_study(seeds=[5, 3, 40, 1]).run(root=tmp_path).frame
    assert frame["simulation"].to_list() == list(range(16))
    assert frame["seed"].unique(maintain_order=True).to_list() == [5, 3, 40, 1]
    assert isinstance(frame, pl.DataFrame)
