"""Holding what a study trades: the market that its strategies are seen against."""

from __future__ import annotations

from dataclasses import replace

from engine.studies import Study

__all__ = ["market_study"]


def market_study(study: Study) -> Study:
    """Return the study of holding, with all of the cash, what a study trades, at no cost.

    Parameters
    ----------
    study : Study
        Its source, seeds and bars stay.
    """
    definition = study.definition
    holding = definition.strategy.model_copy(
        update={"name": "buy_and_hold", "parameters": {"weight": [1.0]}, "file": None}
    )
    market = Study.from_definition(
        definition.model_copy(
            update={
                **{"strategy": holding, "constraint": [], "execution": {}, "options": {}},
                "search": None,
            }
        ),
        study.file,
    )
    market.live = replace(study.live, strategy=None, execution=None, constraint=(), metrics={})
    return market
