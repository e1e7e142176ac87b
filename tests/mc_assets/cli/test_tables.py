"""Numbers in the terminal are readable."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mc_assets.answers.data_layout import bring_up_to_date
from mc_assets.answers.tables import FirstRows, ask_first_rows, ask_tables
from mc_assets.cli import tables
from mc_assets.cli.tables import format_value, print_first_rows, print_frame
from mc_assets.project import Project


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in which nothing was run yet."""
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    return Project.from_environment()


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
        (pl.Series([1.0, None, 2500.0]), "[1, –, 2,500]"),
        (list(range(100)), "[0, 1, 2, 3, …, 99]"),
        ([], "[]"),
    ],
)
def test_a_cell_shows_what_matters_of_a_value(value: object, text: str) -> None:
    assert format_value(value) == text


def test_prices_keep_their_ticks(capsys: pytest.CaptureFixture[str]) -> None:
    prices = [5123.25, 110.515625, 1.08455, 0.0066725, None]
    print_frame(pl.DataFrame({"entry_price": prices, "close": prices, "pnl": prices}))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for text in ("5,123.25", "110.515625", "1.08455", "0.0066725", "–"):
        (line,) = (line for line in lines if line[:2] == [text, text])
    assert line == ["–"] * 3
    assert ["5,123.25", "5,123.25", "5,123"] in lines
    print_first_rows(FirstRows(["high"], [True], [(5123.25,)], 1))
    assert "5,123.25" in capsys.readouterr().out


def test_a_long_table_says_how_much_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pl.DataFrame({"x": range(12)}), limit=10)
    out = capsys.readouterr().out
    assert "2 more rows" in out
    assert "11" not in out


def test_a_pipe_is_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pl.DataFrame({"x": ["w" * 500]}))
    assert "w" * 500 in capsys.readouterr().out


class Narrow:
    """A terminal of 80 columns that remembers what was printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.screen = io.StringIO()
        self.screen.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr("sys.stdout", self.screen)

    @property
    def lines(self) -> list[str]:
        return self.screen.getvalue().splitlines()


def test_a_narrow_terminal_gets_the_first_frame_that_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Narrow(monkeypatch)
    wide = pl.DataFrame({f"column_{i}": [1000.5] for i in range(12)})
    print_frame(wide, wide.select("column_0", "column_1"), title="t" * 100)
    assert any(line.split() == ["column_0", "column_1"] for line in terminal.lines)
    assert not any("column_2" in line for line in terminal.lines)


def test_a_row_that_fits_no_line_becomes_lines_of_names_and_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Narrow(monkeypatch)
    print_frame(pl.DataFrame({f"column_{i}": [i] for i in range(40)}))
    assert all(f"column_{i}" in terminal.lines[i + 1] for i in range(40))
    assert terminal.lines[40].split() == ["column_39", "39"]


def test_a_sentence_folds_and_numbers_beside_it_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Narrow(monkeypatch)
    print_frame(pl.DataFrame({"n": [1234567], "why": ["because of a reason " * 8]}))
    assert any("1234567" in line for line in terminal.lines)
    assert sum("reason" in line for line in terminal.lines) > 1
    assert all(len(line) <= 80 for line in terminal.lines)


def test_a_shortened_table_says_so_and_what_the_whole_one_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Narrow(monkeypatch)
    wide = pl.DataFrame({f"column_{i}": [1000.5] for i in range(12)})
    print_frame(wide, wide.select("column_0", "column_1"))
    needed = 2 * 11 + 2 + sum(len(name) for name in wide.columns)
    assert terminal.lines[-1] == (
        f"shortened to 80 columns; all numbers and their errors take {needed}, or `| less -S`, "
        "or --json"
    )
    monkeypatch.setenv("COLUMNS", str(needed))
    monkeypatch.setenv("TERM", "xterm")
    terminal.screen.seek(0)
    terminal.screen.truncate()
    print_frame(wide, wide.select("column_0", "column_1"))
    assert "column_11" in terminal.screen.getvalue()
    assert "shortened" not in terminal.screen.getvalue()


@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(), st.floats()),
            st.text(st.sampled_from("az 09-–±%…∞−"), max_size=40),
            st.lists(st.floats(), max_size=8),
        ),
        max_size=5,
    ),
    title=st.one_of(st.none(), st.just("Title – of ± it")),
    limit=st.integers(1, 5),
)
def test_a_pipe_gets_what_rich_would_print(
    rows: list[tuple[object, ...]], title: str | None, limit: int
) -> None:
    schema = {"number": pl.Float64, "a longer name": pl.String, "list": pl.List(pl.Float64)}
    frame = pl.DataFrame(rows, schema=schema, orient="row")

    def printed() -> str:
        with redirect_stdout(io.StringIO()) as out:
            print_frame(frame, title=title, limit=limit)
        return out.getvalue()

    plain = printed()
    with mock.patch.object(tables, "_into_a_pipe", return_value=False):
        assert plain == printed()


def test_what_is_wider_than_it_is_long_is_left_to_rich(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pl.DataFrame({"name": ["日本", "plain"], "n": [1, 2]}))
    _, _, _, wide, narrow, _ = capsys.readouterr().out.splitlines()
    assert len(narrow) - len(wide) == len("日本")


def test_the_first_rows_of_an_answer_are_printed_as_a_frame_of_them_is(
    empty: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    query = (
        "SELECT x % 2 = 0 AS even, x::INT AS i, sum(x) OVER (ORDER BY x) AS total, x / 7 AS ratio, "
        "1.5::FLOAT AS single, 'a' AS text, DATE '2020-01-02' + x::INT AS day, "
        "TIMESTAMP '2020-01-02 03:04:05.5' AS at, TIMESTAMPTZ '2020-01-01' AS instant, "
        "1.25::DECIMAL(10,3) AS price, [1.0, x] AS list, {'a': x} AS struct, NULL AS nothing, "
        "'nan'::DOUBLE AS undefined, INTERVAL 2 DAY AS while FROM range(12) t(x) ORDER BY x"
    )
    print_frame(ask_tables(empty, query), limit=5)
    expected = capsys.readouterr().out
    print_first_rows(ask_first_rows(empty, query, 5))
    assert capsys.readouterr().out == expected
    assert "7 more rows" in expected
    print_first_rows(ask_first_rows(empty, "SELECT 1 AS one WHERE false", 5))
    assert capsys.readouterr().out.split() == ["one", "───"]


def test_a_question_to_a_current_warehouse_loads_neither_frames_nor_the_compiler(
    empty: Project,
) -> None:
    ask_first_rows(empty, "SELECT 1", 5)
    bring_up_to_date(empty)
    code = (
        "import sys; from mc_assets.cli import app\n"
        "try: app(['sql', 'SELECT 42 AS answer'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(m for m in sys.modules if '.' not in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "42" in done.stdout
    heavy = {"numba", "polars", "numpy", "pyarrow", "yaml", "rich"}
    assert not heavy & set(done.stdout.split())
