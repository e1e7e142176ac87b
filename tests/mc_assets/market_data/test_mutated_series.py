"""Series files that are wrong in ways nobody thought of: one sentence, or they are read.

A failure names the number that makes its file again: ``mutated(SERIES, number)``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mc_assets.market_data.series_file import load_series
from tests.mutated_yaml import assert_one_sentence, mutated

SERIES = """
series:
  - symbols: {SPY.yahoo: SPY, ABC: DEF}
    timeframe: 1h
    provider: alpaca
    exchange: XNYS
    start: 2015-01-01
    end: 2018-12-31
    adjustment: split
    factors: factors/{symbol}.csv
    models: [gbm, heston]
    calibration: {gbm: {window: 500}}
    options: {feed: iex}
  - symbol: CL
    provider: csv
    timeframe: 1d
    start: 2015-01-01
    option_quotes: "chains/*.csv"
    options: {path: "x/{symbol}.csv"}
  - {symbol: X, provider: polygon, timeframe: 15m, start: 2020-01-01, compare_with: Y}
  - {symbol: Y, provider: polygon, timeframe: 15m, start: 2020-01-01}
"""


def test_mutated_series_files_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    read, refused = _check_series(range(300), tmp_path)
    assert read >= 10
    assert refused >= 100


@pytest.mark.slow
def test_two_thousand_mutated_series_files_are_read_or_refused(tmp_path: Path) -> None:
    read, refused = _check_series(range(1_000, 3_000), tmp_path)
    print(f"\n2,000 mutated series files: {read} were read, {refused} refused in one sentence")


def _check_series(numbers: range, folder: Path) -> tuple[int, int]:
    file = folder / "mutated.yaml"
    read = refused = 0
    for number in numbers:
        file.write_bytes(mutated(SERIES, number).encode(errors="surrogatepass"))
        try:
            assert load_series(file).keys is not None
            read += 1
        except (ValueError, OSError) as error:
            assert_one_sentence(error, number, file)
            refused += 1
    return read, refused
