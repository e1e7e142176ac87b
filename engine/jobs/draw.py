"""Parameter uncertainty: every path draws its source's parameters from a calibration's error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """The asymptotic normal law of calibrated parameters.

    Parameters
    ----------
    names : tuple of str
        Parameters of the source.
    estimates : tuple of float
        Centre of the law.
    factor : tuple of tuple of float
        Lower Cholesky factor of the covariance.

    Notes
    -----
    A seed gives the same parameters in every parameter set, block and process: the normal numbers
    are a function of the seed (Philox), and values are rounded to 12 significant digits so that
    the last bit of a mathematical library does not show.
    """

    names: tuple[str, ...]
    estimates: tuple[float, ...]
    factor: tuple[tuple[float, ...], ...]

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> ParameterDraw:
        """Take the law from a calibration.

        Raises
        ------
        Refusal
            If the calibration has no finite, positive semi-definite covariance.
        """
        names = tuple(calibration.parameters)
        matrix = [[float(value) for value in row] for row in calibration.covariance]
        finite = all(math.isfinite(value) for row in matrix for value in row)
        if not finite or len(matrix) != len(names):
            raise Refusal(
                "source.parameters",
                f"'draw' with a calibration of {calibration.model} that has no covariance",
                "a calibration with standard errors",
            )
        estimates = tuple(float(value) for value in calibration.parameters.values())
        return cls(names, estimates, _cholesky(matrix))

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the drawn parameters."""
        return {"names": self.names, "estimates": self.estimates, "factor": self.factor}

    def values(self, seed: int, attempt: int = 0) -> dict[str, float]:
        """Return the parameters that `seed` draws."""
        normals = [_normal(seed, index, attempt) for index in range(len(self.names))]
        drawn = {}
        for name, centre, row in zip(self.names, self.estimates, self.factor, strict=True):
            shift = math.fsum(a * z for a, z in zip(row, normals, strict=False))
            drawn[name] = float(f"{centre + shift:.12g}")
        return drawn

    def apply(self, source: Source, seed: int) -> Source:
        """Return the source with the parameters that `seed` draws within its bounds.

        Raises
        ------
        ValueError
            If the bounds cut off practically the whole law.
        """
        problem = ""
        for attempt in range(_ATTEMPTS):
            try:
                return source.with_parameters(**self.values(seed, attempt))
            except ValueError as error:
                problem = str(error)
        raise Refusal(
            "parameters",
            f"seed {seed} draws no parameters within bounds in {_ATTEMPTS} attempts ({problem})",
            hint="the calibration's covariance is too wide to draw from",
        )


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
