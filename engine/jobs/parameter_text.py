"""Values of parameters as sentences and tables have them."""

from __future__ import annotations

__all__ = ["parameter_text"]


def parameter_text(value: object) -> str:
    """Return a value with six digits; what is not set is ``none``.

    Parameters
    ----------
    value : object
        Of a parameter in a set.

    Examples
    --------
    >>> parameter_text(2.4444444444), parameter_text(5), parameter_text(None)
    ('2.44444', '5', 'none')
    """
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
