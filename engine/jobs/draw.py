"""Parameter uncertainty: every path draws its source's parameters from a calibration's error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.calibration.interval import Interval
from engine.errors import Refusal
from engine.randomness import Stream, philox_reference
from engine.sources import Source
from engine.statistics.distributions import normal_quantile

if TYPE_CHECKING:
    from engine.calibration import Calibration

__all__ = ["ParameterDraw"]

# Draws outside the parameters' bounds are repeated, which truncates the normal law there.
_ATTEMPTS = 1000


@dataclass(frozen=True)
class ParameterDraw:
    """The law of calibrated parameters, and of the states that paths start from.

    Parameters
    ----------
    names : tuple of str
        Parameters of the source, then start states.
    estimates : tuple of float
        Centre of the law.
    factor : tuple of tuple of float
        Lower Cholesky factor of the covariance.
    states : tuple of str
        Those of `names` that are start states.
    intervals : tuple of Interval or None
        Per name, the interval that its law follows from (`Interval.at`); None of a normal law.

    Notes
    -----
    A seed gives the same parameters in every parameter set, block and process: the normal numbers
    are a function of the seed (Philox), and values are rounded to 12 significant digits so that
    the last bit of a mathematical library does not show.

    Parameters and states are drawn jointly: a state was filtered at the estimated parameters, and
    at others it would be another one. Paths start from a given price, so where the calibration has
    an error of the spot price, the law is that given the spot. An interval that is not normal has
    the same correlations, on the normal scale (a Gaussian copula).
    """

    names: tuple[str, ...]
    estimates: tuple[float, ...]
    factor: tuple[tuple[float, ...], ...]
    states: tuple[str, ...] = ()
    intervals: tuple[Interval | None, ...] = ()

    @classmethod
    def from_calibration(
        cls, calibration: Calibration, *, with_states: bool = True
    ) -> ParameterDraw:
        """Take the law from a calibration.

        Parameters
        ----------
        calibration : Calibration
            Estimates with their covariance.
        with_states : bool
            Whether start states are drawn, too; not where a study fixes them.

        Raises
        ------
        Refusal
            If the calibration has no finite, positive semi-definite covariance.
        """
        names, joint = calibration.joint_covariance()
        matrix = [[float(value) for value in row] for row in joint.tolist()]
        finite = all(math.isfinite(value) for row in matrix for value in row)
        if not finite or len(calibration.covariance) != len(calibration.parameters):
            raise Refusal(
                "source.parameters",
                f"'draw' with a calibration of {calibration.model} that has no covariance",
                "a calibration with standard errors",
            )
        if "spot" in names:
            matrix = _given(matrix, names.index("spot"))
        of_states = names[len(calibration.parameters) :]
        states = tuple(name for name in of_states if with_states and name != "spot")
        kept = [i for i, name in enumerate(names) if name in calibration.parameters]
        kept += [names.index(name) for name in states]
        known = calibration.parameters | calibration.start_state
        return cls(
            tuple(names[i] for i in kept),
            tuple(float(known[names[i]]) for i in kept),
            _cholesky([[matrix[i][j] for j in kept] for i in kept]),
            states,
            tuple(calibration.intervals.get(names[i]) for i in kept),
        )

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the drawn parameters."""
        found: dict[str, Any] = {
            "names": self.names,
            "estimates": self.estimates,
            "factor": self.factor,
        }
        if self.states or any(self.intervals):
            found["states"] = self.states
            found["intervals"] = [interval and vars(interval) for interval in self.intervals]
        return found

    def values(self, seed: int, attempt: int = 0) -> dict[str, float]:
        """Return the parameters, and the start states, that `seed` draws."""
        normals = [_normal(seed, index, attempt) for index in range(len(self.names))]
        drawn: dict[str, float] = {}
        for index, (name, centre, row) in enumerate(
            zip(self.names, self.estimates, self.factor, strict=True)
        ):
            shift = math.fsum(a * z for a, z in zip(row, normals, strict=False))
            value = centre + shift
            interval = self.intervals[index] if self.intervals else None
            if interval is not None:
                size = math.sqrt(math.fsum(a * a for a in row))
                # What lies on its bound varies with nothing.
                value = interval.at(centre, shift / size if size > 0.0 else normals[index])
                if interval.method == "level":
                    speed = self.estimates[self.names.index("kappa")]
                    value = centre + shift * speed / drawn["kappa"]
            drawn[name] = float(f"{value:.12g}")
        return drawn

    def apply(self, source: Source, seed: int) -> Source:
        """Return the source with the parameters and states that `seed` draws within its bounds.

        Raises
        ------
        ValueError
            If the bounds cut off practically the whole law.
        """
        problem = ""
        for attempt in range(_ATTEMPTS):
            drawn = self.values(seed, attempt)
            state = {name: drawn.pop(name) for name in self.states}
            try:
                moved = source.with_parameters(**drawn)
                return moved.with_start_state(state) if state else moved
            except ValueError as error:
                problem = str(error)
        raise Refusal(
            "parameters",
            f"seed {seed} draws no parameters within bounds in {_ATTEMPTS} attempts ({problem})",
            hint="the calibration's covariance is too wide to draw from",
        )


def _given(matrix: list[list[float]], known: int) -> list[list[float]]:
    """Return the covariance of normal numbers given one of them, in plain IEEE steps."""
    column = [row[known] for row in matrix]
    if not column[known] > 0.0:
        return matrix
    return [
        [value - left * right / column[known] for value, right in zip(row, column, strict=True)]
        for row, left in zip(matrix, column, strict=True)
    ]


def _normal(seed: int, index: int, attempt: int) -> float:
    words = philox_reference((index, Stream.PARAMETER, attempt, 0), (seed & 0xFFFFFFFF, seed >> 32))
    uniform = ((words[0] << 20 | words[1] >> 12) + 0.5) / 2**52
    return normal_quantile(uniform)


def _cholesky(matrix: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    """Lower factor of a positive semi-definite matrix, in plain IEEE steps for the same bits."""
    size = len(matrix)
    factor = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j:
                if rest < -1e-9 * abs(matrix[i][i]):
                    raise Refusal(
                        "source.parameters",
                        "'draw' with a covariance that is not positive semi-definite",
                        "a calibration with a proper covariance",
                    )
                factor[i][i] = math.sqrt(max(rest, 0.0))
            else:
                factor[i][j] = rest / factor[j][j] if factor[j][j] > 0 else 0.0
    return tuple(tuple(row[: i + 1]) for i, row in enumerate(factor))
