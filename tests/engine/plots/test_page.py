"""A page needs nothing but itself, and is read with or without scripts, in light and dark."""

from __future__ import annotations

import gzip
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

import engine.plots
from engine.errors import Refusal
from engine.plots import Chart, facts, page, section, sparkline
from engine.plots.page import table, verdict_box


@pytest.fixture
def chart() -> Chart:
    return Chart("a </script> line", go.Figure(go.Scatter(y=np.arange(5.0))), id="line")


def test_the_bundle_is_the_one_that_the_name_says() -> None:
    folder = Path(engine.plots.__file__).parent
    text = gzip.decompress((folder / "plotly-cartesian-4.1.1.min.js.gz").read_bytes()).decode()
    assert "plotly.js (cartesian - minified) v4.1.1" in text[:200]
    assert "MIT" in (folder / "plotly-LICENSE.txt").read_text()[:20]


def test_a_page_has_its_charts_and_what_draws_them_and_stays_small(chart: Chart) -> None:
    text = page("A <title>", section("Heading", chart), lead="a & b")
    assert "<h1>A &lt;title&gt;</h1>" in text
    assert "a &amp; b" in text
    assert 'id="line"' in text
    assert "a &lt;/script&gt; line" in text
    assert len(text) < 700_000


def test_a_page_without_charts_does_not_carry_what_draws_them() -> None:
    assert len(page("Plain", section("Words", "<p>some</p>"))) < 12_000


def test_data_cannot_end_their_script_element() -> None:
    figure = go.Figure(go.Scatter(y=[1.0], name="</script><b>"))
    assert "</script><b>" not in section("x", Chart("c", figure))


def test_a_table_says_what_is_not_known_and_escapes() -> None:
    text = table(pl.DataFrame({"a": ["<b>", None]}), text=("a",))
    assert "&lt;b&gt;" in text
    assert '<td class="text">–</td>' in text


def test_a_box_has_its_word_and_its_facts() -> None:
    text = verdict_box("open", "Not told", "Sentence.", {"trials": "7"})
    assert 'class="verdict open"' in text
    assert "<dt>trials</dt><dd>7</dd>" in text


def test_a_chart_is_saved_by_the_ending_of_its_name(chart: Chart, tmp_path: Path) -> None:
    path = chart.save(tmp_path / "new" / "line.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(
        Refusal, match=r"output: found 'line\.gif', allowed a name that ends in html"
    ):
        chart.save(tmp_path / "line.gif")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_still_picture_is_drawn_or_what_is_missing_said(
    chart: Chart, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"line.{kind}"
    if importlib.util.find_spec("kaleido") is None:
        expected = f"output: cannot draw {kind} here; `uv pip install 'mc-lab[plots]'` brings"
        with pytest.raises(Refusal, match=re.escape(expected)):
            chart.save(path)
        return
    chart.save(path)
    begins = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(begins[kind])


def test_snippets_are_html_without_scripts() -> None:
    text = facts("T <", {"n": 12_345, "x": 0.123456, "none": None}, sparkline([1.0, 3.0, 2.0]))
    assert "T &lt;" in text
    assert "12,345" in text
    assert "0.1235" in text
    assert "–" in text
    assert "<polyline" in text
    assert "<script" not in text
    assert sparkline([np.nan]) == ""
    assert sparkline([5.0]).count(",") == 1


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 390),
        pytest.param("dark", 1100, marks=pytest.mark.slow),
        pytest.param("light", 1100, marks=pytest.mark.slow),
        pytest.param("dark", 390, marks=pytest.mark.slow),
    ],
)
def test_a_page_draws_offline_in_light_and_dark_at_any_width(
    chart: Chart, tmp_path: Path, page: Any, scheme: str, width: int
) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(chart.save(tmp_path / "line.html").as_uri())
    page.locator("html[data-drawn='1']").wait_for(timeout=30_000, state="attached")
    assert page.locator(".js-plotly-plot").count() == 1
    ink = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.font.color")
    assert ink == {"light": "#1f2937", "dark": "#e5e9f0"}[scheme]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults == []


@pytest.mark.browser
def test_a_click_on_a_heading_sorts_the_table(tmp_path: Path, page: Any) -> None:
    frame = pl.DataFrame({"name": ["a", "b", "c"], "value": ["1,200", "−3", "40"]})
    text = engine.plots.page("T", table(frame, text=("name",)))
    (tmp_path / "t.html").write_text(text, encoding="utf-8")
    page.goto((tmp_path / "t.html").as_uri())
    names = lambda: page.locator("tbody td.text").all_inner_texts()  # noqa: E731
    page.get_by_role("button", name="value").click()
    assert names() == ["a", "c", "b"]
    page.get_by_role("button", name="value").press("Enter")
    assert names() == ["b", "c", "a"]


@pytest.mark.browser
def test_what_is_printed_in_the_dark_is_black_and_fits_the_paper(
    chart: Chart, tmp_path: Path, page: Any
) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(chart.save(tmp_path / "line.html").as_uri())
    page.locator("html[data-drawn='1']").wait_for(timeout=30_000, state="attached")
    page.emulate_media(color_scheme="dark", media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    fill = "getComputedStyle(document.querySelector('.xtick text')).fill"
    assert page.evaluate(fill) == "rgb(0, 0, 0)"
    width = "document.querySelector('.main-svg').getBoundingClientRect().width"
    page.wait_for_function(f"{width} === 680")
    page.emulate_media(color_scheme="dark", media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(f"{width} > 680")
