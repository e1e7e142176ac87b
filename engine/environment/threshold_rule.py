"""A rule of one feature as a policy, to stand beside what was trained."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np

from engine.environment.batch import Batch
from engine.environment.layout import TARGET
from engine.environment.policy import Policy
from engine.errors import Refusal

__all__ = ["threshold_rule"]

# A score that no other is below, and a slope from which any distance is the largest position.
_NEVER: Final = -1e30
_STEEP: Final = 1e12


def threshold_rule(
    env: Any, feature: str, above: float = 0.0, otherwise: Literal["flat", "short"] = "flat"
) -> Policy:
    """Return the policy that is long where a feature is above a number.

    Parameters
    ----------
    env : TradingEnv or TradingVectorEnv
        Where it is played.
    feature : str
        One that is observed, such as ``"return_20"``.
    above : float
        In the feature's own units, before it is normalised.
    otherwise : {"flat", "short"}
        What it is elsewhere.

    Returns
    -------
    Policy
        Of the largest position, for ``actions="sides"`` or ``"target"``.

    Raises
    ------
    Refusal
        If the feature is not observed.

    Notes
    -----
    A linear policy on the observation z = (x - mean) / spread, whose score of being long is
    z spread + mean - above = x - above.

    Examples
    --------
    >>> import engine as mc
    >>> env = mc.make_env("mes_daily", features=["return_20"], steps=60)
    >>> rule = threshold_rule(env, "return_20", otherwise="short")
    >>> rule.act([[9.0, 0, 0, 0, 0, 0], [-9.0, 0, 0, 0, 0, 0]]).tolist()
    [1, 2]
    """
    batch: Batch = env.unwrapped.batch
    names = batch.features.names
    if feature not in names:
        raise Refusal("feature", repr(feature), ", ".join(names))
    if otherwise not in ("flat", "short"):
        raise Refusal("otherwise", repr(otherwise), "flat or short")
    if len(batch.limits) != 1:
        raise Refusal("policy", f"a rule on {len(batch.limits)} symbols", "one symbol")
    place = names.index(feature)
    fitted = batch.normalisation
    distance = np.zeros(Policy.zeros(env).sizes[0])
    distance[place] = fitted.spread[place]
    shift = float(fitted.mean[place]) - above
    still = np.zeros_like(distance)
    if batch.kind == TARGET:
        far, beyond = _STEEP * distance[None], np.array([_STEEP * shift])
        if otherwise == "short":
            return Policy.of(env, [(far, beyond)])
        one = (np.ones((1, 1)), np.zeros(1))
        return Policy.of(env, [(far, beyond), one], "relu")
    flat, short = ((still, 0.0), (still, _NEVER))
    if otherwise == "short":
        flat, short = (still, _NEVER), (-distance, -shift)
    scores = [flat, (distance, shift), short]
    return Policy.of(
        env, [(np.stack([row for row, _ in scores]), np.array([bias for _, bias in scores]))]
    )
