"""Statistics of stored columns are those of the rows, whatever parts hold them."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.results import Results, stored_columns
from engine.results.error_budget import Paths, study_tables
from engine.results.load import open_results
from engine.results.shelf import Shelf
from engine.results.stored_columns import StoredColumns
from engine.results.warnings import _counted_in_columns, _counted_in_rows
from engine.sources import GBM
from engine.strategies import Bar, Order, Strategy
from engine.studies import Study

SETS = {"fast": [3, 5, 8], "slow": [12, 20, 30]}


class FailsAbove(Strategy):
    """Hold, and fail where the price has risen by a fifth."""

    def on_bar(self, bar: Bar, order: Order) -> None:
        if bar.close > 105.0:
            raise ValueError("too dear")
        order.target_percent(1.0)


def study(**settings: Any) -> Study:
    options = {"seeds": 70, "steps": 60} | settings
    sets = options.pop("parameters", SETS)
    return Study("stored", GBM(), "sma_crossover", sets, **options)


def of_rows(results: Results) -> Results:
    return replace(results, stored_as=None)


def assert_same_tables(results: Results) -> None:
    assert results.stored is not None
    rows = of_rows(results)
    assert_frame_equal(results.statistics(), rows.statistics(), check_exact=True)
    statistics, budget = study_tables(results, Paths(results.seeds, results.resampled))
    assert_frame_equal(statistics, rows.statistics(), check_exact=True)
    assert_frame_equal(budget, rows.error_budget(), check_exact=True)
    assert_frame_equal(results.warnings(), rows.warnings(), check_exact=True)


@pytest.mark.parametrize(
    "options",
    [
        {"statistics": "complete", "record": {"trades": True}},
        {"paths_per_seed": 2},
        {"seeds": [9, 2, 44, 17, 1, 2**63 + 5, 33, 18]},
        {"record": {"precision": "float32"}},
        {"seeds": 1},
        {"record": {"metrics": ["net_pnl", "max_drawdown"]}},
    ],
    ids=str,
)
def test_every_table_is_that_of_the_rows_to_the_last_bit(options: dict[str, Any]) -> None:
    assert_same_tables(study(**options).run())


def test_parts_that_other_studies_wrote_serve_in_part(tmp_path: Path) -> None:
    first = study(parameters={"fast": [8, 3], "slow": [20, 12]}, seeds=range(5, 50))
    first.run(root=tmp_path)
    assert_same_tables(study(seeds=list(range(60, 20, -1))).run(root=tmp_path))
    assert_same_tables(study(parameters={"fast": [3], "slow": [12]}, seeds=30).run(root=tmp_path))


def test_failed_simulations_and_missing_parts_are_left_out(tmp_path: Path) -> None:
    some = Study("failing", GBM(), FailsAbove, seeds=80, steps=10, failure_allowance=1.0)
    results = some.run(root=tmp_path)
    assert 0 < len(results.failures) < 80
    assert_same_tables(results)
    parts = sorted(tmp_path.glob("manifests/*/*.json"))
    parts[3].unlink()
    reopened = some.run(root=tmp_path)
    assert_same_tables(reopened)
    pieces = replace(results, pieces=results.pieces[1:])
    assert pieces.missing > 0


def test_warnings_count_the_same_in_columns_and_in_rows() -> None:
    results = study(execution={"cash": 99.0}, parameters={"fast": [3, 5], "slow": [59, 12]}).run()
    assert results.stored is not None
    assert_frame_equal(
        _counted_in_columns(results, results.stored),
        _counted_in_rows(results),
        check_column_order=False,
        check_dtypes=False,
    )


def test_rows_that_were_chosen_or_changed_are_not_those_stored() -> None:
    results = study().run()
    assert results.stored is not None
    assert replace(results, lazy=results.lazy.head(5)).stored is None
    assert results.filter("net_pnl > 0").stored is None
    own = results.with_metric("double", "2 * net_pnl")
    assert own.statistics(names=["double"])["estimate"].to_list() == pytest.approx(
        [2 * each for each in own.statistics(names=["mean_net_pnl"])["estimate"]], rel=1e-12
    )


@pytest.fixture(scope="module")
def made() -> Results:
    return study().run()


@settings(max_examples=15, deadline=None)
@given(
    most=st.integers(0, 4000),
    read=st.integers(1, 5000),
    first=st.integers(0, 8),
    count=st.integers(1, 9),
)
def test_where_columns_are_put_away_changes_nothing(
    made: Results, most: int, read: int, first: int, count: int
) -> None:
    plain = made.stored
    assert plain is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_columns, "_MOST_READ", read)
        shelf = Shelf(None, most)
        other = StoredColumns(
            made.lazy,
            plain._store,
            made.summary,
            made.set_ids,
            made.seeds,
            made.pieces,
            shelf,
        )
        sets = range(first, min(9, first + count))
        found, expected = (each.read(["net_pnl", "trades"], sets) for each in (other, plain))
    assert (shelf.in_file > 0) == (most < 2 * 9 * 70)
    np.testing.assert_array_equal(found.paths, expected.paths)
    for name in ("net_pnl", "trades"):
        np.testing.assert_array_equal(found.columns[name], expected.columns[name])


def test_the_file_has_no_name_and_lies_beside_the_results(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most=0)
    values = np.arange(12.0).reshape(3, 4)
    kept = [shelf.put(values), shelf.put(-values)]
    assert shelf.in_file == 2 * values.nbytes
    assert not [*tmp_path.iterdir()]
    np.testing.assert_array_equal(shelf.take(kept[1], 1, 3), -values[1:3])


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(Refusal, match=r"no room to sort their rows.*disk is full.*TMPDIR"):
        Shelf(None, most=0).put(np.zeros((1, 1)))


def test_results_opened_from_a_folder_read_as_those_in_memory(tmp_path: Path) -> None:
    asked = study()
    stored = asked.run(root=tmp_path)
    assert_frame_equal(stored.statistics(), asked.run().statistics(), check_exact=True)
    none = open_results(
        stored.stored._store,  # type: ignore[union-attr]
        replace(stored.summary, world="0" * 16),
        stored.set_ids,
        stored.seeds,
    )
    assert none.stored is None
    assert none.lazy.select(pl.len()).collect().item() == 0


@pytest.mark.parametrize("seeds", [[7, 8, 9], [9, 7, 8], [7, 9, 10]])
def test_simulations_are_numbered_in_the_order_of_the_seeds(seeds: list[int]) -> None:
    found = study(seeds=seeds, paths_per_seed=2, parameters={"fast": [3], "slow": [12, 20]}).run()
    rows = found.frame.sort("simulation")
    assert rows["simulation"].to_list() == list(range(12))
    assert rows["seed"].to_list() == [seed for seed in seeds for _ in range(4)]
    assert rows["path"].to_list() == [0, 0, 1, 1] * 3
    assert rows["parameter_set"].to_list() == [0, 1] * 6


def test_pieces_that_serve_whole_parts_hold_no_seeds() -> None:
    found = study(parameters={"fast": [3], "slow": [12]}).run()
    assert all(piece.some_seeds is None for piece in found.pieces)
    every = np.sort(np.concatenate([piece.seeds for piece in found.pieces]))
    np.testing.assert_array_equal(every, np.sort(found.seeds))


@pytest.mark.parametrize("most", [0, 10_000])
@pytest.mark.parametrize(
    "seeds", [range(100, 170), [*range(9, 80)][::-1], [*range(40), *range(90, 120, 3)]]
)
def test_some_paths_of_sets_are_read_alone(most: int, seeds: Sequence[int]) -> None:
    sets = {"fast": [3, 4], "slow": [12, 20]}
    found = study(parameters=sets, seeds=seeds, paths_per_seed=2, steps=30).run()
    assert found.stored is not None
    store = found.stored._store
    laid = (found.summary, found.set_ids, found.seeds, found.pieces, Shelf(None, most))
    columns = StoredColumns(found.lazy, store, *laid)
    count = 2 * len(seeds)
    rows = found.frame.sort("parameter_set", "simulation")
    every = rows["net_pnl"].to_numpy().reshape(4, count)
    for some in (range(count), range(17, 18), range(3, 61), range(count - 5, count)):
        for of in (range(4), range(1, 3)):
            read = columns.read(["net_pnl"], of, some)
            assert read.paths.tolist() == [*some] * len(of)
            own = read.columns["net_pnl"].reshape(len(of), len(some))
            np.testing.assert_array_equal(own, every[of.start : of.stop, some.start : some.stop])
