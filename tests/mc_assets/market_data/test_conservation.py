"""Nothing is dropped in silence: every line of a file is a bar or is quarantined."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mc_assets.market_data import (
    BarStore,
    bars_from_file,
    ingest_raw,
    load_series,
    normalise_year,
)

NOW = datetime(2021, 1, 5, tzinfo=UTC)
HEADER = "Date,Open,High,Low,Close,Volume"
DAYS = [day for k in range(40) if (day := date(2020, 1, 2) + timedelta(days=k)).weekday() < 5]
LINES = [f"{day},{100 + k}.5,{102 + k},{99 + k},{101 + k},{1000 + k}" for k, day in enumerate(DAYS)]
JUNK = st.sampled_from(
    ["abc", "", "1,2", "inf", "nan", '"', '"x', "\x00", "é", "1e400", "#N/A", "'", "\t", "(5)",
     "2020-13-45", "2999-01-04", "9" * 25, "-1", "12,5", "1_0", "True"]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> list[str]:
    """Lines of which some are cut, patched, doubled, moved or widened."""
    lines = list(LINES)
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        at = draw(st.integers(0, len(line)))
        match draw(st.sampled_from(["patch", "cell", "cut", "twice", "move", "more", "remark"])):
            case "patch":
                lines[place] = line[:at] + draw(JUNK) + line[at:]
            case "cell":
                cells = line.split(",")
                cells[draw(st.integers(0, len(cells) - 1))] = draw(JUNK)
                lines[place] = ",".join(cells)
            case "cut":
                lines[place] = line[: max(at, 1)]
            case "twice":
                lines.insert(draw(st.integers(0, len(lines))), line)
            case "move":
                lines.append(lines.pop(place))
            case "more":
                lines[place] = f"{line},{draw(JUNK)}"
            case "remark":
                lines.insert(place, "Source: a vendor")
    return lines


def rows_of(lines: list[str]) -> int:
    """Lines that hold anything at all, and are no comments (#N/A is a spreadsheet's error)."""
    return sum(
        bool(line.strip(", \t")) and (line[:1] != "#" or line.startswith("#N/A")) for line in lines
    )


def rows_kept(quarantine: pl.DataFrame) -> int:
    """Lines in quarantine: one a row, and those that words in quotes go on over."""
    cells = [cell or "" for raw in quarantine["raw"] for cell in json.loads(raw).values()]
    return quarantine.height + sum(rows_of(cell.split("\n")[1:]) for cell in cells)


# A stray quote that is closed two lines on.
QUOTED = [*LINES[:15], f'"{LINES[15]}', "2", f'{LINES[17]},"', *LINES[18:]]
# The same with words in the cell, so that it is one row of three lines.
REMARK = [*LINES[:15], f'{LINES[15][:-4]}"sold', "2", 'and bought"', *LINES[18:]]


@settings(deadline=None)
@given(damaged())
@example(QUOTED)
@example(REMARK)
def test_every_line_of_a_damaged_file_is_a_bar_or_quarantined(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        bars, quarantine = bars_from_file(path, "X")
    assert bars.height + rows_kept(quarantine) == rows_of(lines)
    # One bad line costs no other: what is untouched is a bar.
    assert bars.height >= len(set(lines) & set(LINES))
    for message, line in quarantine.select("message", "line").rows():
        assert message.startswith(f"x.csv line {line}, ")


@settings(deadline=None, max_examples=12)
@given(damaged())
@example(QUOTED)
def test_nothing_is_lost_on_the_way_through_the_stores(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "x.csv").write_text("\n".join([HEADER, *lines, ""]))
        (root / "series.yaml").write_text(
            "series: [{symbol: X, provider: csv, start: 2020-01-01, options: {path: x.csv}}]\n"
        )
        config, years = load_series(root / "series.yaml"), range(2020, NOW.year + 1)
        for year in years:
            ingest_raw(config, "X@1d", year, root / "data", NOW)
            normalise_year(config, "X@1d", year, root / "data", NOW)
        store = BarStore(root / "data")
        stored, kept = store.read("X", "1d"), store.quarantine("X", "1d")
    # Dates outside the configured range are not asked for; junk makes none before 2020.
    assert stored.height + rows_kept(kept) == rows_of(lines)


@pytest.mark.parametrize(
    "broken",
    ['2020-01-07,"10x.5,106,104,105,7', '2020-01-07,105.5,106,104,105,"7x', '"2020-01-07,105.5'],
)
def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path, broken: str) -> None:
    lines = [*LINES[:3], broken, *LINES[4:6], broken, *LINES[7:]]
    (tmp_path / "x.csv").write_text("\n".join([HEADER, *lines, ""]))
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X")
    assert bars.height == len(LINES) - 2
    assert quarantine["line"].to_list() == [5, 8]


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    lines = [f'{line},"two\nlines"' for line in LINES]
    (tmp_path / "x.csv").write_text("\n".join([f"{HEADER},Note", *lines, ""]))
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X")
    assert (bars.height, quarantine.height) == (len(LINES), 0)
