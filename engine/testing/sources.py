"""Parameters of price models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from engine.sources import Source
from engine.sources.parameter import Parameter
from engine.testing.examples import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["source_parameters"]

# Values at and near the edges of declared bounds, where formulas divide by zero.
_UNUSUAL: Final = (0.0, 1e-300, 1e-12, 1e-6, 0.01, 0.3, 1.0, 7.0, 50.0)


def source_parameters(
    source: type[Source], *, low: float = -7.0, high: float = 50.0
) -> SearchStrategy[dict[str, float]]:
    """Draw values for every declared parameter of a source, edges of the bounds among them.

    Parameters
    ----------
    source : type of Source
        A built-in source or one's own; ``source(**values)`` makes it. A combination that the
        model cannot simulate may be refused with an error.
    low, high : float
        Narrower bounds than the declared ones.

    Returns
    -------
    SearchStrategy of dict of str to float
        One value by name of each declared parameter.

    Examples
    --------
    >>> import engine as mc
    >>> drawn = mc.testing.source_parameters(mc.GBM)
    >>> from hypothesis import find
    >>> sorted(find(drawn, lambda values: True))
    ['mu', 'sigma']
    """
    st = strategies()
    found: SearchStrategy[dict[str, float]] = st.fixed_dictionaries(
        {name: _values(declared, low, high) for name, declared in source.parameters.items()}
    )
    return found


def _values(declared: Parameter, low: float, high: float) -> SearchStrategy[float]:
    st = strategies()
    low, high = max(declared.low, low), min(declared.high, high)
    edges = [v for u in _UNUSUAL for v in (u, math.copysign(u, -1.0)) if low <= v <= high]
    edges = [v for v in edges if not (declared.open_low and v == declared.low)]
    inside: SearchStrategy[float] = st.floats(
        low, high, exclude_min=declared.open_low, allow_subnormal=False
    )
    return inside | st.sampled_from(edges) if edges else inside
