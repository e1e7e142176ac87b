"""Speed of option pricing, with other programs beside: ``python -m benchmarks pricing``.

Least processor seconds of interleaved rounds on one thread, results allocated anew each time. Peers
are those of `make peers` and, where it is installed, ``py_vollib``; they price one option a call,
so they are timed on fewer.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator

import numpy as np

import engine as mc
from benchmarks.timing import least

COUNT = 1_000_000
FEW = 2_000
ROUNDS = 7

Call = Callable[[], object]
Row = tuple[str, Call, int, float, float | None]


def rows() -> Iterator[Row]:
    """Yield what is timed: its name, the call, how many it does, unit and target of the figure."""
    rng = np.random.default_rng(1)
    forward, strike = rng.uniform(80.0, 120.0, COUNT), rng.uniform(70.0, 130.0, COUNT)
    years, vol = rng.uniform(0.02, 2.0, COUNT), rng.uniform(0.05, 1.0, COUNT)
    call = rng.random(COUNT) < 0.5
    price = mc.black76(forward, strike, years, vol, rate=0.03, call=call).price
    normal = mc.bachelier(forward, strike, years, 100.0 * vol, rate=0.03, call=call).price
    few = slice(0, FEW)
    places = [x[few] for x in (forward, strike, years, vol)]
    yield (
        "10^6 Black-76 prices with five greeks, ms",
        lambda: mc.black76(forward, strike, years, vol, rate=0.03, call=call),
        1,
        1e3,
        20.0,
    )
    yield (
        "10^6 of the same with all nine, ms",
        lambda: mc.black76(forward, strike, years, vol, rate=0.03, call=call).volga,
        1,
        1e3,
        None,
    )
    yield (
        "10^6 Bachelier prices with five greeks, ms",
        lambda: mc.bachelier(forward, strike, years, 100.0 * vol, rate=0.03, call=call),
        1,
        1e3,
        None,
    )
    yield (
        "10^6 implied volatilities, ms",
        lambda: mc.implied_volatility(price, forward, strike, years, rate=0.03, call=call),
        1,
        1e3,
        120.0,
    )
    yield (
        "10^6 implied volatilities of Bachelier, ms",
        lambda: mc.implied_volatility(
            normal, forward, strike, years, model="bachelier", rate=0.03, call=call
        ),
        1,
        1e3,
        None,
    )
    yield (
        "American option on a future, us each",
        lambda: mc.american(*places, rate=0.05, call=call[few]),
        FEW,
        1e6,
        30.0,
    )
    yield (
        "the same by Barone-Adesi and Whaley, us each",
        lambda: mc.american(*places, rate=0.05, call=call[few], method="barone_adesi_whaley"),
        FEW,
        1e6,
        None,
    )
    if importlib.util.find_spec("QuantLib"):
        yield from quantlib_rows(places, price[few], call[few])
    if importlib.util.find_spec("py_vollib"):
        yield from vollib_rows(places, price[few], call[few])


def quantlib_rows(places: list[np.ndarray], price: np.ndarray, call: np.ndarray) -> Iterator[Row]:
    """QuantLib, through its Python interface, option by option."""
    import QuantLib as ql

    cases = list(zip(*(x.tolist() for x in (*places, price, call)), strict=True))
    rights = {True: ql.Option.Call, False: ql.Option.Put}

    def greeks() -> None:
        for f, k, t, v, _, right in cases:
            payoff = ql.PlainVanillaPayoff(rights[right], k)
            black = ql.BlackCalculator(payoff, f, v * math.sqrt(t), math.exp(-0.03 * t))
            black.value(), black.deltaForward(), black.gammaForward(), black.vega(t), black.rho(t)
            black.theta(f, t)

    def implied() -> None:
        for f, k, t, _, p, right in cases:
            ql.blackFormulaImpliedStdDev(rights[right], k, f, p, math.exp(-0.03 * t))

    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.05, ql.Actual365Fixed()))
    options = []
    for f, k, t, v, _, right in cases[:500]:
        smile = ql.BlackConstantVol(today, ql.NullCalendar(), v, ql.Actual365Fixed())
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(f)), flat, flat, ql.BlackVolTermStructureHandle(smile)
        )
        exercise = ql.AmericanExercise(today, today + max(int(365 * t), 1))
        option = ql.VanillaOption(ql.PlainVanillaPayoff(rights[right], k), exercise)
        option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme()))
        options.append(option)

    def american() -> None:
        for option in options:
            option.recalculate()

    yield "QuantLib: Black price with five greeks, us each", greeks, FEW, 1e6, None
    yield "QuantLib: implied deviation, us each", implied, FEW, 1e6, None
    yield "QuantLib: American, its fast scheme, us each", american, 500, 1e6, None


def vollib_rows(places: list[np.ndarray], price: np.ndarray, call: np.ndarray) -> Iterator[Row]:
    """py_vollib, option by option."""
    from py_vollib.black.implied_volatility import implied_volatility

    cases = list(zip(*(x.tolist() for x in (*places, price, call)), strict=True))

    def implied() -> None:
        for f, k, t, _, p, right in cases:
            implied_volatility(p, f, k, 0.03, t, "c" if right else "p")

    yield "py_vollib: implied volatility, us each", implied, FEW, 1e6, None


def main() -> None:
    chosen = list(rows())
    for _, call, *_ in chosen:
        call()
    seconds = least([call for _, call, *_ in chosen], ROUNDS)
    print("| what | value | target | met |")
    print("|---|---:|---:|---|")
    for (what, _, count, unit, target), took in zip(chosen, seconds, strict=True):
        value = took / count * unit
        limit = "" if target is None else f"≤ {target:,.4g}"
        met = "" if target is None else ("yes" if value <= target else "no")
        print(f"| {what} | {value:,.4g} | {limit} | {met} |")


if __name__ == "__main__":
    main()
