"""What `mc run STUDY` and `mc show STUDY` said last, for as long as nothing they read has changed.

To find that nothing is new takes a tenth of a second, and to import what finds it takes two. So the
text of an answer is kept beside a signature of all that it may follow from: the command, its
environment, the code, every file of the project and of its data folder. While the signature is the
same the text is, and nothing else is imported. As in `mc_assets.published`, files are told by size,
times and inode, so that what has been verified is not read again.

An answer is kept only where the signature was the same before the command and after it, so a run
that computed something is none; nor one with files changed within the last second, which a clock of
the file system may not tell from files changed since. What a signature cannot know is left to the
whole command: user code that imports more than arithmetic, study files that name places outside the
project, messages on standard error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO, cast

__all__ = ["Question"]

_OPTIONS: Final = {
    "run": {"--json", "--set", "--seeds", "--storage", "--workers"},
    "show": {"--json", "--best", "--n", "--where", "--by", "--failures", "--rows", "--limit"},
}
# What no answer follows from: of the data folder, runs, pages that were made of results, and which
# files have been verified; of the environment, what shells count.
_NOT_READ: Final = frozenset({".verified.jsonl", "jobs", "dagster_home", "reports", "warehouse"})
_NOT_ASKED: Final = frozenset({"_", "OLDPWD", "PWD", "SHLVL"})
# What user code may import and still be a function of its text.
_ARITHMETIC: Final = frozenset(
    {"__future__", "collections", "dataclasses", "engine", "math", "numba", "numpy", "typing"}
)
_WORD: Final = re.compile(r"""[^\s"'\[\]{},=]+""")
_PROGRESS: Final = re.compile(r"\r[^\n]*")
_MOST_FILES: Final = 20_000
_MOST_CHARACTERS: Final = 1_000_000
_MOST_ANSWERS: Final = 500
_RACY_NANOSECONDS: Final = 1_000_000_000
_DIGEST: Final = 64
_WATCHING: Final[list[set[str]]] = []


class Question:
    """A command whose answer may be known.

    Parameters
    ----------
    words : sequence of str
        The command's words.
    project, data : Path
        The project's folder and its data folder.
    """

    def __init__(self, words: list[str], project: Path, data: Path) -> None:
        self._words, self._project, self._data = words, project, data
        terminals = [_terminal(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)]
        environment = sorted(item for item in os.environ.items() if item[0] not in _NOT_ASKED)
        asked = [words, os.getcwd(), sys.executable, sys.version, terminals, environment]
        self._name = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        self._signature = self._signed()

    @classmethod
    def asked(cls, words: list[str]) -> Question | None:
        """Return the question of a command line; None where the command has to be run."""
        if len(words) < 2 or words[0] not in _OPTIONS or words[1].startswith("-"):
            return None
        options = {word.partition("=")[0] for word in words[2:] if word.startswith("-")}
        if not options <= _OPTIONS[words[0]]:
            return None
        from engine.home import data_address, data_folder, home_folder

        if data_address() is not None or not data_folder().is_dir():
            return None
        return cls(words, home_folder(), data_folder())

    @property
    def answer(self) -> str | None:
        """What the command said, if it would say it again."""
        folder = _folder()
        if self._signature is None or not _is_own(folder):
            return None
        try:
            content = (folder / self._name).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        digest, text = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            return None
        kept = json.loads(text)
        told = kept["signature"] == self._signature and kept["others"] == _states(kept["others"])
        return str(kept["text"]) if told else None

    @contextmanager
    def listened(self) -> Iterator[None]:
        """Keep what the command inside says, if it ends well and may be said again."""
        if self._signature is None:
            yield
            return
        opened: set[str] = set()
        _watch_files()
        _WATCHING.append(opened)
        out, err = _Listened(sys.stdout), _Listened(sys.stderr)
        sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
        try:
            yield
        except SystemExit as end:
            if end.code in (None, 0):
                self._keep(out, err, opened)
            raise
        else:
            self._keep(out, err, opened)
        finally:
            _WATCHING.remove(opened)
            sys.stdout, sys.stderr = out.stream, err.stream

    def _keep(self, out: _Listened, err: _Listened, opened: set[str]) -> None:
        text = out.text
        if text is None or err.text is None or _PROGRESS.sub("", err.text):
            return
        others = _states(sorted(self._others(opened)))
        if self._signature != self._signed() or not self._is_told(opened):
            return
        from engine.files import write_whole

        content = json.dumps({"signature": self._signature, "others": others, "text": text})
        folder = _folder()
        # A full disk costs the next command its short way, and this one nothing.
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own(folder):
                _forget_oldest(folder)
                digest = hashlib.sha256(content.encode()).hexdigest()
                write_whole(folder / self._name, f"{digest}{content}".encode())

    def _signed(self) -> str | None:
        """Return a hash of the state of every file; None where they are too many or too new."""
        now = time.time_ns()
        # Where packages are installed, an installation changes the folder's time.
        states = [_state(place) for place in sys.path if os.path.isdir(place)]
        unread = frozenset(str(self._data / name) for name in _NOT_READ)
        try:
            for folder in _code_folders():
                states += _walked(Path(folder), frozenset())
            states += _walked(self._project, frozenset({str(self._data)}))
            states += _walked(self._data, unread)
        except (OverflowError, OSError):
            return None
        if any(told and now - max(told[1:3]) < _RACY_NANOSECONDS for _, told in states):
            return None
        today = now // 86_400_000_000_000
        return hashlib.sha256(json.dumps([states, today]).encode()).hexdigest()

    def _is_told(self, opened: set[str]) -> bool:
        """Whether the signature, and the states of other files, tell all that was read."""
        texts = [(Path.cwd(), word) for word in self._words[1:]]
        for file in map(Path, opened):
            if file.suffix in (".yaml", ".yml") and not _is_of_packages(str(file)):
                texts.append((file.parent, file.read_text(encoding="utf-8")))
        named = (folder / word for folder, text in texts for word in _WORD.findall(text))
        if any(place.exists() and not self._is_walked(place) for place in named):
            return False
        code = (place for place in opened if place.endswith(".py") and not _is_of_packages(place))
        return all(map(_is_arithmetic, code))

    def _is_walked(self, place: Path) -> bool:
        """Whether the signature holds the state of a file, or of all in a folder."""
        place = place.resolve()
        root = next(
            (root for root in (self._data, self._project) if place.is_relative_to(root)), None
        )
        hidden = root is None or any(part[0] == "." for part in place.relative_to(root).parts[:-1])
        return not hidden or _is_of_packages(str(place))

    def _others(self, opened: set[str]) -> set[str]:
        """Return what was read outside of what the signature walks."""
        modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        places = opened | {os.path.abspath(place) for place in modules if place}
        known = ("/proc/", "/sys/", "/dev/", str(_folder().parent))
        return {
            place
            for place in places
            if not place.startswith(known) and not self._is_walked(Path(place))
        }


