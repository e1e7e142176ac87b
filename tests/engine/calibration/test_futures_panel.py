from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.calibration.curve_data import CurveData
from engine.calibration.futures_panel import FuturesPanel


def test_nearby_columns_get_the_days_to_the_expiry_of_their_rank():
    frame = pl.DataFrame(
        {"date": [date(2020, 1, 20), date(2020, 1, 22)], "CL01": [58.0, 56.0], "CL03": [57.0, 55.0]}
    )
    expiries = [date(2020, 3, 20), date(2020, 1, 21), date(2020, 2, 20), date(2020, 4, 21)]
    panel = FuturesPanel.from_nearby(frame, ["CL01", "CL03"], expiries, symbol="CL")
    days = np.array([[1.0, 60.0], [29.0, 90.0]])
    np.testing.assert_allclose(panel.maturities * 365.0, days)
    assert panel.elapsed_years[1] == pytest.approx(2.0 / 365.0)


def test_long_rows_become_columns_by_expiry_with_holes():
    frame = pl.DataFrame(
        {
            "date": [date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 2)],
            "expiry": [date(2020, 2, 1), date(2020, 3, 1), date(2020, 2, 1)],
            "price": [50.0, 51.0, 52.0],
        }
    )
    panel = FuturesPanel.from_long(frame)
    assert panel.labels == ("2020-02-01", "2020-03-01")
    np.testing.assert_array_equal(panel.prices, [[50.0, np.nan], [52.0, 51.0]])
    with pytest.raises(ValueError, match="2020-01-02 with expiry 2020-03-01 more than once"):
        FuturesPanel.from_long(pl.concat([frame, frame[1:2]]))


def test_duplicated_dates_are_refused():
    with pytest.raises(ValueError, match="dates: found 2020-01-01 after 2020-01-01"):
        FuturesPanel.from_arrays(
            np.ones((2, 1)), [1.0], dt=0.1, dates=[date(2020, 1, 1), date(2020, 1, 1)]
        )


def test_a_negative_price_is_named_with_its_date_or_left_out():
    prices = np.array([[20.0, 21.0], [-37.63, 22.0]])
    days = [date(2020, 4, 17), date(2020, 4, 20)]
    panel = FuturesPanel.from_arrays(prices, [0.1, 0.5], dates=days, symbol="CL")
    with pytest.raises(ValueError, match=r"CL F1: found -37\.63 on 2020-04-20, allowed > 0"):
        panel.log_prices()
    assert np.isnan(panel.log_prices("exclude")[1, 0])


def test_a_price_without_maturity_is_refused():
    with pytest.raises(ValueError, match=r"maturities: found -0\.1 for F2"):
        FuturesPanel.from_arrays(np.ones((3, 2)), [0.1, -0.1], dt=0.1)


def test_measurement_groups_follow_the_maturity_of_each_price():
    maturities = np.array([[0.1, 1.2], [0.9, 2.5]])
    panel = FuturesPanel.from_arrays(np.ones((2, 2)), maturities, dt=0.1)
    data = CurveData.of(panel, measurement=[1.0, 3.0])
    np.testing.assert_array_equal(data.groups, [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"the last beyond the longest maturity 2\.5"):
        CurveData.of(panel, measurement=[1.0, 2.0])


def _panel(**changed):
    days = tuple(date(2020, 1, day) for day in (1, 2, 3))
    given = {
        "prices": np.array([[50.0, 51.0], [52.0, np.nan], [53.0, 54.0]]),
        "maturities": np.array([[0.1, 0.2], [0.09, np.nan], [0.08, 0.18]]),
        "dates": days,
        "labels": ("A", "B"),
        "symbol": "CL",
    }
    return FuturesPanel.from_arrays(**given | changed)


def test_the_hash_of_a_panel_follows_its_prices_dates_contracts_and_times_to_expiry():
    known = _panel().data_hash
    assert _panel().data_hash == known
    prices, maturities = _panel().prices.copy(), _panel().maturities.copy()
    prices[2, 1] += 1e-9
    maturities[0, 0] = 0.11
    days = tuple(date(2020, 1, day) for day in (1, 2, 6))
    changes = [
        {"prices": prices},
        {"maturities": maturities},
        {"dates": days},
        {"labels": ("A", "C")},
        {"symbol": "BZ"},
        {"timeframe": "1w"},
        {"dt": 0.01},
    ]
    assert len({known, *(_panel(**change).data_hash for change in changes)}) == len(changes) + 1


def test_a_contract_that_is_listed_later_leaves_the_hash_of_the_rows_before():
    rows = [(date(2020, 1, 1), date(2020, 3, 1), 50.0), (date(2020, 1, 2), date(2020, 3, 1), 52.0)]
    later = (date(2020, 1, 3), date(2020, 4, 1), 54.0)
    columns = ("date", "expiry", "price")
    short = FuturesPanel.from_long(pl.DataFrame(rows, schema=columns, orient="row"))
    long = FuturesPanel.from_long(pl.DataFrame([*rows, later], schema=columns, orient="row"))
    assert long.data_hash != short.data_hash
    assert long.up_to(date(2020, 1, 2)).data_hash == short.data_hash
