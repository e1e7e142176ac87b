from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.bars import Bars
from engine.sources import GBM, Bootstrap, get_source, make_source, source_names


def test_built_in_sources_are_found_by_name():
    assert {"gbm", "bootstrap", "historical"} <= set(source_names())
    assert get_source("gbm") is GBM


def test_a_source_is_made_from_names():
    source = make_source("gbm", {"mu": 0.1, "sigma": 0.3}, options={"steps": 7})
    assert source.values == {"mu": 0.1, "sigma": 0.3}
    assert source.paths(seeds=[1]).bars == 7


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
        ("gmb", {}, {}, "source: found 'gmb', allowed bootstrap"),
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


def test_the_fingerprint_names_everything_that_decides_the_numbers():
    import json

    first = GBM(mu=0.1).fingerprint()
    assert first == GBM(mu=0.1).fingerprint()
    assert first != GBM(mu=0.2).fingerprint()
    assert first != GBM(mu=0.1, volume=[1.0, 2.0]).fingerprint()
    assert {"source", "path_version", "engine_version"} <= first.keys()
    json.dumps(first)


def test_the_folder_of_sources_names_every_module_once(project: Path):
    from engine.sources import registry

    for module in registry._BUILT_IN.values():
        assert (project / (module.replace(".", "/") + ".py")).is_file()
