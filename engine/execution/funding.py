"""Which column of the bars says what a perpetual contract's funding is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS
from engine.errors import Refusal
from engine.execution.settings import Execution

__all__ = ["funding_fields"]


def funding_fields(
    execution: Execution, symbols: tuple[str, ...], fields: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return the number of the field that says what each symbol's funding is, 0 without one.

    Parameters
    ----------
    execution : Execution
        Its instruments name the columns.
    symbols, fields : tuple of str
        Of the bars.

    Returns
    -------
    ndarray of float64, shape (symbols,)

    Raises
    ------
    Refusal
        If the bars have no such column.
    """
    found = np.zeros(len(symbols))
    own = fields[len(BAR_FIELDS) :]
    for place, symbol in enumerate(symbols):
        name = execution.terms_of(symbol).funding
        if isinstance(name, str):
            if name not in own:
                raise Refusal(
                    "execution.instrument.funding",
                    repr(name),
                    f"an annual rate, or a column of the bars ({', '.join(own) or 'none'})",
                )
            found[place] = fields.index(name)
    return found
