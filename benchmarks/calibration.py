"""Speed of calibration: likelihoods, single estimates, a nightly backfill, realism.

Run ``python -m benchmarks.calibration`` from the checkout; ``--dates N`` measures the backfill on N
dates instead of 64, ``--dates 2520`` on ten years of them. The backfill is one Dagster run in a
data folder of its own, from the bars to the stored calibrations; afterwards every partition's
event, its metadata and both checks are looked up. Data are simulated, so that the figures do not
depend on files: 5,030 daily bars per symbol and a weekly futures panel.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import (
    SPOT_MODELS,
    FuturesPanel,
    OptionSurface,
    calibrate,
)
from engine.calibration.curve_data import CurveData
from engine.calibration.kalman import filter_curve, score_curve
from engine.calibration.schwartz_smith import PARAMETERS, SchwartzSmith, futures_price
from engine.pricing.heston_prices import heston_price
from engine.realism import compare_with_history
from engine.sources import make_source

if TYPE_CHECKING:
    from mc_assets.project import Project

__all__ = ["main", "run"]

Row = dict[str, Any]
Array = NDArray[np.float64]

DAY = 86_400_000_000
BARS = 5030
SMITH = {
    "kappa": 1.5,
    "sigma_chi": 0.29,
    "lambda_chi": 0.16,
    "mu_xi": -0.01,
    "sigma_xi": 0.15,
    "mu_xi_star": 0.01,
    "rho": 0.3,
}
HESTON = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}


def run(*, dates: int = 64) -> list[Row]:
    """Run every benchmark; one row each: what, value, target, ok."""
    bars = history(1)
    return [*kalman(), *single(bars), *surface(), *backfill(dates), *realism(bars)]


def kalman() -> list[Row]:
    """One likelihood of 268 weeks and 5 maturities, and the whole multi-start estimate."""
    panel = weekly_panel(268)
    data = CurveData.of(panel)
    natural = np.array([SMITH[name] for name in PARAMETERS])
    h = np.full(5, 0.01**2)
    model = SchwartzSmith().build(natural, h, data)
    likelihood = best(filter_curve, data.y, model)
    smith, one_factor = (
        best(calibrate, name, panel, repeats=3) for name in ("schwartz_smith", "schwartz_1f")
    )
    return [
        row("Kalman likelihood, 268 weeks x 5 maturities, us", 1e6 * likelihood, 100.0),
        row("same with its exact gradient, us", 1e6 * best(score_curve, data.y, model), None),
        row("Schwartz-Smith, multi-start, s", smith, 10.0),
        row("Schwartz one-factor on the panel, s", one_factor, 10.0),
    ]


def single(bars: Bars) -> list[Row]:
    """Each spot model once on 5,030 daily bars."""
    rows = []
    for model in SPOT_MODELS:
        calibrate(model, bars)
        took = best(calibrate, model, bars, repeats=5)
        rows.append(row(f"{model}, {len(bars):,} bars, s", took, 1.0))
    return rows


def surface() -> list[Row]:
    """Heston from 75 quotes of 5 expiries, exact ones and ones that are off."""
    strikes = np.linspace(70.0, 140.0, 15)
    price = best(lambda: heston_price(100.0, strikes, 1.0, **HESTON))
    rows = [row("Heston prices of 15 strikes, us", 1e6 * price, None)]
    for what, years, target in (
        ("Heston from a surface of 75 quotes, s", (0.1, 0.25, 0.5, 1.0, 2.0), 0.06),
        ("same with expiries of a week and more, s", (7 / 365, 14 / 365, 0.1, 0.25, 0.5), 0.5),
    ):
        took = best(calibrate, "heston", quoted(strikes, years, 0.0), repeats=5)
        rows.append(row(what, took, target))
        took = best(calibrate, "heston", quoted(strikes, years, 0.01), repeats=5)
        rows.append(row("same, prices off by up to 1 %, s", took, target))
    return rows


def quoted(strikes: Array, years: tuple[float, ...], error: float) -> OptionSurface:
    """Quotes of a Heston market, off by a share of their prices."""
    prices = np.concatenate(
        [heston_price(100.0, strikes, t, call=strikes >= 100.0, **HESTON) for t in years]
    )
    return OptionSurface.from_quotes(
        np.tile(strikes, len(years)),
        np.repeat(years, len(strikes)),
        np.maximum(prices * (1.0 + error * np.cos(7.0 * np.arange(len(prices)))), 1e-9),
        np.tile(strikes >= 100.0, len(years)),
        spot=100.0,
    )


def backfill(dates: int) -> list[Row]:
    """All spot models on 4 symbols as of each of the newest dates: one run of the asset.

    In a process of its own, since the partitions follow from the series file at import.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready, _ = _backfill_process(Path(folder), 1)
        wall, processor = _backfill_process(Path(folder), dates)
    # What one date takes is paid once: starting two processes, Dagster, pictures.
    scaled = ready + (wall - ready) * 2520 / dates
    note = "" if dates == 2520 else " (scaled)"
    return [
        row(
            f"backfill run, {dates:,} dates x 4 symbols x {len(SPOT_MODELS)} models, s", wall, None
        ),
        row("same, processor seconds of all processes", processor, None),
        row(f"same for 2,520 dates, s{note}", wall if dates == 2520 else scaled, 600.0),
    ]


