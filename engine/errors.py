"""The one exception by which the library refuses what it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Self

__all__ = ["Refusal"]


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
        What stands there. Without `allowed` it is a whole sentence about the field.
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
        where = ": ".join(str(part) for part in (file, field) if part)
        said = found if allowed is None else f"found {found}, allowed {allowed}"
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


def _refusal(
    kind: type[Refusal],
    field: str,
    found: str,
    allowed: str | None,
    hint: str | None,
    file: Path | None,
) -> Refusal:
    return kind(field, found, allowed, hint=hint, file=file)
