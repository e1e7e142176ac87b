"""The series file: what it may say, and how an error in it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from mc_assets.market_data import MarketDataError, load_series

GOOD = "series:\n  - {symbol: X, provider: csv, start: 2020-01-01, options: {path: x.csv}}\n"


def load(folder: Path, text: str) -> object:
    (folder / "series.yaml").write_text(text)
    return load_series(folder / "series.yaml")


def test_an_entry_of_several_symbols_is_several_series(tmp_path: Path) -> None:
    text = GOOD.replace("symbol: X", "symbols: [A, BTC/USD]")
    (tmp_path / "series.yaml").write_text(text)
    assert load_series(tmp_path / "series.yaml").keys == ["A@1d", "BTC/USD@1d"]


def test_a_symbol_may_have_another_name_at_the_provider(tmp_path: Path) -> None:
    text = GOOD.replace("symbol: X", "symbols: {SPX: ^GSPC, NDX: ^NDX}")
    text += GOOD.removeprefix("series:\n").replace("X,", "VIX, provider_symbol: ^VIX,")
    (tmp_path / "series.yaml").write_text(text)
    series = load_series(tmp_path / "series.yaml").series
    assert [(entry.key, entry.asked) for entry in series] == [
        ("SPX@1d", "^GSPC"), ("NDX@1d", "^NDX"), ("VIX@1d", "^VIX")
    ]  # fmt: skip


def test_series_name_those_to_compare_with(tmp_path: Path) -> None:
    text = GOOD.replace("symbol: X", 'symbols: [A, B], compare_with: "{symbol}.y"')
    text += GOOD.removeprefix("series:\n").replace("symbol: X", "symbols: {A.y: A, B.y: B}")
    (tmp_path / "series.yaml").write_text(text)
    config = load_series(tmp_path / "series.yaml")
    assert [entry.compared_key for entry in config.series] == ["A.y@1d", "B.y@1d", None, None]
    assert [entry.key for entry in config.comparing_with("B.y@1d")] == ["B@1d"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("compare_with: Y", "X@1d: compare_with: found 'Y@1d', allowed Z@1d, W@1h"),
        ("compare_with: X", "X@1d: compare_with: found 'X@1d', allowed Z@1d, W@1h"),
        ("compare_with: W@1h", "found W@1h with timeframe 1h, exchange XNYS, allowed .* 1d"),
        ("exchange: XLON, compare_with: Z", "found Z@1d .* exchange XNYS, allowed .* XLON"),
    ],
)
def test_a_comparison_that_cannot_be_is_one_sentence(
    tmp_path: Path, fields: str, message: str
) -> None:
    entry = GOOD.removeprefix("series:\n")
    text = GOOD.replace("symbol: X", f"symbol: X, {fields}") + entry.replace("X", "Z")
    text += entry.replace("symbol: X", "symbol: W, timeframe: 1h")
    with pytest.raises(MarketDataError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("symbol: X, ", ""), r"series\[0\]\.symbol: found nothing, allowed a value"),
        (
            ("provider: csv", "provider: cvs"),
            r"series\[0\]\.provider: found 'cvs' \(did you mean 'csv'\?\), allowed .*csv",
        ),
        (("start:", "begin:"), r"series\[0\]"),
        (("start: 2020-01-01", "start: soon"), r"series\[0\]\.start: found 'soon', allowed .*date"),
        (
            ("symbol: X", "symbol: X, exchange: NYSE"),
            r"exchange: found 'NYSE' \(did you mean 'XNYS'\?\), al.*XNYS",
        ),
        (
            ("symbol: X", "symbol: X, timeframe: 2d"),
            r"timeframe: found '2d', allowed whole minutes",
        ),
        (
            ("symbol: X", "symbol: X, overlp: 3"),
            r"overlp: found an unknown key \(did you mean 'overlap'\?\), allowed .*overlap",
        ),
        (
            ("symbol: X", "symbol: X, end: 2019-01-01"),
            r"end: found 2019-01-01, allowed on",
        ),
        (
            ("symbol: X", "symbol: X, quality: {severities: {gaps: warn}}"),
            r"severities: found 'gaps', allowed .*gap",
        ),
        (
            ("symbol: X", "symbol: X, quality: {severities: {gap: fatal}}"),
            r"found 'fatal', allowed 'ignore', 'warn' or 'error'",
        ),
        (("symbol: X", "symbol: [X]"), r"symbol: found \['X'\], allowed text"),
        (("symbol: X", "symbols: [[X]]"), r"symbol: found \['X'\], allowed text"),
        (("symbol: X", "symbol: ON"), r"symbol: found True, allowed text \(in quotes"),
        (("symbol: X", "symbol: X, symbol: Y"), r"series\.yaml line 2: .* 'symbol' twice"),
        (("start: 2020-01-01", "start: 2020"), r"start: found '2020', allowed a date such as"),
        (("start: 2020-01-01", "start: 2999-01-01"), r"start: found 2999-01-01, allowed today"),
        (("series:", "seris:"), r"series\.yaml: series: found no list"),
        (("{symbol", "[{symbol"), r"series\.yaml line \d+: found text that is not YAML"),
    ],
)
def test_a_wrong_series_file_is_one_sentence(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(MarketDataError, match=message) as caught:
        load(tmp_path, GOOD.replace(*change))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("series.yaml")


def test_a_series_named_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match="found 'X@1d' more than once, allowed once"):
        load(tmp_path, GOOD + GOOD.removeprefix("series:\n"))


def test_an_unknown_key_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "series.yaml").write_text(GOOD)
    with pytest.raises(MarketDataError, match="series: found 'Y@1d', allowed X@1d"):
        load_series(tmp_path / "series.yaml")["Y@1d"]
