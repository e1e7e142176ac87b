"""The search for the best crossover in vectorbt, backtesting.py and Optuna, and here.

The rules are those of `benchmarks.peers.crossover`, on one history. Profits are of a million, with
whole shares: two programs agree within a few shares.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import engine as mc
from benchmarks.peers.crossover import vectorbt_sets

__all__ = [
    "FAST",
    "SLOW",
    "backtesting_grid",
    "backtesting_sambo",
    "optuna_around_backtesting",
    "our_grid",
    "our_profit",
    "our_walk",
    "vectorbt_walk",
]

#: The grid that is searched.
FAST: Final = tuple(range(5, 25, 5))
SLOW: Final = tuple(range(30, 105, 15))

_CASH, _RATE, _SLIPPAGE = 1e6, 0.001, 1e-4
Found = tuple[tuple[int, int], float]


def our_grid(bars: NDArray[np.float64]) -> Found:
    """Return the best set of the grid and its profit.

    Parameters
    ----------
    bars : ndarray of float64, shape (fields, bars)
        Open, high, low, close, volume.
    """
    grid = {"fast": list(FAST), "slow": list(SLOW)}
    search = mc.Search(
        _study(bars, grid), objective="net_pnl", method="grid", hold_out=0.0, leaders=1
    )
    row = search.run(workers=1).leaders.row(0, named=True)
    return (row["fast"], row["slow"]), float(row["claim"])


def our_profit(bars: NDArray[np.float64], pair: tuple[int, int]) -> float:
    """Return the profit of one set."""
    study = _study(bars, {"fast": pair[0], "slow": pair[1]})
    return float(study.run(workers=1).frame["net_pnl"][0])


def backtesting_grid(bars: NDArray[np.float64]) -> Found:
    """Return what `Backtest.optimize` finds on the grid, in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _backtest(bars).optimize(
            fast=list(FAST), slow=list(SLOW), maximize="Equity Final [$]"
        )
    return _found(found)


def backtesting_sambo(bars: NDArray[np.float64], tries: int) -> Found:
    """Return what `Backtest.optimize` finds with SAMBO in so many tries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _backtest(bars).optimize(
            fast=[FAST[0], FAST[-1]],
            slow=[SLOW[0], SLOW[-1]],
            maximize="Equity Final [$]",
            method="sambo",
            max_tries=tries,
            random_state=1,
        )
    return _found(found)


def optuna_around_backtesting(bars: NDArray[np.float64], tries: int) -> Found:
    """Return what Optuna's default sampler finds with backtesting.py as its objective."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tested = _backtest(bars)

    def profit(trial: Any) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = tested.run(
                fast=trial.suggest_int("fast", FAST[0], FAST[-1]),
                slow=trial.suggest_int("slow", SLOW[0], SLOW[-1]),
            )
        return float(found["Equity Final [$]"]) - _CASH

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(profit, n_trials=tries)
    return (study.best_params["fast"], study.best_params["slow"]), float(study.best_value)


def our_walk(bars: NDArray[np.float64], in_sample: int, out_of_sample: int) -> list[Found]:
    """Walk forward, each stretch an account of its own; return the chosen sets and profits."""
    grid = {"fast": list(FAST), "slow": list(SLOW)}
    walked = mc.walk_forward(
        _study(bars, grid, slippage={"bps": 1}, warm_up=0),
        score="net_pnl",
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        at_seam="flat",
        workers=1,
    )
    sets = walked.sets.select("fast", "slow").rows()
    chosen = walked.choices.select("parameter_set", "net_pnl").iter_rows()
    return [(sets[index], profit) for index, profit in chosen]


def vectorbt_walk(bars: NDArray[np.float64], in_sample: int, out_of_sample: int) -> list[Found]:
    """Do the same by a loop over the windows of vectorbt's splitter."""
    import pandas as pd

    count = (bars.shape[1] - in_sample) // out_of_sample
    frame = pd.DataFrame({"bar": np.arange(in_sample + count * out_of_sample)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vectorbt  # noqa: F401  (the accessor `vbt` of frames)

        (_, inside), (_, outside) = frame["bar"].vbt.rolling_split(
            n=count,
            window_len=in_sample + out_of_sample,
            set_lens=(out_of_sample,),
            left_to_right=False,
        )
    pairs = [(fast, slow) for fast in FAST for slow in SLOW]
    found: list[Found] = []
    for seen, unseen in zip(inside, outside, strict=True):
        best = int(np.argmax(_vectorbt_profits(bars[:, list(seen)], pairs)))
        profit = _vectorbt_profits(bars[:, list(unseen)], [pairs[best]])[0]
        found.append((pairs[best], float(profit)))
    return found


def _vectorbt_profits(
    bars: NDArray[np.float64], pairs: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Profits with what is still held sold at the last close."""
    portfolio = vectorbt_sets(bars[None], pairs, metrics=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = np.asarray(portfolio.asset_value().iloc[-1])
        value = np.asarray(portfolio.final_value())
    return np.asarray(value - held * (_RATE + _SLIPPAGE) - _CASH)


def _study(bars: NDArray[np.float64], parameters: dict[str, Any], **changed: Any) -> mc.Study:
    stamps = np.arange(bars.shape[1], dtype=np.int64) * 86_400_000_000
    history = mc.Bars("X", stamps, *bars, calendar=mc.BarCalendar("24/7", "1d"))
    execution = {"cash": _CASH, "commission": {"rate": _RATE}}
    if "slippage" in changed:
        execution["slippage"] = changed.pop("slippage")
    changed.setdefault("warm_up", 0)
    return mc.Study(
        *("peers", mc.Historical(history), "sma_crossover", parameters),
        seeds=1,
        execution=execution,
        **changed,
    )


def _found(statistics: Any) -> Found:
    chosen = statistics["_strategy"]
    return (int(chosen.fast), int(chosen.slow)), float(statistics["Equity Final [$]"]) - _CASH


def _backtest(bars: NDArray[np.float64]) -> Any:
    from multiprocessing.dummy import Pool

    import backtesting
    import pandas as pd
    from backtesting.lib import crossover

    # Processor time of one process is what is compared.
    backtesting.Pool = Pool

    class Crossover(backtesting.Strategy):  # type: ignore[misc,unused-ignore]
        fast, slow = FAST[0], SLOW[0]

        def init(self) -> None:
            close = pd.Series(self.data.Close)
            # Indicators are found among the attributes alone.
            self.first = self.I(lambda: close.rolling(self.fast).mean(), name="fast")
            self.second = self.I(lambda: close.rolling(self.slow).mean(), name="slow")

        def next(self) -> None:
            if crossover(self.first, self.second):
                self.buy()
            elif crossover(self.second, self.first):
                self.position.close()

    index = pd.date_range("2000-01-01", periods=bars.shape[1])
    frame = pd.DataFrame(bars.T, columns=["Open", "High", "Low", "Close", "Volume"], index=index)
    return backtesting.Backtest(frame, Crossover, cash=_CASH, commission=_RATE)
