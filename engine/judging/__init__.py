"""One question to a strategy and a history: is there an edge, and how would one know."""

from __future__ import annotations

from engine.judging.judge import judge
from engine.judging.judgement import Judgement
from engine.judging.worlds import WORLDS

__all__ = ["WORLDS", "Judgement", "judge"]
