"""A check speaks of every series and study, whichever ran last."""

from typing import Any

import dagster as dg

from mc_assets.defs.materialized import Materialized
from mc_assets.defs.standing_findings import by_unit, with_standing_findings

CHECK = dg.AssetCheckSpec("nothing_found", asset="looked_at")
FOUND = {"a": ["a: broken"], "b": ["b: torn"], "c": []}
KNOWN = {"a", "b", "c"}


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]), check_specs=[CHECK])
def looked_at(context: dg.AssetExecutionContext) -> Materialized:
    """Report what is found of a partition."""
    unit = context.partition_key
    found = with_standing_findings(context, CHECK, {unit: FOUND[unit]}, touched={unit}, known=KNOWN)
    lines = [line for of_unit in found.values() for line in of_unit]
    check = dg.AssetCheckResult(
        check_name="nothing_found",
        passed=not lines,
        description="; ".join(lines),
        metadata=by_unit(found),
    )
    return dg.MaterializeResult(check_results=[check])


def test_what_a_run_does_not_touch_stands_until_it_runs_again_or_is_gone(
    monkeypatch: Any,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        def said(unit: str) -> str | None:
            run = dg.materialize([looked_at], instance=instance, partition_key=unit)
            (evaluation,) = run.get_asset_check_evaluations()
            assert evaluation.passed == (not evaluation.description)
            return evaluation.description

        assert said("c") == ""
        assert said("a") == "a: broken"
        assert said("b") == "b: torn; a: broken"
        assert said("c") == "a: broken; b: torn"
        monkeypatch.setitem(FOUND, "b", [])
        assert said("b") == "a: broken"
        monkeypatch.setattr(f"{__name__}.KNOWN", {"b", "c"})
        assert said("c") == ""
