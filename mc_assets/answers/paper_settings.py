"""What a paper session is told in words: its limits, and other names of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.paper import Limits

__all__ = ["paper_limits", "renamed_symbols"]

# What a limit is called where it is typed.
_TYPED = {"loss": "loss_limit"}


def paper_limits(**settings: Any) -> Limits:
    """Return the limits of a session.

    Raises
    ------
    Refusal
        If one is not allowed.

    Examples
    --------
    >>> paper_limits(loss=0.1).loss
    0.1
    """
    from pydantic import ValidationError

    from engine.errors import Refusal
    from engine.paper import Limits

    try:
        return Limits.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        allowed = first["msg"].removeprefix("Input should be ")
        raise Refusal(_TYPED.get(name, name), repr(settings.get(name)), allowed) from None


def renamed_symbols(given: Sequence[str]) -> dict[str, str]:
    """Read names written as ``OLD=NEW``.

    Raises
    ------
    Refusal
        If one is written otherwise.

    Examples
    --------
    >>> renamed_symbols(["FB=META"])
    {'FB': 'META'}
    """
    from engine.errors import Refusal

    found = {}
    for text in given:
        old, equals, new = text.partition("=")
        if not (old and equals and new):
            raise Refusal("symbol", repr(text), "OLD=NEW")
        found[old] = new
    return found
