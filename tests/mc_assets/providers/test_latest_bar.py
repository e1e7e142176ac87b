"""The newest bar that has closed, and whether the market trades."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mc_assets.providers import Provider, make_provider

ROWS = """Date,Open,High,Low,Close,Volume
2026-11-24,99,101,98,100,900
2026-11-25,100,101,99,100.5,950
2026-11-27,100,102,99,101.5,400
"""


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    (tmp_path / "X.csv").write_text(ROWS)
    return make_provider("csv", {"path": "X.csv"}, tmp_path, where="X")


@pytest.mark.parametrize(
    ("when", "close"),
    [
        # Behind the early close of the day after Thanksgiving its bar is there, before it is not.
        (datetime(2026, 11, 27, 18, 1, tzinfo=UTC), 101.5),
        (datetime(2026, 11, 27, 17, 59, tzinfo=UTC), 100.5),
        (datetime(2026, 11, 26, 20, 0, tzinfo=UTC), 100.5),
    ],
)
def test_the_newest_bar_is_the_last_that_has_closed(
    provider: Provider, when: datetime, close: float
) -> None:
    found = provider.latest_bar("X", "1d", now=when)
    assert found is not None
    assert (found["symbol"], found["close"]) == ("X", close)


def test_there_may_be_none(provider: Provider) -> None:
    assert provider.latest_bar("X", "1d", now=datetime(2026, 1, 5, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("when", "trades"),
    [
        ("2026-11-25T20:59", True),
        ("2026-11-26T16:00", False),  # Thanksgiving
        ("2026-11-27T17:59", True),
        ("2026-11-27T18:00", False),  # an early close
        ("2026-11-28T16:00", False),  # a Saturday
        # New York leaves summer time on 1 November 2026: its open moves by an hour of UTC.
        ("2026-10-30T13:31", True),
        ("2026-11-02T13:31", False),
        ("2026-11-02T14:31", True),
    ],
)
def test_holidays_half_days_and_the_change_of_the_clock_are_known(
    provider: Provider, when: str, trades: bool
) -> None:
    assert provider.is_market_open("XNYS", datetime.fromisoformat(f"{when}+00:00")) is trades


def test_crypto_always_trades(provider: Provider) -> None:
    assert provider.is_market_open("24/7", datetime(2026, 11, 28, 3, tzinfo=UTC)) is True
