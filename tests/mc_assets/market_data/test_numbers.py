"""Numbers as people and programs write them."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tables.numbers import (
    MISSING,
    decimal_mark,
    groups_thousands_by_apostrophe,
    parse_number,
    parse_numbers,
)


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        ("1234.5", ".", 1234.5),
        (" 1234.5 ", ".", 1234.5),
        ("1,234.5", ".", 1234.5),
        ("1,234,567", ".", 1234567.0),
        ("$1,234.50", ".", 1234.5),
        ("(37.63)", ".", -37.63),
        ("−37.63", ".", -37.63),
        ("1 234.5", ".", 1234.5),
        ("1'234.5", ".", 1234.5),
        ("123.45K", ".", 123450.0),
        ("1.2M", ".", 1200000.0),
        ("1e-3", ".", 0.001),
        ("1.234,5", ",", 1234.5),
        ("12,5", ",", 12.5),
        ("1.234", ",", 1234.0),
        ("-inf", ".", float("-inf")),
        ("USD 1,234.50", ".", 1234.5),
        ("1,234.50 USD", ".", 1234.5),
        ("₹1,23,456.5", ".", 123456.5),
        ("R1,234.50", ".", 1234.5),
        ("C$12.5", ".", 12.5),
        ("($37.63)", ".", -37.63),
        ("$(37.63)", ".", -37.63),
        ("1.234,50 €", ",", 1234.5),
        ("1\u202f234,50\u00a0kr", ",", 1234.5),
    ],
)
def test_a_written_number_is_read(cell: str, decimal: str, value: float) -> None:
    assert parse_number(cell, decimal) == value


@pytest.mark.parametrize(
    "cell", ["abc", "1O0", "1,23.5", "12-5", "1.2.3", "1;2", "#REF!", "12,5", "MAR 12", "USDX 1"]
)
def test_what_is_no_number_is_text(cell: str) -> None:
    assert parse_number(cell) == "text"


@pytest.mark.parametrize("cell", [*sorted(MISSING), "NULL", "NaN", None])
def test_a_mark_of_nothing_is_missing(cell: str | None) -> None:
    assert parse_number(cell) == "missing"


def test_a_column_is_read_like_its_cells() -> None:
    cells = ["1.5", "1,234.5", "abc", "", None, "inf"]
    values, text = parse_numbers(pl.Series(cells))
    assert values.to_list() == [1.5, 1234.5, None, None, None, float("inf")]
    assert text.to_list() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("110'165", 110.515625),
        ("110'16", 110.5),
        ("110'16+", 110.515625),
        ("110'16.5", 110.515625),
        ("110-165", 110.515625),
        ("110-16", 110.5),
        ("110-16+", 110.515625),
        ("110'00", 110.0),
        ("110'162", 110.5078125),
        ("110'167", 110.5234375),
        ("103'011", 103.03515625),
        ("103'31+", 103.984375),
        ("110’165", 110.515625),
        (" 110'165 ", 110.515625),
        ("-0'05", -0.15625),
        ("1110'16", 1110.5),
        ("365'4", 365.5),
        ("365'0", 365.0),
    ],
)
def test_points_and_fractions_of_a_price_are_read(cell: str, value: float) -> None:
    assert parse_number(cell, ticks="'-") == value
    values, text = parse_numbers(pl.Series(["110", cell]), ticks=True)
    assert values.to_list() == [110.0, value]
    assert not text.any()


@pytest.mark.parametrize(
    "cell",
    ["110'32", "110'164", "110'169", "110'1655", "365'8", "110-5", "1'2'3", "110'16-"],
)
def test_what_is_no_fraction_of_a_price_is_text_and_never_thousands(cell: str) -> None:
    assert parse_number(cell, ticks="'-") == "text"


def test_one_price_with_decimals_and_an_apostrophe_makes_apostrophes_thousands() -> None:
    ticks, swiss = pl.Series(["110'165", "110'16"]), pl.Series(["110'165", "1'234.50", None])
    assert not groups_thousands_by_apostrophe([ticks])
    assert groups_thousands_by_apostrophe([ticks, swiss])
    assert groups_thousands_by_apostrophe([pl.Series(["1'234'567"])])
    assert parse_numbers(swiss)[0].to_list() == [110165.0, 1234.5, None]


def test_a_dash_among_prices_with_decimals_is_a_range() -> None:
    assert parse_numbers(pl.Series(["100.25", "100-105"]), ticks=True)[1].to_list() == [False, True]


@given(
    st.integers(0, 10**6), st.integers(0, 31), st.sampled_from("01235678"), st.sampled_from("'-")
)
def test_a_price_in_32nds_is_exact(points: int, parts: int, eighths: str, mark: str) -> None:
    exact = Fraction(points) + (parts + Fraction("01235678".index(eighths), 8)) / 32
    assert Fraction(parse_number(f"{points}{mark}{parts:02d}{eighths}", ticks="'-")) == exact


def test_nan_in_a_column_of_floats_is_missing() -> None:
    values, text = parse_numbers(pl.Series([1.0, float("nan"), None]))
    assert values.to_list() == [1.0, None, None]
    assert not text.any()


@pytest.mark.parametrize(
    ("cells", "delimiter", "mark"),
    [
        (["12,5", "1.234,5"], ";", ","),
        (["61,050"], ";", ","),
        (["61,050"], ",", "."),
        (["1,234.5"], ";", "."),
        (["12.5"], ";", "."),
        (["1.234,50 €"], ";", ","),
        (["1 234,50"], ";", ","),
        (["(37,63)"], ",", ","),
    ],
)
def test_the_decimal_mark_is_guessed_from_the_whole_column(
    cells: list[str], delimiter: str, mark: str
) -> None:
    assert decimal_mark([pl.Series(cells)], delimiter) == mark


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_every_float_that_python_writes_comes_back(value: float) -> None:
    values, text = parse_numbers(pl.Series([repr(value)]))
    assert values[0] == value
    assert not text[0]


@given(st.integers(min_value=0, max_value=10**15))
def test_thousands_separators_change_nothing(value: int) -> None:
    assert parse_number(f"{value:,}") == float(value)
