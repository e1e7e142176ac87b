"""What ``import engine as mc`` offers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import engine as mc


def test_every_public_name_is_there() -> None:
    assert mc.__all__ == sorted(mc.__all__)
    for name in mc.__all__:
        assert getattr(mc, name) is not None, name
    assert set(mc.__all__) <= set(dir(mc))


def test_results_are_opened_by_the_name_of_their_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = mc.Study("kept", mc.GBM(mu=0.05), "buy_and_hold", seeds=5, steps=9)
    made = study.run(root=tmp_path)
    monkeypatch.setenv("MC_DATA", str(tmp_path))
    for opened in (mc.results("kept"), mc.results("kept", tmp_path)):
        assert isinstance(opened, mc.Results)
        assert opened.frame.equals(made.frame)
    opened.to_parquet(tmp_path / "rows.parquet")
    assert opened.sql("SELECT count(*) AS n FROM simulations")["n"].to_list() == [5]
    # The room of that name is still the package that it was.
    assert import_module("engine.results.results").Results is mc.Results
    with pytest.raises(mc.Refusal, match="study: 'gone' has no results"):
        mc.results("gone")


def test_the_lines_of_the_design_run_as_written() -> None:
    block = mc.Heston(mu=0.05, kappa=1.5, theta=0.04, xi=0.5, rho=-0.7, v0=0.04).paths(
        s0=100.0, steps=252, dt=1 / 252, seeds=range(16)
    )
    assert isinstance(block, mc.PriceBlock)
    assert block.close.shape == (16, 252)
    assert (block.open[:, 0] == 100.0).all()

    study = mc.Study(
        name="sma on gbm",
        source=mc.GBM(mu=0.05, sigma=0.2),
        steps=252,
        s0=100.0,
        strategy="sma_crossover",
        parameters={"fast": [5, 10, 20], "slow": mc.linspace(20, 200, 10)},
        constraint="fast < slow",
        seeds=mc.load_seeds("stage_1"),
    )
    results = study.run(workers=2)
    table = results.statistics()
    assert {"estimate", "std_error", "ci_low", "ci_high", "n"} <= set(table.columns)
    assert len(results) == 25 * 29  # fast = slow = 20 is dropped
    assert len(results.filter("net_pnl > 0")) < len(results)
    assert results.best("sharpe", n=3).height == 3
