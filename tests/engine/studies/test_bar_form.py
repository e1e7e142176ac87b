"""``bars: auto``: closes alone where nothing can tell, with the same numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.metric_names import EXCURSIONS
from engine.sources import (
    GBM,
    Bootstrap,
    Correlated,
    Heston,
    Historical,
    Kou,
    Merton,
    RegimeSwitching,
    Schwartz1F,
    SchwartzSmith,
    Source,
)
from engine.strategies import RSI, Choice, Float, Strategy
from engine.studies import SearchDefinition, Study, choice, uniform
from engine.testing import execution_settings

MODELS: tuple[Source, ...] = (
    GBM(mu=0.1, sigma=0.4),
    GBM(mu=0.1, sigma=0.4, sampling="antithetic"),
    Merton(),
    Heston(),
    Kou(),
    RegimeSwitching(),
    Schwartz1F(),
    SchwartzSmith(),
)
STRATEGIES = ("sma_crossover", "buy_and_hold", "rsi_reversal", "mean_reversion")


class HoldsInSteps(Strategy):
    """Buys and sells pieces, in each of the ways that read no range."""

    share = Float(0.3, low=0.0, high=1.0)
    side = Choice("long", ["long", "both"])
    index = RSI(5)

    def on_bar(self, bar, order, account):  # type: ignore[no-untyped-def]
        if self.side == "both":
            order.short()
        elif self.index < 30.0:
            order.percent(self.share)
        elif self.index > 70.0:
            order.target_percent(self.share * 0.5)
        elif bar.index % 40 == 39:
            order.close()


def study(
    source: Source, strategy: Any, bars: Literal["auto", "ohlc", "close"], **more: Any
) -> Study:
    more = {"seeds": 6, "steps": 120, "paths_per_seed": 2} | more
    return Study("forms", source, strategy, bars=bars, **more)


def form(*arguments: Any, **more: Any) -> str:
    return str(study(*arguments, bars="auto", **more).resolve().world.path.bars)


def rows(found: Study) -> pl.DataFrame:
    return found.run(workers=1).frame.drop("world", *EXCURSIONS)


@settings(deadline=None)
@given(
    st.sampled_from(MODELS),
    st.sampled_from((*STRATEGIES, HoldsInSteps)),
    # With little cash fixed costs weigh most: an account may end with nothing but a few units.
    st.one_of(execution_settings(), execution_settings(cash=150.0)),
    st.sampled_from([1, 3]),
)
def test_rows_without_ranges_equal_those_with_them(
    source: Source, strategy: Any, execution: Execution, sub_bars: int
) -> None:
    more = {"execution": execution, "sub_bars": sub_bars}
    auto = study(source, strategy, "auto", **more)
    if execution.range_reads():
        assert auto.resolve().world.path.bars == "ohlc"
    else:
        assert auto.resolve().world.path.bars == "close"
        assert rows(auto).equals(rows(study(source, strategy, "ohlc", **more)))


@pytest.mark.parametrize(
    ("more", "because"),
    [
        ({"execution": {"instrument": {"initial_margin": 0.5}}}, "a loan"),
        ({"execution": {"instrument": "MES"}}, "a future"),
        ({"execution": {"instrument": {"funding": 0.1}}}, "funding, which may take the cash"),
        (
            {"until": {"statistic": "average_mfe", "half_width": 5.0, "max_seeds": 400}},
            "what is asked",
        ),
        ({"metrics": {"mine": lambda bars, equity: bars[0, 1, 0]}}, "an own metric"),
    ],
)
def test_ranges_are_simulated_where_they_are_read(more: dict[str, Any], because: str) -> None:
    assert form(GBM(), "sma_crossover") == "close"
    assert form(GBM(), "sma_crossover", **more) == "ohlc", because


def test_words_that_sets_choose_decide_whether_ranges_are_read() -> None:
    assert form(GBM(), HoldsInSteps, parameters={"share": [0.1, 0.5]}) == "close"
    assert form(GBM(), HoldsInSteps, parameters={"side": ["long", "both"]}) == "ohlc"


def test_what_a_distribution_may_draw_decides_whether_ranges_are_read() -> None:
    """A search judges all its sets on bars that were fixed when its world was made."""
    long_alone = {"sides": choice(["long"]), "oversold": uniform(20.0, 40.0)}
    both = long_alone | {"sides": choice(["both", "long"])}
    one = SearchDefinition(method="sobol", count=1)
    forms = []
    for parameters in (long_alone, both):
        given = study(GBM(), "rsi_reversal", "auto", parameters=parameters)
        definition = given.definition.model_copy(update={"search": one})
        drawn = Study.from_definition(definition, None)
        drawn.live = given.live
        job = drawn.resolve()
        assert job.space.column("sides") == ["long"]
        forms.append(job.world.path.bars)
    assert forms == ["close", "ohlc"]


def test_bars_that_exist_keep_their_ranges() -> None:
    close = 100.0 + np.arange(300.0) % 7
    stamps = np.arange(300) * 86_400_000_000
    bars = Bars("X", stamps, close, close + 1.0, close - 1.0, close, close)
    assert form(Bootstrap(bars), "sma_crossover") == "ohlc"
    assert form(Historical(bars), "sma_crossover", steps=None, paths_per_seed=1) == "ohlc"


def test_models_of_several_symbols_need_no_ranges_either() -> None:
    pair = Correlated({"A": GBM(), "B": Merton()}, correlation=[[1.0, 0.5], [0.5, 1.0]])
    assert form(pair, "sma_crossover") == "close"
    assert rows(study(pair, "sma_crossover", "auto")).equals(
        rows(study(pair, "sma_crossover", "ohlc"))
    )


def test_auto_is_the_world_of_what_it_resolves_to() -> None:
    forms: tuple[Literal["auto", "close", "ohlc"], ...] = ("auto", "close", "ohlc")
    auto, close, ohlc = (study(GBM(), "sma_crossover", bars).resolve().world.id for bars in forms)
    assert auto == close != ohlc


def test_excursions_are_null_without_ranges_and_refused_as_a_statistic() -> None:
    results = study(GBM(), "rsi_reversal", "auto").run(workers=1)
    assert results.frame["trades"].sum() > 0
    assert results.frame.select(pl.col(EXCURSIONS).is_null().all()).row(0) == (True, True)
    with pytest.raises(Refusal, match=r"'average_mfe' of bars without ranges.*bars: ohlc"):
        results.statistics(names=["average_mfe"])
    ranged = study(GBM(), "rsi_reversal", "ohlc").run(workers=1)
    assert ranged.statistics(names=["average_mfe"])["estimate"][0] > 0.0


def test_trades_without_ranges_have_no_excursions_and_a_replay_has_them() -> None:
    asked = study(GBM(), "rsi_reversal", "auto", record={"trades": True})
    results = asked.run(workers=1)
    assert results.trades()["mfe"].null_count() == len(results.trades()) > 0
    traded = int(results.frame.filter(pl.col("trades") > 0)["simulation"][0])
    replay = results.simulation(traded)
    assert (replay.trades["mfe"] >= 0.0).all()
    row = results.frame.row(traded, named=True)
    assert {name: row[name] for name in replay.metrics} == replay.metrics
    assert (replay.bars["high"] > replay.bars["close"]).any()
