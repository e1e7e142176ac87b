"""What the launchpad takes, and what it refuses before a run is begun."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from mc_assets.definitions import defs


def _job(asset: str) -> dg.JobDefinition:
    job = defs.resolve_implicit_global_asset_job_def()
    return job.get_subset(asset_selection={dg.AssetKey(asset)})


def _config(asset: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"ops": {asset: {"config": values}}}


@pytest.mark.parametrize(
    ("asset", "values", "said"),
    [
        ("simulations", {"workers": -1}, "found -1: Input should be greater than or equal to 0"),
        ("simulations", {"workers": 5000}, "found 5000: Input should be less than or equal to 4"),
        ("simulations", {"workers": "two"}, "Invalid scalar"),
        ("simulations", {"executor": "slurm"}, "found 'slurm': String should match pattern"),
        ("calibrations", {"dates": ["2016-02-30"]}, "found '2016-02-30': Value error, day is out"),
        ("calibrations", {"dates": ["20160229"]}, "a day is written YYYY-MM-DD"),
        ("calibrations", {"date": ["2016-02-29"]}, 'Received unexpected config entry "date"'),
        ("source_realism", {"dates": "2016-02-29"}, "must be list"),
        ("nightly_simulations", {"dates": ["soon"]}, "found 'soon'"),
    ],
)
def test_a_bad_value_is_refused_while_a_run_is_planned(
    asset: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError) as refused:
        dg.validate_run_config(_job(asset), _config(asset, values))
    assert said in "\n".join(error.message for error in refused.value.errors)


def test_good_values_pass_and_what_is_left_out_has_its_default() -> None:
    taken = dg.validate_run_config(
        _job("simulations"), _config("simulations", {"executor": "dask://127.0.0.1:8786"})
    )
    assert taken["ops"]["simulations"]["config"] == {
        "executor": "dask://127.0.0.1:8786",
        "workers": 0,
    }
    taken = dg.validate_run_config(
        _job("calibrations"), _config("calibrations", {"dates": ["2016-02-29"]})
    )
    assert taken["ops"]["calibrations"]["config"] == {"dates": ["2016-02-29"], "all_models": False}


@pytest.mark.parametrize("asset", ["simulations", "calibrations", "nightly_simulations"])
def test_every_field_of_the_launchpad_is_described_and_has_a_default(asset: str) -> None:
    found = defs.resolve_assets_def(asset).op.config_field
    assert found is not None
    fields = found.config_type.fields
    assert fields
    for name, field in fields.items():
        assert field.description, name
        assert field.default_provided, name
