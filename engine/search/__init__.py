"""Searching parameters when the objective is noisy: samplers, the search loop, what came out."""

from engine.search.cross_validation import CrossValidation, cross_validate
from engine.search.declared import declared_space
from engine.search.evolve import Evolved, evolve_policy
from engine.search.objective import Objective, Requirement
from engine.search.outcome import SearchOutcome
from engine.search.reoptimisation import reoptimisation_sweep
from engine.search.sampler import METHODS, Sampler, make_sampler
from engine.search.search import Search
from engine.search.space import Dimension, SearchSpace
from engine.search.walk_forward import WalkForward, walk_forward
from engine.search.windows import purged_splits, walk_forward_windows

__all__ = [
    "METHODS",
    "CrossValidation",
    "Dimension",
    "Evolved",
    "Objective",
    "Requirement",
    "Sampler",
    "Search",
    "SearchOutcome",
    "SearchSpace",
    "WalkForward",
    "cross_validate",
    "declared_space",
    "evolve_policy",
    "make_sampler",
    "purged_splits",
    "reoptimisation_sweep",
    "walk_forward",
    "walk_forward_windows",
]
