"""Jobs drive any engine that keeps the contract: here a toy that they know nothing of."""

from __future__ import annotations

import ast
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from engine.jobs.engine import Engine, PreparedEngine
from engine.jobs.ledger import read_trials
from engine.jobs.shared_parts import SharedParts, run_part
from engine.sources import GBM
from engine.strategies import Float, Strategy
from engine.strategies.bar_engine import BarEngine, engine_of
from engine.studies import Study, load_results


class Held:
    """Holds a share of the cash from the first close to the last, in plain Python."""

    version = "toy-1"
    metric_names = ("net_pnl", "highest_close")
    range_metrics = ()
    closes_suffice = False
    settings: dict[str, Any] = {}  # noqa: RUF012 - one value, never changed
    reads_dynamics = False

    def with_options(self, options: Any) -> Held:
        return self

    def check(self, strategy: Any, execution: Any, parameters: Any, **paths: Any) -> None:
        pass

    def asked_metrics(self, asked: Any, field: str) -> tuple[str, ...]:
        return self.metric_names

    def returns_in(self, steps: int) -> int:
        return steps

    def group_versions(self, metrics: Any) -> dict[str, int]:
        return {"held": 1}

    def prepare(self, strategy: type[Strategy], execution: Any, **shape: Any) -> HeldPrepared:
        return HeldPrepared(execution.cash, shape)


