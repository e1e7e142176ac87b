from __future__ import annotations

import numpy as np
import pytest

from engine.calibration import calibrate
from engine.sources.block_length import block_length


def test_block_lengths_of_the_sp500_are_those_of_arch(sp500):
    # oracles/optimal_block_length.json
    found = calibrate("bootstrap", sp500)
    assert found.parameters["block_length"] == pytest.approx(9.085238759522044, rel=1e-6)
    circular = found.diagnostics["circular_block_length"]
    assert circular == pytest.approx(10.40000220502245, rel=1e-6)


def test_block_lengths_of_any_series_are_those_of_arch():
    arch_bootstrap = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(4)
    for n in (12, 40, 300, 2500):
        noise = rng.standard_normal(n)
        smooth = np.convolve(rng.standard_normal(n + 8), np.ones(9) / 9.0, mode="valid")
        for series in (noise, smooth, np.abs(noise), noise.cumsum()):
            table = arch_bootstrap.optimal_block_length(series)
            expected = (table["stationary"].iloc[0], table["circular"].iloc[0])
            assert block_length(series) == pytest.approx(expected, rel=1e-9)


def test_clustered_volatility_asks_for_longer_blocks(sp500):
    found = calibrate("bootstrap", sp500, of="absolute")
    assert found.parameters["block_length"] > 50.0


def test_blocks_are_never_shorter_than_a_bar(make_bars):
    closes = 100.0 + 5.0 * (-1.0) ** np.arange(200) + np.linspace(0.0, 1.0, 200)
    found = calibrate("bootstrap", make_bars(closes))
    assert found.parameters["block_length"] >= 1.0
