"""Groups of metrics: chosen by a study, versioned, in single precision by option."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import Refusal
from engine.execution import metric_groups
from engine.execution.metric_groups import MetricGroup, asked_metrics, group_versions
from engine.execution.metric_names import METRIC_NAMES
from engine.jobs.columns import KEY_COLUMNS
from engine.jobs.settings import Record
from engine.results import Results, read_results
from engine.results.definitions import STATISTICS
from engine.sources import GBM, Generator, Source
from engine.studies import Study
from tests.engine.jobs import half_curve

THREE = ["net_pnl", "max_drawdown", "trades"]
SETS = {"fast": [3, 5], "slow": [9, 20]}
#: The one row of an uneven choice of metrics that no headline statistic is made of.
NO_HEADLINE = ["cagr", "turnover", "final_equity"]


def study(seeds: int = 30, name: str = "groups", **settings: Any) -> Study:
    return Study(name, GBM(), "sma_crossover", SETS, seeds=seeds, steps=60, **settings)


def run(root: Path, seeds: int = 30, name: str = "groups", **record: Any) -> tuple[Results, int]:
    """Run a study; return its results and how many simulations were computed."""
    told: list[Any] = []
    found = study(seeds, name, record=record).run(root=root, progress=told.append)
    return found, told[-1].total - told[-1].reused


def files(root: Path) -> list[Path]:
    return sorted(root.glob("simulations/*/*.parquet"))


@pytest.fixture
def half_curves(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A second group, declared and computed by a file of the tests."""
    monkeypatch.setitem(metric_groups.BUILT_IN, "half_curves", half_curve.__name__)
    return half_curve


