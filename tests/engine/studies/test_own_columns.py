"""Columns of the user's own that a study file names."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import Refusal
from engine.studies import Study
from engine.studies.definition import StudyDefinition
from engine.studies.own_columns import with_own_columns

DAY = 86_400_000_000

STRATEGY = """
from engine.strategies import SMA, Strategy

class ReadsMood(Strategy):
    smooth = SMA(3, field="mood")

    def on_bar(self, bar, order):
        order.target_percent(1.0 if bar.mood > self.smooth else 0.0)
"""


def study(folder: Path, file: str, model: str = "bootstrap", **source: Any) -> Study:
    (folder / "reads_mood.py").write_text(STRATEGY)
    content = {
        "name": "moody",
        "source": {"model": model, "symbol": "SP500", "steps": 30, "columns": file, **source},
        "strategy": {"name": "reads_mood", "file": "reads_mood.py"},
        "seeds": 4,
    }
    return Study.from_definition(StudyDefinition.model_validate(content), folder / "moody.yaml")


def dated(count: int) -> pl.DataFrame:
    first = datetime.date(1970, 1, 1)
    return pl.DataFrame(
        {
            "date": [first + datetime.timedelta(days=day) for day in range(count)],
            "mood": np.arange(count) * 1.5,
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_study_reads_columns_of_a_file(market: Any, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mood.{suffix}"
    getattr(dated(504), f"write_{suffix}")(file)
    results = study(tmp_path, file.name).run(market_data=market)
    assert (results.frame["status"] == "ok").all()
    replay = results.simulation(2)
    closes = dict(zip(market.bars("SP500", "1d").close.tolist(), range(504), strict=True))
    before = replay.bars.filter(pl.col("bar") < 0)
    assert before["mood"].to_list() == [closes[close] * 1.5 for close in before["close"]]


def test_other_values_are_another_world_and_a_day_that_is_missing_is_undefined(
    market: Any, tmp_path: Path
) -> None:
    dated(504).write_csv(tmp_path / "a.csv")
    dated(500).write_csv(tmp_path / "b.csv")
    jobs = [study(tmp_path, name).resolve(market) for name in ("a.csv", "b.csv")]
    assert jobs[0].world.id != jobs[1].world.id
    (bars,) = jobs[1].world.source.bars
    assert np.isnan(bars.columns["mood"][500:]).all()
    assert not np.isnan(bars.columns["mood"][:500]).any()


def test_an_instant_is_seen_by_bars_that_open_at_it_or_later(market: Any, tmp_path: Path) -> None:
    bars = market.bars("SP500", "1d")
    stamps = [10 * DAY, 12 * DAY + 1]
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(stamps).cast(pl.Datetime("us", "UTC")),
            "mood": [1.0, 2.0],
        }
    )
    frame.write_parquet(tmp_path / "mood.parquet")
    (joined,) = with_own_columns((bars,), tmp_path / "mood.parquet")
    assert np.isnan(joined.columns["mood"][:10]).all()
    assert joined.columns["mood"][10:14].tolist() == [1.0, 1.0, 1.0, 2.0]


def test_rows_of_a_symbol_are_its_own(market: Any, tmp_path: Path) -> None:
    frame = pl.concat(
        [
            dated(504).with_columns(symbol=pl.lit("SP500")),
            dated(504).with_columns(pl.col("mood") + 1000.0, symbol=pl.lit("OTHER")),
        ]
    )
    frame.write_csv(tmp_path / "both.csv")
    bars = market.bars("SP500", "1d")
    (joined,) = with_own_columns((bars,), tmp_path / "both.csv")
    assert joined.columns["mood"][3] == 4.5
    frame.filter(pl.col("symbol") == "OTHER").write_csv(tmp_path / "other.csv")
    with pytest.raises(Refusal, match=r"other\.csv has no row of SP500; add its rows"):
        with_own_columns((bars,), tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date,mood\n", "date of type String"),
        (
            "day,mood\n1970-01-01,1\n",
            "columns day, mood in .*, allowed one named timestamp or date",
        ),
        ("date\n1970-01-01\n", "has no column beside its times and symbols; add one of numbers"),
        ("date,mood\n1970-01-01,high\n", "mood of type String in .*, allowed numbers"),
        ("timestamp,mood\n1970-01-01,1\n", "timestamp of type Date in .*, allowed instants"),
        ("date,mood\n1970-01-01,1\n1970-01-01,2\n", "1970-01-01 twice in .*, allowed each day"),
        ("date,close\n1970-01-01,1\n", r"SP500 columns: found 'close', allowed a name"),
    ],
)
def test_a_file_that_says_something_else_is_one_sentence(
    market: Any, tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "mood.csv").write_text(text)
    with pytest.raises(Refusal, match=expected):
        study(tmp_path, "mood.csv").resolve(market)


def test_a_missing_file_and_a_source_without_bars_are_one_sentence(
    market: Any, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match=r"source\.columns: there is no file .*none\.csv"):
        study(tmp_path, "none.csv").resolve(market)
    dated(5).write_csv(tmp_path / "mood.csv")
    with pytest.raises(Refusal, match=r"source\.columns: found 'mood\.csv', allowed with a `symb"):
        study(tmp_path, "mood.csv", "gbm", symbol=None).resolve(market)
