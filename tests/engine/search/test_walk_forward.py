"""Walking forward on many worlds and on one history."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.search import walk_forward
from engine.sources import Historical

GRID = {"fast": [3, 6, 12], "slow": [20, 40]}


def _study(**changed: Any) -> mc.Study:
    settings: dict[str, Any] = {"seeds": 40, "steps": 300}
    source = changed.pop("source", mc.GBM(mu=0.0, sigma=0.2))
    parameters = changed.pop("parameters", GRID)
    return mc.Study("walk", source, "sma_crossover", parameters, **(settings | changed))


def _equity(study: mc.Study, bars: int) -> np.ndarray:
    """Equity of every set and path from one run that records each bar, cash in front."""
    definition = study.definition.model_copy(
        update={"record": study.definition.record.model_copy(update={"equity": bars})}
    )
    whole = mc.Study.from_definition(definition)
    whole.live = study.live
    results = whole.run()
    curves = results.equity().sort("simulation")
    sets = results.summary.parameter_sets
    equity = np.array(curves["equity"].to_list()).reshape(-1, sets, bars).transpose(1, 0, 2)
    cash = np.full((*equity.shape[:2], 1), 100_000.0)
    return np.concatenate([cash, equity], axis=2)


@pytest.mark.parametrize("score", ["net_pnl", "sharpe", "total_return"])
def test_choices_are_those_of_a_loop_over_paths_and_windows(score: str) -> None:
    study = _study(seeds=6)
    found = walk_forward(study, score=score, in_sample=120, out_of_sample=60)
    equity = _equity(study, 300)

    def of(curve: np.ndarray) -> float:
        returns = np.diff(curve) / curve[:-1]
        if score == "net_pnl":
            return float(curve[-1] - curve[0])
        if score == "total_return":
            return float(curve[-1] / curve[0] - 1.0)
        if np.ptp(curve) < 1e-3:
            return 0.0
        return float(returns.mean() / returns.std(ddof=1) * np.sqrt(252))

    rows = iter(found.choices.iter_rows(named=True))
    for window, first in enumerate((0, 60, 120)):
        for path in range(6):
            inside = [of(curve[path, first : first + 121]) for curve in equity]
            outside = [of(curve[path, first + 120 : first + 181]) for curve in equity]
            chosen, row = int(np.argmax(inside)), next(rows)
            assert (row["window"], row["path"], row["parameter_set"]) == (window, path, chosen)
            for name, expected in (
                ("in_sample", inside[chosen]),
                ("out_of_sample", outside[chosen]),
                ("best_out_of_sample", max(outside)),
                ("median_out_of_sample", float(np.median(outside))),
            ):
                assert row[name] == pytest.approx(expected, rel=1e-3, abs=2e-3)
            profit = equity[chosen, path, first + 180] - equity[chosen, path, first + 120]
            assert row["net_pnl"] == pytest.approx(profit, abs=0.05)


def test_means_over_paths_have_the_errors_of_independent_paths() -> None:
    found = walk_forward(_study(), score="net_pnl", count=3)
    whole = found.table.filter(pl.col("window").is_null()).row(0, named=True)
    by_path = found.choices.group_by("path").agg(pl.col("in_sample", "out_of_sample").mean())
    assert whole["out_of_sample"] == pytest.approx(by_path["out_of_sample"].mean())
    error = by_path["out_of_sample"].std() / np.sqrt(40)  # type: ignore[operator]
    assert whole["out_of_sample_std_error"] == pytest.approx(error)
    loss = (found.choices["best_out_of_sample"] - found.choices["out_of_sample"]).mean()
    assert whole["selection_loss"] == pytest.approx(loss)
    assert whole["efficiency"] == pytest.approx(whole["out_of_sample"] / whole["in_sample"])
    assert whole["paths"] == 40
    assert found.choices["parameter_set"].max() < len(found.sets) == 6  # type: ignore[operator]


def test_without_an_edge_what_was_chosen_earns_nothing_out_of_sample() -> None:
    found = walk_forward(_study(seeds=600, execution={"instrument": {"lot_size": 1e-6}}))
    row = found.table.row(-1, named=True)
    assert row["in_sample"] > 10 * row["in_sample_std_error"]
    assert abs(row["out_of_sample"]) < 4 * row["out_of_sample_std_error"]
    assert abs(row["efficiency"]) < 4 * row["efficiency_std_error"]
    assert row["selection_loss"] > 10 * row["selection_loss_std_error"]
    assert "became" in found.sentence


def test_with_a_drift_that_only_some_sets_follow_efficiency_is_above_zero() -> None:
    study = mc.Study(
        "drift",
        mc.GBM(mu=0.3, sigma=0.2),
        "buy_and_hold",
        {"weight": [0.1, 1.0]},
        seeds=200,
        steps=500,
    )
    row = walk_forward(study, score="net_pnl", count=4).table.row(-1, named=True)
    assert row["efficiency"] > 4 * row["efficiency_std_error"]
    assert row["efficiency"] < 1.0


def _history(bars: int = 700) -> mc.Bars:
    block = mc.GBM(mu=0.05, sigma=0.2).paths(seeds=[3], steps=bars)
    prices = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    return mc.Bars("X", np.arange(bars, dtype=np.int64) * 86_400_000_000, *prices)


def test_a_planted_future_changes_no_earlier_choice() -> None:
    def walked(bars: mc.Bars) -> pl.DataFrame:
        study = _study(source=Historical(bars), seeds=1, steps=None)
        return walk_forward(study, in_sample=200, out_of_sample=100).choices

    bars = _history()
    found = walked(bars)
    warm_up = 39
    for window in range(1, len(found)):
        last_out = warm_up + 200 + 100 * window - 1
        factor = np.where(np.arange(700) > last_out, 3.0, 1.0)
        planted = mc.Bars(
            *("X", bars.timestamps, bars.open * factor, bars.high * factor),
            *(bars.low * factor, bars.close * factor, bars.volume),
        )
        assert walked(planted)[:window].equals(found[:window])


def _planted(bars: mc.Bars, first: int) -> mc.Bars:
    factor = np.where(np.arange(len(bars)) >= first, 3.0, 1.0)
    return mc.Bars(
        *("X", bars.timestamps, bars.open * factor, bars.high * factor),
        *(bars.low * factor, bars.close * factor, bars.volume),
    )


@pytest.mark.parametrize("at_seam", ["carried", "flat"])
def test_a_model_is_calibrated_as_of_each_windows_start_and_sees_no_planted_future(
    at_seam: Any,
) -> None:
    def walked(bars: mc.Bars) -> pl.DataFrame:
        study = _study(source=Historical(bars), seeds=1, steps=None)
        return walk_forward(
            *(study,), in_sample=200, out_of_sample=100, model="gbm", at_seam=at_seam,
            model_paths=20,
        ).choices  # fmt: skip

    bars, warm_up = _history(), 39
    found = walked(bars)
    for window in range(len(found)):
        # From the first bar out of sample on everything is another.
        planted = walked(_planted(bars, warm_up + 200 + 100 * window))
        chosen = found[: window + 1].select("parameter_set", "in_sample")
        assert planted[: window + 1].select("parameter_set", "in_sample").equals(chosen)
        assert planted[:window].equals(found[:window])
    # And what is known does reach it.
    earlier = walked(_planted(bars, warm_up + 100))
    assert earlier["in_sample"][0] != found["in_sample"][0]


def test_a_model_is_that_of_the_bars_in_sample() -> None:
    bars, warm_up = _history(), 39
    study = _study(source=Historical(bars), seeds=1, steps=None)
    found = walk_forward(
        study, score="net_pnl", in_sample=200, out_of_sample=100, model="gbm", model_paths=20
    )
    for window in range(2):
        first = warm_up + 100 * window
        known = mc.calibrate("gbm", bars[first : first + 200])
        own = mc.Study(
            *("model", mc.GBM(**known.parameters), "sma_crossover", GRID),
            seeds=range(20 * window, 20 * window + 20),
            steps=100,
            s0=float(bars.close[first + 199]),
            calendar=study.resolve().world.calendar,
        )
        rows = own.run().frame
        best = found.choices.row(window, named=True)
        means = rows.group_by("fast", "slow").agg(pl.col("net_pnl").mean())
        chosen = found.sets.row(best["parameter_set"], named=True)
        top = means.sort("net_pnl").tail(1).row(0, named=True)
        assert (chosen["fast"], chosen["slow"]) == (top["fast"], top["slow"])
        assert best["in_sample"] == pytest.approx(top["net_pnl"], abs=1.0)


def test_flat_at_the_seam_is_a_backtest_of_each_stretch_by_itself() -> None:
    bars, warm_up = _history(), 39
    study = _study(source=Historical(bars), seeds=1, steps=None)
    found = walk_forward(study, score="net_pnl", in_sample=200, out_of_sample=100, at_seam="flat")

    def alone(first: int, last: int) -> np.ndarray:
        stretch = mc.Study(
            *("stretch", Historical(bars[: warm_up + last + 1]), "sma_crossover", GRID),
            seeds=1,
            steps=last - first + 1,
            execution={"at_end": "close"},
        )
        return stretch.run().frame.sort("set_id")["net_pnl"].to_numpy()

    for window, row in enumerate(found.choices.iter_rows(named=True)):
        first = 100 * window
        assert row["in_sample"] == pytest.approx(alone(first, first + 199).max(), abs=0.05)
        outside = alone(first + 200, first + 299)
        assert row["best_out_of_sample"] == pytest.approx(outside.max(), abs=0.05)
        assert np.abs(outside - row["out_of_sample"]).min() < 0.05
    carried = walk_forward(study, score="net_pnl", in_sample=200, out_of_sample=100)
    assert carried.choices["out_of_sample"].to_list() != found.choices["out_of_sample"].to_list()


@pytest.mark.parametrize("asked", [{"at_seam": "flat"}, {"model": "gbm", "model_paths": 5}])
def test_windows_of_the_last_bars_of_a_longer_history_are_those_of_these_bars(
    asked: dict[str, Any],
) -> None:
    bars, warm_up, steps = _history(), 39, 400
    lengths: dict[str, Any] = {"in_sample": 200, "out_of_sample": 100, **asked}
    longer = _study(source=Historical(bars), seeds=1, steps=steps)
    alone = _study(source=Historical(bars[len(bars) - warm_up - steps :]), seeds=1, steps=None)
    found = walk_forward(longer, **lengths).choices
    assert found.equals(walk_forward(alone, **lengths).choices)


@pytest.mark.parametrize("asked", [{}, {"at_seam": "flat"}, {"model": "gbm", "model_paths": 5}])
def test_a_walk_that_was_stopped_goes_on_from_the_windows_it_has(
    tmp_path: Any, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = _study(source=Historical(_history()), seeds=1, steps=None)
    lengths: dict[str, Any] = {"in_sample": 200, "out_of_sample": 100, **asked}
    whole = walk_forward(study, **lengths)
    first = walk_forward(study, folder=tmp_path, only=[1], **lengths)
    assert first.table["window"].to_list() == [1, None]
    assert len(first.windows) == 4
    module = sys.modules["engine.search.walk_forward"]
    journal = module.Journal
    written: list[int] = []

    class Watched(journal):  # type: ignore[misc, valid-type]
        def write(self, generation: int, rows: pl.DataFrame) -> None:
            written.append(generation)
            super().write(generation, rows)
            if generation == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(module, "Journal", Watched)
    with pytest.raises(KeyboardInterrupt):
        walk_forward(study, folder=tmp_path, **lengths)
    rest = walk_forward(study, folder=tmp_path, **lengths)
    assert written == [0, 2, 3]
    assert rest.choices.equals(whole.choices)
    assert rest.table.equals(whole.table)
    with pytest.raises(Refusal, match="another search"):
        walk_forward(study, folder=tmp_path, score="net_pnl", **lengths)


def test_one_history_has_no_error_and_a_stitched_course() -> None:
    study = _study(source=Historical(_history()), seeds=1, steps=None)
    found = walk_forward(study, in_sample=200, out_of_sample=100)
    assert found.table["out_of_sample_std_error"].is_null().all()
    stitched = found.stitched
    assert stitched["total"][-1] == pytest.approx(stitched["net_pnl"].sum())
    assert "±" not in found.sentence
    assert 0.0 <= found.stability <= 1.0


def test_choices_do_not_depend_on_threads_or_on_how_seeds_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = walk_forward(_study(), count=3, workers=1)
    module = sys.modules["engine.search.equity_runs"]
    for size in (6 * 300 * 8 * 7, 300 * 8 * 4):  # seven seeds, then four of the six sets at a time
        monkeypatch.setattr(module, "_BYTES", size)
        other = walk_forward(_study(), count=3, workers=2)
        assert one.choices.equals(other.choices)
        assert one.table.equals(other.table)


def test_every_set_is_in_the_ledger(tmp_path: Any) -> None:
    walk_forward(_study(seeds=4), count=2, ledger=tmp_path)
    rows = read_trials(tmp_path)
    assert len(rows) == 6
    assert set(rows["asked_by"].explode()) == {"walk_forward"}


@pytest.mark.parametrize(
    ("changed", "asked", "sentence"),
    [
        ({"parameters": {"fast": 3, "slow": 20}}, {}, "one parameter set, allowed several"),
        ({}, {"score": "luck"}, "allowed sharpe, net_pnl, total_return"),
        ({}, {"in_sample": 290, "out_of_sample": 20}, "at most the 300 bars"),
        ({}, {"at_seam": "flat"}, "a study whose source is history"),
        ({}, {"at_seam": "somehow"}, "carried or flat"),
        ({}, {"model": "gbm"}, "a study whose source is history"),
        ({}, {"only": [7]}, "numbers of windows from 0 to 4"),
    ],
)
def test_what_cannot_be_walked_is_one_sentence(
    changed: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        walk_forward(_study(**changed), **asked)


def test_equity_of_many_bars_is_read_at_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    study = _study(seeds=5)
    whole = walk_forward(study, score="net_pnl", in_sample=100, out_of_sample=50)
    module = sys.modules["engine.search.equity_runs"]
    monkeypatch.setattr(module, "_MOST_POINTS", 30)
    # Windows end where points do: profits are the same.
    coarse = walk_forward(study, score="net_pnl", in_sample=100, out_of_sample=50)
    assert coarse.choices.equals(whole.choices)