def test_a_study_stores_the_metrics_that_it_asks_for_and_no_others(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    few, _ = run(tmp_path / "few", metrics=THREE)
    stored = pl.read_parquet(files(tmp_path / "few")[0]).columns
    kept = [name for name in METRIC_NAMES if name in THREE]
    assert stored == ["world", "set_id", "seed", "path", "fast", "slow", "status", "error", *kept]
    assert few.metrics == kept
    assert few.columns == [*KEY_COLUMNS[:-2], "fast", "slow", "status", "error", *kept]
    assert few.frame.equals(whole.frame.select(few.columns))


def test_the_trial_ledger_counts_alike_whatever_is_kept(tmp_path: Path) -> None:
    counted = []
    for place, record in (("all", {}), ("one", {"metrics": ["turnover"], "precision": "float32"})):
        run(tmp_path / place, **record)
        rows = pl.concat(map(pl.read_parquet, sorted(tmp_path.glob(f"{place}/ledger/*/*.parquet"))))
        counted.append(rows.drop("tried_at"))
    assert counted[0].equals(counted[1])


def test_single_precision_takes_about_half_the_bytes_and_rounds_each_metric_once(
    tmp_path: Path,
) -> None:
    double, _ = run(tmp_path / "double", seeds=2000)
    single, _ = run(tmp_path / "single", seeds=2000, precision="float32")
    sizes = [sum(path.stat().st_size for path in files(tmp_path / p)) for p in ("double", "single")]
    rows = len(double)
    assert sizes[1] / rows < 0.62 * sizes[0] / rows
    assert {single.frame.schema[name] for name in METRIC_NAMES} == {pl.Float32()}
    for name in METRIC_NAMES:
        exact = double.frame[name].to_numpy()
        assert np.array_equal(
            single.frame[name].to_numpy(), exact.astype(np.float32), equal_nan=True
        )


def test_statistics_state_the_precision_of_their_rows_and_are_those_of_double_precision(
    tmp_path: Path,
) -> None:
    double, _ = run(tmp_path / "double")
    single, _ = run(tmp_path / "single", precision="float32")
    exact, rounded = double.statistics(), single.statistics()
    assert set(exact["precision"]) == {"float64"}
    assert set(rounded["precision"]) == {"float32"}
    assert rounded["statistic"].equals(exact["statistic"])
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(
            rounded[column].to_numpy(), exact[column].to_numpy(), rtol=2e-5, atol=1e-6
        )


def test_what_double_precision_rows_say_serves_a_study_in_single_precision(tmp_path: Path) -> None:
    apart = run(tmp_path / "apart", precision="float32")[0].frame
    run(tmp_path / "home", name="first")
    served, computed = run(tmp_path / "home", name="second", precision="float32")
    assert computed == 0
    assert served.frame.drop("study").equals(apart.drop("study"))
    run(tmp_path / "apart", name="finer")
    again, computed = run(tmp_path / "apart", precision="float32")
    assert computed == 0
    assert again.frame.equals(apart)


def test_asking_for_a_metric_later_computes_only_the_cells_that_lack_it(tmp_path: Path) -> None:
    run(tmp_path, seeds=20)
    _, computed = run(tmp_path, seeds=50, metrics=THREE)
    assert computed == 30 * 4
    more, computed = run(tmp_path, seeds=50, metrics=[*THREE, "turnover"])
    assert computed == 30 * 4
    alone = study(50, record={"metrics": [*THREE, "turnover"]}).run()
    assert more.frame.sort("simulation").equals(alone.frame.sort("simulation"))


def test_studies_that_ask_for_other_metrics_of_the_same_cells_do_not_take_each_others(
    tmp_path: Path,
) -> None:
    first, _ = run(tmp_path, name="first", metrics=["net_pnl", "trades"])
    _, computed = run(tmp_path, name="second", metrics=["turnover"])
    assert computed == 120
    again, computed = run(tmp_path, name="first", metrics=["net_pnl", "trades"])
    assert computed == 0
    assert again.frame.equals(first.frame)
    kept = pl.read_parquet(files(tmp_path)[0]).columns[8:]
    assert kept == ["net_pnl", "trades", "turnover"]


def test_a_part_that_is_computed_anew_is_the_same_after_a_kill(tmp_path: Path) -> None:
    for place in ("whole", "killed"):
        run(tmp_path / place, seeds=20, metrics=["trades"])
    run(tmp_path / "whole", seeds=40, metrics=["turnover"])

    def stop(progress: Any) -> None:
        if progress.done > progress.reused:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(40, record={"metrics": ["turnover"]}).run(
            root=tmp_path / "killed", progress=stop, workers=1
        )
    run(tmp_path / "killed", seeds=40, metrics=["turnover"])
    of_whole, of_killed = (
        [path.read_bytes() for path in files(tmp_path / p)] for p in ("whole", "killed")
    )
    assert of_whole == of_killed


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The study with every metric."""
    return run(tmp_path_factory.mktemp("whole"))[0]


@pytest.mark.parametrize(
    "metrics", [THREE, NO_HEADLINE, [], ["bar_trading"], ["trades", "exposure"]]
)
def test_every_choice_of_metrics_has_statistics_warnings_and_comparisons(
    whole_run: Results, tmp_path: Path, metrics: list[str]
) -> None:
    whole = whole_run
    some, _ = run(tmp_path / "some", metrics=metrics, equity=5, trades=True)
    table, every = some.statistics(), whole.statistics()
    keys = ["parameter_set", "statistic"]
    both = table.join(every, on=keys, suffix="_of_all")
    assert both["estimate"].equals(both["estimate_of_all"].alias("estimate"))
    assert both["std_error"].equals(both["std_error_of_all"].alias("std_error"))
    # Every statistic that the columns allow is there, and no other.
    allowed = {name for name, entry in STATISTICS.items() if {*entry.needs} <= {*some.metrics}}
    named = {name for name in metrics if name in NO_HEADLINE}
    assert {*table["statistic"]} == allowed | named
    budget = some.error_budget()
    assert budget.select(keys).equals(table.select(keys))
    grouped = some.group_by("fast").statistics()
    assert grouped["statistic"].n_unique() == table["statistic"].n_unique()
    for name in allowed | named:
        assert some.compare(some, name).table["verdict"].to_list() == ["tied"] * 4
        assert len(some.best(name, 2)) == 2
    told = {"trades", "exposure"} <= {*some.metrics}
    assert table["idle_share"].null_count() == (0 if told else len(table))
    row = some.frame.row(3, named=True)
    replayed = some.simulation(row["simulation"]).metrics
    assert {name: replayed[name] for name in some.metrics} == {
        name: row[name] for name in some.metrics
    }
    reopened = read_results(tmp_path / "some", "groups")
    assert reopened.frame.equals(some.frame)
    assert reopened.warnings().equals(some.warnings())


def test_warnings_speak_of_what_is_kept_alone(tmp_path: Path) -> None:
    def warned(record: dict[str, Any]) -> list[str]:
        never = Study("idle", GBM(), "sma_crossover", {"slow": 90}, seeds=9, steps=50, warm_up=0)
        definition = never.definition.model_copy(update={"record": Record.model_validate(record)})
        never.definition = definition
        return never.run().warnings()["code"].to_list()

    assert warned({}) == ["nothing_traded"]
    assert warned({"metrics": ["trades", "exposure"]}) == ["nothing_traded"]
    assert warned({"metrics": ["trades", "net_pnl"]}) == []


def test_a_statistic_of_what_is_not_kept_is_refused_with_the_way_to_get_it(tmp_path: Path) -> None:
    found, _ = run(tmp_path, metrics=["net_pnl", "sharpe"])
    with pytest.raises(
        Refusal, match=r"stored results of groups have no columns return_sum, return_squ"
    ):
        found.best("sharpe")
    with pytest.raises(
        Refusal, match=r"'max_drawdown'; add max_drawdown to `record: \{metrics: \["
    ):
        found.compare(found, "max_drawdown")
    assert "sharpe" not in found.statistics()["statistic"].to_list()


def test_until_needs_a_statistic_of_what_is_kept() -> None:
    until = {"statistic": "sharpe", "half_width": 0.1, "max_seeds": 500}
    with pytest.raises(
        Refusal, match=r"until\.statistic: found 'sharpe' without return_sum, return_s"
    ):
        study(record={"metrics": ["net_pnl"]}, until=until).resolve()
    kept = ["return_sum", "return_squares"]
    assert study(record={"metrics": kept}, until=until).resolve().holds.metrics == tuple(kept)


def test_an_unknown_group_or_metric_is_one_sentence() -> None:
    for record in ({"metrics": ["bar_tradin"]}, {"metrics": "bar_tradin"}):
        with pytest.raises(Refusal) as refusal:
            study(record=record)
        said = str(refusal.value)
        assert "no group or metric 'bar_tradin' (did you mean 'bar_trading'?)" in said
        assert said.startswith("record.metrics: found")
        assert (
            "groups bar_trading, equity_curve, benchmark, financing, options, ticks; metrics"
            in said
        )
        assert "\n" not in said
    with pytest.raises(Refusal, match=r"record\.precision: found 'float16'"):
        study(record={"precision": "float16"})


def test_a_group_is_asked_for_by_name_or_by_its_metrics() -> None:
    assert asked_metrics(["bar_trading"], "") == METRIC_NAMES
    assert asked_metrics(["trades", "net_pnl", "trades"], "") == ("net_pnl", "trades")
    assert asked_metrics([], "") == ()
    assert group_versions([]) == {}


def test_another_version_of_a_group_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = run(tmp_path, metrics=THREE)
    module = sys.modules["engine.execution.metric_names"]
    newer = dataclasses.replace(module.GROUP, version=module.GROUP.version + 1)
    monkeypatch.setattr(module, "GROUP", newer)
    # What was computed stays readable until the study runs again.
    assert read_results(tmp_path, "groups").frame.equals(before.frame)
    again, computed = run(tmp_path, metrics=THREE)
    assert computed == 120
    assert again.fingerprint != before.fingerprint
    assert again.frame.equals(before.frame)


def test_a_further_group_is_a_file_and_a_line(tmp_path: Path, half_curves: ModuleType) -> None:
    group: MetricGroup = half_curves.GROUP
    found, _ = run(tmp_path, equity=60, metrics=["bar_trading", "half_curves"])
    assert found.metrics == [*METRIC_NAMES, *group.metrics]
    curves = found.equity_lazy.sort("simulation").collect()["equity"].to_numpy()
    frame = found.frame.sort("simulation")
    # Sampled equity is in single precision.
    np.testing.assert_allclose(frame["middle_equity"].to_numpy(), curves[:, 29], rtol=1e-6)
    np.testing.assert_allclose(
        frame["final_over_middle"].to_numpy(), curves[:, 59] / curves[:, 29], rtol=1e-6
    )
    table = found.statistics(names=["middle_equity"])
    assert table["n"].to_list() == [30] * 4
    replay = found.simulation(7)
    assert replay.metrics["middle_equity"] == frame["middle_equity"][7]


def test_some_metrics_of_a_further_group_stand_alone(
    tmp_path: Path, half_curves: ModuleType
) -> None:
    found, _ = run(tmp_path, metrics=["final_over_middle"])
    assert found.metrics == ["final_over_middle"]
    assert found.summary.groups == {"half_curves": 1}
    both, computed = run(tmp_path, name="both", metrics=["net_pnl", "final_over_middle"])
    assert computed == 120
    assert both.frame["final_over_middle"].equals(found.frame["final_over_middle"])


def test_a_group_that_nobody_asks_for_is_neither_stored_nor_computed(
    half_curves: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(*_: Any) -> Any:
        raise AssertionError("a group that nobody asked for was compiled")

    monkeypatch.setattr(MetricGroup, "function", property(compiled))
    # A path of a length that no other test prepares.
    settings: dict[str, Any] = {"seeds": 7, "steps": 61}
    found = Study("absent", GBM(), "buy_and_hold", **settings).run()
    assert found.metrics == list(METRIC_NAMES)
    record = {"metrics": ["half_curves"]}
    with pytest.raises(AssertionError, match="nobody asked"):
        Study("present", GBM(), "buy_and_hold", record=record, **settings).run()


def test_metrics_of_ones_own_stand_beside_few_of_the_engine() -> None:
    def ups(bars: Any, equity: Any) -> float:
        count = 0.0
        for bar in range(1, equity.size):
            count += equity[bar] > equity[bar - 1]
        return count

    record = {"metrics": ["trades"], "precision": "float32"}
    found = study(20, metrics={"ups": ups}, record=record).run()
    whole = study(20, metrics={"ups": ups}).run()
    assert found.metrics == ["trades", "ups"]
    assert found.frame["ups"].dtype == pl.Float32()
    assert found.frame["ups"].to_list() == whole.frame["ups"].to_list()


class NoPrices(Source):
    """Prices that are not finite."""

    name = "prices_of_none"

    def _generator(self, request: Any) -> Generator:
        return NoPricesGenerator(request)


class NoPricesGenerator(Generator):
    def __init__(self, request: Any) -> None:
        self.symbols, self.steps, self.dt = ("X",), request.steps, request.dt

    def fill(self, seeds: Any, path_ids: Any, out: Any, scratch: Any) -> None:
        out[:] = np.nan


def test_a_failed_simulation_has_no_metrics_whatever_is_kept() -> None:
    settings = {"seeds": 3, "steps": 9, "failure_allowance": 1.0, "record": {"metrics": THREE}}
    frame = Study("fails", NoPrices(), "buy_and_hold", **settings).run().frame
    assert frame["status"].to_list() == ["failed"] * 3
    assert frame.select(THREE).null_count().row(0) == (3, 3, 3)
