"""Pages agree with the code, and nothing points to what is not in the repository."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOMS = (
    "engine",
    "mc_assets",
    "sql",
    "studies",
    "seeds",
    "tests",
    "benchmarks",
    "docs",
    "examples",
)
TEXTS = {".py", ".sql", ".yaml", ".yml", ".toml", ".md", ".html", ".txt"}
# Notes that lie outside the repository, by the way in which they are named.
OUTSIDE = re.compile(r"\b(DESIGN|[A-Z]+_NOTES|ROADMAP|TODO|FIXME)\b")
A_PAGE = re.compile(r"[\w./-]+\.md\b")
A_SECTION = re.compile(r"`?([\w./-]+\.md)`?,? \"([^\"]+)\"")
A_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
THIS = Path(__file__).name


def texts(project: Path) -> Iterator[Path]:
    """Every text that is written by hand."""
    yield from (path for path in project.iterdir() if path.suffix in TEXTS)
    yield project / "Makefile"
    for room in ROOMS:
        for path in sorted((project / room).rglob("*")):
            if path.suffix in TEXTS and path.name != THIS:
                yield path


def test_no_comment_points_outside_the_repository(project: Path) -> None:
    found = [
        f"{path.relative_to(project)}:{number}: {line.strip()}"
        for path in texts(project)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_page_and_section_that_code_names_exists(project: Path) -> None:
    for path in texts(project):
        if path.suffix == ".md":
            continue
        text = path.read_text(encoding="utf-8")
        if ".md" not in text:
            continue  # most files; looking for a name at every word takes its time
        for name in A_PAGE.findall(text):
            if name.startswith(("docs/", "studies/", "benchmarks/", "README")):
                assert (project / name).is_file(), f"{path.relative_to(project)} names {name}"
        for name, section in A_SECTION.findall(text):
            page = (project / name).read_text(encoding="utf-8")
            stands = f"# {section}\n" in page or f"**{section}.**" in page
            assert stands, f"{path.relative_to(project)} names {name}, {section!r}"


def test_every_link_of_a_page_leads_somewhere(project: Path) -> None:
    for path in texts(project):
        if path.suffix != ".md":
            continue
        for target in A_LINK.findall(path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.relative_to(project)}: {target}"


@pytest.fixture(scope="module")
def generate(project: Path) -> ModuleType:
    """The module that writes the tables."""
    spec = importlib.util.spec_from_file_location("generate", project / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_architecture_page_follow_from_the_code(generate: ModuleType) -> None:
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.written_anew(text) == text, "run `make docs`"


def test_the_tables_of_the_page_of_strategies_follow_from_the_code(generate: ModuleType) -> None:
    text = generate.STRATEGIES.read_text(encoding="utf-8")
    assert generate.written_anew(text, generate.STRATEGIES) == text, "run `make docs`"


def test_every_call_field_and_indicator_is_used_in_an_example(project: Path) -> None:
    page = (project / "docs" / "strategies.md").read_text(encoding="utf-8")
    examples = "\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    told = re.findall(r"^\| `((?:order|account|bar)\.\w+)", page, flags=re.MULTILINE)
    assert len(told) > 35
    assert [name for name in told if not re.search(rf"{name}\b", examples)] == []
    architecture = (project / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = architecture.split("<!-- indicators -->")[1].split("<!-- /indicators -->")[0]
    indicators = re.findall(r"^\| `(\w+)\(", table, flags=re.MULTILINE)
    assert len(indicators) > 20
    assert [name for name in indicators if f" {name}(" not in examples] == []


def test_the_page_of_the_tables_follows_from_the_tables(generate: ModuleType) -> None:
    assert generate.TABLES.read_text(encoding="utf-8") == generate.tables_page(), "run `make docs`"


def test_the_page_of_a_study_file_follows_from_its_schema(generate: ModuleType) -> None:
    text = generate.STUDY_FILE.read_text(encoding="utf-8")
    assert text == generate.study_file_page(), "run `make docs`"
    assert "| `maker_rate` | a number > -0.1 and < 0.5 |" in text


def test_every_command_stands_in_a_group(generate: ModuleType) -> None:
    lines = list(generate.commands_table())
    assert "\n**Other**\n" not in lines
    assert len([line for line in lines if line.startswith("| `mc ")]) >= 14
