"""A project to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.errors import Refusal
from mc_assets.answers.starter import start_project
from mc_assets.market_data import load_series


def test_a_project_to_begin_with_has_a_series_a_study_and_a_strategy(tmp_path: Path) -> None:
    begun = start_project(tmp_path)
    assert begun.kept == ()
    assert set(begun.written) == {
        *("series.yaml", "bars/SP500.csv", "studies/dip.yaml", "studies/README.md"),
        *("strategies/buy_the_dip.py", "Makefile", ".github/workflows/ci.yml"),
        *(".env.example", ".gitignore"),
    }
    assert all((tmp_path / place).is_file() for place in begun.written)
    assert load_series(tmp_path / "series.yaml").keys == ["SP500@1d"]
    assert "MC_LAB: mc-lab==0." in (tmp_path / ".github" / "workflows" / "ci.yml").read_text()


def test_every_link_of_a_page_leads_somewhere(tmp_path: Path) -> None:
    start_project(tmp_path)
    pages = list(tmp_path.rglob("*.md"))
    assert pages
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).is_file(), (page, link)
    assert "`docs/study_file.md` of mc-lab's repository" in pages[0].read_text()


def test_a_file_that_stands_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("mine:\n")
    begun = start_project(tmp_path)
    assert begun.kept == ("Makefile",)
    assert "Makefile" not in begun.written
    assert (tmp_path / "Makefile").read_text() == "mine:\n"


@pytest.mark.parametrize("place", ["studies/mine.yaml", "studies/dip.yaml", "series.yaml"])
def test_a_project_is_not_begun_twice(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine: 1\n")
    name = place.partition("/")[0]
    with pytest.raises(Refusal, match=f"which has {name}, allowed a folder without a project"):
        start_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_start_that_was_killed_after_any_file_is_completed_by_the_next(tmp_path: Path) -> None:
    whole = start_project(tmp_path / "whole")
    *before, last = whole.written
    assert last == "series.yaml"
    for count in range(len(before) + 1):
        folder = tmp_path / f"after {count}"
        for place in before[:count]:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes((whole.folder / place).read_bytes())
        assert start_project(folder).kept == tuple(before[:count])
        for place in whole.written:
            assert (folder / place).read_bytes() == (whole.folder / place).read_bytes()


def test_a_link_to_nowhere_is_kept_and_nothing_written_where_it_points(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Makefile").symlink_to(tmp_path / "elsewhere")
    assert start_project(folder).kept == ("Makefile",)
    assert not (tmp_path / "elsewhere").exists()
