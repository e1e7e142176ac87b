"""What agents observe: the features that were asked for, as indicators compute them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import engine as mc
from engine.environment import DEFAULT_FEATURES
from engine.environment.normalisation import Normalisation
from engine.errors import Refusal
from engine.strategies import ATR, EMA, HMA, RSI, SMA, Close, indicator_values

PERIODS = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
DAY = 86_400_000_000


def history(count: int = 200, seed: int = 4, minutes: int = 1440, symbol: str = "X") -> mc.Bars:
    block = mc.GBM(sigma=0.2).paths(seeds=[seed], steps=count)
    stamps = 1_700_000_000_000_000 + np.arange(count) * minutes * 60_000_000
    mood = np.where(np.arange(count) % 50 < 20, 1.0, 0.0)
    bars = mc.Bars(symbol, stamps, *(block.field(name)[0] for name in block.fields))
    return bars.with_columns({"mood": mood})


def test_the_default_set_is_the_one_that_users_asked_for() -> None:
    expected = [f"{kind}_{period}" for kind in ("sma", "ema", "hma") for period in PERIODS]
    expected += ["atr_7", "atr_14", "atr_21", "true_range", "deviation_20"]
    expected += ["hour_sin", "hour_cos"]
    assert list(DEFAULT_FEATURES) == expected
    assert len(DEFAULT_FEATURES) == 52


def test_observed_features_are_the_values_of_indicators() -> None:
    bars = history()

    own = SMA(Close() - SMA(20), 5)
    indicators = {"sma_53": SMA(53), "ema_5": EMA(5), "hma_11": HMA(11), "atr_14": ATR(14)}
    indicators |= {"rsi_14": RSI(14), "own": own}
    wanted = ["sma_53", "ema_5", "hma_11", "atr_14", "rsi_14", {"own": own}, "mood"]
    env = mc.make_env("equity", source=mc.Historical(bars), features=wanted, normalise=False)
    seen, info = env.reset(seed=0)
    first = int(info["window"][1])
    rows = [seen]
    for _ in range(20):
        rows.append(env.step(0)[0])
    found = np.array(rows)[:, :7]
    for place, (name, indicator) in enumerate(indicators.items()):
        expected = indicator_values(indicator, bars)["value"][first : first + 21]
        assert found[:, place].tolist() == expected.astype(np.float32).tolist(), name
    assert found[:, 6].tolist() == bars.columns["mood"][first : first + 21].tolist()
    assert env.features[:7] == ("sma_53", "ema_5", "hma_11", "atr_14", "rsi_14", "own", "mood")


def test_the_hour_is_the_exchanges_and_of_models_the_sessions() -> None:
    bars = history(100, minutes=60)
    wanted = ["hour_sin", "hour_cos", "timestamp"]
    env = mc.make_env("equity", source=mc.Historical(bars), features=wanted, normalise=False)
    seen, _ = env.reset()
    stamp = np.datetime64(int(bars.timestamps[0]), "us").astype("datetime64[m]").astype(int)
    angle = 2.0 * math.pi * ((stamp - 300) % 1440 / 60) / 24.0  # New York in winter
    assert seen[:2].tolist() == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-6)
    assert seen[2] == pytest.approx(bars.timestamps[0] / 1e6, rel=1e-6)
    model = mc.make_env("mes_intraday", features=["hour_cos"], normalise=False, warm_up=0)
    seen, _ = model.reset()
    assert seen[0] == pytest.approx(math.cos(2.0 * math.pi * 17.0 / 24.0), abs=1e-6)


def test_normalisation_is_fitted_on_training_paths_alone() -> None:
    train = mc.make_env("mes_daily", features=["sma_5", "rsi_14"], seeds=range(8), fit_paths=8)
    rows = []
    for _ in range(8):
        seen, _ = train.reset()
        rows.append(seen[:2])
        for _ in range(251):
            rows.append(train.step(0)[0][:2])
    found = np.array(rows, dtype=np.float64)
    assert found.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-4)
    assert found.std(axis=0) == pytest.approx([1.0, 1.0], abs=1e-4)
    other = mc.make_env(
        "mes_daily", features=["sma_5", "rsi_14"], seeds=[999], normalise=train.normalisation
    )
    assert other.normalisation is train.normalisation
    with pytest.raises(mc.Refusal, match="normalise: found that of rsi_14, allowed one of sma_5"):
        mc.make_env("mes_daily", features=["sma_5"], normalise=train.normalisation)


def test_episodes_begin_where_the_seed_says_and_in_regimes() -> None:
    bars = history(400)
    for start in ("random", "regime", {"mood": 1.0}):
        source = mc.Historical(bars)
        if start == "regime":
            source = mc.RegimeSwitching(mu=(0.1, -0.2), sigma=(0.1, 0.3))
        env = mc.make_env(
            "equity", source=source, features=["return_1"], steps=300, episode=30, start=start
        )
        windows = [env.reset(seed=seed)[1]["window"].tolist() for seed in range(40)]
        assert windows == [env.reset(seed=seed)[1]["window"].tolist() for seed in range(40)]
        firsts = {first for first, _, _ in windows}
        assert len(firsts) > 10
        assert all(last - trading == 29 for _, trading, last in windows)
        if isinstance(start, dict):
            column = bars.columns["mood"][-301:]
            assert all(column[trading] == 1.0 for _, trading, _ in windows)


def test_seeds_whose_path_lacks_the_regime_are_passed_over_unless_asked_for() -> None:
    source = mc.RegimeSwitching()
    settings = {"source": source, "steps": 30, "episode": 10, "start": {"regime": 1.0}}
    env = mc.make_env("mes_daily", features=["regime"], normalise=False, **settings)
    with_it, lacking = [], []
    for seed in range(30):
        try:
            env.reset(seed=seed)
            with_it.append(seed)
        except Refusal:
            lacking.append(seed)
    assert lacking
    mine = mc.make_env("mes_daily", features=["regime"], **settings)
    begun = []
    for _ in with_it:
        _, info = mine.reset()
        begun.append(info["seed"])
    assert begun == with_it
    with pytest.raises(
        Refusal, match=r"^start: found none on the paths up to seed .* of 1,000 seeds"
    ):
        mc.make_env(
            "mes_daily", **{**settings, "start": {"regime": 9.0}}, features=["regime"]
        ).reset()


@pytest.mark.parametrize("warm_up", [0, 1, 9])
def test_a_session_of_history_is_a_day_of_it_from_its_opening_to_its_close(warm_up: int) -> None:
    days = pd.bdate_range("2024-11-18", "2024-12-06").drop(pd.Timestamp("2024-11-28"))
    half = pd.Timestamp("2024-11-29")
    opens = [
        day + pd.Timedelta(hours=9.5 + k) for day in days for k in range(4 if day == half else 7)
    ]
    index = pd.DatetimeIndex(opens).tz_localize("America/New_York")
    frame = pd.DataFrame({"close": 100.0 + np.arange(len(index)) % 5}, index=index)
    bars = mc.Bars.from_frame(frame, symbol="X", calendar=mc.BarCalendar("XNYS", "1h"))
    settings = {"source": mc.Historical(bars), "features": ["close"], "warm_up": warm_up}
    env = mc.make_env("equity", episode="session", start="random", **settings)
    seen = set()
    for seed in range(30):
        _, trading, last = env.reset(seed=seed)[1]["window"].tolist()
        assert (index[trading].hour, index[trading].minute, last - trading) == (9, 30, 6)
        assert index[trading].date() == index[last].date() != half.date()
        seen.add(index[trading].date())
    assert len(seen) > 5


def test_features_of_several_symbols_stand_side_by_side() -> None:
    source = mc.Historical((history(seed=1, symbol="A"), history(seed=2, symbol="B")))
    env = mc.make_env("equity", source=source, features=["rsi_5"], normalise=False)
    seen, _ = env.reset()
    assert env.features[:4] == ("rsi_5", "rsi_5@B", "position@A", "position@B")
    assert seen[0] != seen[1]
    seen, *_ = env.step([1, 2])
    assert seen[2] > 0.9
    assert seen[3] < -0.9


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"features": ["sma_x"]}, "features: found 'sma_x', allowed"),
        ({"features": ["variance"]}, "features: found 'variance', allowed"),
        ({"features": ["rsi_5", "rsi_5"]}, "features: found rsi_5 twice, allowed each once"),
        ({"features": []}, "features: found none, allowed"),
        ({"features": ["timestamp"]}, "found timestamp of a source without instants, allowed"),
        ({"features": {"x": 3}}, "features.x: found 3, allowed an indicator"),
        ({"features": {"x": SMA(3, field="mood")}}, "features: found column 'mood', allowed"),
        ({"reward": "sharp"}, "reward: found 'sharp', allowed net_pnl, step"),
        ({"actions": "buy"}, "actions: found 'buy', allowed sides, target, orders"),
        ({"episode": 900}, "episode: found 900 bars, allowed 2 to 252"),
        ({"start": "late"}, "start: found 'late', allowed 'first'"),
        ({"start": "regime", "episode": 9}, "start: found column 'regime', allowed columns"),
        ({"colour": 3}, "make_env: found colour, allowed market"),
        ({"units": -1.0}, "units: found -1.0, allowed a number above 0"),
        ({"units": "a"}, "units: found 'a', allowed a number, or one for each symbol"),
        ({"s0": "x"}, "s0: found 'x', allowed a number"),
        ({"ruin": "x"}, "ruin: found 'x', allowed a share of the cash"),
        ({"distance": None}, "distance: found None, allowed a share of the price"),
        ({"fit_paths": 1.5}, "fit_paths: found 1.5, allowed a whole number >= 1"),
        ({"lot_capacity": "x"}, "lot_capacity: found 'x', allowed a whole number >= 1"),
        ({"actions": ["sides"]}, "actions: found ['sides'], allowed sides, target, orders"),
        ({"calendar": "CMES"}, "calendar: found 'CMES', allowed a BarCalendar, such as mc.Bar"),
        ({"episode": "session"}, "episode: found 'session' of bars of 1d, allowed a number"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(settings: dict, sentence: str) -> None:
    with pytest.raises(mc.Refusal) as caught:
        mc.make_env("mes_daily", **settings)
    text = str(caught.value)
    assert sentence in text
    assert "\n" not in text


def test_an_action_outside_its_space_is_refused_and_nothing_is_stepped() -> None:
    env = mc.make_env("mes_daily", features=["return_1"], steps=9)
    env.reset(seed=1)
    for action in (3, -1, 0.5, "buy", float("nan"), [1, 2]):
        with pytest.raises(mc.Refusal, match="allowed 0 flat, 1 long or 2 short"):
            env.step(action)
    for _ in range(8):
        *_, truncated, _ = env.step(1)
    assert truncated
    many = mc.make_env("mes_daily", num_envs=3, actions="target", features=["return_1"], steps=9)
    many.reset(seed=1)
    with pytest.raises(mc.Refusal, match=r"action of environment 1: found 1.5, allowed a number"):
        many.step([[0.5], [1.5], [0.0]])
    with pytest.raises(mc.Refusal, match="3 actions"):
        many.step([[0.5]])
    assert (many.batch.arrays.kept[:, 8] == 0.0).all()


def test_a_feature_too_large_to_be_normalised_is_named() -> None:
    rows = np.array([[1.0, 2.0], [1e-3, 1e200]])
    with pytest.raises(Refusal, match=r"features: found last, which is .*e\+\d+ from its mean"):
        Normalisation.fit(("first", "last"), [rows])
