"""Whatever is written is written whole: under a temporary name, then renamed or linked."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.files import write_output
from tests.test_house_rules import sources

# What writes under temporary names itself; a memory, a copy for one question, the terminal; the
# kernels of a wheel that is being built.
_WRITERS = {
    "engine/files/writing.py",
    "engine/files/verified.py",
    "engine/compiled/cache.py",
    "engine/compiled/shipped.py",
    "mc_assets/answers/new_files.py",
    "mc_assets/cli/terminal.py",
    "mc_assets/market_data/files.py",
    "mc_assets/warehouse_queries.py",
}
_CALLS = {"write_text", "write_bytes", "write_image", "write_html", "copyfile", "copy", "copy2"}


# What a call that writes has in its text: most files have none of it, and a tree is dear.
_A_CALL = re.compile(r"\b(?:write_\w+|f?d?open)\s*\(|\bshutil\b")


def _writes(text: str) -> bool:
    """Whether Python code opens a file to write it in place."""
    if not _A_CALL.search(text):
        return False
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        of_shutil = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "shutil"
        if name in _CALLS and (of_shutil or not name.startswith("copy")):
            return True
        opens = ast.unparse(function).rpartition(".")[2] in ("open", "fdopen")
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        modes += [
            word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)
        ]
        if opens and any(isinstance(m, str) and m and set(m) <= set("wxab+t") for m in modes):
            return True
    return False


def test_no_file_is_written_in_place(project: Path) -> None:
    found = {place for place, text in sources(project) if _writes(text)}
    assert found == _WRITERS, "use `engine.files.write_whole`, `write_new` or `write_output`"


@pytest.mark.parametrize(
    "code",
    [
        "path.write_text('x')",
        "with path.open('wb') as file: pass",
        "open(path, mode='a')",
        "figure.write_html(path)",
        "shutil.copyfile(a, b)",
    ],
)
def test_writing_in_place_is_noticed(code: str) -> None:
    assert _writes(code)
    assert not _writes("path.open('rb'); path.read_text(); frame.copy()")


_WRITER = """
import os, sys
from pathlib import Path
from engine.files import write_output
rounds = [b"a" * 3_000_000, b"b" * 3_000_000]
print("ready", flush=True)
while True:
    for content in rounds:
        write_output(Path(sys.argv[1]), content)
"""


def test_a_reader_never_sees_half_a_file_and_a_kill_leaves_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "made" / "page.html"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    seen = set()
    try:
        while len(seen) < 2:
            content = path.read_bytes() if path.exists() else b""
            if content:
                assert len(content) == 3_000_000
                assert len(set(content)) == 1
                seen.add(content[:1])
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    assert len(path.read_bytes()) == 3_000_000


def test_a_link_goes_on_pointing_to_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "file.html", tmp_path / "link.html"
    file.write_text("before")
    link.symlink_to(file)
    assert write_output(link, b"after") == link
    assert link.is_symlink()
    assert file.read_bytes() == b"after"


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_output(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert pipe.is_fifo()
    write_output(Path(os.devnull), b"away")
    assert not Path(os.devnull).is_file()
