"""Remove secrets from texts in any common encoding."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["masked"]

_MASK: Final = b"***"
# Any part of a key of at least this many characters is removed.
_TELLING: Final = 8
# Levels of nested escaping that are undone.
_LEVELS: Final = 4
_NAMED: Final = {b"quot": b'"', b"amp": b"&", b"lt": b"<", b"gt": b">", b"apos": b"'"}
_ESCAPED: Final = re.compile(
    rb"""%([0-9A-Fa-f]{2})                 # of addresses
    |\\u00([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})  # of JSON and of Python
    |&\#[xX]0*([0-9A-Fa-f]{1,2});|&\#0*([0-9]{1,3});|&(quot|amp|lt|gt|apos);
    |\\([^ux])                            # of any quoted text
    |(.)""",
    re.VERBOSE | re.DOTALL,
)

# For each byte of an unescaped text, its start and end in the original text.
_Spans = list[tuple[int, int]]


def masked(text: str, keys: Sequence[str]) -> str:
    """Remove secrets from a text.

    Parameters
    ----------
    text : str
        The complete text: if it were shortened first, part of a key could remain.
    keys : sequence of str
        Secrets; empty ones are passed over.

    Returns
    -------
    str
        The text with ``***`` in place of each key and of each part of eight or more characters,
        regardless of case; also if it is percent-encoded, escaped as in JSON, Python or HTML,
        quoted or in Base64, and if such escapes are nested.
    """
    wanted = [part for key in keys if key for part in _parts(key)]
    if not wanted:
        return text
    pattern = re.compile(b"(?=(" + b"|".join(map(re.escape, wanted)) + b"))", re.IGNORECASE)
    original = text.encode("utf-8", errors="surrogatepass")
    found: list[tuple[int, int]] = []
    level, spans = original, [(at, at + 1) for at in range(len(original))]
    for _ in range(_LEVELS):
        for match in pattern.finditer(level):
            first, last = match.start(1), match.end(1) - 1
            found.append((spans[first][0], spans[last][1]))
        if b"\\" not in level and b"%" not in level and b"&" not in level:
            break
        level, spans = _unescaped(level, spans)
    return _without(original, found).decode("utf-8", errors="replace")


def _parts(key: str) -> Iterator[bytes]:
    """Yield the substrings to search for, plain and in Base64."""
    plain = key.encode("utf-8", errors="surrogatepass")
    # Form encoding writes a space as a plus.
    spelled = [plain, plain.replace(b" ", b"+")]
    for shift, unknown in ((0, 0), (1, 2), (2, 3)):
        # Base64 of a substring depends on its position modulo three, and its first and last
        # characters also on the neighbouring bytes.
        code = base64.b64encode(b"\0" * shift + plain).rstrip(b"=")
        whole = (shift + len(plain)) % 3 == 0
        inner = code[unknown : None if whole else -1]
        spelled += [inner, inner.replace(b"+", b"-").replace(b"/", b"_")]
    for text in dict.fromkeys(spelled):
        if text not in spelled[:2] and len(text) < _TELLING:
            continue
        size = min(len(text), _TELLING)
        yield from dict.fromkeys(text[at : at + size] for at in range(len(text) - size + 1))


def _unescaped(text: bytes, spans: _Spans) -> tuple[bytes, _Spans]:
    """Undo one level of escapes."""
    letters = bytearray()
    moved: _Spans = []
    for match in _ESCAPED.finditer(text):
        percent, json_code, python_code, hexadecimal, decimal, name, quoted, plain = match.groups()
        code = percent or json_code or python_code or hexadecimal
        if code is not None:
            letter = bytes([int(code, 16)])
        elif decimal is not None:
            letter = bytes([int(decimal) % 256])
        elif name is not None:
            letter = _NAMED[name]
        else:
            letter = quoted if quoted is not None else plain
        letters += letter
        moved.append((spans[match.start()][0], spans[match.end() - 1][1]))
    return bytes(letters), moved


def _without(text: bytes, found: list[tuple[int, int]]) -> bytes:
    """Replace each range, of which some may overlap, by one mask."""
    pieces: list[bytes] = []
    place = 0
    for first, last in sorted(found):
        if last <= place:
            continue
        if first > place or not pieces:
            pieces += [text[place:first], _MASK]
        place = last
    return b"".join([*pieces, text[place:]])
