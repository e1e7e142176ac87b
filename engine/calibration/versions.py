"""The numerical version of each estimator."""

from __future__ import annotations

__all__ = ["ESTIMATOR_VERSIONS", "estimator_version"]

# Part of every stored calibration, which counts as missing once its estimator has another version.
# A number is raised when the same data would give other estimates; the golden values of the tests
# say when. A user's estimator enters with the version it is registered under.
ESTIMATOR_VERSIONS: dict[str, str] = {
    "bootstrap": "1",
    "gbm": "1",
    "heston": "1",
    "merton": "1",
    "regime_switching": "1",
    "schwartz_1f": "1",
    "schwartz_2f": "1",
    "schwartz_smith": "1",
}


def estimator_version(model: str) -> str:
    """Return the version of a model's estimator; empty for a model that has no estimator."""
    return ESTIMATOR_VERSIONS.get(model, "")
