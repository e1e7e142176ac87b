"""Portfolios of strategies: weights over what ran on the same paths, with their errors."""

from engine.portfolio.portfolio import Allocation, Portfolio
from engine.portfolio.rules import RULES, Rule, allocate
from engine.portfolio.scenarios import Scenarios

__all__ = ["RULES", "Allocation", "Portfolio", "Rule", "Scenarios", "allocate"]
