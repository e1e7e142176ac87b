"""The one exception by which the library refuses what it was given."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Self

__all__ = ["Refusal", "did_you_mean", "shorten"]


class Refusal(ValueError):
    """A setting that cannot be used, and what to do about it.

    Sources, strategies, execution and loaders raise it with the name of their own field; whoever
    reads a file adds the prefix and the file on the way up (`within`, `in_file`), so that the
    sentence names the place as it is written there.

    Parameters
    ----------
    field : str
        Dotted name of the setting; empty where the whole input is meant.
    found : str
        What stands there; of a long text the sentence has both ends. Without `allowed` it is a
        whole sentence about the field.
    allowed : str, optional
        What may stand there, where that is a value or a range.
    hint : str, optional
        The next step, such as a command that helps.
    file : Path, optional
        The file; settings given from Python have none.

    Examples
    --------
    >>> print(Refusal("seeds", "0", "at least 1"))
    seeds: found 0, allowed at least 1
    >>> print(Refusal("fast", "0", "1 or more").within("strategy.parameters"))
    strategy.parameters.fast: found 0, allowed 1 or more
    >>> print(Refusal("constraint", "drops all 2 parameter sets", hint="loosen it"))
    constraint: drops all 2 parameter sets; loosen it
    """

    def __init__(
        self,
        field: str,
        found: str,
        allowed: str | None = None,
        *,
        hint: str | None = None,
        file: Path | None = None,
    ) -> None:
        self.field = field
        self.found = found
        self.allowed = allowed
        self.hint = hint
        self.file = file
        where = ": ".join(_on_one_line(str(part)) for part in (file, field) if part)
        shown = _on_one_line(found)
        said = shown if allowed is None else f"found {shorten(shown)}, allowed {allowed}"
        more = f"; {hint}" if hint else ""
        super().__init__(f"{where}: {said}{more}" if where else f"{said}{more}")

    def within(self, prefix: str) -> Self:
        """Return the same refusal with the field's place in front of its name."""
        # An index follows its list without a dot: seeds[3].
        dot = "." if prefix and self.field and self.field[0] != "[" else ""
        field = f"{prefix}{dot}{self.field}"
        return type(self)(field, self.found, self.allowed, hint=self.hint, file=self.file)

    def in_file(self, file: Path) -> Self:
        """Return the same refusal, naming the file as well unless it names one already."""
        named = self.file or file
        return type(self)(self.field, self.found, self.allowed, hint=self.hint, file=named)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the parts, so that a worker's refusal reaches its caller whole."""
        parts = (self.field, self.found, self.allowed, self.hint, self.file)
        return _refusal, (type(self), *parts)


def did_you_mean(found: object, allowed: Iterable[str]) -> str:
    """Return a question in brackets where something allowed is spelt nearly like what was found.

    Examples
    --------
    >>> did_you_mean("overlp", ["overlap", "start"])
    " (did you mean 'overlap'?)"
    >>> did_you_mean("x", ["overlap", "start"])
    ''
    """
    near = difflib.get_close_matches(str(found), list(allowed), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def shorten(text: str, longest: int = 160) -> str:
    """Return a text with its middle left out where it is long.

    Examples
    --------
    >>> shorten("[" + "1, " * 500 + "2]", longest=24)
    '[1, 1, 1, 1, … 1, 1, 2]'
    """
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 3].rstrip()} … {text[-end:].lstrip()}"


def _on_one_line(text: str) -> str:
    """Return a text whose line ends and control characters are written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _refusal(
    kind: type[Refusal],
    field: str,
    found: str,
    allowed: str | None,
    hint: str | None,
    file: Path | None,
) -> Refusal:
    return kind(field, found, allowed, hint=hint, file=file)
