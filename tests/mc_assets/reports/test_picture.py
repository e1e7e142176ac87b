"""Still pictures are real images, with and without equity curves."""

from __future__ import annotations

import base64
import datetime

import numpy as np
import polars as pl
import pytest

from mc_assets.calibration_store import CALIBRATION_SCHEMA
from mc_assets.reports.calibration_picture import calibration_picture
from mc_assets.reports.picture import as_markdown, study_picture

PNG = b"\x89PNG\r\n\x1a\n"


def _width(image: bytes) -> int:
    return int.from_bytes(image[16:20], "big")


def test_a_study_without_equity_curves_has_a_narrower_picture() -> None:
    pnl = pl.Series(np.linspace(-10, 10, 50))
    levels = {f"q{level:02d}": [1.0, 1.0] for level in (5, 25, 50, 75, 95)}
    fan = pl.DataFrame({"bar": [1, 2], **levels})
    both = study_picture("title", fan, pnl, 9.0)
    alone = study_picture("title", None, pnl, 9.0)
    assert both.startswith(PNG)
    assert alone.startswith(PNG)
    assert _width(alone) < _width(both)


def test_markdown_carries_the_picture_inside_itself() -> None:
    text = as_markdown([("a study", PNG)])
    assert text.startswith("![a study](data:image/png;base64,")
    assert base64.b64decode(text.split("base64,")[1].rstrip(")")) == PNG


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("days", [1, 2, 600])
def test_parameters_through_time_are_drawn_for_any_number_of_dates(days: int) -> None:
    start = datetime.date(2020, 1, 1)
    rows = [
        {
            "symbol": "X",
            "timeframe": "1d",
            "as_of": start + datetime.timedelta(days=day),
            "model": "gbm",
            "parameter": name,
            "estimate": 0.1 + day / 1000,
            "std_error": None if name == "mu" else 0.01,
            "status": "ok",
        }
        for day in range(days)
        for name in ("mu", "sigma")
    ]
    table = pl.DataFrame(rows, schema=CALIBRATION_SCHEMA)
    assert calibration_picture(table, "X@1d").startswith(PNG)


def test_a_series_whose_estimators_all_failed_still_has_a_picture() -> None:
    assert calibration_picture(CALIBRATION_SCHEMA.to_frame(), "X@1d").startswith(PNG)
