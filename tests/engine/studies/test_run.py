"""Running studies: rows, order, common random numbers, blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.execution import Execution
from engine.jobs import BLOCKS, Progress
from engine.sources import GBM, get_source, load_user_sources
from engine.strategies import prepare_strategy
from engine.studies import Study, load_results, load_study, run_block

Make = Callable[..., Study]


def test_every_simulation_is_a_row_in_order(make_study: Make, tmp_path: Path) -> None:
    results = make_study().run(root=tmp_path)
    frame = results.frame
    assert frame["simulation"].to_list() == list(range(160))
    assert frame["parameter_set"].to_list() == [0, 1, 2, 3] * 40
    assert frame["seed"].to_list() == [seed for seed in range(40) for _ in range(4)]
    assert frame["fast"].to_list() == [3, 3, 5, 5] * 40
    assert frame["slow"].to_list() == [10, 20, 10, 20] * 40
    assert frame["status"].unique().to_list() == ["ok"]
    assert frame["error"].null_count() == 160
    assert frame["study"].unique().to_list() == ["small"]
    assert frame["world"].unique().to_list() == [results.summary.world]
    assert frame["set_id"].to_list() == frame["set_id"][:4].to_list() * 40
    assert frame["set_id"].n_unique() == 4
    assert results.metrics[0] == "net_pnl"


def test_rows_are_what_the_engines_give_by_themselves(make_study: Make) -> None:
    frame = make_study(bars="ohlc").run().frame
    block = GBM(mu=0.05, sigma=0.2).paths(steps=60, seeds=range(40), warm_up=19)
    engine = prepare_strategy(
        "sma_crossover",
        Execution(),
        symbols=block.symbols,
        fields=block.fields,
        steps=79,
        bars_per_year=252.0,
        warm_up=19,
    )
    parameters = np.array(
        [engine.encode({"fast": fast, "slow": slow}) for fast in (3, 5) for slow in (10, 20)]
    )
    metrics = np.empty((40, 4, len(engine.metric_names)))
    status = np.empty((40, 4), dtype=np.int8)
    engine.run(block.values, parameters, metrics, status, engine.scratch())
    for position, name in enumerate(engine.metric_names):
        expected = pl.Series(name, metrics[:, :, position].ravel()).fill_nan(None)
        assert frame[name].equals(expected, null_equal=True), name


def test_results_do_not_depend_on_workers_or_storage(make_study: Make, tmp_path: Path) -> None:
    one = make_study(record={"equity": 10}).run(workers=1)
    two = make_study(record={"equity": 10}).run(workers=2, root=tmp_path)
    assert_frame_equal(one.frame, two.frame, check_exact=True)
    assert_frame_equal(one.equity(), two.equity(), check_exact=True)


@pytest.mark.every_part
def test_sixteen_blocks_make_the_whole_study(make_study: Make, tmp_path: Path) -> None:
    whole = make_study().run()
    rows = 0
    for block in reversed(range(BLOCKS)):
        result = run_block(make_study(), block, root=tmp_path)
        assert result.fingerprint == whole.fingerprint
        rows += result.rows
    assert rows == 160
    assert_frame_equal(load_results(tmp_path, "small").frame, whole.frame, check_exact=True)
    assert run_block(make_study(), 3, root=tmp_path).reused == 12


@pytest.mark.every_part
def test_fewer_seeds_than_blocks_leave_blocks_empty(make_study: Make, tmp_path: Path) -> None:
    results = [run_block(make_study(seeds=[5, 3]), b, root=tmp_path) for b in range(BLOCKS)]
    assert sorted(result.rows for result in results)[-3:] == [0, 4, 4]
    assert load_results(tmp_path, "small").frame["seed"].to_list() == [5] * 4 + [3] * 4


def test_the_order_of_seeds_does_not_change_a_simulation(make_study: Make) -> None:
    columns = ["seed", "parameter_set", "net_pnl"]
    forward = make_study(seeds=[11, 12, 13]).run().frame.select(columns)
    backward = make_study(seeds=[13, 11, 12]).run().frame.select(columns)
    keys = ["seed", "parameter_set"]
    assert_frame_equal(forward.sort(keys), backward.sort(keys), check_exact=True)


def test_a_swept_source_shares_paths_and_fixed_sources_give_the_same(make_study: Make) -> None:
    swept = make_study(parameters={"fast": [3, 5], "slow": 10, "model.sigma": [0.1, 0.3]}).run()
    assert swept.parameters == ["model.sigma", "fast", "slow"]
    for sigma in (0.1, 0.3):
        own = swept.frame.filter(pl.col("model.sigma") == sigma)["net_pnl"]
        alone = make_study(
            source=GBM(mu=0.05, sigma=sigma), parameters={"fast": [3, 5], "slow": 10}
        ).run()
        assert own.equals(alone.frame["net_pnl"])


def test_paths_per_seed_number_the_paths(make_study: Make) -> None:
    frame = (
        make_study(strategy="buy_and_hold", parameters={}, seeds=3, paths_per_seed=4).run().frame
    )
    assert frame["seed"].to_list() == [0] * 4 + [1] * 4 + [2] * 4
    assert frame["path"].to_list() == [0, 1, 2, 3] * 3
    assert frame["net_pnl"].n_unique() == 12


def test_a_null_parameter_stays_null(make_study: Make) -> None:
    frame = make_study(seeds=2, parameters={"fast": [3.0, 5.0]}).run().frame
    assert frame["fast"].dtype == pl.Int64


def test_sampled_equity_ends_at_the_final_equity(make_study: Make) -> None:
    results = make_study(record={"equity": 7}).run()
    equity = results.equity()
    assert equity.schema["equity"] == pl.Array(pl.Float32, 7)
    last = equity["equity"].arr.last().cast(pl.Float64)
    assert (last - results.frame["final_equity"]).abs().max() < 0.01  # type: ignore[operator]


def test_progress_ends_at_the_total(make_study: Make) -> None:
    seen: list[Progress] = []
    make_study().run(progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (160, 160)
    assert str(seen[-1]).startswith("160 / 160 simulations")


def test_progress_says_rate_and_time_left() -> None:
    text = str(Progress(done=3456, total=10_000, reused=0, failed=0, seconds=3456 / 41_000))
    assert text == "3,456 / 10,000 simulations, 41,000/s, 0.2 s left"
    text = str(Progress(done=100, total=3_100, reused=0, failed=0, seconds=1.0))
    assert text == "100 / 3,100 simulations, 100/s, 30 s left"


@pytest.mark.parametrize("name", ["sma_crossover_gbm", "buy_and_hold_bootstrap"])
def test_the_shipped_studies_run(name: str, project: Path, market: Any, tmp_path: Path) -> None:
    study = load_study(project / "studies" / f"{name}.yaml")
    study.seeds = 20
    results = study.run(root=tmp_path, market_data=market)
    assert len(results.failures) == 0
    table = results.statistics()
    assert {
        "mean_net_pnl",
        "profit_probability",
        "sharpe",
        "value_at_risk_95",
        "max_drawdown",
    } <= set(table["statistic"])
    assert results.equity()["equity"].dtype == pl.Array(pl.Float32, 100)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("model: gbm", "model: gmb", "source.model: found 'gmb', allowed "),
        ("SP500", "DAX", "source.symbol: found 'DAX@1d', allowed SP500@1d"),
        ("name: sma_crossover\n", "name: sma\n", "strategy.name: found 'sma', allowed b"),
        ("slow:", "slov:", "strategy.parameters.slov: found an unknown parameter, allowed fast"),
        ("[5, 10, 20]", "[5, 1]", "strategy.parameters.fast: found 1, allowed a whole number >= 2"),
        ("cash:", "cahs:", "execution.cahs: found unknown key (did you mean 'cash'?)"),
        ("stage_2", "stage_9", "seeds: found 'stage_9', allowed a file, or one of the seed sets"),
        ("fast < slow", "fast < slov", "constraint: found unknown name 'slov', allowed fast"),
        ("fast < slow", "fast > slow * 9", "constraint: it drops all 9 parameter sets"),
        ("calibration: latest", "parameters: {sigma: -1}", "source.parameters.sigma: found -1"),
        ("calibration: latest", "parameters: {vol: 1}", "source.parameters.vol: found an unknown"),
    ],
)
def test_what_a_study_names_must_exist(
    old: str, new: str, expected: str, project: Path, market: Any, tmp_path: Path
) -> None:
    text = (project / "studies" / "sma_crossover_gbm.yaml").read_text().replace(old, new)
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(Refusal) as caught:
        load_study(path).resolve(market)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_the_fingerprint_follows_what_decides_the_numbers(make_study: Make) -> None:
    base = make_study().resolve().fingerprint
    same = make_study(failure_allowance=0.5, workers=1, name="other")
    assert same.resolve().fingerprint == base
    for change in (
        {"seeds": 41},
        {"steps": 61},
        {"s0": 50.0},
        {"source": GBM(mu=0.06, sigma=0.2)},
        {"parameters": {"fast": [3, 6], "slow": [10, 20]}},
        {"strategy": "buy_and_hold", "parameters": {}},
        {"execution": {"cash": 5000}},
        {"record": {"equity": 5}},
        {"bars": "ohlc"},
        {"paths_per_seed": 2},
    ):
        assert make_study(**change).resolve().fingerprint != base, change


def test_a_users_file_must_load(project: Path, market: Any, tmp_path: Path) -> None:
    text = (project / "studies" / "sma_crossover_gbm.yaml").read_text()
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("name: sma_crossover\n", "name: mine\n  file: mine.py\n"))
    with pytest.raises(Refusal, match=r"strategy\.file: there is no file"):
        load_study(path).resolve(market)
    (tmp_path / "mine.py").write_text("def broken(:\n")
    with pytest.raises(Refusal, match=r"strategy\.file: .*mine\.py.*[Ss]yntax"):
        load_study(path).resolve(market)


def test_editing_a_users_source_changes_the_fingerprint(tmp_path: Path, make_study: Make) -> None:
    prints = []
    for price in ("100.0", "100.0", "101.0"):
        file = tmp_path / "flat.py"
        file.write_text(FLAT.replace("PRICE", price))
        load_user_sources(file)
        study = make_study(source=get_source("flat")(), strategy="buy_and_hold", parameters={})
        prints.append(study.resolve().fingerprint)
    assert prints[0] == prints[1] != prints[2]


FLAT = """
from engine.sources import Generator, Source


class Flat(Source):
    name = "flat"

    def _generator(self, request):
        return FlatGenerator(request)


class FlatGenerator(Generator):
    def __init__(self, request):
        self.symbols, self.steps, self.dt = ("X",), request.steps, request.dt

    def fill(self, seeds, path_ids, out, scratch):
        out[:] = PRICE
"""
