"""Where an estimate's truth lies: the interval that is stated, and the law that it stands for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Interval", "IntervalMethod"]

#: How an interval was found; ``none`` where there is none.
IntervalMethod = Literal["normal", "logit", "profile", "bootstrap", "level", "one_sided", "none"]

# The standard normal law holds 95 % within this distance of zero.
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of an estimate.

    Parameters
    ----------
    low, high : float
        Its ends, in the units of the estimate; NaN where there is none.
    method : str
        ``normal``: the estimate and 1.96 standard errors on both sides. ``logit``: the same for
        the log odds of a probability. ``profile``: where the likelihood, highest over all other
        parameters, falls to its critical value. ``bootstrap``: the same with the critical value of
        histories simulated at each end. ``level``: the same of the level that a process reverts to;
        the slower the reversion, the less tells of it, so its distance from the estimate is drawn
        normal and in inverse proportion to the drawn speed. ``one_sided``: the estimate lies on its
        bound, which is one end. ``none``: the data give no interval.

    Examples
    --------
    >>> Interval.normal(0.5, 0.1).high
    0.6959963984540054
    >>> round(Interval(0.4, 0.9, "profile").at(0.5, z=0.0), 12)
    0.5
    """

    low: float
    high: float
    method: IntervalMethod

    @classmethod
    def normal(cls, estimate: float, std_error: float) -> Interval:
        """Return the interval of a normal law, or none where the error is not known."""
        if not math.isfinite(std_error):
            return cls(math.nan, math.nan, "none")
        reach = _NORMAL_95 * std_error
        return cls(estimate - reach, estimate + reach, "normal")

    @classmethod
    def logit(cls, probability: float, std_error: float) -> Interval:
        """Return the interval of a probability whose log odds have a normal law."""
        slope = probability * (1.0 - probability)
        if not math.isfinite(std_error) or slope <= 0.0:
            return cls(math.nan, math.nan, "none")
        centre, reach = _log_odds(probability), _NORMAL_95 * std_error / slope
        return cls(_probability(centre - reach), _probability(centre + reach), "logit")

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def around(self, estimate: float) -> Interval:
        """Return the interval, widened where it does not hold an estimate."""
        return Interval(min(self.low, estimate), max(self.high, estimate), self.method)

    def at(self, estimate: float, z: float) -> float:
        """Return the value that lies `z` standard normal deviations from an estimate.

        The law's 2.5 % and 97.5 % quantiles are the interval's ends, and its median is the
        estimate: between and beyond them the scale is linear on either side, in logarithms for a
        positive ``profile``, in log odds for a probability. A one-sided interval holds 95 %
        from the bound to its other end.
        """
        if self.method == "one_sided":
            far = self.low if abs(self.low - estimate) > abs(self.high - estimate) else self.high
            return estimate + (far - estimate) * abs(z) / _NORMAL_95
        end = self.high if z > 0.0 else self.low
        share = abs(z) / _NORMAL_95
        if self.method == "logit":
            centre = _log_odds(estimate)
            return _probability(centre + (_log_odds(end) - centre) * share)
        if self.method == "profile" and self.low > 0.0:
            return estimate * math.exp(math.log(end / estimate) * share)
        return estimate + (end - estimate) * share


def _log_odds(probability: float) -> float:
    # Rounding must not make a probability of nearly one certain.
    inside = min(max(probability, 1e-300), 1.0 - 1e-16)
    return math.log(inside / (1.0 - inside))


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(min(-log_odds, 700.0)))
