"""Ticks in studies, searches and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine as mc
from engine.ticks.bars import bars_of
from tests.engine.ticks.strategies import Busy, Ofi
from tests.engine.ticks.test_orders import BarsOnly
from tests.engine.ticks.test_twin import made_feed

_TERMS = {"latency": {"entry": "5ms"}, "tick": 0.1, "lot": 0.01, "taker_fee": 0.0005}
_BOTH = {"metrics": ["bar_trading", "ticks"]}


def _ticks() -> mc.ArrayTicks:
    """Return some minutes of a small market."""
    return mc.ArrayTicks(**made_feed(3, events=30_000))


def test_a_study_of_ticks_has_the_rows_of_its_backtests() -> None:
    ticks = _ticks()
    study = mc.Study(
        "busy", ticks, Busy, {"every": [2, 5]}, ticks=_TERMS, seeds=2, record=_BOTH | {"equity": 4}
    )
    results = study.run()
    assert results.frame["status"].to_list() == ["ok"] * 4
    for row in results.frame.iter_rows(named=True):
        alone = mc.backtest_ticks(Busy, ticks, {"every": row["every"]}, _TERMS, seed=row["seed"])
        for name in ("net_pnl", "sharpe", "trades", "fills", "adverse_1s", "max_drawdown"):
            assert row[name] == alone.metrics[name], name
    # Pooled over paths that are the same, the ratio is theirs but for the minutes at the ends.
    pooled = results.statistics().filter(statistic="sharpe")["estimate"].to_list()
    assert pooled == pytest.approx(results.frame["sharpe"].to_list()[:2], rel=0.1)


def test_recorded_trades_are_what_fills_closed_and_a_replay_tells_them() -> None:
    ticks = _ticks()
    record = _BOTH | {"equity": 4, "trades": True}
    study = mc.Study("kept", ticks, Busy, {"every": [2, 5]}, ticks=_TERMS, seeds=1, record=record)
    results = study.run()
    opens = bars_of(ticks).timestamps * 1000
    for number, every in enumerate([2, 5]):
        alone = mc.backtest_ticks(Busy, ticks, {"every": every}, _TERMS)
        trades = results.trades().filter(simulation=number)
        held = alone.fills["position"].shift(1, fill_value=0.0)
        closing = alone.fills.filter((held * alone.fills["units"]) < -1e-12)
        assert len(trades) == len(closing) == alone.metrics["trades"] > 0
        assert trades["pnl"].to_list() == closing["pnl"].to_list()
        assert trades["exit_price"].to_list() == closing["price"].to_list()
        minutes = np.searchsorted(opens, closing["stamp"].to_numpy(), side="right") - 1
        assert trades["exit_bar"].to_list() == minutes.tolist()
        # Profit before fees is the way from the mean price to that of the fill.
        gain = trades["units"] * (trades["exit_price"] - trades["entry_price"])
        np.testing.assert_allclose(gain - trades["commission"], trades["pnl"], atol=1e-9)
        replay = results.simulation(number)
        assert replay.trades["pnl"].to_list() == trades["pnl"].to_list()
        assert replay.metrics["net_pnl"] == alone.metrics["net_pnl"]


def test_a_trade_tells_the_mean_price_of_what_it_closed_and_its_share_of_fees() -> None:
    class Twice(mc.Strategy):
        count = 0

        def on_tick(self, tick, order, account):
            self.count += 1
            if self.count <= 2:
                order.market(1.0)
            elif self.count == 4:
                order.market(-3.0)
            elif self.count == 5:
                order.close()

    second = 1_000_000_000
    ticks = mc.ArrayTicks(
        [0, 60 * second, 120 * second, 180 * second, 240 * second, 300 * second, 301 * second],
        *([99.0, 109.0, 119.0, 119.0, 119.0, 119.0, 119.0],),
        *([100.0, 110.0, 120.0, 120.0, 120.0, 120.0, 120.0],),
        *([9.0] * 7, [9.0] * 7),
    )
    terms = {"taker_fee": 0.01, "lot": 1.0}
    study = mc.Study("twice", ticks, Twice, ticks=terms, seeds=1, record={"trades": True})
    trades = study.run().trades()
    told = ["units", "entry_bar", "entry_price", "exit_bar", "exit_price", "commission", "pnl"]
    # Two bought at 100 and 110 for fees of 1 and 1.1; three sold at 119, of which two close.
    assert trades.select(told).rows() == [
        (2.0, 0, 105.0, 3, 119.0, pytest.approx(2.1 + 2.38), pytest.approx(28.0 - 4.48)),
        (-1.0, 3, 119.0, 4, 120.0, pytest.approx(1.19 + 1.2), pytest.approx(-1.0 - 2.39)),
    ]


def test_seeds_draw_delays_and_give_other_rows() -> None:
    drawn = _TERMS | {"latency": {"entry": {"least": "1ms", "mean": "30ms"}}}
    frame = mc.Study("drawn", _ticks(), Busy, ticks=drawn, seeds=3).run().frame
    assert frame["net_pnl"].n_unique() == 3


def test_a_search_holds_out_the_last_ticks() -> None:
    search = mc.Search(
        mc.Study("find", _ticks(), Busy, ticks=_TERMS, seeds=1),
        objective="mean_net_pnl",
        budget={"sets": 6},
    )
    found = search.run()
    leaders = found.leaders.filter(role="best")
    # The claim is on the first seven tenths of the minutes, what is fresh on the others.
    every, far = leaders.select("every", "far").row(0)
    ticks = _ticks()
    minutes = bars_of(ticks).timestamps
    seen = round(len(minutes) * 0.7)
    first = mc.backtest_ticks(Busy, _between(ticks, 0, minutes[seen]), *_with(every, far))
    rest = mc.backtest_ticks(Busy, _between(ticks, minutes[seen], 2**60), *_with(every, far))
    claim, fresh = leaders.select("claim", "fresh").row(0)
    assert claim == pytest.approx(first.metrics["net_pnl"])
    assert fresh == pytest.approx(rest.metrics["net_pnl"])


def _with(every: int, far: float) -> tuple[dict[str, float], dict[str, object]]:
    return {"every": every, "far": far}, _TERMS


def _between(ticks: mc.ArrayTicks, first: int, end: int) -> mc.ArrayTicks:
    whole = ticks.whole
    inside = (whole.stamps >= int(first) * 1000) & (whole.stamps < int(end) * 1000)
    return mc.ArrayTicks(
        *(getattr(whole, name)[inside] for name in whole.__slots__ if name == "stamps"),
        *(
            getattr(whole, name)[inside]
            for name in ("bid_price", "ask_price", "bid_size", "ask_size")
        ),
        trade_price=whole.trade_price[inside],
        trade_size=whole.trade_size[inside],
        trade_side=whole.trade_side[inside],
    )


def test_bars_of_ticks_are_those_of_the_middle() -> None:
    feed = made_feed(3, events=30_000)
    mid = 0.5 * (feed["bid_price"] + feed["ask_price"])
    quoted = np.isfinite(mid)
    minute = (feed["stamps"] // 60_000_000_000)[quoted]
    bars = bars_of(mc.ArrayTicks(**feed, chunk_events=997))
    assert bars.timestamps.tolist() == (np.unique(minute) * 60_000_000).tolist()
    for place, start in enumerate(np.unique(minute)):
        inside = mid[quoted][minute == start]
        assert (bars.open[place], bars.close[place]) == (inside[0], inside[-1])
        assert (bars.high[place], bars.low[place]) == (inside.max(), inside.min())
    traded = np.nan_to_num(feed["trade_size"])[quoted].sum()
    assert bars.volume.sum() == pytest.approx(traded)


def test_another_stream_or_another_delay_is_another_world() -> None:
    ids = {
        mc.Study("world", ticks, Busy, ticks=terms, seeds=1).resolve().world.id
        for ticks in (_ticks(), mc.ArrayTicks(**made_feed(4, events=30_000)))
        for terms in (_TERMS, {"tick": 0.1})
    }
    assert len(ids) == 4


def test_the_shipped_study_and_strategy_run_on_the_shipped_sample(project: Path) -> None:
    study = mc.load_study(project / "studies" / "order_flow_imbalance.yaml")
    results = study.run()
    assert results.frame["status"].to_list() == ["ok"] * 32
    best = mc.backtest_ticks("ofi", mc.read_ticks(mc.sample_ticks()), settings={"tick": 0.1})
    assert best.metrics["fills"] > 50


@pytest.mark.parametrize(
    ("source", "strategy", "more", "sentence"),
    [
        ("ticks", BarsOnly, {}, "strategy: found bars_only, which hears no ticks"),
        ("bars", Ofi, {}, "source: found bars for ofi, which hears ticks"),
        ("ticks", Ofi, {"ticks": {"que": 1}}, r"ticks\.que"),
        ("ticks", Ofi, {"execution": {"volume_limit": 0.1}}, "execution.volume_limit: found"),
        ("ticks", Ofi, {"options": {"volatility": 0.2}}, "options: found"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_sentence(
    source: str, strategy: type[mc.Strategy], more: dict[str, object], sentence: str
) -> None:
    given = _ticks() if source == "ticks" else bars_of(_ticks())
    with pytest.raises(mc.Refusal, match=sentence):
        mc.Study("wrong", given, strategy, seeds=1, **more).run()  # type: ignore[arg-type]


def test_ticks_that_are_not_there_are_named_by_the_key_that_names_them(tmp_path: Path) -> None:
    file = tmp_path / "lost.yaml"
    file.write_text("name: lost\nticks: {path: none/X}\nstrategy: {name: ofi}\nseeds: 1\n")
    with pytest.raises(mc.Refusal, match=r"ticks.path: found 'none/X', allowed a file or folder"):
        mc.load_study(file).run()