def _backfill_process(folder: Path, dates: int) -> tuple[float, float]:
    """Wall and processor seconds of a backfill of the newest dates, in a process of its own."""
    settings = {"MC_DATA": str(folder / "data"), "MC_SERIES": str(folder / "series.yaml")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.calibration", "--backfill", str(dates)],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, processor = done.stdout.split()[-2:]
    return float(wall), float(processor)


def run_backfill(dates: int) -> tuple[float, float]:
    """Bring in simulated bars if there are none yet, then time one run over the newest dates."""
    folder = Path(os.environ["MC_SERIES"]).parent
    if not Path(os.environ["MC_SERIES"]).exists():
        write_series(folder)
    from mc_assets.market_data import load_series
    from mc_assets.periods import dates_in, period_keys
    from mc_assets.pipeline import run_pipeline
    from mc_assets.project import Project
    from mc_assets.steps import Step, bar_steps

    project = Project.from_environment()
    keys = load_series(project.series).keys
    if not (project.data / "bars").exists():
        run_pipeline(project, bar_steps(project, keys))
    end = date(2018, 12, 31)
    years = period_keys(date(2005, 1, 1), end)
    days = [day for year in years for day in dates_in(year)][-dates:]
    years = sorted({str(day.year) for day in days})
    step = Step(
        "backfill",
        ["calibrations"],
        (f"{years[0]}|{keys[0]}", f"{years[-1]}|{keys[-1]}"),
        config={"calibrations": {"dates": [str(day) for day in days]}},
    )
    took: list[float] = []

    def after(_: Step, numbers: dict[str, float], seconds: float) -> None:
        if numbers["failed"]:
            raise RuntimeError(f"backfill: found {numbers['failed']:.0f} failed estimates")
        took.append(seconds)

    before = _processor_seconds()
    run_pipeline(project, [step], after=after)
    processor = _processor_seconds() - before
    check_events(project, [f"{year}|{key}" for year in years for key in keys])
    return took[0], processor


def check_events(project: Project, partitions: list[str]) -> None:
    """Stop unless Dagster holds every partition's event with its metadata, and both checks."""
    import dagster as dg

    from mc_assets.instance import open_instance, using_dagster_home

    asset = dg.AssetKey("calibrations")
    with using_dagster_home(project), open_instance(project) as instance:
        run = instance.get_runs(limit=1)[0].run_id
        found: dict[str, dict[str, Any]] = {}
        cursor, more = None, True
        while more:
            page = instance.fetch_materializations(asset, limit=5000, cursor=cursor)
            for record in page.records:
                if record.run_id == run and record.asset_materialization is not None:
                    found[str(record.partition_key)] = dict(record.asset_materialization.metadata)
            cursor, more = page.cursor, page.has_more
        lacking = [
            key
            for key in partitions
            if not {"failed", "dagster/partition_row_count"} <= set(found.get(key, {}))
        ]
        checks = [
            key.name
            for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(
                [
                    dg.AssetCheckKey(asset, name)
                    for name in ("every_estimator_answered", "parameters_are_steady")
                ]
            ).items()
            if record.run_id == run
        ]
    if lacking or len(found) != len(partitions) or len(checks) != 2:
        raise RuntimeError(
            f"events: found {len(found)} of {len(partitions)} partitions, {len(lacking)} without "
            f"metadata, checks {', '.join(checks) or 'none'}"
        )


def _processor_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def write_series(folder: Path) -> None:
    """Write 5,030 simulated bars of four symbols up to 2018 and the file that names them."""
    import exchange_calendars
    import polars as pl

    calendar = exchange_calendars.get_calendar("XNYS", start="1995-01-01", end="2018-12-31")
    sessions = [session.date() for session in calendar.sessions[-BARS:]]
    for seed in range(1, 5):
        bars = history(seed)
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        pl.DataFrame({"date": sessions, **columns}).write_csv(folder / f"S{seed}.csv")
    (folder / "series.yaml").write_text(
        "series:\n"
        "  - symbols: [S1, S2, S3, S4]\n"
        "    timeframe: 1d\n"
        "    provider: csv\n"
        "    exchange: XNYS\n"
        f"    start: {sessions[0]}\n"
        f"    end: {sessions[-1]}\n"
        '    options: {path: "{symbol}.csv"}\n'
    )


def realism(bars: Bars) -> list[Row]:
    """200 paths of 5,029 bars compared with history."""
    estimate = calibrate("gbm", bars)
    compare_with_history(estimate, bars, seeds=range(20))
    took = best(compare_with_history, estimate, bars, repeats=1)
    return [row("realism of GBM, 200 paths, s", took, None)]


def history(seed: int) -> Bars:
    """Bars of a two-regime market, like a stock index."""
    regimes = {"mu_1": 0.15, "mu_2": -0.2, "sigma_1": 0.11, "sigma_2": 0.29}
    source = make_source("regime_switching", regimes | {"p_11": 0.99, "p_21": 0.02})
    values = source.paths(steps=BARS, seeds=[seed], s0=1000.0).values[0, 0]
    start = int(datetime(1999, 1, 4, 14, 30, tzinfo=UTC).timestamp()) * 1_000_000
    index = np.arange(BARS, dtype=np.int64)
    stamps = start + (index + 2 * (index // 5)) * DAY
    o, h, low, c, volume = (np.ascontiguousarray(column) for column in values[:5])
    return Bars(f"S{seed}", stamps, o, h, low, c, volume, BarCalendar())


def weekly_panel(rows: int) -> FuturesPanel:
    """Futures of a Schwartz-Smith market with measurement errors of a per cent."""
    rng = np.random.default_rng(1)
    dt, years = 5.0 / 265.0, np.array([1, 5, 9, 13, 17]) / 12.0
    chi, xi, prices = 0.0, np.log(20.0), np.empty((rows, 5))
    for i in range(rows):
        one, two = rng.standard_normal(2)
        two = SMITH["rho"] * one + np.sqrt(1.0 - SMITH["rho"] ** 2) * two
        chi += -SMITH["kappa"] * chi * dt + SMITH["sigma_chi"] * np.sqrt(dt) * one
        xi += SMITH["mu_xi"] * dt + SMITH["sigma_xi"] * np.sqrt(dt) * two
        prices[i] = futures_price(SMITH, chi, xi, years) * np.exp(0.01 * rng.standard_normal(5))
    days = [date(1990, 1, 2) + timedelta(days=7 * i) for i in range(rows)]
    return FuturesPanel.from_arrays(prices, years, dt=dt, dates=days, symbol="CL", timeframe="1w")


def best(function: Callable[..., Any], *arguments: Any, repeats: int = 50) -> float:
    """Shortest of some runs, after one that compiles."""
    function(*arguments)
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function(*arguments)
        took.append(time.perf_counter() - begin)
    return min(took)


def row(what: str, value: float, target: float | None) -> Row:
    """Make one line of the table; a target is an upper limit."""
    met = None if target is None else value <= target
    return {"what": what, "value": value, "target": target, "ok": met}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dates", type=int, default=64, help="as-of dates of the backfill")
    parser.add_argument("--backfill", type=int, help="print the seconds of one backfill only")
    chosen = parser.parse_args()
    if chosen.backfill:
        print(*run_backfill(chosen.backfill))
        return
    rows = run(dates=chosen.dates)
    print("| what | value | target | met |")
    print("|---|---:|---:|---|")
    for line in rows:
        target = "" if line["target"] is None else f"≤ {line['target']:,.4g}"
        met = {None: "", True: "yes", False: "no"}[line["ok"]]
        print(f"| {line['what']} | {line['value']:,.4g} | {target} | {met} |")


if __name__ == "__main__":
    main()
