"""Numbers in the terminal are readable."""

from __future__ import annotations

import polars as pl
import pytest

from mc_assets.cli.tables import format_value, print_frame


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (1234567.8, "1,234,568"),
        (-123.456, "-123.5"),
        (0.123456, "0.1235"),
        (0.0, "0"),
        (7, "7"),
        (True, "True"),
        ("text", "text"),
    ],
)
def test_a_cell_shows_what_matters_of_a_value(value: object, text: str) -> None:
    assert format_value(value) == text


def test_a_long_table_says_how_much_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pl.DataFrame({"x": range(12)}), limit=10)
    out = capsys.readouterr().out
    assert "2 more rows" in out
    assert "11" not in out


def test_a_pipe_is_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pl.DataFrame({"x": ["w" * 500]}))
    assert "w" * 500 in capsys.readouterr().out
