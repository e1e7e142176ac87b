"""Studies from Python, as a reader of the design would write them; and odd shapes of work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import Refusal
from engine.execution import Execution
from engine.jobs import chunking as chunking_module
from engine.jobs.blocks import block_of
from engine.jobs.plan import make_plan
from engine.jobs.pool import PartPool
from engine.jobs.store import MemoryStore
from engine.sources import (
    GBM,
    Bootstrap,
    Correlated,
    Generator,
    Historical,
    Source,
    option,
    parameter,
)
from engine.statistics.moments import means
from engine.strategies import backtest, get_strategy
from engine.studies import Study, linspace, load_seeds
from engine.studies.loader import parse_definition

Make = Callable[..., Study]


def test_the_study_of_the_design_page_runs(market: Any) -> None:
    study = Study(
        name="sma on bootstrapped S&P 500",
        source=Bootstrap(
            market.bars("SP500", "1d"), method="stationary", block_length="auto", steps=300
        ),
        strategy="sma_crossover",
        parameters={"fast": [5, 10, 20], "slow": linspace(20, 200, 10)},
        constraint="fast < slow",
        seeds=load_seeds("stage_1"),
    )
    results = study.run(workers="auto")
    assert len(results) == 29 * 25
    assert results.summary.dropped_sets == 1
    assert set(results.statistics().columns) >= {"estimate", "std_error", "ci_low", "ci_high", "n"}
    assert len(results.filter("net_pnl > 0")) > 0
    assert len(results.best("sharpe")) == 10
    assert results.group_by("fast").profit_probability()["fast"].to_list() == [5, 10, 20]
    assert results.compare(results.filter("parameter_set = 0")).paired


def test_history_has_its_own_horizon_and_is_a_backtest(market: Any) -> None:
    bars = market.bars("SP500", "1d")
    results = Study("history", Historical(bars), "sma_crossover", seeds=1).run()
    alone = backtest("sma_crossover", bars, warm_up="auto")
    row = results.frame.row(0, named=True)
    assert results.summary.steps == len(bars) - 29  # the slow average's first value is at bar 29
    assert row["net_pnl"] == pytest.approx(alone.metrics["net_pnl"], rel=1e-12)
    assert row["trades"] == alone.metrics["trades"]


def test_a_strategy_class_and_execution_settings_may_be_given(make_study: Make) -> None:
    by_name = make_study(execution={"cash": 5000.0, "commission": {"rate": 0.001}}).run()
    by_class = make_study(
        strategy=get_strategy("sma_crossover"),
        execution=Execution.model_validate({"cash": 5000.0, "commission": {"rate": 0.001}}),
    ).run()
    assert by_name.frame.equals(by_class.frame, null_equal=True)


def test_several_symbols_share_a_path() -> None:
    source = Correlated(
        {"A": GBM(mu=0.05, sigma=0.2), "B": GBM(mu=0.0, sigma=0.3)},
        correlation=np.array([[1.0, 0.5], [0.5, 1.0]]),
    )
    swept = {"model.B.sigma": [0.1, 0.3]}
    results = Study("pair", source, "buy_and_hold", swept, seeds=20, steps=30).run()
    assert len(results.failures) == 0
    assert results.frame["model.B.sigma"].to_list() == [0.1, 0.3] * 20
    assert results.simulation(3).bars["symbol"].unique().sort().to_list() == ["A", "B"]


def test_a_study_file_may_correlate_symbols_and_switch_regimes() -> None:
    pair = parse_definition(PAIR)
    results = Study.from_definition(pair).run()
    assert results.parameters == ["model.B.sigma"]
    assert len(results.failures) == 0
    wrong = parse_definition(PAIR.replace("B.sigma", "B.vol"))
    with pytest.raises(Refusal, match=r"source\.parameters\.B\.vol: found an unknown"):
        Study.from_definition(wrong).run()


PAIR = """
name: pair
source:
  model: correlated
  options:
    legs:
      A: {model: gbm, mu: 0.05, sigma: 0.2}
      B: {model: gbm, mu: 0.0, sigma: 0.3}
    correlation: [[1.0, 0.5], [0.5, 1.0]]
  parameters: {B.sigma: [0.1, 0.3]}
  steps: 30
