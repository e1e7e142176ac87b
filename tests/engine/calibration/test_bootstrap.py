from __future__ import annotations

import numpy as np
import pytest

from engine.calibration import calibrate


def test_block_lengths_of_the_sp500_are_those_of_arch(sp500):
    # oracles/optimal_block_length.json
    found = calibrate("bootstrap", sp500)
    assert found.parameters["block_length"] == pytest.approx(9.085238759522044, rel=1e-6)
    circular = found.diagnostics["circular_block_length"]
    assert circular == pytest.approx(10.40000220502245, rel=1e-6)


def test_clustered_volatility_asks_for_longer_blocks(sp500):
    found = calibrate("bootstrap", sp500, of="absolute")
    assert found.parameters["block_length"] > 50.0


def test_blocks_are_never_shorter_than_a_bar(make_bars):
    closes = 100.0 + 5.0 * (-1.0) ** np.arange(200) + np.linspace(0.0, 1.0, 200)
    found = calibrate("bootstrap", make_bars(closes))
    assert found.parameters["block_length"] >= 1.0
