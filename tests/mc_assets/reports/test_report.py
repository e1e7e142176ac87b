"""The page of a study: its verdict box, its tables, and what `mc report` and `mc plot` write."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import engine as mc
from mc_assets.answers.reports import make_report
from mc_assets.answers.runs import run_study
from mc_assets.cli import app
from mc_assets.project import Project
from mc_assets.reports import verdict
from mc_assets.reports.material import Material
from mc_assets.study_tables import read_statistics

STUDY = """
name: {name}
source: {{model: gbm, parameters: {{mu: {mu}, sigma: 0.1}}, steps: 80}}
strategy: {{name: {strategy}}}
seeds: {{count: {seeds}}}
record: {{equity: 8}}
"""
STUDIES = {
    "rising": ("0.6", "buy_and_hold, parameters: {weight: [0.5, 1.0]}"),
    "falling": ("-0.6", "buy_and_hold, parameters: {weight: [0.5, 1.0]}"),
    "flat": ("0.0", "sma_crossover, parameters: {fast: [3, 5], slow: 20}"),
    "many": (
        "0.0",
        "short_strangle, parameters: {put_otm: {linspace: [0.5, 3.0, 10]}, "
        "call_otm: {linspace: [0.5, 3.0, 10]}}",
    ),
    "alone": ("0.0", "sma_crossover, parameters: {fast: 3, slow: 20}"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "studies").mkdir()
    for name, (mu, strategy) in STUDIES.items():
        seeds = 10 if name == "many" else 60
        text = STUDY.format(name=name, mu=mu, strategy=strategy, seeds=seeds)
        (folder / "studies" / f"{name}.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MC_DATA", str(folder / "data"))
        patch.setenv("MC_STUDIES", str(folder / "studies"))
        project = Project.from_environment()
        for name in STUDIES:
            run_study(project, name)
            make_report(project, name)
    return project


def test_a_study_of_options_maps_its_offsets_and_their_errors(made: Project) -> None:
    text = """
name: sold
source: {model: gbm, parameters: {mu: 0.0, sigma: 0.3}, steps: 64}
strategy:
  name: short_strangle
  parameters: {profit_target: [null, 0.5], put_otm: [1.0, 2.0, 3.0], call_otm: [1.0, 2.5]}
