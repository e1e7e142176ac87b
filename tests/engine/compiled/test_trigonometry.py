"""Sine, cosine and angle of kernels, against those of the C library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.compiled import kernel
from engine.compiled.trigonometry import atan2, sincos


@kernel
def _turned(x: float) -> tuple[float, float]:
    return sincos(x)


@kernel
def _angle(y: float, x: float) -> float:
    return atan2(y, x)


@pytest.mark.parametrize("size", [1e-8, 0.5, 4.0, 1e3, 1e9])
def test_sine_and_cosine_are_those_of_any_angle(size):
    for x in np.random.default_rng(1).uniform(-size, size, 5000).tolist():
        sine, cosine = _turned(x)
        assert sine == pytest.approx(math.sin(x), abs=3e-16)
        assert cosine == pytest.approx(math.cos(x), abs=3e-16)


def test_small_angles_keep_their_relative_precision():
    for x in (1e-300, 1e-12, -3e-7):
        assert _turned(x)[0] == pytest.approx(math.sin(x), rel=1e-15)
        assert _angle(x, 1.0) == pytest.approx(x, rel=1e-15)


def test_the_angle_of_a_point_is_in_every_quarter():
    rng = np.random.default_rng(2)
    points = rng.standard_normal((5000, 2)) * np.exp(rng.normal(0.0, 5.0, (5000, 2)))
    for y, x in [*points.tolist(), [0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0], [1.0, -1.0]]:
        assert _angle(y, x) == pytest.approx(math.atan2(y, x), abs=1e-15)
    assert _angle(0.0, 0.0) == 0.0
