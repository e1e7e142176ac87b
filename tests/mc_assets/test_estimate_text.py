"""An estimate with its error reads as a measurement does."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mc_assets.estimate_text import Unit, estimate_text, interval_text, rounded_pair


@pytest.mark.parametrize(
    ("estimate", "error", "unit", "text"),
    [
        (1159.3, 34.56, "money", "1,159 ± 35"),
        (1159.3, 346.1, "money", "1,159 ± 346"),
        (-1234567.8, 12345.6, "money", "-1,234,568 ± 12,346"),
        (12.3, 0.0996, "money", "12.30 ± 0.10"),
        (-0.00712, 0.0000312, "share", "-0.7120 ± 0.0031 %"),
        (0.45, 0.0157, "share", "45.0 ± 1.6 %"),
        (0.4237, 0.0312, "ratio", "0.424 ± 0.031"),
        (0.4237, 3.12, "ratio", "0.4 ± 3.1"),
        (-0.00001, 0.2, "ratio", "0.00 ± 0.20"),
        (1.0, 3.1e-9, "ratio", "1.000000 ± 3.1e-09"),
        (1.0, 0.0, "share", "100.0 ± 0 %"),
        (1.0, None, "share", "100.0 %"),
        (0.5, math.nan, "ratio", "0.50"),
        (0.5, math.inf, "ratio", "0.50 ± inf"),
        (None, 1.0, "money", "–"),
        (math.nan, None, "share", "–"),
    ],
)
def test_the_error_has_two_digits_and_the_estimate_matches(
    estimate: float | None, error: float | None, unit: Unit, text: str
) -> None:
    assert estimate_text(estimate, error, unit) == text


def test_without_its_error_the_estimate_is_rounded_the_same() -> None:
    assert estimate_text(0.4237, 0.0312, "ratio", show_error=False) == "0.424"
    assert estimate_text(-0.00712, 0.0000312, "share", show_error=False) == "-0.7120 %"


@pytest.mark.parametrize(
    ("numbers", "unit", "text"),
    [
        ((0.055, 0.098, -0.139, 0.25), "ratio", "0.06 (-0.14 to 0.25)"),
        ((1159.3, 34.56, 1091.2, 1227.6), "money", "1,159 (1,091 to 1,228)"),
        ((0.45, 0.0157, 0.4192, 0.4808), "share", "45.0 (41.9 to 48.1) %"),
        ((0.4237, 0.0312, 0.3625, 0.4849), "ratio", "0.424 (0.362 to 0.485)"),
        ((1.0, None, 0.9638, 1.0), "share", "100.0 (96.4 to 100.0) %"),
        ((0.0, None, 0.0, 0.00018), "share", "0.0000 (0.0000 to 0.0180) %"),
        ((7.0, 2.0, -math.inf, 9.0), "money", "7.0 (-∞ to 9.0)"),
        ((7.0, 2.0, 5.0, math.inf), "money", "7.0 (5.0 to ∞)"),
        ((1.0, None, None, None), "share", "100.0 % (one history)"),
        ((0.4052, 0.0, None, None), "money", "0.41 (one history)"),
        ((3.637, None, None, None), "money", "3.6 (one history)"),
        ((-0.0000017, None, None, None), "share", "-0.00017 % (one history)"),
        ((0.0, 0.0, None, None), "money", "0 (one history)"),
        ((math.nan, None, None, None), "share", "– (one history)"),
    ],
)
def test_an_interval_is_rounded_as_its_estimate_and_a_missing_one_says_why(
    numbers: tuple[float | None, ...], unit: Unit, text: str
) -> None:
    estimate, error, low, high = numbers
    assert interval_text(estimate, error, low, high, unit, why_none="one history") == text


@given(st.floats(-1e9, 1e9), st.floats(1e-30, 1e9), st.sampled_from(["money", "ratio", "share"]))
def test_no_error_prints_as_zero_and_none_is_off_by_more_than_its_last_digit(
    estimate: float, error: float, unit: Unit
) -> None:
    value, spread = rounded_pair(estimate, error, unit)
    scale = 100.0 if unit == "share" else 1.0
    assert float(spread.replace(",", "")) == pytest.approx(error * scale, rel=0.05)
    digits = re.sub(r"[^0-9]", "", spread.partition("e")[0]).lstrip("0")
    assert len(digits) >= 2
    decimals = len(value.partition(".")[2])
    assert abs(float(value.replace(",", "")) - estimate * scale) <= 0.5001 * 10.0**-decimals + 1e-6
