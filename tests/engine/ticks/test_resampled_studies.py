"""Studies whose seeds are streams of ticks: bootstrapped, or of a book at random."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.ticks.bars import minutes_of
from tests.engine.ticks.strategies import Busy
from tests.engine.ticks.test_twin import made_feed

_TERMS: dict[str, Any] = {
    "latency": {"entry": {"least": "1ms", "mean": "9ms"}},
    **{"tick": 0.1, "lot": 0.01, "taker_fee": 0.0005},
}
_BOTH = {"metrics": ["bar_trading", "ticks"]}


@pytest.fixture(scope="module")
def ticks() -> mc.ArrayTicks:
    return mc.ArrayTicks(**made_feed(3, events=12_000))


@pytest.fixture(scope="module")
def sources(ticks: mc.ArrayTicks) -> dict[str, Any]:
    return {
        "bootstrap": mc.TickBootstrap(ticks, block="20s"),
        "zero_intelligence": mc.ZeroIntelligence.calibrate(ticks),
    }


@pytest.mark.parametrize("name", ["bootstrap", "zero_intelligence"])
def test_every_seed_is_a_stream_of_its_own_and_a_row_its_backtest(
    name: str, sources: dict[str, Any]
) -> None:
    source = sources[name]
    study = mc.Study(
        "made", source, Busy, {"every": [2, 5]}, ticks=_TERMS, seeds=4, steps=2, record=_BOTH
    )
    results = study.run()
    assert results.frame["status"].to_list() == ["ok"] * 8
    for row in results.frame.iter_rows(named=True):
        stream = source.ticks(row["seed"], seconds=120.0)
        alone = mc.backtest_ticks(Busy, stream, {"every": row["every"]}, _TERMS, seed=row["seed"])
        for metric in ("net_pnl", "fills", "max_drawdown", "adverse_1s", "events"):
            assert row[metric] == alone.metrics[metric], metric
    assert results.frame["net_pnl"].n_unique() == 8
    # Seeds are independent: a mean has a Monte Carlo error, that of four observations.
    told = results.statistics().filter(statistic="mean_net_pnl")
    for number, row in enumerate(told.iter_rows(named=True)):
        profits = results.frame.filter(parameter_set=number)["net_pnl"].to_numpy()
        assert row["estimate"] == pytest.approx(profits.mean())
        assert row["std_error"] == pytest.approx(profits.std(ddof=1) / 2.0)


def test_a_study_file_names_the_way_and_workers_change_no_row(tmp_path: Path) -> None:
    asked = (
        "name: made\n"
        "ticks:\n"
        f"  path: {mc.sample_ticks()}\n"
        "  resample: {method: bootstrap, block: 30s, length: 3m}\n"
        "  latency: {entry: {least: 1ms, mean: 9ms}}\n"
        "  tick: 0.1\n"
        "strategy: {name: ofi, parameters: {threshold: [1.0, 4.0, 9.0]}}\n"
        "seeds: 3\n"
    )
    file = tmp_path / "made.yaml"
    file.write_text(asked)
    one = mc.load_study(file).run(root=tmp_path / "one", workers=1)
    two = mc.load_study(file).run(root=tmp_path / "two", workers=2)
    assert one.frame.equals(two.frame)
    assert one.frame["net_pnl"].n_unique() > 3
    file.write_text(asked.replace("30s", "40s"))
    assert mc.load_study(file).resolve().world.id != one.summary.world
    # A trade of a replay lies on the minutes of the seed's own stream.
    replay = two.simulation(4)
    source = mc.TickBootstrap(mc.read_ticks(mc.sample_ticks()), block="30s")
    minutes, bars = minutes_of(source.ticks(replay.seed, seconds=180.0))
    assert replay.bars["close"].to_list() == [
        bars[3, np.searchsorted(minutes, minute, "right") - 1] for minute in range(3)
    ]


@pytest.mark.parametrize("name", ["bootstrap", "zero_intelligence"])
def test_a_source_that_travels_to_another_process_makes_the_same_streams(
    name: str, sources: dict[str, Any]
) -> None:
    here, there = sources[name], pickle.loads(pickle.dumps(sources[name]))
    for seed in (0, 2**63):
        one, two = (source.ticks(seed, seconds=60.0) for source in (here, there))
        assert one.identity == two.identity
        assert [c.bid_price.tobytes() for c in one.chunks()] == [
            c.bid_price.tobytes() for c in two.chunks()
        ]


def test_a_minute_without_a_quote_repeats_the_last() -> None:
    from engine.studies.resampled_ticks import ResampledTicks

    class Sparse:
        def ticks(self, seed: int, *, seconds: float, start: int = 0) -> mc.ArrayTicks:
            minute = 60_000_000_000
            prices = [9.0 + seed, 10.0 + seed, 12.0 + seed]
            return mc.ArrayTicks(
                [minute, minute + 1, 3 * minute],
                prices,
                [p + 2.0 for p in prices],
                [1] * 3,
                [1] * 3,
            )

    block = ResampledTicks(ticks=Sparse(), steps=None).paths(seeds=[0, 1], steps=5)
    assert block.values[0, 0, 0].tolist() == [10.0, 10.0, 11.0, 13.0, 13.0]
    assert block.values[1, 0, 3].tolist() == [11.0, 12.0, 12.0, 14.0, 14.0]


@pytest.mark.parametrize(
    ("resample", "sentence"),
    [
        ({"method": "shuffle"}, r"ticks\.resample\.method: found 'shuffle', allowed"),
        ({"metod": "bootstrap"}, r"ticks\.resample\.metod"),
        ({"method": "bootstrap", "block": "5 parsecs"}, r"ticks\.resample\.block: found '5 pars"),
        ({"method": "bootstrap", "block": "9h"}, r"ticks\.resample\.block: found '9h', allowed at"),
        ({"method": "bootstrap", "length": "90s"}, r"ticks\.resample\.length: found '90s', allow"),
        ({"method": "bootstrap", "length": "10001d"}, r"ticks\.resample\.length: found '10001d'"),
        ({"method": "zero_intelligence", "block": "1s"}, r"ticks\.resample\.block: found '1s', al"),
        ("bootstrap", r"ticks\.resample: "),
    ],
)
def test_what_cannot_be_resampled_is_told_in_one_sentence(
    ticks: mc.ArrayTicks, resample: object, sentence: str
) -> None:
    with pytest.raises(mc.Refusal, match=sentence):
        mc.Study("wrong", ticks, Busy, ticks=_TERMS | {"resample": resample}, seeds=1).run()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "source.steps: found none, allowed the minutes of each stream"),
        ({"steps": 2, "paths_per_seed": 3}, "paths_per_seed"),
        ({"steps": 2, "warm_up": 4}, "warm_up"),
    ],
)
def test_what_a_stream_of_a_seed_has_not_is_refused(
    sources: dict[str, Any], more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(mc.Refusal, match=sentence):
        mc.Study("wrong", sources["bootstrap"], Busy, ticks=_TERMS, seeds=1, **more).run()
