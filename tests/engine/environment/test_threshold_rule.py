"""A rule of one feature beside what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.environment.played import PlayedEnvironments
from engine.environment.threshold_rule import threshold_rule

SETTINGS: dict[str, Any] = {"features": ["return_2", "return_5"], "steps": 40, "s0": 5000.0}


@pytest.mark.parametrize("actions", ["sides", "target"])
@pytest.mark.parametrize("otherwise", ["flat", "short"])
def test_it_is_long_where_the_feature_is_above_the_number(actions: str, otherwise: Any) -> None:
    env = PlayedEnvironments(1, "mes_daily", actions=actions, **SETTINGS)
    rule = threshold_rule(env, "return_5", 0.01, otherwise)
    fitted = env.normalisation
    values = np.array([-0.2, -0.02, 0.0, 0.0099, 0.0101, 0.03, 0.4])
    seen = np.zeros((len(values), rule.sizes[0]), dtype=np.float32)
    seen[:, 1] = (values - fitted.mean[1]) / fitted.spread[1]
    # What else is observed does not matter.
    seen[:, 0], seen[:, 2:] = 3.0, -0.5
    found = np.asarray(rule.act(seen)).reshape(-1)
    elsewhere = {"flat": 0.0, "short": 2.0 if actions == "sides" else -1.0}[otherwise]
    assert found.tolist() == [1.0 if value > 0.01 else elsewhere for value in values]


def test_a_feature_that_is_not_observed_is_refused() -> None:
    env = PlayedEnvironments(1, "mes_daily", **SETTINGS)
    with pytest.raises(mc.Refusal, match="feature: found 'rsi_14', allowed return_2, return_5"):
        threshold_rule(env, "rsi_14")


def test_environments_without_gymnasium_are_those_of_gymnasium() -> None:
    own = PlayedEnvironments(2, "mes_daily", **SETTINGS)
    env = mc.make_env("mes_daily", num_envs=2, **SETTINGS)
    for found, expected in (
        (own.normalisation.mean, env.normalisation.mean),
        (own.batch.limits, env.unwrapped.batch.limits),
    ):
        assert found.tolist() == expected.tolist()
