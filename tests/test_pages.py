"""What the pages of `docs/` tell a reader to type works as written; the site has no dead end."""

from __future__ import annotations

import html.parser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from engine.studies import load_definition
from mc_assets.market_data import load_series
from mc_assets.policy_file import PolicyFile
from tests.mc_assets.mc_here import mc_here, users_code_forgotten
from tests.test_suggestions import mistake

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted((PROJECT / "docs").glob("*.md"))
A_FILE = re.compile(r"```yaml\n# (\S+)\n(.*?)```", re.DOTALL)
A_SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
AN_INLINE_COMMAND = re.compile(r"`(mc [a-z][^`]*)`")


def commands(page: Path) -> list[str]:
    """Lines of the shell blocks of a page, without remarks."""
    blocks = A_SHELL_BLOCK.findall(page.read_text(encoding="utf-8"))
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [shlex.join(line) for line in lines if line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_can_be_typed(page: Path) -> None:
    written = [line for line in commands(page) if line.startswith("mc ")]
    written += AN_INLINE_COMMAND.findall(page.read_text(encoding="utf-8"))
    wrong = {command: mistake(command) or "" for command in written}
    # Prose may name an option without its value.
    assert {c: why for c, why in wrong.items() if why and "requires an argument" not in why} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_study_and_series_file_of_a_page_is_one(page: Path, tmp_path: Path) -> None:
    for name, text in A_FILE.findall(page.read_text(encoding="utf-8")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.name == "series.yaml":
            config = load_series(path)
            assert config.keys or config.ticks
        elif path.parent.name == "policies":
            assert PolicyFile.read(path).name == path.stem
        else:
            assert load_definition(path).name == path.stem


@pytest.mark.slow
def test_the_tutorial_leads_from_nothing_to_a_picture_word_for_word(tmp_path: Path) -> None:
    page = PROJECT / "docs" / "tutorial.md"
    ((study, text),) = A_FILE.findall(page.read_text(encoding="utf-8"))
    places = {"MC_HOME": str(tmp_path)}
    told: dict[str, str] = {}
    with users_code_forgotten():
        for line in commands(page):
            program, *arguments = shlex.split(line)
            if program == "cp":
                shutil.copyfile(*(tmp_path / place for place in arguments))
                continue
            if arguments == ["run", "my_study"]:
                (tmp_path / study).write_text(text)
            done = mc_here(*arguments, places=places, folder=tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            told[line] = done.stdout
    assert "600 simulations" in told["mc run my_study"]
    assert "chance alone would show" in told["mc show my_study --best sharpe"]
    assert "plotly" in (tmp_path / "fan.html").read_text().lower()
    assert (tmp_path / "data" / "reports" / "my_study.html").is_file()


class Links(html.parser.HTMLParser):
    """Links and names of places of a page of HTML, and what it loads by itself."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.places: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("href", "src"):
            if (target := given.get(name)) is not None:
                self.targets.add(target)
                if name == "src" or given.get("rel") == "stylesheet":
                    self.loaded.add(target)
        if (place := given.get("id")) is not None:
            self.places.add(place)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does."""
    pytest.importorskip("mkdocstrings", reason="`make peers` installs what builds the site")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(folder)]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_no_link_of_the_site_leads_nowhere_or_to_the_network(site: Path) -> None:
    pages = {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 20
    assert list(dead_links(pages)) == []
    loaded = {target for links in pages.values() for target in links.loaded}
    assert len(loaded) > 3
    assert {target for target in loaded if "//" in target} == set()


@pytest.mark.slow
def test_the_site_is_searched_without_a_network(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert "trailing_stop" in index
    assert "Bars.from_frame" in index


@pytest.mark.slow
@pytest.mark.browser
def test_a_word_is_found_on_the_site_as_it_lies_on_the_disk(site: Path, page: Any) -> None:
    page.goto(f"file://{site}/index.html")
    page.focus(".md-search__input")
    page.keyboard.type("trailing_stop")
    found = ".md-search-result__link[href$='Order.trailing_stop']"
    page.wait_for_selector(found, state="attached", timeout=120_000)


def dead_links(pages: dict[Path, Links]) -> Iterator[tuple[str, str]]:
    """Yield links to files and places that do not exist."""
    for path, links in pages.items():
        for target in links.targets:
            if re.match(r"https?://|mailto:|data:", target):
                continue
            file, _, place = unquote(target).partition("#")
            found = (path.parent / file).resolve() if file else path
            if found.is_dir():
                found /= "index.html"
            known = pages[found].places if found in pages else {place}
            if not found.is_file() or (place and place not in known):
                yield path.name, target


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text('<a href="b.html">no</a><a id="x" href="#x">yes</a><a href="a.html#y">no</a>')
    assert {target for _, target in dead_links({page: Links(page)})} == {"b.html", "a.html#y"}
