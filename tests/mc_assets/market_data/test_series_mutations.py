"""Series files that were damaged, mistyped or meant ill: each loads or is one sentence."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from mc_assets.market_data import MarketDataError, due_years, ingest_many, load_series

NOW = datetime(2026, 11, 21, tzinfo=UTC)
# Every field and every provider, so that each can be mutated.
BASE: dict[str, Any] = {
    "series": [
        {
            "symbols": ["A", "B/USD"],
            "timeframe": "1d",
            "provider": "csv",
            "exchange": "XNYS",
            "start": date(2020, 1, 2),
            "end": date(2020, 3, 31),
            "adjustment": "raw",
            "overlap": 7,
            "repair": False,
            "factors": "factors/{symbol}.csv",
            "options": {
                "path": "bars/{symbol}_{timeframe}.csv", "columns": {"close": "Close"},
                "timezone": "UTC", "stamp": "open", "date_format": "%Y-%m-%d",
                "delimiter": ",", "decimal": ".", "ticks": True, "megabytes": 10.0,
            },
            "compare_with": "{symbol}.two",
            "quality": {
                "severities": {"gap": "warn"}, "stale_bars": 5, "outlier_sigmas": 12.0,
                "outlier_minimum": 0.15, "outlier_window": 63, "overlap_tolerance": 1e-6,
                "withdrawn_bars": 5,
            },
            "models": ["gbm"],
            "calibration": {"gbm": {"window": "rolling:5y"}},
            "option_quotes": "chains/*.csv",
        },
        {
            "symbols": {"A.two": "A", "B/USD.two": "B"}, "provider": "parquet",
            "start": date(2020, 1, 2), "end": date(2020, 3, 31), "options": {"path": "p"},
        },
        {
            "symbol": "CL", "provider": "futures", "start": date(2020, 1, 2), "exchange": "CMES",
            "options": {"path": "curve.csv", "expiries": "x.csv", "root": "CL",
                        "roll": {"rule": "days", "days": 3}, "adjust": "ratio"},
        },
        {
            "symbol": "SPY", "provider": "alpaca", "timeframe": "5m", "start": date(2024, 1, 2),
            "options": {"feed": "iex", "delay": 16.0, "timeout": 30.0, "deadline": 60.0,
                        "megabytes": 8.0, "fetch_deadline": 100.0, "fetch_megabytes": 100.0,
                        "fetch_pages": 100, "attempts": 2, "backoff": 0.5, "longest_wait": 60.0,
                        "requests_per_minute": 200.0,
                        "base_url": "https://data.alpaca.markets"},
        },
        {"symbol": "I:SPX", "provider": "polygon", "timeframe": "1h", "start": date(2024, 1, 2)},
        {"symbol": "^GSPC", "provider": "yahoo", "timeframe": "1w", "start": date(1990, 1, 2)},
    ]
}  # fmt: skip

Change = Callable[[random.Random], str]
VALUES: list[Any] = [
    None, True, False, "", " ", "x", "x" * 10_000, "é", "\u202e", "😀", "\x7f", "\n", "[", "{",
    "{symbol}", "..", "../../etc/passwd", "/etc/passwd", "~", "~root/x", "a\\b", "%s%n", "-1", "0",
    "NaN", "1e999",
    0, 1, -1, 2, 10**9, 10**18, 10**300, 1e308, -1e308, 1e-320, 0.5, float("inf"), float("-inf"),
    float("nan"), date(1, 1, 1), date(9999, 12, 31), datetime(2020, 1, 2, 3, 4), "2020-02-30",
    "2020-13-01", "0000-00-00", "1d", "1M", "24h", "XNYS", "24/7", "csv", "yahoo", "UTC", "Mars/X",
    [], {}, [None], [[]], [[[[[[[[["deep"]]]]]]]]], {"a": 1}, {"[": 1}, {1: 2}, {None: None},
    {True: 1}, {"": ""}, {"a" * 5_000: 1}, ["A"] * 1_000, {f"k{k}": k for k in range(1_000)},
]  # fmt: skip
KEYS: list[Any] = ["[", "]", "{", "a.b", "", " ", "x" * 5_000, "é", 1, None, True, 1.5, "series",
                   "symbol", "symbols", "__class__", "model_config", date(2020, 1, 1)]  # fmt: skip


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        found.append((document, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


def structure(chance: random.Random) -> str:
    """Another value, another key, one fewer, in a random place; sometimes in several."""
    document = copy.deepcopy(BASE)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        container, key = chance.choice(places(document))
        kind = chance.randrange(4)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[chance.choice(KEYS)] = container.pop(key)
        elif kind == 2:
            other, name = chance.choice(places(BASE))
            container[key] = copy.deepcopy(other[name])
        else:
            container[key] = copy.deepcopy(chance.choice(VALUES))
        if not document:
            break
    return str(yaml.dump(document, allow_unicode=True))


TEXT = yaml.dump(BASE, sort_keys=False)
INSERTED = [":", "-", "[", "]", "{", "}", ",", "&a ", "*a", "!", "!!int ", "|", ">", "'", '"', "%",
            "@", "`", "#", "?", "\t", "\n", "\r", "  ", "<<: ", "---\n", "...\n", "\0", "\x85",
            "\ufeff", "é", "999999", "e", ".", "~", "\\", "&a [*a]", "<<: *a"]  # fmt: skip


def letters(chance: random.Random) -> str:
    """Letters lost, doubled, exchanged or put in between."""
    text = TEXT
    for _ in range(chance.choice([1, 1, 2, 3, 8])):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            text = text[:at] + text[at + chance.choice([1, 1, 5, 40]) :]
        elif kind == 1:
            text = text[:at] + chance.choice(INSERTED) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(chance.randrange(32, 127)) + text[at + 1 :]
        elif kind == 3:
            text = text[:at] + text[at : at + 30] + text[at:]
        else:
            text = text[:at]
    return text


def lines(chance: random.Random) -> str:
    """Lines lost, doubled, exchanged or moved to another depth."""
    rows = TEXT.split("\n")
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, other = chance.randrange(len(rows)), chance.randrange(len(rows))
        kind = chance.randrange(4)
        if kind == 0 and len(rows) > 1:
            del rows[at]
        elif kind == 1:
            rows.insert(at, rows[other])
        elif kind == 2:
            rows[at], rows[other] = rows[other], rows[at]
        else:
            rows[at] = " " * chance.randrange(6) + rows[at].lstrip()
    return "\n".join(rows)


def outcome(folder: Path, text: str) -> str:
    """Load a file, and ask for the first year of its series in files; return what was refused."""
    path = folder / "series.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    try:
        config = load_series(path)
    except MarketDataError as error:
        return str(error)
    for entry in config.series[:2]:
        if entry.provider in ("csv", "parquet", "futures"):
            wanted = [(entry.key, due_years(config, entry.key, folder / "data", NOW)[0])]
            done = ingest_many(config, wanted, folder / "data", NOW)
            for failure in done.failures.values():
                assert "unforeseen" not in str(failure), text
    return ""


def judge(folder: Path, change: Change, seeds: range) -> int:
    refused = 0
    for seed in seeds:
        text = change(random.Random(f"{change.__name__} {seed}"))
        try:
            said = outcome(folder, text)
        except Exception as error:
            raise AssertionError(f"{change.__name__} {seed}: {error!r} of\n{text}") from error
        refused += bool(said)
        assert said == "" or said.startswith("series.yaml"), said
        assert "\n" not in said, said
        assert len(said) < 1_500, said
    return refused


CHANGES: list[Change] = [structure, letters, lines]


def test_the_file_that_is_mutated_is_right(tmp_path: Path) -> None:
    assert outcome(tmp_path, TEXT) == ""


@pytest.mark.parametrize("change", CHANGES)
def test_a_mutated_series_file_loads_or_is_one_sentence(tmp_path: Path, change: Change) -> None:
    refused = judge(tmp_path, change, range(50))
    # Mutations that change nothing prove nothing.
    assert refused > 20


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_two_thousand_mutated_series_files_load_or_are_one_sentence(
    tmp_path: Path, change: Change
) -> None:
    assert judge(tmp_path, change, range(1_000, 1_800)) > 300


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_every_value_in_every_place_loads_or_is_one_sentence(tmp_path: Path, value: Any) -> None:
    # A share of the places for each value, all places over all values.
    chance = random.Random(repr(value)[:50])
    every = len(places(BASE))
    for at in sorted(chance.sample(range(every), 3)):
        document = copy.deepcopy(BASE)
        container, key = places(document)[at]
        container[key] = copy.deepcopy(value)
        said = outcome(tmp_path, yaml.dump(document, allow_unicode=True))
        assert "\n" not in said
        assert said == "" or said.startswith("series.yaml")
