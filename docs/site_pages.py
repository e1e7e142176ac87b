"""What the site has beside the pages of this folder: pages of other rooms, the Python reference.

Pages are written to be read in the repository, where their links lead from room to room. On the
site a link to a page that it has leads there, and one to another file becomes the file's name.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

PROJECT: Final = Path(__file__).resolve().parents[1]
#: Pages of other rooms by their place in the repository.
ELSEWHERE: Final = {
    "studies/README.md": "studies.md",
    "sql/README.md": "tables.md",
    "examples/README.md": "examples.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of other rooms and the Python reference."""
    for place, name in ELSEWHERE.items():
        text = (PROJECT / place).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "api.md", content="\n".join(python_page())))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Let the links of a page lead to what the site has."""
    name = page.file.src_uri
    place = {site: own for own, site in ELSEWHERE.items()}.get(name, f"docs/{name}")
    return _LINK.sub(lambda found: _on_site(found, place), markdown)


def python_page() -> Iterator[str]:
    """Yield the page of everything public, by the room that it comes from."""
    import engine

    rooms: dict[str, list[str]] = defaultdict(list)
    for name, home in engine._HOMES.items():
        module = getattr(getattr(engine, name), "__module__", home)
        rooms[home].append(f"{module}.{name}")
    yield "# Python\n"
    yield "Everything public is in `engine`: `import engine as mc`. Shapes, units and errors stand"
    yield "with each name; examples are run by tests.\n"
    for room, names in sorted(rooms.items()):
        yield f"## {room.removeprefix('engine.')}\n"
        yield from (f"::: {name}\n" for name in sorted(names))


def _on_site(found: re.Match[str], place: str) -> str:
    words, target = found.groups()
    path, mark, part = target.partition("#")
    if "://" in target or not path:
        return found[0]
    own = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
    if own in ELSEWHERE:
        return f"[{words}]({ELSEWHERE[own]}{mark}{part})"
    if own.startswith("docs/"):
        return f"[{words}]({own.removeprefix('docs/')}{mark}{part})"
    return words if words.startswith("`") else f"`{words}`"
