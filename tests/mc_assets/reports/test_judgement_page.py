"""`mc judge --page`: the verdict as one page, with the numbers that the judgement has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.judging import judge, model_risk_panel
from engine.strategies import backtest
from mc_assets.cli import app
from mc_assets.reports.judgement_page import judgement_page
from tests.engine.judging.test_judge import Never, history


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, project: Path) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("judged")
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    (folder / "x.csv").write_text("\n".join(lines[:600]) + "\n")
    path = folder / "verdict.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MC_DATA", str(folder / "data"))
        arguments = ["judge", "rsi_reversal", "--bars", str(folder / "x.csv"), "--json"]
        arguments += ["--tries", "16", "--paths", "20", "--page", str(path)]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.exception
    return path, json.loads(result.stdout)


def test_the_page_says_what_the_judgement_says(written: tuple[Path, dict[str, Any]]) -> None:
    path, found = written
    text = path.read_text(encoding="utf-8")
    assert found["sentence"].replace("&", "&amp;") in text
    for caution in found["cautions"]:
        assert f"Caution: {caution}." in text
    for world in found["worlds"]:
        assert f">{world['world']}<" in text
    total = f"{100.0 * found['history']['total_return']:.1f} %"
    assert f"<td>{total}</td>" in text
    assert 'id="panel"' in text
    assert "The one that regrets least at worst" in text


def test_the_picture_is_of_the_course_that_the_numbers_are_of(
    written: tuple[Path, dict[str, Any]],
) -> None:
    import base64

    import numpy as np

    path, found = written
    text = path.read_text(encoding="utf-8")
    chart = re.search(r'<figure id="history">.*?json">(.*?)</script>', text, re.DOTALL)
    assert chart is not None
    curve = next(t for t in json.loads(chart[1])["data"] if t["name"] == "strategy")["y"]
    values = np.frombuffer(base64.b64decode(curve["bdata"]), curve["dtype"])
    assert values[-1] == pytest.approx(found["history"]["final_equity"])


def test_the_page_is_small_and_reaches_nothing(written: tuple[Path, dict[str, Any]]) -> None:
    text = written[0].read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"""(src|href)=["']https?:""", text)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_is_drawn(
    written: tuple[Path, dict[str, Any]], page: Any, scheme: str
) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.goto(written[0].as_uri())
    page.locator("html[data-drawn='4']").wait_for(timeout=30_000, state="attached")
    assert page.locator(".js-plotly-plot .main-svg").count() >= 4
    assert faults == []


@pytest.mark.slow
def test_a_strategy_that_never_trades_has_a_page_that_says_so() -> None:
    bars = history()
    found = judge(Never, bars, tries=4, paths=20)
    panel = model_risk_panel(Never, bars, tries=4, paths=20)
    text = judgement_page(found, panel, backtest(Never, bars, found.parameters))
    assert "nothing to be told, since no set traded." in text
    assert f"{found.edge.trials:,} sets were tried, and none traded." in text
    assert "nan" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
