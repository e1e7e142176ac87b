"""What `mc run` prints of every study."""

from __future__ import annotations

import pytest

from mc_assets.cli.everything import _parameters


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ('{"otm": 0.777777777778, "dte": 5, "side": "long"}', "otm 0.777778, dte 5, side long"),
        ('{"cash": 20000.0}', "cash 20000"),
        ("{}", "defaults"),
    ],
)
def test_a_parameter_set_is_named_with_six_digits(stored: str, printed: str) -> None:
    assert _parameters(stored) == printed
