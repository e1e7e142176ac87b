"""The results API: filters, groups, ranks, statistics, comparison, replay, export."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.jobs import StorageError
from engine.results import Results
from engine.sources import GBM
from engine.statistics.moments import means
from engine.statistics.quantiles import quantiles
from engine.statistics.shares import shares
from engine.studies import Study, load_results, load_study

Make = Callable[..., Study]


@pytest.fixture(scope="module")
def results() -> Results:
    study = Study(
        "api",
        GBM(mu=0.05, sigma=0.2),
        "sma_crossover",
        {"fast": [3, 5], "slow": [10, 20]},
        seeds=60,
        steps=60,
        bars="ohlc",
        record={"equity": 12, "trades": True},
    )
    return study.run()


def test_rows_are_filtered_by_sql_or_expression(results: Results) -> None:
    rows = results.filter("net_pnl > 0 and fast = 5")
    assert set(rows.frame["fast"]) == {5}
    assert rows.frame["net_pnl"].min() > 0  # type: ignore[operator]
    assert len(results.filter(pl.col("slow") == 10)) == 120
    with pytest.raises(Refusal, match="filter: found 'net_pln > 0'"):
        results.filter("net_pln > 0")


def test_statistics_carry_their_errors_per_parameter_set(results: Results) -> None:
    table = results.statistics()
    assert len(table) == 4 * table["statistic"].n_unique()
    pnl = results.frame.filter(pl.col("parameter_set") == 2)["net_pnl"].to_numpy()
    own = table.filter(pl.col("parameter_set") == 2)

    def row(name: str) -> dict[str, Any]:
        return own.filter(pl.col("statistic") == name).row(0, named=True)

    for name, expected in (
        ("mean_net_pnl", means(pnl).estimates()[0]),
        ("profit_probability", shares((pnl > 0).astype(float)).estimates()[0]),
        ("value_at_risk_95", quantiles(-pnl, 0.95).estimates()[0]),
    ):
        found = row(name)
        assert found["estimate"] == pytest.approx(expected.value)
        assert found["std_error"] == pytest.approx(expected.std_error)
        assert found["ci_low"] == pytest.approx(expected.low)
        assert found["n"] == 60
    assert (row("mean_net_pnl")["fast"], row("mean_net_pnl")["slow"]) == (5, 10)


def test_pooling_parameter_sets_does_not_pretend_to_more_paths(results: Results) -> None:
    pooled = results.group_by("fast").mean_pnl()
    assert pooled["n"].to_list() == [120, 120]
    frame = results.frame.filter(pl.col("fast") == 3)
    per_path = frame.group_by("seed").agg(pl.col("net_pnl").mean())["net_pnl"].to_numpy()
    assert pooled["std_error"][0] == pytest.approx(means(per_path).estimates()[0].std_error)
    assert results.group_by("slow").profit_probability()["estimate"].is_between(0, 1).all()


def test_antithetic_pairs_count_as_one_observation() -> None:
    study = Study(
        "pairs",
        GBM(mu=0.05, sigma=0.2, sampling="antithetic"),
        "buy_and_hold",
        seeds=50,
        steps=20,
        paths_per_seed=2,
    )
    found = study.run()
    pairs = found.frame["net_pnl"].to_numpy().reshape(50, 2).mean(axis=1)
    row = found.statistics().filter(pl.col("statistic") == "mean_net_pnl")
    assert row["std_error"][0] == pytest.approx(means(pairs).estimates()[0].std_error)
    assert row["std_error"][0] < means(found.frame["net_pnl"]).estimates()[0].std_error / 2


def test_results_answer_sql(results: Results) -> None:
    answer = results.sql(
        "SELECT fast, AVG(net_pnl) AS pnl FROM simulations GROUP BY fast ORDER BY fast"
    )
    means = results.frame.group_by("fast", maintain_order=True).agg(pl.col("net_pnl").mean())
    assert answer["pnl"].to_list() == pytest.approx(means["net_pnl"].to_list())
    assert results.sql("SELECT COUNT(*) AS n FROM trades")["n"][0] > 0
    with pytest.raises(Refusal, match="query: found"):
        results.sql("SELECT nothing FROM simulations")


def test_the_best_sets_come_first(results: Results) -> None:
    best = results.best("sharpe", n=3)
    assert len(best) == 3
    assert best["estimate"].is_sorted(descending=True)
    assert results.best_by_pnl(1)["statistic"][0] == "mean_net_pnl"
    with pytest.raises(
        Refusal, match=r"statistic: found 'sharp' .*'sharpe'.*, allowed mean_net_pnl"
    ):
        results.best("sharp")


def test_a_metric_of_ones_own_is_an_expression_or_a_function(results: Results) -> None:
    by_sql = results.with_metric("per_trade", "net_pnl / trades")
    by_function = results.with_metric(
        "per_trade", lambda row: row["net_pnl"] / row["trades"] if row["trades"] else None
    )
    traded = pl.col("trades") > 0
    assert_frame_equal(
        by_sql.frame.filter(traded).select("per_trade"),
        by_function.frame.filter(traded).select("per_trade"),
    )
    assert by_sql.metrics[-1] == "per_trade"
    with pytest.raises(Refusal, match="exists"):
        results.with_metric("net_pnl", "trades")


def test_a_comparison_on_shared_seeds_is_paired(results: Results) -> None:
    base = Study("base", GBM(mu=0.05, sigma=0.2), "buy_and_hold", seeds=60, steps=60).run()
    found = results.compare(base)
    assert found.paired
    a = results.filter("parameter_set = 1").frame["net_pnl"].to_numpy()
    b = base.frame["net_pnl"].to_numpy()
    row = found.table.row(1, named=True)
    assert row["difference"] == pytest.approx((a - b).mean())
    assert row["std_error"] == pytest.approx(means(a - b).estimates()[0].std_error)
    assert row["n"] == 60
    same = results.compare(results)
    assert same.table["difference"].to_list() == [0.0] * 4
    assert same.table["baseline_set"].to_list() == [0, 1, 2, 3]


def test_a_comparison_on_other_seeds_is_not_paired(results: Results) -> None:
    base = Study(
        "base", GBM(mu=0.05, sigma=0.2), "buy_and_hold", seeds=range(100, 130), steps=60
    ).run()
    found = results.compare(base)
    assert not found.paired
    assert found.table["correlation"].null_count() == 4


def test_a_comparison_needs_a_matching_or_single_set(results: Results) -> None:
    other = results.filter("fast = 3")
    with pytest.raises(Refusal, match="baseline: found no parameter set"):
        results.compare(other)
    assert len(results.compare(other.filter("slow = 10")).table) == 4


def test_one_simulation_runs_again_with_everything_that_happened(results: Results) -> None:
    frame = results.frame
    for number in (0, 101, 239):
        again = results.simulation(number)
        row = frame.row(number, named=True)
        assert again.seed == row["seed"]
        assert again.parameters["fast"] == row["fast"]
        assert again.parameters["model.sigma"] == 0.2
        assert {name: row[name] for name in results.metrics} == again.metrics
        assert again.equity[-1] == row["final_equity"]
        assert again.bars["bar"].to_list() == [*range(-19, 60)]  # the slowest average needs 19
        filled = again.orders.filter(pl.col("event") == "filled")
        assert len(filled) >= 2 * len(again.trades)
        assert set(again.orders["kind"]) <= {"market"}
        recorded = results.trades().filter(pl.col("simulation") == number)
        assert_frame_equal(recorded.select(again.trades.columns), again.trades)
        sampled = results.equity().filter(pl.col("simulation") == number)["equity"][0]
        np.testing.assert_allclose(again.equity[4::5], sampled, rtol=1e-6)
    with pytest.raises(Refusal, match="simulation: found 240, allowed 0 to 239"):
        results.simulation(240)


def test_a_stored_simulation_runs_again_from_its_study_file(
    project: Path, market: Any, tmp_path: Path
) -> None:
    study = load_study(project / "studies" / "sma_crossover_gbm.yaml")
    made = study.run(root=tmp_path, market_data=market)
    loaded = load_results(tmp_path, "sma_crossover_gbm", market_data=market)
    again = loaded.simulation(17)
    assert again.metrics["net_pnl"] == made.frame["net_pnl"][17]


def test_a_changed_study_cannot_be_replayed(make_study: Make, tmp_path: Path) -> None:
    made = make_study().run(root=tmp_path)
    from dataclasses import replace

    changed = replace(made, remake=make_study(source=GBM(mu=0.5, sigma=0.2)).resolve)
    with pytest.raises(Refusal, match="have changed since"):
        changed.simulation(0)


def test_trades_add_up_to_the_pnl_of_closed_positions(results: Results) -> None:
    counts = results.trades().group_by("simulation").len().sort("simulation")
    expected = results.frame.filter(pl.col("trades") > 0)
    assert counts["simulation"].to_list() == expected["simulation"].to_list()
    assert counts["len"].to_list() == expected["trades"].cast(pl.Int64).to_list()


def test_results_are_exported_to_parquet_csv_and_sqlite(results: Results, tmp_path: Path) -> None:
    assert_frame_equal(pl.read_parquet(results.to_parquet(tmp_path / "r.parquet")), results.frame)
    text = pl.read_csv(results.to_csv(tmp_path / "r.csv"))
    assert text["net_pnl"].to_list() == results.frame["net_pnl"].to_list()
    for _ in range(2):
        with sqlite3.connect(results.to_sqlite(tmp_path / "r.sqlite")) as connection:
            rows = connection.execute(
                "select count(*), sum(net_pnl), max(fast) from simulations where status = 'ok'"
            ).fetchone()
    assert rows[0] == 240
    assert rows[1] == pytest.approx(results.frame["net_pnl"].sum())


def test_results_that_do_not_exist_are_named(tmp_path: Path, make_study: Make) -> None:
    with pytest.raises(Refusal, match=r".absent. has no results; none under"):
        load_results(tmp_path, "absent")
    made = make_study().run(root=tmp_path)
    with pytest.raises(Refusal, match="there are results of small"):
        load_results(tmp_path, "absent")
    with pytest.raises(Refusal, match=r"record\.equity"):
        made.equity()
    with pytest.raises(Refusal, match=r"record\.trades"):
        made.trades()


def test_empty_results_have_no_best_set_and_no_mistake(results: Results) -> None:
    empty = results.filter("net_pnl > 1e99")
    assert empty.best("sharpe").is_empty()
    assert empty.group_by("fast").profit_probability().is_empty()


def test_any_metric_stands_for_its_mean(results: Results) -> None:
    found = results.best("turnover").row(0, named=True)
    own = results.filter(f"parameter_set = {found['parameter_set']}").frame["turnover"]
    assert found["estimate"] == pytest.approx(own.mean())
    own_metric = results.with_metric("half", "net_pnl / 2")
    half, whole = own_metric.best("half", 1), results.best("mean_net_pnl", 1)
    assert half["std_error"][0] == pytest.approx(whole["std_error"][0] / 2)


def test_a_statistic_of_a_column_that_was_not_stored_names_the_command(results: Results) -> None:
    older = replace(results, lazy=results.lazy.drop("downside_squares"))
    said = (
        "statistic: the stored results of api have no column 'downside_squares'; "
        "`mc run api` computes it"
    )
    for ask in (older.best, older.group_by("fast").statistic):
        with pytest.raises(Refusal) as caught:
            ask("sortino")
        assert str(caught.value) == said
    assert "sortino" not in older.statistics()["statistic"].to_list()
    with pytest.raises(Refusal, match="found 'no_such', allowed mean_net_pnl") as caught:
        older.best("no_such")
    assert "downside_squares" not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda r: r.filter("downside_squares > 0 and fast = 5"), "filter"),
        (lambda r: r.filter(pl.col("downside_squares") > 0), "filter"),
        (lambda r: r.group_by("fast", "downside_squares"), "column"),
        (lambda r: r.with_metric("half", "downside_squares / 2"), "metric"),
    ],
)
def test_a_condition_on_a_metric_that_was_not_stored_names_the_command(
    results: Results, ask: Callable[[Results], object], field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        ask(replace(results, lazy=results.lazy.drop("downside_squares")))
    assert str(caught.value) == (
        f"{field}: the stored results of api have no column 'downside_squares'; "
        "`mc run api` computes it"
    )


def test_equal_sets_keep_their_order(make_study: Make) -> None:
    # No path has so many bars: none of these ever trades.
    never = {"fast": [3], "slow": [*range(150, 190)]}
    results = make_study(parameters=never, seeds=5, warm_up=0).run()
    assert results.best("mean_net_pnl", 40)["parameter_set"].to_list() == [*range(40)]


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda r: r.filter("net_pnl"), "filter: found 'net_pnl', a Float64"),
        (lambda r: r.filter(pl.col("nope") > 0), "filter: found .*nope"),
        (lambda r: r.group_by(), "column: a name to group by"),
        (lambda r: r.group_by("fast").statistic("nope"), "statistic: found 'nope'"),
        (
            lambda r: r.with_metric("n", "fast").group_by("n").profit_probability(),
            "column: found 'n'",
        ),
        (lambda r: r.best("nope"), "statistic: found 'nope'"),
        (lambda r: r.best(n=-1), "n: found -1"),
        (lambda r: r.with_metric("x", "nope * 2"), "metric: found 'nope"),
        (lambda r: r.with_metric("x", "status"), "x: found 'status', a String"),
        (lambda r: r.with_metric("x", lambda row: "text"), "x: found .*allowed numbers"),
        (lambda r: r.simulation("3"), "simulation: found '3'"),
        (lambda r: r.simulation(3.0), r"simulation: found 3\.0"),
        (lambda r: r.compare(r, "status"), "statistic: found 'status'"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    results: Results, ask: Callable[[Results], object], text: str
) -> None:
    with pytest.raises(Refusal, match=text):
        ask(results)


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_an_export_that_cannot_be_written_names_the_file(
    results: Results, tmp_path: Path, form: str
) -> None:
    (tmp_path / f"out.{form}").mkdir()
    with pytest.raises(StorageError, match=rf"cannot write .*out\.{form}"):
        getattr(results, f"to_{form}")(tmp_path / f"out.{form}")
    assert [path.name for path in tmp_path.iterdir()] == [f"out.{form}"]


def test_a_full_disk_during_an_export_to_sqlite_is_a_clear_error_and_leaves_nothing(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    monkeypatch.setattr("engine.results.export.sqlite3.connect", small)
    with pytest.raises(StorageError, match=r"cannot write .*out\.sqlite: .*disk is full"):
        results.to_sqlite(tmp_path / "out.sqlite")
    assert not list(tmp_path.iterdir())


def test_source_parameters_are_columns_as_they_are_written_in_a_study(make_study: Make) -> None:
    results = make_study(parameters={"model.sigma": [0.1, 0.2], "fast": [3]}).run()
    assert len(results.filter("model.sigma > 0.15")) == len(results) / 2
    assert len(results.filter('"model.sigma" > 0.15 and fast = 3')) == len(results) / 2
    assert results.with_metric("doubled", "model.sigma * 2").frame["doubled"].max() == 0.4
    found = results.sql("SELECT model.sigma, count(*) AS n FROM simulations GROUP BY model.sigma")
    assert found["n"].to_list() == [40, 40]


@pytest.mark.parametrize("condition", ["fast > 'a'", "fast = 'five'", 5, None, b"fast = 5", []])
def test_a_condition_that_cannot_be_computed_is_named_at_once(
    make_study: Make, condition: Any
) -> None:
    results = make_study().run()
    with pytest.raises(Refusal, match="filter: found"):
        results.filter(condition)
    with pytest.raises(Refusal, match="metric: found"):
        results.with_metric("own", condition)


def test_a_column_named_twice_groups_once(make_study: Make) -> None:
    results = make_study().run()
    assert_frame_equal(
        results.group_by("fast", "fast").profit_probability(),
        results.group_by("fast").profit_probability(),
    )


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", None])
def test_the_best_are_a_whole_number(make_study: Make, n: Any) -> None:
    with pytest.raises(Refusal, match="n: found"):
        make_study().run().best("sharpe", n)
