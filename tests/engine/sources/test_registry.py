from __future__ import annotations

import numpy as np
import pytest

import engine as mc
from engine.bars import Bars
from engine.models import BUILT_IN
from engine.sources import GBM, Bootstrap, get_source, make_source, source_names


def test_built_in_sources_are_found_by_name():
    assert {"gbm", "bootstrap", "historical"} <= set(source_names())
    assert get_source("gbm") is GBM


def test_a_source_is_made_from_names():
    source = make_source("gbm", {"mu": 0.1, "sigma": 0.3}, options={"steps": 7})
    assert source.values == {"mu": 0.1, "sigma": 0.3}
    assert source.paths(seeds=[1]).bar_count == 7


def test_history_goes_to_the_sources_that_need_it():
    price = np.linspace(10, 20, 50)
    bars = Bars("A", np.arange(50) * 86_400_000_000, price, price, price, price, price)
    source = make_source(
        "bootstrap", {"block_length": 3.5}, bars=bars, options={"method": "Stationary"}
    )
    assert isinstance(source, Bootstrap)
    assert source.values == {"block_length": 3.5}
    assert source.with_parameters(block_length=4.0).values == {"block_length": 4.0}
    assert make_source("gbm", {}, bars=bars).values == GBM().values


@pytest.mark.parametrize(
    ("name", "parameters", "options", "message"),
    [
        ("gmb", {}, {}, "source: found 'gmb', allowed .*bootstrap"),
        ("gbm", {"vol": 1}, {}, "parameter of gbm: found 'vol', allowed mu, sigma"),
        ("gbm", {}, {"colour": 1}, "option of gbm: found 'colour', allowed"),
        ("bootstrap", {}, {}, "bars: found none, allowed the bars of at least one symbol"),
    ],
)
def test_unknown_names_and_missing_history_are_named(name, parameters, options, message):
    with pytest.raises(ValueError, match=message):
        make_source(name, parameters, options=options)


def test_changing_a_parameter_leaves_the_original():
    source = GBM(mu=0.1)
    assert source.with_parameters(sigma=0.5).values == {"mu": 0.1, "sigma": 0.5}
    assert source.sigma == 0.2
    with pytest.raises(ValueError, match="parameter of gbm: found 'kappa', allowed mu, sigma"):
        source.with_parameters(kappa=1.0)


@pytest.mark.parametrize(
    ("name", "state", "expected"),
    [
        ("heston", {"variance": 0.09, "spot": 50.0}, {"v0": 0.09}),
        ("schwartz_2f", {"convenience_yield": 0.2}, {"delta0": 0.2}),
        ("schwartz_smith", {"chi": 0.1, "xi": 3.0, "spot": 22.0}, {"chi0": 0.1}),
        ("regime_switching", {"regime_1": 0.25, "regime_2": 0.75}, {"start": (0.25, 0.75)}),
        ("gbm", {"spot": 3.0}, {}),
    ],
)
def test_a_calibrations_start_state_is_taken_over(name, state, expected):
    source = make_source(name, options={"start_state": state})
    assert {key: getattr(source, key) for key in expected} == expected


def test_a_state_that_a_source_does_not_have_is_named():
    with pytest.raises(ValueError, match="start state of gbm: found 'variance', allowed spot"):
        make_source("gbm", options={"start_state": {"variance": 0.1}})


def test_the_fingerprint_names_everything_that_decides_the_numbers():
    import json

    first = GBM(mu=0.1).fingerprint()
    assert first == GBM(mu=0.1).fingerprint()
    assert first != GBM(mu=0.2).fingerprint()
    assert first != GBM(mu=0.1, volume=[1.0, 2.0]).fingerprint()
    assert {"source", "path_version", "engine_version"} <= first.keys()
    json.dumps(first)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_line_of_the_table_leads_to_a_source_of_that_name(name: str):
    source = get_source(name)
    assert (source.name, source.__name__) == (name, BUILT_IN[name].class_name)
    assert getattr(mc, BUILT_IN[name].class_name) is source
    assert BUILT_IN[name].class_name in mc.__all__
