"""Maps in pairs: each cell is its own set, each error stands where its estimate does."""

from __future__ import annotations

import polars as pl

from engine.plots.paired_maps import MOST_PAIRS, paired_maps


def table(targets: list[float | None]) -> pl.DataFrame:
    rows = [
        {"put": put, "call": call, "target": target, "estimate": 100.0 * i + put - 5.0 * call}
        for i, target in enumerate(targets)
        for put in (2.0, 1.0)
        for call in (3.0, 0.5)
    ]
    return pl.DataFrame(rows).with_columns(std_error=0.01 * pl.col("estimate").abs())


def test_every_value_of_a_third_parameter_has_a_pair_of_maps() -> None:
    figure = paired_maps(table([0.5, None]), "put", "call", ["target"], "mean net P&L")
    titles = [each.text for each in figure.layout.annotations]
    assert titles == [
        *("mean net P&L, target none", "standard error, target none"),
        *("mean net P&L, target 0.5", "standard error, target 0.5"),
    ]
    none, errors, half, _ = figure.data
    assert list(none.x) == ["1", "2"]
    assert list(none.y) == ["0.5", "3"]
    assert [list(row) for row in none.z] == [[98.5, 99.5], [86.0, 87.0]]
    assert [list(row) for row in half.z] == [[-1.5, -0.5], [-14.0, -13.0]]
    assert errors.z[0][0] == 0.985
    assert figure.layout.coloraxis.cmax == 99.5 == -figure.layout.coloraxis.cmin
    assert figure.layout.coloraxis2.cmax == 0.995


def test_a_missing_set_or_error_is_a_hole() -> None:
    rows = table([None])[:3].with_columns(std_error=pl.lit(None, pl.Float64))
    estimates, errors = paired_maps(rows, "put", "call").data
    assert sum(cell is None for row in estimates.z for cell in row) == 1
    assert errors.text[0][0] == "–"
    assert all(cell is None for row in errors.z for cell in row)


def test_large_numbers_are_written_short() -> None:
    rows = table([None]).with_columns(estimate=pl.lit(-123_456.0), std_error=pl.lit(2.5e7))
    estimates, errors = paired_maps(rows, "put", "call").data
    assert estimates.text[0][0] == "-123k"
    assert errors.text[0][0] == "25M"


def test_no_more_pairs_are_drawn_than_there_is_room_for() -> None:
    figure = paired_maps(table([float(i) for i in range(20)]), "put", "call", ["target"])
    assert len(figure.data) == 2 * MOST_PAIRS


def test_estimates_on_one_side_of_zero_fill_the_scale() -> None:
    for sign in (1.0, -1.0):
        rows = table([None]).with_columns(estimate=sign * (200.0 + pl.col("put")))
        scale = paired_maps(rows, "put", "call").layout.coloraxis
        assert {scale.cmin, scale.cmax} == {sign * 201.0, sign * 202.0}
