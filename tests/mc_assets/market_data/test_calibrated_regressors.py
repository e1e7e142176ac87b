"""Columns of a stored series as regressors of a calibration."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import polars as pl

from tests.mc_assets.mc_here import mc_here

CHECKOUT = Path(__file__).parents[3]


def test_a_stored_column_is_a_regressor_and_another_fails_its_model_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    days = [datetime.date(2015, 1, 1) + datetime.timedelta(days=i) for i in range(1000)]
    days = [day for day in days if day.weekday() < 5][:650]
    mood = rng.standard_normal(650)
    noise = rng.standard_normal(650) * np.where(np.arange(650) % 200 < 60, 0.02, 0.005)
    close = 100.0 * np.exp(np.cumsum(0.003 * np.append(0.0, mood[:-1]) + noise))
    frame = pl.DataFrame({"Date": days, "Close": close, "Mood": mood})
    frame = frame.with_columns(Open="Close", High="Close", Low="Close", Volume=pl.lit(1.0))
    frame.write_csv(tmp_path / "X.csv")

    def calibrated(regressor: str) -> dict[str, dict[str, object]]:
        (tmp_path / "series.yaml").write_text(
            "series:\n  - symbol: X\n    provider: csv\n    start: 2015-01-01\n"
            f"    end: {days[-1]}\n    options: {{path: '{tmp_path / 'X.csv'}'}}\n"
            "    columns: {mood: Mood}\n    models: [gbm, regime_switching]\n"
            f"    calibration: {{regime_switching: {{ar: 1, regressors: [{regressor}]}}}}\n"
        )
        places = {"MC_DATA": str(tmp_path / "data"), "MC_SERIES": str(tmp_path / "series.yaml")}
        assert mc_here("ingest", "X", places=places, folder=CHECKOUT).returncode == 0
        done = mc_here(
            *("calibrate", "X@1d", "--as-of", str(days[-1]), "--json"),
            places=places,
            folder=CHECKOUT,
        )
        rows = json.loads(done.stdout)
        return {f"{row['model']} {row['parameter']}": row for row in rows}

    found = calibrated("mood")["regime_switching beta_mood"]
    assert abs(float(str(found["estimate"])) - 0.003) < 4.0 * float(str(found["std_error"]))
    assert "regime_switching ar_1" in calibrated("mood")
    wrong = calibrated("sun")
    assert wrong["gbm sigma"]["status"] == "ok"
    assert wrong["regime_switching None"]["reason"] == (
        "regressors: found 'sun', allowed columns of the bars"
    )