strategy: {name: buy_and_hold}
seeds: 10
"""


def test_parts_divide_a_job_and_do_not_depend_on_how_it_is_asked(make_study: Make) -> None:
    job = make_study(seeds=101, paths_per_seed=3).resolve()
    parts = make_plan(job, ()).parts
    assert sum(part.rows for part in parts) == job.simulations
    by_block = [part for block in range(16) for part in make_plan(job, (), block).parts]
    assert [part.name for part in parts] == [part.name for part in by_block]
    assert all((block_of(part.seeds) == part.block).all() for part in parts)
    cells = {(seed, name) for part in parts for seed in part.seeds for name in part.sets.ids}
    assert len(cells) == 101 * 4


def test_a_long_path_is_split_over_its_parameter_sets(
    make_study: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(seeds=2, parameters={"fast": list(range(2, 40)), "slow": [40, 50]})
    whole = study.run()
    monkeypatch.setattr(chunking_module, "_LONGEST_NS", 0.0)
    monkeypatch.setattr(chunking_module, "_CHUNK_NS", 1.0)
    job = study.resolve()
    chunks: list[int] = []
    pool = PartPool(
        make_plan(job, ()).parts,
        store := MemoryStore(),
        on_chunk=lambda done, failed, error: chunks.append(done),
    )
    pool.work()
    pool.raise_first()
    assert len(chunks) > 4
    assert sum(chunks) == len(whole)
    rows = store.scan("simulations", store.manifests(job.world.id)).collect()
    expected = whole.frame.sort("seed", "parameter_set", maintain_order=True)
    found = rows.join(whole.frame.select("set_id", "parameter_set").unique(), on="set_id")
    found = found.sort("seed", "parameter_set").select(whole.columns[3:])
    assert found.equals(expected.select(whole.columns[3:]), null_equal=True)


@pytest.mark.parametrize(("rows", "samples"), [(7, 2**22), (131_072, 3)])
def test_the_division_into_parts_changes_no_row(
    rows: int, samples: int, make_study: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import engine.jobs.part as part_module

    study = make_study(record={"equity": 4, "trades": True}, seeds=20)
    whole = study.run()
    monkeypatch.setattr(part_module, "_ROWS", rows)
    monkeypatch.setattr(part_module, "_SAMPLES", samples)
    again = study.run()
    for left, right in (
        (again.frame, whole.frame),
        (again.equity(), whole.equity()),
        (again.trades(), whole.trades()),
    ):
        assert left.sort("simulation", maintain_order=True).equals(right, null_equal=True)


def test_a_null_among_values_reaches_the_strategy_and_the_table(tmp_path: Path) -> None:
    file = tmp_path / "optional.py"
    file.write_text(OPTIONAL)
    from engine.strategies import load_user_strategies

    load_user_strategies(file)
    study = Study(
        "optional",
        GBM(),
        "optional_stop",
        {"stop": [None, 0.05, 0.1]},
        seeds=8,
        steps=30,
        constraint="stop < 0.08",
    )
    results = study.run(root=tmp_path)
    assert results.frame["stop"].unique(maintain_order=True).to_list() == [None, 0.05]
    table = results.statistics().filter(pl.col("statistic") == "mean_net_pnl")
    assert table["stop"].to_list() == [None, 0.05]
    pnl = results.frame.filter(pl.col("stop").is_null())["net_pnl"]
    assert table["estimate"][0] == pytest.approx(means(pnl).value[0])
    assert results.compare(results).table["difference"].to_list() == [0.0, 0.0]


OPTIONAL = """
import math

from engine.strategies import Float, Strategy


class OptionalStop(Strategy):
    stop = Float(None, low=0.0, high=1.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.target_percent(1.0 if math.isnan(self.stop) else 0.5)
"""


class Counting(Source):
    """Flat prices that count how many paths were asked for."""

    name = "counting"
    level: float = parameter(100.0, low=1.0)
    asked: Any = option(None, "A list that takes the number of paths of every fill.")

    def fingerprint(self) -> dict[str, Any]:
        return {"level": self.level}

    def _generator(self, request: Any) -> Generator:
        return CountingGenerator(self, request)


class CountingGenerator(Generator):
    def __init__(self, source: Counting, request: Any) -> None:
        self.symbols, self.steps, self.dt = ("X",), request.steps, request.dt
        self.source = source

    def fill(self, seeds: Any, path_ids: Any, out: Any, scratch: Any) -> None:
        self.source.asked.append(len(seeds))
        out[:] = self.source.level


def test_parameter_sets_share_a_path_that_is_generated_once(make_study: Make) -> None:
    asked: list[int] = []
    make_study(source=Counting(asked=asked)).run(workers=2)
    assert sum(asked) == 2 * 40  # the bars before a path are a path of their own
    asked.clear()
    swept = {"model.level": [50.0, 100.0, 200.0], "fast": [3, 5], "slow": [10, 20]}
    results = make_study(source=Counting(asked=asked), parameters=swept).run(workers=2)
    assert len(results) == 12 * 40
    assert sum(asked) == 3 * 2 * 40
