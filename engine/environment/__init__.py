"""Learning environments: reset, step, features and rewards on the order engine of the studies."""

from engine.environment.features import DEFAULT_FEATURES, Features
from engine.environment.make import make_env
from engine.environment.normalisation import Normalisation
from engine.environment.policy import Policy, policy_strategy
from engine.environment.reward import Episode, Reward, Step
from engine.environment.rewards import (
    DifferentialSharpe,
    DrawdownPenalised,
    EpisodeReward,
    NetPnl,
    StepReward,
)

__all__ = [
    "DEFAULT_FEATURES",
    "DifferentialSharpe",
    "DrawdownPenalised",
    "Episode",
    "EpisodeReward",
    "Features",
    "NetPnl",
    "Normalisation",
    "Policy",
    "Reward",
    "Step",
    "StepReward",
    "make_env",
    "policy_strategy",
]
