"""Read YAML within limits on size, depth and aliases; errors name line and problem."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
    ScalarEvent,
)

try:
    # About ten times faster than the parser in Python.
    from yaml import CSafeLoader as _Loader
except ImportError:
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

__all__ = ["YamlError", "read_yaml", "read_yaml_file"]

# Five hundred series written out take a hundred thousand characters. The second limit applies to
# the text with all aliases expanded: nested aliases can turn a few hundred bytes into gigabytes.
_CHARACTERS: Final = 4_000_000
_EXPANDED: Final = 8_000_000
# Cost of a value in addition to its characters, which limits their number to 200,000.
_VALUE: Final = 40
_ALIASES: Final = 5_000
_DEPTH: Final = 32
# Python's own limit for converting texts to integers is 4,300 digits.
_DIGITS: Final = 400

_MERGE: Final = "tag:yaml.org,2002:merge"


class YamlError(ValueError):
    """Text that cannot be read.

    Parameters
    ----------
    problem : str
        What was found.
    line : int, optional
        Line of the text, from 1.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.problem = problem
        self.line = line
        super().__init__(f"line {line}: {problem}" if line is not None else problem)


def read_yaml_file(path: Path) -> Any:
    """Read a YAML file; see `read_yaml`. A byte-order mark is ignored.

    Raises
    ------
    YamlError
        If the file is too large, not UTF-8, or cannot be read by `read_yaml`.
    OSError
        If the file cannot be opened.
    """
    # A character takes at most four bytes.
    if path.stat().st_size > 4 * _CHARACTERS:
        raise YamlError(f"a file of more than {_CHARACTERS:,} characters")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise YamlError("text that is not UTF-8") from None
    return read_yaml(text)


def read_yaml(text: str) -> Any:
    """Read YAML as plain values: mappings, lists, texts, numbers, dates, true, false and null.

    Parameters
    ----------
    text : str
        One document.

    Returns
    -------
    Any
        The value. Numbers follow YAML 1.2: ``1e-3`` is a number, ``010`` and ``1:30`` are texts.
        An impossible date such as ``2020-02-30`` is a text.

    Raises
    ------
    YamlError
        If the text is not YAML, a key is repeated or is a list or mapping, a value has a tag
        (``!!python/object``), or the text exceeds the limits on size, depth and aliases. The
        limits are checked before any value is constructed.
    """
    if len(text) > _CHARACTERS:
        raise YamlError(f"more than {_CHARACTERS:,} characters")
    try:
        _check_size(text)
        return yaml.load(text, _PlainValues)
    except yaml.YAMLError as error:
        raise _told(error) from None


def _check_size(text: str) -> None:
    """Check depth, aliases and expanded size on the stream of parser events."""
    sizes: dict[str, int] = {}
    # Anchor and current size of each open list or mapping.
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]
    aliases = 0
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, CollectionEndEvent):
            anchor, size = open_nodes.pop()
            _add(open_nodes, size, line)
            if anchor is not None:
                sizes[anchor] = size
            continue
        if not isinstance(event, NodeEvent):
            continue
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise YamlError(f"the tag {tag[:40]!r}", line)
        if isinstance(event, CollectionStartEvent):
            open_nodes.append((event.anchor, _VALUE))
            if len(open_nodes) - 1 > _DEPTH:
                raise YamlError(f"lists or mappings more than {_DEPTH} levels deep", line)
        elif isinstance(event, ScalarEvent):
            size = _VALUE + len(event.value)
            _add(open_nodes, size, line)
            if event.anchor is not None:
                sizes[event.anchor] = size
        elif isinstance(event, AliasEvent):
            aliases += 1
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise YamlError(f"the alias *{event.anchor} inside of what it stands for", line)
            if aliases > _ALIASES:
                raise YamlError(f"more than {_ALIASES:,} aliases", line)
            # An undefined alias is reported when the document is composed.
            _add(open_nodes, sizes.get(event.anchor or "", _VALUE), line)


def _add(open_nodes: list[tuple[str | None, int]], size: int, line: int) -> None:
    anchor, so_far = open_nodes[-1]
    if so_far + size > _EXPANDED:
        raise YamlError(
            f"more than {_EXPANDED // _VALUE:,} values or {_EXPANDED:,} characters, with each "
            "alias replaced by what it stands for",
            line,
        )
    open_nodes[-1] = (anchor, so_far + size)


def _told(error: yaml.YAMLError) -> YamlError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    reason = f" ({problem.removeprefix('but ')})" if problem else ""
    return YamlError(f"text that is not YAML{reason}", None if mark is None else mark.line + 1)


class _PlainValues(_Loader):
    """Constructs plain values; used only for texts that passed `_check_size`."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in forms if not tag.endswith((":int", ":float"))]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_PlainValues.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"(?:[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+|0b[01_]+)$"),
    list("-+0123456789"),
)
_PlainValues.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            # Keys of a merged mapping (`<<: *name`) may be overridden.
            continue
        if not isinstance(key_node, yaml.ScalarNode):
            raise YamlError("a key that is a list or a mapping", key_node.start_mark.line + 1)
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise YamlError(f"the key {str(key)[:40]!r} twice", key_node.start_mark.line + 1)
        seen.add(key)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


def _number(loader: Any, node: yaml.ScalarNode) -> int | float | str:
    text = node.value.replace("_", "")
    if len(text) > _DIGITS:
        raise YamlError(f"a number of more than {_DIGITS} digits", node.start_mark.line + 1)
    try:
        if node.tag.endswith(":int"):
            return int(text, 0)
        return float(re.sub(r"(?i)\.(inf|nan)$", r"\1", text))
    except ValueError:
        # 0x_ and 1._ match the pattern but are not numbers.
        return str(node.value)


def _date(loader: Any, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except (ValueError, OverflowError):
        return node.value


_PlainValues.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_PlainValues.add_constructor("tag:yaml.org,2002:int", _number)
_PlainValues.add_constructor("tag:yaml.org,2002:float", _number)
_PlainValues.add_constructor("tag:yaml.org,2002:timestamp", _date)
