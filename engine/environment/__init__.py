"""Learning environments: reset, step, features and rewards on the order engine of the studies."""

from engine.environment.evaluation import AgentReport, judge_policies
from engine.environment.features import DEFAULT_FEATURES, Features
from engine.environment.fitness import GeneticFitness
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
    "AgentReport",
    "DifferentialSharpe",
    "DrawdownPenalised",
    "Episode",
    "EpisodeReward",
    "Features",
    "GeneticFitness",
    "NetPnl",
    "Normalisation",
    "Policy",
    "Reward",
    "Step",
    "StepReward",
    "judge_policies",
    "make_env",
    "policy_strategy",
]