class _Listened:
    """A stream that remembers what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._parts: list[str] = []
        self._length = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.stream, name)
        if name in ("buffer", "detach"):
            self._length = _MOST_CHARACTERS + 1  # written round this: not known any more
        return found

    def write(self, text: str) -> int:
        written = self.stream.write(text)
        self._length += len(text)
        if self._length <= _MOST_CHARACTERS:
            self._parts.append(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def text(self) -> str | None:
        """All that was written; None where it is too long or not known."""
        return "".join(self._parts) if self._length <= _MOST_CHARACTERS else None


@cache
def _watch_files() -> None:
    """Note from now on which files and folders Python opens; nothing ends such a watch."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if _WATCHING and event in ("open", "os.listdir", "os.scandir"):
            place = arguments[0]
            if isinstance(place, str | os.PathLike):
                path = os.path.abspath(os.fspath(cast("str", place)))
                for opened in _WATCHING:
                    opened.add(path)

    sys.addaudithook(note)


def _folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(root) / "mc-lab" / "answers"


def _is_own(folder: Path) -> bool:
    """Whether nobody but this user can put answers into the folder."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    for file in files[: max(0, len(files) - _MOST_ANSWERS + 1)]:
        file.unlink(missing_ok=True)


def _terminal(stream: TextIO | None) -> list[Any]:
    if stream is None or not stream.isatty():
        return [getattr(stream, "encoding", None)]
    return [stream.encoding, *os.get_terminal_size(stream.fileno())]


def _states(places: Iterable[str]) -> dict[str, list[int]]:
    return dict(_state(place) for place in places)


def _state(place: str) -> tuple[str, list[int]]:
    try:
        status = os.stat(place)
    except OSError:
        return place, []
    return place, _told_by(status)


def _told_by(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _walked(folder: Path, without: frozenset[str]) -> list[tuple[str, list[int]]]:
    """Return the states of all files below a folder; of a project, no hidden folder's.

    Raises
    ------
    OverflowError
        If they are more than it is worth to look at.
    """
    states: list[tuple[str, list[int]]] = []
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path in without:
                    continue
                if not entry.is_dir():
                    states.append((entry.path, _told_by(entry.stat())))
                elif not entry.name.startswith(".") and entry.name != "__pycache__":
                    waiting.append(entry.path)
        if len(states) + len(waiting) > _MOST_FILES:
            raise OverflowError
    return sorted(states)


def _is_of_packages(place: str) -> bool:
    """Whether a file is of this project's code, of Python or of an installed package."""
    folders = (os.path.dirname(os.__file__), *_code_folders())
    installed = ("/site-packages/", "/dist-packages/")
    return place.startswith(tuple(f"{folder}{os.sep}" for folder in folders)) or any(
        part in place for part in installed
    )


def _code_folders() -> tuple[str, ...]:
    import engine
    import mc_assets

    return tuple(os.path.dirname(str(package.__file__)) for package in (engine, mc_assets))


def _is_arithmetic(place: str) -> bool:
    """Whether user code imports nothing by which it could follow from more than its text."""
    import ast  # only where an answer is kept

    try:
        tree = ast.parse(Path(place).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return False
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Name) and node.id == "__import__":
            return False
    return names <= _ARITHMETIC
