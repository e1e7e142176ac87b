"""Charts show the numbers they are given."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.plots import study as charts


@pytest.fixture
def equity() -> pl.DataFrame:
    """Twenty-one curves, 100 … 120 at each of three bars."""
    return pl.DataFrame({"bar": [1, 2, 3] * 21, "equity": np.repeat(np.arange(100.0, 121.0), 3)})


def test_the_fan_is_made_of_quantiles_over_simulations(equity: pl.DataFrame) -> None:
    fan = charts.fan_quantiles(equity)
    assert fan["bar"].to_list() == [1, 2, 3]
    expected = {"q05": 101.0, "q25": 105.0, "q50": 110.0, "q75": 115.0, "q95": 119.0}
    for column, value in expected.items():
        assert fan[column].to_list() == [value] * 3


def test_only_the_first_parameter_set_is_visible_until_another_is_chosen(
    equity: pl.DataFrame,
) -> None:
    fan = charts.fan_quantiles(equity)
    figure = charts.equity_fan([("one", fan), ("two", fan)])
    visible = [trace.visible for trace in figure.data]
    assert visible == [True] * 7 + [False] * 7
    second = figure.layout.updatemenus[0].buttons[1]
    assert second.label == "two"
    assert list(second.args[0]["visible"]) == [False] * 7 + [True] * 7


def test_one_parameter_set_needs_no_menu(equity: pl.DataFrame) -> None:
    figure = charts.equity_fan([("one", charts.fan_quantiles(equity))])
    assert not figure.layout.updatemenus


def test_the_histogram_counts_every_simulation_and_marks_the_loss() -> None:
    pnl = pl.Series([-10.0, 0.0, 5.0, 5.0, None, 20.0])
    figure = charts.pnl_histogram([("one", pnl)], [9.0])
    assert sum(figure.data[0].y) == 5
    assert set(figure.data[1].x) == {4.0}
    assert set(figure.data[2].x) == {-9.0}


@pytest.mark.parametrize("values", [[], [1.0], [3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0, 9.0]])
def test_degenerate_outcomes_still_make_a_histogram(values: list[float]) -> None:
    figure = charts.pnl_histogram([("one", pl.Series(values, dtype=pl.Float64))], [0.0])
    assert sum(figure.data[0].y) == len(values)


def test_drawdown_boxes_stand_side_by_side() -> None:
    drawdown = pl.Series(np.linspace(-1.0, 0.0, 101))
    figure = charts.drawdown_distribution([("one", drawdown), ("two", drawdown)])
    assert [trace.x[0] for trace in figure.data] == ["one", "two"]
    assert figure.data[0].median[0] == pytest.approx(-0.5)
    assert figure.data[0].lowerfence[0] == pytest.approx(-0.95)


def sets(**columns: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema_overrides={"ci_low": pl.Float64, "ci_high": pl.Float64})


def test_one_swept_parameter_is_a_line_with_its_intervals() -> None:
    table = sets(fast=[20, 5], estimate=[2.0, 1.0], ci_low=[1.5, 0.9], ci_high=[2.25, 1.3])
    figure = charts.parameter_sensitivity(table, ["fast"])
    assert list(figure.data[0].x) == [5, 20]
    assert list(figure.data[0].y) == [1.0, 2.0]
    assert list(figure.data[0].error_y.array) == pytest.approx([0.3, 0.25])
    assert list(figure.data[0].error_y.arrayminus) == pytest.approx([0.1, 0.5])


def test_two_swept_parameters_are_a_map_with_holes_where_no_set_is() -> None:
    table = sets(
        a=[1, 2, 1], b=[1, 1, 2], estimate=[1.0, -3.0, 2.0], ci_low=[0.0] * 3, ci_high=[4.0] * 3
    )
    figure = charts.parameter_sensitivity(table, ["a", "b"])
    assert [list(row) for row in figure.data[0].z] == [[1.0, -3.0], [2.0, None]]
    assert figure.data[0].zmax == -figure.data[0].zmin == 3.0
    assert figure.data[0].text[0][0] == "1<br>0 to 4"


def test_a_map_names_fractions_in_short_but_never_two_of_them_alike() -> None:
    table = sets(
        a=[0.5, 7 / 9],
        b=[1.00001, 1.00002],
        estimate=[1.0, 2.0],
        ci_low=[0.0] * 2,
        ci_high=[4.0] * 2,
    )
    found = charts.parameter_sensitivity(table, ["a", "b"]).data[0]
    assert list(found.x) == ["0.5", "0.7778"]
    assert list(found.y) == ["1.00001", "1.00002"]


def test_a_third_parameter_is_averaged_with_its_interval() -> None:
    table = sets(
        a=[1, 1], b=[1, 1], c=[1, 2], estimate=[1.0, 3.0], ci_low=[-5.0, -7.0], ci_high=[7.0, 13.0]
    )
    figure = charts.parameter_sensitivity(table, ["a", "b", "c"])
    assert figure.data[0].z[0][0] == 2.0
    assert figure.data[0].text[0][0] == "2<br>-6 to 10"


def test_one_history_has_no_interval_in_the_picture() -> None:
    table = sets(a=[1, 2], b=[1, 2], estimate=[1.0, -3.0], ci_low=[None] * 2, ci_high=[None] * 2)
    assert charts.parameter_sensitivity(table, ["a", "b"]).data[0].text[0][0] == "1"
    figure = charts.parameter_sensitivity(table, ["a"])
    assert figure.data[0].error_y.array is None
    assert figure.layout.yaxis.title.text == "mean net P&L (no interval)"


def test_a_study_without_swept_parameters_has_one_point() -> None:
    table = sets(estimate=[1.0], ci_low=[0.5], ci_high=[1.5])
    figure = charts.parameter_sensitivity(table, [])
    assert list(figure.data[0].y) == [1.0]
