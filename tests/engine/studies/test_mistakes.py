"""Mistakes of a study written in Python: one sentence names the field, what was found, allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Refusal
from engine.strategies import Int, Strategy
from engine.studies import Study, integer

Make = Callable[..., Study]


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", ".hidden", "a\\b", "a*"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(make_study: Make, name: str) -> None:
    with pytest.raises(Refusal, match="name: found"):
        make_study(name=name)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"workers": "many"}, "workers: found 'many'"),
        ({"workers": 2.5}, r"workers: found 2\.5"),
        ({"steps": 1.5}, r"steps: found 1\.5"),
        ({"failure_allowance": -1}, "failure_allowance: found -1"),
        ({"bars": "tick"}, "bars: found 'tick'"),
        ({"constraint": None}, "constraint: found None"),
        ({"record": {"equty": 1}}, r"record\.equty: found unknown key"),
        ({"search": {"count": 0}}, r"search\.count: found 0"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    make_study: Make, change: dict[str, Any], text: str
) -> None:
    with pytest.raises(Refusal, match=text):
        make_study(**change)


@pytest.mark.parametrize("seeds", [None, 10.0, True])
def test_seeds_that_are_none_are_named(make_study: Make, seeds: Any) -> None:
    with pytest.raises(Refusal, match=r"seeds: (found|this field is required)"):
        make_study(seeds=seeds).resolve()


def test_a_range_of_seeds_does_not_wrap_around(make_study: Make) -> None:
    with pytest.raises(Refusal, match="seeds up to"):
        make_study(seeds={"count": 5, "start": 2**64 - 2}).resolve()


def test_seeds_from_a_generator_serve_every_run(make_study: Make) -> None:
    study = make_study(seeds=(seed for seed in (3, 4)))
    assert study.run().frame.equals(study.run().frame)


def test_a_strategy_that_is_none_is_named(make_study: Make) -> None:
    with pytest.raises(Refusal, match="strategy: found None"):
        make_study(strategy=None).resolve()


def test_a_constraint_function_that_raises_is_named_with_the_values(make_study: Make) -> None:
    with pytest.raises(Refusal, match=r"constraint: .*KeyError.*fast=3"):
        make_study(constraint=lambda values: values["nope"] > 1).resolve()


def test_a_constraint_nested_too_deeply_is_no_crash(make_study: Make) -> None:
    with pytest.raises(Refusal, match="constraint: found") as error:
        make_study(constraint="+".join(["fast"] * 5000) + " > 0").resolve()
    assert len(str(error.value)) < 400


def test_a_value_written_in_two_ways_is_one_value_twice(make_study: Make) -> None:
    with pytest.raises(Refusal, match="found 5 twice"):
        make_study(parameters={"fast": [5, 5.0]}).resolve()


def test_points_that_a_search_draws_again_are_one_parameter_set(make_study: Make) -> None:
    job = make_study(
        parameters={"fast": integer(3, 4), "slow": integer(10, 11)}, search={"count": 50}
    ).resolve()
    assert sorted(job.space.sets) == [(3, 10), (3, 11), (4, 10), (4, 11)]
    assert (job.space.repeated, job.space.dropped) == (46, 0)


def test_a_parameter_with_the_name_of_a_column_is_refused(make_study: Make) -> None:
    class Clash(Strategy):
        """A parameter that would hide the column of seeds."""

        seed = Int(3, low=1, high=9)

        def on_bar(self, bar: Any, order: Any) -> None:
            order.target_percent(1.0)

    with pytest.raises(Refusal, match=r"strategy\.parameters\.seed: found"):
        make_study(strategy=Clash, parameters={}).resolve()


def test_an_own_metric_with_the_name_of_a_column_is_refused(make_study: Make) -> None:
    for name in ("net_pnl", "seed", "fast"):
        with pytest.raises(Refusal, match=f"metrics: found '{name}'"):
            make_study(metrics={name: lambda bars, equity: 1.0}).resolve()


def test_an_unknown_statistic_is_found_before_anything_runs(make_study: Make) -> None:
    until = {"statistic": "shrape", "half_width": 1, "max_seeds": 100}
    with pytest.raises(Refusal, match=r"until\.statistic: found 'shrape'"):
        make_study(until=until).resolve()


def test_a_seed_of_thousands_of_digits_is_named_by_its_line(tmp_path: Path) -> None:
    from engine.studies import load_seeds

    file = tmp_path / "seeds.txt"
    file.write_text("1\n" + "9" * 5000 + "\n", encoding="utf-8")
    with pytest.raises(Refusal, match="line 2: found") as error:
        load_seeds(file)
    assert len(str(error.value)) < 300


def test_a_seed_file_from_an_editor_that_marks_its_encoding_is_read(tmp_path: Path) -> None:
    from engine.studies import load_seeds

    file = tmp_path / "seeds.txt"
    file.write_bytes(b"\xef\xbb\xbf1\r\n2\r\n")
    assert load_seeds(file).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"model.mu": [0.1, 0.1]}, r"model\.mu: found 0\.1 twice"),
        ({"model.mu": [1, 1.0]}, r"source\.parameters\.mu: found 1 twice"),
        ({"model.mu": ["0.1", 0.1]}, r"source\.parameters\.mu: found 0\.1 twice"),
        ({"model.mu": {"linspace": [1, 1, 3]}}, r"source\.parameters\.mu: found 1\.0 twice"),
        ({"model.mu": [0.1, "high"]}, r"source\.parameters\.mu: found 'high', allowed any finite"),
        ({"model.mu": [0.1, None]}, r"source\.parameters\.mu: found None, allowed any finite"),
        ({"model.sigma": [0.1, -2]}, r"source\.parameters\.sigma: found -2, allowed"),
        ({"model.sigma": {"choice": [0.1, True]}}, r"source\.parameters\.sigma: found True"),
    ],
)
def test_values_of_a_swept_source_parameter_are_numbers_once_each(
    make_study: Make, parameters: dict[str, Any], text: str
) -> None:
    with pytest.raises(Refusal, match=text):
        make_study(parameters=parameters, search={"count": 3}).resolve()


def test_texts_of_numbers_sweep_as_numbers(make_study: Make) -> None:
    space = make_study(parameters={"model.mu": ["0.1", "2e-1"]}).resolve().space
    assert space.column("model.mu") == [0.1, 0.2]


def test_more_simulations_than_anybody_waits_for_are_refused(make_study: Make) -> None:
    with pytest.raises(Refusal, match=r"study: found .* simulations, allowed at most"):
        make_study(paths_per_seed=10**12).resolve()


@pytest.mark.parametrize(
    ("sizing", "text"),
    [
        ({"kind": "percent"}, r"execution\.sizing\.kind: found 'percent', allowed 'percent_of_equ"),
        ({"share": 1}, r"execution\.sizing\.kind: this field is required"),
        (3, r"execution\.sizing: found 3, allowed a mapping$"),
        (
            {"kind": "fixed_quantity", "value": 3},
            r"sizing\.value: found unknown key, .* kind, units",
        ),
        ({"kind": "percent_of_equity", "share": "x"}, r"share: found 'x', allowed a valid number$"),
    ],
)
def test_a_wrong_kind_of_sizing_is_named_where_it_stands(
    make_study: Make, sizing: Any, text: str
) -> None:
    with pytest.raises(Refusal, match=text):
        make_study(execution={"sizing": sizing}).resolve()


def test_a_key_is_unknown_however_it_is_spelt(make_study: Make) -> None:
    with pytest.raises(Refusal, match=r"execution\.x\[: found unknown key"):
        make_study(execution={"x[": 1}).resolve()


def test_a_start_price_that_the_source_cannot_have_is_named_before_anything_runs(
    make_study: Make,
) -> None:
    with pytest.raises(Refusal, match=r"source\.s0: found 0\.0, allowed > 0"):
        make_study(s0=0).resolve()