class HeldPrepared:
    metric_names = Held.metric_names
    raised = 7
    sets_at_once = None

    def __init__(self, cash: float, shape: dict[str, Any]) -> None:
        self.cash, self.symbols = cash, shape["symbols"]
        bars, samples = shape["steps"] - shape["warm_up"], shape["record_equity"]
        self.sample_bars = np.array([(k + 1) * bars // samples - 1 for k in range(samples)], int)
        self.first = shape["warm_up"]

    def scratch(self) -> None:
        return None

    def tape(self) -> ToyTape:
        return ToyTape()

    def run(
        self, values: Any, parameters: Any, metrics: Any, status: Any, scratch: Any,
        equity: Any = None, trades: Any = None, *, seeds: Any = None, paths: Any = None,
    ) -> None:  # fmt: skip
        status[:] = 0
        rows: list[list[float]] = []
        if trades is not None:
            trades.begin()
        for p, path in enumerate(values):
            close = path[0, 3, self.first :]
            for s, (share,) in enumerate(parameters):
                if share > 3.0:
                    status[p, s] = self.raised
                    metrics[p, s] = np.nan
                else:
                    curve = self.cash * (1.0 + share * (close / close[0] - 1.0))
                    metrics[p, s] = curve[-1] - self.cash, close.max()
                    if equity is not None:
                        equity[p, s] = curve[self.sample_bars]
                    rows.append([share, metrics[p, s, 0]])
                if trades is not None:
                    trades.add(rows)

    def status_text(self, code: int) -> str:
        return "too much"

    def failure(
        self, code: int, values: Any, parameters: Any, scratch: Any, **identity: Any
    ) -> str:
        return f"a share of {parameters[0, 0]:g} is too much"

    def trade_columns(
        self, columns: NDArray[np.float64], first_bar: int, *, with_ranges: bool
    ) -> list[pl.Series]:
        return [pl.Series("share", columns[0].copy()), pl.Series("pnl", columns[1].copy())]


class ToyTape:
    def __init__(self) -> None:
        self.columns, self.ends = np.empty((2, 0)), np.empty(0, dtype=np.int64)

    def begin(self) -> None:
        self.__init__()  # type: ignore[misc]

    def add(self, rows: list[list[float]]) -> None:
        self.columns = np.array(rows, dtype=np.float64).reshape(-1, 2).T
        self.ends = np.append(self.ends, len(rows))

    @property
    def count(self) -> int:
        return self.columns.shape[1]


class HeldShare(Strategy):
    engine = Held()
    share = Float(1.0, low=0.0, high=5.0)


def study(**more: Any) -> Study:
    parameters = {"share": [0.5, 2.0]}
    settings = {"parameters": parameters, "seeds": 40, "steps": 20}
    return Study("toy", GBM(mu=0.05, sigma=0.2), HeldShare, **(settings | more))


def test_an_engine_that_jobs_do_not_know_runs_to_stored_rows(tmp_path: Path) -> None:
    study(record={"equity": 5}).run(root=tmp_path, workers=2)
    results = load_results(tmp_path, "toy")
    rows = results.frame
    assert rows.columns[7:] == ["share", "status", "error", "net_pnl", "highest_close"]
    assert results.summary.engine_version == "toy-1"
    paths = GBM(mu=0.05, sigma=0.2).paths(seeds=range(40), steps=20).values[:, 0, 3]
    for row in rows.iter_rows(named=True):
        close = paths[row["seed"]]
        pnl = 100_000.0 * (1.0 + row["share"] * (close / close[0] - 1.0))[-1] - 100_000.0
        assert row["net_pnl"] == pytest.approx(pnl, rel=1e-12)
        assert row["highest_close"] == close.max()
    curves = results.equity()["equity"].to_list()
    assert [curve[-1] for curve in curves] == pytest.approx(
        (rows["net_pnl"] + 100_000.0).to_list(), rel=1e-6
    )


def test_the_sets_of_any_engine_are_trials(tmp_path: Path) -> None:
    study().run(root=tmp_path)
    trials = read_trials(tmp_path)
    assert len(trials) == 2
    assert trials["mean_sharpe"].null_count() == 2
    assert trials["mean_net_pnl"].null_count() == 0


def test_an_engine_says_why_a_simulation_failed() -> None:
    rows = study(parameters={"share": [0.5, 4.0]}, failure_allowance=1.0).run().frame
    failed = rows.filter(pl.col("status") == "failed")
    assert failed["share"].unique().to_list() == [4.0]
    assert failed["error"].unique().to_list() == ["a share of 4 is too much"]


def test_the_trades_of_any_engine_have_a_table_of_its_columns() -> None:
    results = study(record={"trades": True}, seeds=3).run(workers=1)
    trades = results.trades()
    assert trades["share"].to_list() == results.frame["share"].to_list()
    assert trades["pnl"].to_list() == results.frame["net_pnl"].to_list()


def test_a_prepared_job_drives_any_engine() -> None:
    with study().prepare(workers=1) as job:
        batch = job.run([{"share": 1.0}], range(40))
    frame = study(parameters={"share": 1.0}).run().frame
    assert batch.metric("net_pnl")[0].tolist() == frame["net_pnl"].to_list()


def test_the_version_of_an_engine_is_part_of_its_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    before = study().resolve().world.id
    assert study().resolve().world.id == before
    monkeypatch.setattr(Held, "version", "toy-2")
    assert study().resolve().world.id != before


FILE = """
from engine.strategies import Float, Strategy
from engine.strategies.bar_engine import BarEngine

class Renamed(BarEngine):
    @property
    def version(self):
        return "renamed-1"

class Weighted(Strategy):
    engine = Renamed()
    weight = Float(1.0, low=0.0, high=2.0)

    def on_start(self, order):
        order.target_percent(self.weight)
"""


@pytest.mark.slow
def test_a_strategy_of_a_file_takes_its_engine_to_another_process(tmp_path: Path) -> None:
    from engine.jobs.plan import make_plan
    from engine.strategies import load_user_strategies

    (tmp_path / "own.py").write_text(FILE)
    load_user_strategies(tmp_path / "own.py")
    job = Study("own", GBM(), "weighted", {"weight": [0.5]}, seeds=3, steps=9).resolve()
    assert job.world.engine.version == "renamed-1"
    part = make_plan(job, ()).parts[0]
    shared = SharedParts.of([part])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        there = pool.submit(run_part, shared, shared.place(part), str(tmp_path / "there")).result()
    assert there == run_part(shared, shared.place(part), str(tmp_path / "here"))


def test_the_engine_of_bars_and_the_toy_keep_the_contract() -> None:
    class Plain(Strategy):
        def on_start(self, order):
            order.target_percent(1.0)

    toy: Engine = Held()
    bars: Engine = engine_of(Plain)
    assert isinstance(bars, BarEngine)
    assert bars is not toy
    for engine, strategy in ((toy, HeldShare), (bars, Plain)):
        from engine.execution import Execution

        fields = ("open", "high", "low", "close", "volume")
        prepared: PreparedEngine = engine.prepare(
            strategy, Execution(), symbols=("X",), fields=fields, steps=9, bars_per_year=252.0,
            bars_per_session=1.0, warm_up=0, record_equity=3, record_trades=True, groups=(),
            timestamps=None, exchange=None, timeframe=None, history=None,
        )  # fmt: skip
        assert "net_pnl" in prepared.metric_names
        assert set(engine.range_metrics) <= set(engine.metric_names)
        assert prepared.sample_bars.tolist() == [2, 5, 8]
        assert 0 < prepared.raised < 126
        assert prepared.tape().count == 0


# What jobs still know of bars by name, each with why no contract would serve better.
KNOWN = {
    "replay.py": "shows orders, which only the engine of bars has",
    "columns.py": "describes the columns of bars to pages",
    "summary.py": "reads the terms of an instrument, which all engines share",
}


def test_jobs_import_no_engine_by_name_where_the_contract_serves(project: Path) -> None:
    engines = ("engine.execution.", "engine.strategies.engine", "engine.strategies.trade_")
    for path in sorted((project / "engine" / "jobs").glob("*.py")):
        if path.name in KNOWN:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        by_name = {n for n in named if n.startswith(engines) or n.endswith("prepare_strategy")}
        # The register of groups of metrics, which engines share.
        by_name = {n for n in by_name if not n.startswith("engine.execution.metric_groups.")}
        assert by_name <= {"engine.execution.Execution"}, f"{path.name}: {by_name}"
