"""How much is lost when a parameter of a leader moves by a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.jobs.space import Scalar
from engine.search.evaluator import Evaluator
from engine.search.space import Dimension, SearchSpace
from engine.search.trials import TrialTable

__all__ = ["FRAGILITY", "fragility"]

#: Columns of the table of moves.
FRAGILITY: Final = {
    "rank": pl.Int64,
    "parameter": pl.String,
    "moved_to": pl.String,
    "drop": pl.Float64,
    "drop_std_error": pl.Float64,
}

# A real number moves by a tenth of its scale.
_STEP: Final = 0.1


def fragility(
    space: SearchSpace,
    table: TrialTable,
    leaders: Sequence[dict[str, Scalar]],
    evaluator: Evaluator,
) -> pl.DataFrame:
    """Move every parameter of every leader by one step up and down, on the paths of the search.

    Parameters
    ----------
    space : SearchSpace
        Whole numbers and lists move to the next value, real numbers by a tenth of their scale.
        Words have no step and stay.
    table : TrialTable
        Its first objective is what is lost.
    leaders : sequence of dict
        Parameter sets, best first.
    evaluator : Evaluator
        The world that was searched.

    Returns
    -------
    polars.DataFrame
        Columns of `FRAGILITY`: ``drop`` is positive where the move loses, with the error of the
        difference on common paths; null where the moved set fails or is undefined.
    """
    moves = [
        (rank, dimension.name, moved)
        for rank, values in enumerate(leaders)
        for dimension in space.dimensions
        for moved in _moved(space, dimension, values)
    ]
    if not moves:
        return pl.DataFrame(schema=FRAGILITY)
    sets = [*leaders, *(moved for _, _, moved in moves)]
    try:
        evaluation = evaluator.evaluation(sets, evaluator.seeds)
    except Refusal:
        return pl.DataFrame(schema=FRAGILITY)  # the world cannot judge what lies beyond the leaders
    objective = table.objectives[0]
    place = {position: row for row, position in enumerate(evaluation.succeeded.tolist())}
    found = evaluation.found.get(objective.statistic)
    rows: list[dict[str, Any]] = []
    for index, (rank, name, moved) in enumerate(moves):
        row: dict[str, Any] = {"rank": rank + 1, "parameter": name, "moved_to": str(moved[name])}
        own, other = place.get(rank), place.get(len(leaders) + index)
        if found is not None and own is not None and other is not None:
            pair = found.take([own, other])
            units = len(pair.influence) // 2
            difference = pair.influence[:units] - pair.influence[units:]
            row["drop"] = objective.sign * float(pair.value[0] - pair.value[1])
            if units > 1:
                row["drop_std_error"] = float(np.sqrt((difference**2).mean() / (units - 1)))
        rows.append(row)
    frame = pl.DataFrame(rows, schema=FRAGILITY, orient="row")
    return frame.with_columns(pl.col("drop", "drop_std_error").fill_nan(None))


def _moved(
    space: SearchSpace, dimension: Dimension, values: dict[str, Scalar]
) -> list[dict[str, Scalar]]:
    place = space.dimensions.index(dimension)
    if not dimension.is_ordered or not space.matters([values])[0, place]:
        return []
    at = dimension.values.quantile(values[dimension.name])
    if dimension.count is None:
        places = [at - _STEP, at + _STEP]
        ends = [place for place in places if 0.0 <= place < 1.0]
        moved = [dimension.values.value(place) for place in ends]
    else:
        known = [dimension.values.value(dimension.at(index)) for index in range(dimension.count)]
        here = known.index(values[dimension.name])
        moved = [known[near] for near in (here - 1, here + 1) if 0 <= near < len(known)]
    sets = [space.plain({**values, dimension.name: value}) for value in moved]
    return [one for one in sets if one != values and space.allows(one)]
