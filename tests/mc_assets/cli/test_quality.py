"""``mc quality``: the report a person or a script reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mc_assets.cli import app
from mc_assets.market_data import ingest_raw, load_series, normalise_year

ROWS = """Date,Open,High,Low,Close,Volume
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,102,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,10250,1200
2020-01-08,102.5,103,101,102.5,1200
"""


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "X.csv").write_text(ROWS.replace("103,101,10250", "10300,101,10250"))
    (tmp_path / "Y.csv").write_text(ROWS.replace("10250", "102.5"))
    (tmp_path / "series.yaml").write_text(
        "series:\n  - {symbols: [X, Y], provider: csv, start: 2020-01-02, end: 2020-01-08,"
        ' options: {path: "{symbol}.csv"}}\n'
    )
    monkeypatch.setenv("MC_SERIES", str(tmp_path / "series.yaml"))
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    config = load_series()
    for key in config.keys:
        ingest_raw(config, key, 2020, tmp_path / "data")
        normalise_year(config, key, 2020, tmp_path / "data")
    return tmp_path


@pytest.mark.usefixtures("stored")
def test_a_faultless_series_passes() -> None:
    result = CliRunner().invoke(app, ["quality", "Y"])
    assert result.exit_code == 0
    assert "Y@1d: 5 bars, 0 rows in quarantine" in result.output


@pytest.mark.usefixtures("stored")
def test_an_error_is_shown_and_the_exit_code_says_so() -> None:
    result = CliRunner().invoke(app, ["quality", "X@1d", "--rows", "5"])
    assert result.exit_code == 1
    assert "found high, close 100 times too large" in result.output


@pytest.mark.usefixtures("stored")
def test_a_script_reads_json() -> None:
    result = CliRunner().invoke(app, ["quality", "X", "--against", "Y@1d", "--json"])
    report = json.loads(result.output)[0]
    assert (report["series"], report["bars"], report["passed"]) == ("X@1d", 5, False)
    found = {check["check"]: check["found"] for check in report["checks"]}
    assert (found["unit_error"], found["provider_disagreement"], found["gap"]) == (1, 1, 0)


@pytest.mark.usefixtures("stored")
def test_an_unknown_symbol_lists_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["quality", "Z"])
    assert str(result.exception) == "symbol: found 'Z', allowed X@1d, Y@1d"


def test_rows_before_the_start_and_after_the_end_are_counted(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (stored / "series.yaml").read_text()
    narrow = text.replace("2020-01-02, end: 2020-01-08", "2020-01-06, end: 2020-01-07")
    (stored / "series.yaml").write_text(narrow)
    config, root = load_series(), stored / "narrow"
    monkeypatch.setenv("MC_DATA", str(root))
    assert ingest_raw(config, "Y@1d", 2020, root).left_out == 3
    normalise_year(config, "Y@1d", 2020, root)
    result = CliRunner().invoke(app, ["quality", "Y"])
    assert result.exit_code == 0
    assert "rows outside start and end left out" in " ".join(result.output.split())
    report = json.loads(CliRunner().invoke(app, ["quality", "Y", "--json"]).output)[0]
    assert (report["bars"], report["left_out"]) == (2, 3)
    # Widened again, nothing is left out, and the count goes.
    (stored / "series.yaml").write_text(text)
    assert ingest_raw(load_series(), "Y@1d", 2020, root).left_out == 0
    report = json.loads(CliRunner().invoke(app, ["quality", "Y", "--json"]).output)[0]
    assert report["left_out"] == 0


def test_a_repair_is_reported_and_nothing_is_left_to_find(stored: Path) -> None:
    text = (stored / "series.yaml").read_text().replace("{symbols", "{repair: true, symbols")
    (stored / "series.yaml").write_text(text)
    normalise_year(load_series(), "X@1d", 2020, stored / "data")
    result = CliRunner().invoke(app, ["quality", "X", "--json"])
    checks = {check["check"]: check for check in json.loads(result.output)[0]["checks"]}
    assert result.exit_code == 0
    assert checks["unit_error"]["found"] == 0
    assert checks["repaired"]["found"] == 1
    assert (
        "102.5 10300.0 101.0 10250.0 in another unit, repaired to 102.5 103.0 101.0 102.5"
        in (checks["repaired"]["first"])
    )
