from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.calibration import calibrate
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.schwartz_2f import _image
from engine.sources import make_source


def test_the_published_two_factor_estimates_are_the_image_of_schwartz_smiths():
    # tables/schwartz_1997.json: the same oil panel in both forms; Enron likewise
    for kappa, sigma_chi, sigma_xi, rho, spot, yield_, spot_rho in (
        (1.488, 0.28629032258064513, 0.14536512570445437, 0.30121170540158754, 0.358, 0.426, 0.922),
        (1.187, 0.15754001684919966, 0.11540979019179813, 0.18715901930766518, 0.212, 0.187, 0.845),
    ):
        found = _image(np.array([kappa, sigma_chi, 0.1, 0.0, sigma_xi, 0.01, rho]), 0.05)
        np.testing.assert_allclose(found[[1, 4, 5]], [spot, yield_, spot_rho], rtol=1e-9)


def test_the_estimate_prices_the_curve_as_the_other_form_does(reference):
    frame = pl.read_csv(reference / "data/futures/ss_oil_stitched.csv", try_parse_dates=True)
    months = {f"F{k}": k / 12 for k in (1, 5, 9, 13, 17)}
    panel = FuturesPanel.from_wide(frame, months, dt=5 / 265, symbol="CL", timeframe="1w")
    found = calibrate("schwartz_2f", panel, rate=0.05)
    smith = calibrate("schwartz_smith", panel)
    assert found.log_likelihood == smith.log_likelihood
    source = make_source("schwartz_2f", found.parameters)
    state = found.start_state
    years = np.array(list(months.values()))
    mine = source.futures(state["spot"], state["convenience_yield"], years)
    from engine.calibration.schwartz_smith import futures_price

    other = futures_price(
        smith.parameters, smith.start_state["chi"], smith.start_state["xi"], years
    )
    np.testing.assert_allclose(mine, other, rtol=1e-10)
    assert found.parameters["delta0"] == state["convenience_yield"]
    assert found.std_errors["r"] == 0.0
    assert found.std_errors["kappa"] == pytest.approx(smith.std_errors["kappa"], rel=1e-6)