options: {commission: 1.5, greeks: true}
record: {metrics: [bar_trading, options]}
seeds: {count: 30}
"""
    (made.studies / "sold.yaml").write_text(text)
    run_study(made, "sold")
    make_report(made, "sold")
    page = (made.reports / "sold.html").read_text(encoding="utf-8")
    assert "What the offsets earn, and how sure that is" in page
    drawn = json.loads(re.search(r'id="offsets".*?<script[^>]*>(.*?)</script>', page, re.S)[1])
    maps = drawn["data"]
    assert [len(each["z"]) for each in maps] == [2] * 4
    titles = [each["text"] for each in drawn["layout"]["annotations"]]
    assert titles[::2] == ["mean net P&L, profit_target none", "mean net P&L, profit_target 0.5"]
    table = read_statistics(made.data, "sold")
    means = table.filter(pl.col("statistic") == "mean_net_pnl").sort("estimate")
    shown = sorted(cell for each in maps[::2] for row in each["z"] for cell in row)
    assert shown == pytest.approx(means["estimate"].to_list())
    errors = sorted(cell for each in maps[1::2] for row in each["z"] for cell in row)
    assert errors == pytest.approx(means["std_error"].sort().to_list())
    _has_the_pictures_of_options(page, table)
    assert 'id="offsets"' not in (made.reports / "flat.html").read_text(encoding="utf-8")


def _has_the_pictures_of_options(page: str, table: pl.DataFrame) -> None:
    found = {
        name: json.loads(re.search(rf'id="{name}".*?<script[^>]*>(.*?)</script>', page, re.S)[1])
        for name in ("offsets_probability", "offsets_margin", "tail_against_premium",
                     "profit_by_greek", "worst_legs")
    }  # fmt: skip
    shown = sorted(c for m in found["offsets_probability"]["data"][::2] for r in m["z"] for c in r)
    earns = table.filter(pl.col("statistic") == "profit_probability")["estimate"]
    assert shown == pytest.approx(earns.sort().to_list())
    points = found["tail_against_premium"]["data"]
    assert [each["name"] for each in points] == ["profit_target none", "profit_target 0.5"]
    losses = sorted(y for each in points for y in each["y"])
    tails = table.filter(pl.col("statistic") == "expected_shortfall_95")["estimate"]
    assert losses == pytest.approx(tails.sort().to_list())
    parts = {each["name"]: each["y"] for each in found["profit_by_greek"]["data"]}
    means = table.filter(pl.col("statistic") == "mean_net_pnl").sort("estimate", descending=True)
    assert len(parts["delta"]) == 8
    total = [sum(of) for of in zip(*parts.values(), strict=True)]
    assert total == pytest.approx(means["estimate"][: len(total)].to_list(), abs=1e-6)
    assert any(each.get("name", "").startswith("sold put") for each in found["worst_legs"]["data"])


@pytest.fixture
def here(made: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("MC_DATA", str(made.data))
    monkeypatch.setenv("MC_STUDIES", str(made.data.parent / "studies"))
    return made


@pytest.mark.parametrize(
    ("study", "kind", "word"),
    [
        ("rising", "good", "Sharpe ratio above zero on these paths, the search counted in"),
        ("falling", "bad", "Sharpe ratio below zero on these paths"),
        ("flat", "open", "No edge shown on these paths"),
        ("alone", "open", "No edge shown on these paths"),
    ],
)
def test_the_box_says_what_the_corrected_interval_says(
    made: Project, study: str, kind: str, word: str
) -> None:
    text = (made.reports / f"{study}.html").read_text(encoding="utf-8")
    assert f'class="verdict {kind}"' in text
    assert f'<p class="word">{word}</p>' in text


@pytest.mark.parametrize(
    ("low", "high", "dominant", "told"),
    [
        (0.1, 0.6, "history", "good"),
        (-0.1, 0.6, "history", "open"),
        (-0.1, 0.6, "none", "open"),
    ],
)
def test_the_box_calls_nothing_good_that_the_error_of_the_history_may_explain(
    low: float, high: float, dominant: str, told: str
) -> None:
    corrected = SimpleNamespace(n=200, low=0.16, high=0.39)
    choice: Any = SimpleNamespace(parameter_set=2, corrected=corrected)
    row = {"ci_low": low, "ci_high": high, "dominant": dominant}
    material: Any = SimpleNamespace(
        results=None,
        statistic=lambda number, name: row,
        one_path=False,
    )
    kind, word, number = verdict._word(material, choice)
    assert (kind, number) == (told, 2)
    within = "the history's" if dominant == "history" else "its whole"
    assert word.endswith("counted in" if told == "good" else f"but within {within} error")


def test_every_statistic_stands_on_the_page(made: Project) -> None:
    text = (made.reports / "flat.html").read_text(encoding="utf-8")
    table = read_statistics(made.data, "flat")
    assert f"<summary>{len(table):,} rows</summary>" in text
    for name in table["statistic"].unique():
        assert text.count(f'<td class="text">{html.escape(name)}</td>') == 2


def test_the_page_of_a_large_grid_of_options_can_be_mailed_and_says_what_decides_it(
    made: Project,
) -> None:
    page = made.reports / "many.html"
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2_000_000
    shown = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    assert shown is not None
    assert shown[1].count("<tr>") == 40
    assert "The best 40 of 100 parameter sets by mean net P&amp;L" in text
    assert "<code>mc show many --limit 100</code> prints all of them" in text
    assert "<td>0.777778</td>" in text
    assert "2.444444444" not in text.split("Sensitivity to parameters")[0]
    # A kind of warning is said three times at most.
    warned = re.findall(r"<li>(.*?)</li>", text)
    refused = [sentence for sentence in warned if "were refused" in sentence]
    assert len(refused) <= 3
    assert "earns minus its costs" in text
    assert "earns minus its costs" not in (made.reports / "flat.html").read_text(encoding="utf-8")


def test_the_simulations_to_look_at_are_the_worst_the_median_and_the_best(here: Project) -> None:
    text = (here.reports / "rising.html").read_text(encoding="utf-8")
    numbers = [int(n) for n in re.findall(r"mc replay rising (\d+)", text)]
    query = "SELECT simulation FROM simulations WHERE study = 'rising' AND parameter_set = 1"
    query += " ORDER BY net_pnl"
    rows = json.loads(CliRunner().invoke(app, ["sql", query, "--json"]).stdout)
    ordered = [row["simulation"] for row in rows]
    assert numbers == [ordered[0], ordered[29], ordered[59]]


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("png", b"\x89PNG"),
        pytest.param("svg", b"<?xml", marks=pytest.mark.slow),
        pytest.param("pdf", b"%PDF", marks=pytest.mark.slow),
    ],
)
def test_a_report_can_be_a_still_picture(here: Project, kind: str, begins: bytes) -> None:
    result = CliRunner().invoke(app, ["report", "rising", "--format", kind])
    assert result.exit_code == 0, result.exception
    assert Path(result.stdout.strip()).read_bytes().startswith(begins)


def test_a_chart_is_written_where_it_is_said(here: Project, tmp_path: Path) -> None:
    found = json.loads(CliRunner().invoke(app, ["plot", "flat", "convergence", "--json"]).stdout)
    assert found["plot"] == str(here.data / "plots" / "flat-convergence.html")
    assert Path(found["plot"]).is_file()
    own = tmp_path / "own.html"
    arguments = ["plot", "rising", "compare", "--baseline", "falling", "--output", str(own)]
    assert CliRunner().invoke(app, arguments).stdout.strip() == str(own)
    assert "rising less falling" in own.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plot", "flat", "pie"], "kind: found 'pie', allowed fan, pnl, "),
        (
            ["plot", "flat", "compare"],
            "baseline: is missing; `mc plot flat compare --base",
        ),
        (["plot", "flat", "fan", "--set", "7"], "parameter_set: found 7, allowed 0 to 1"),
        (["plot", "flat", "fan", "--output", "a.gif"], "output: found 'a.gif', allowed a name"),
        (["plot", "flat", "monthly"], "monthly: found paths without a calendar"),
        (["report", "flat", "--format", "gif"], "format: found 'gif', allowed html, png, svg, pdf"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    here: Project, arguments: list[str], expected: str
) -> None:
    assert expected in str(CliRunner().invoke(app, arguments).exception)


def test_simulations_are_found_by_their_rank_as_in_a_sorted_table() -> None:
    sets = {"fast": [3, 5], "slow": 70}
    study = mc.Study("idle", mc.GBM(), "sma_crossover", sets, steps=80, seeds=60)
    material = Material(study.run(), pl.DataFrame())
    rows = material.results.frame.filter(pl.col("parameter_set") == 1)
    # Idle paths earn the same: the first of them comes first.
    rows = rows.sort("net_pnl", "simulation")
    assert rows["net_pnl"].is_duplicated().any()
    shares = [0.0, 0.2, 0.5, 0.77, 1.0]
    expected = rows[[int(share * 59) for share in shares]]
    found = material.ranked(1, shares)
    assert_frame_equal(found, expected.select(found.columns), check_dtypes=False)
