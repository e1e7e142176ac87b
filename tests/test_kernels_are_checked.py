"""Lines of compiled functions, which coverage cannot see, are compared with something independent.

`pyproject.toml` leaves the functions under these decorators out of the share of lines that ran. In
return every file that holds some is named here, with tests that compare what it computes with a
plain twin, a closed form or another program.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

SOURCES, CALIBRATION = "tests/engine/sources", "tests/engine/calibration"
TWIN = "tests/engine/execution/test_event_loop_twin.py"
METRICS = "tests/engine/strategies/test_metrics_against_plain.py"
PRICING = "tests/engine/pricing"
POSITIONS = "tests/engine/options/test_positions.py"
BOOK = "tests/engine/options/test_book.py"
BOOK_UNDERLYING = "tests/engine/options/test_book_underlying.py"
INDICATORS = "tests/engine/strategies/test_indicators.py"
BUILT_INS = "tests/engine/strategies/test_built_ins_twin.py"

TICKS = "tests/engine/ticks/test_twin.py"

CHECKED_BY = {
    "engine/ticks/accounts.py": TICKS,
    "engine/ticks/bar_indicators.py": "tests/engine/ticks/test_bar_indicators.py",
    "engine/ticks/batch_form.py": "tests/engine/ticks/test_batch_form.py",
    "engine/ticks/compiling.py": TICKS,
    "engine/ticks/exchange.py": TICKS,
    "engine/ticks/feed.py": "tests/engine/ticks/test_latency.py",
    "engine/ticks/handles.py": TICKS,
    "engine/ticks/hearing.py": TICKS,
    "engine/ticks/indicators.py": "tests/engine/ticks/test_indicators.py",
    "engine/ticks/linked.py": TICKS,
    "engine/ticks/messages.py": "tests/engine/ticks/test_latency.py",
    "engine/ticks/metrics.py": "tests/engine/ticks/test_metrics.py",
    "engine/ticks/ordering.py": TICKS,
    "engine/ticks/queue.py": TICKS,
    "engine/calibration/curve_sums.py": f"{CALIBRATION}/test_kalman.py",
    "engine/calibration/egarch.py": f"{CALIBRATION}/test_egarch.py",
    "engine/calibration/garch.py": f"{CALIBRATION}/test_garch.py",
    "engine/calibration/hamilton.py": f"{CALIBRATION}/test_hamilton.py",
    "engine/calibration/heston_history.py": f"{CALIBRATION}/test_heston.py",
    "engine/calibration/kalman.py": f"{CALIBRATION}/test_kalman.py",
    "engine/calibration/poisson_mixture.py": f"{CALIBRATION}/test_merton_optimum.py",
    "engine/calibration/quasi_newton.py": f"{CALIBRATION}/test_merton_optimum.py",
    "engine/calibration/reversion_interval.py": f"{CALIBRATION}/test_parameter_intervals.py",
    "engine/calibration/smoother.py": f"{CALIBRATION}/test_filtered_states.py",
    "engine/compiled/elementary.py": "tests/engine/compiled/test_elementary.py",
    "engine/execution/benchmark_metrics.py": "tests/engine/execution/test_curve_metrics.py",
    "engine/compiled/trigonometry.py": "tests/engine/compiled/test_trigonometry.py",
    "engine/environment/acting.py": "tests/engine/environment/test_equals_studies.py",
    "engine/environment/deciding.py": "tests/engine/environment/test_policies.py",
    "engine/environment/observing.py": "tests/engine/environment/test_features.py",
    "engine/environment/reward.py": "tests/engine/environment/test_rewards.py",
    "engine/environment/rollouts.py": "tests/engine/environment/test_fitness.py",
    "engine/environment/stepping.py": "tests/engine/environment/test_rewards.py",
    "engine/execution/broker.py": TWIN,
    "engine/execution/costs.py": TWIN,
    "engine/execution/curve_metrics.py": "tests/engine/execution/test_curve_metrics.py",
    "engine/execution/currencies.py": "tests/engine/execution/test_currencies.py",
    "engine/execution/equity.py": TWIN,
    "engine/execution/excess.py": "tests/engine/execution/test_rates.py",
    "engine/execution/exits.py": TWIN,
    "engine/execution/fills.py": TWIN,
    "engine/execution/financing.py": "tests/engine/execution/test_exact_accounts.py",
    "engine/execution/financing_metrics.py": "tests/engine/execution/test_financing_metrics.py",
    "engine/execution/group_calls.py": "tests/engine/execution/test_all_or_none.py",
    "engine/execution/handles.py": TWIN,
    "engine/execution/ledger.py": TWIN,
    "engine/execution/margin.py": TWIN,
    "engine/execution/matching.py": TWIN,
    "engine/execution/linked.py": "tests/engine/jobs/test_metric_groups.py",
    "engine/execution/guard.py": "tests/engine/execution/test_guard.py",
    "engine/execution/liquidation.py": TWIN,
    "engine/execution/lone_fills.py": "tests/engine/execution/test_lone_market_orders.py",
    "engine/execution/lots.py": "tests/engine/execution/test_exact_accounts.py",
    "engine/execution/marks.py": "tests/engine/execution/test_marks.py",
    "engine/execution/metrics.py": METRICS,
    "engine/execution/orders.py": TWIN,
    "engine/execution/readings.py": "tests/engine/execution/test_handles.py",
    "engine/execution/reducing.py": TWIN,
    "engine/execution/rotation.py": "tests/engine/execution/test_rotation.py",
    "engine/execution/sessions.py": "tests/engine/execution/test_session.py",
    "engine/execution/signals.py": "tests/engine/strategies/test_vector_form.py",
    "engine/execution/settling.py": "tests/engine/execution/test_inner_interface.py",
    "engine/execution/sizing.py": "tests/engine/execution/test_sizing.py",
    "engine/execution/sequence.py": TWIN,
    "engine/execution/state.py": "tests/engine/strategies/test_windows.py",
    "engine/execution/tape.py": "tests/engine/strategies/test_fill_tape.py",
    "engine/execution/together.py": "tests/engine/execution/test_all_or_none.py",
    "engine/execution/trailing.py": TWIN,
    "engine/execution/walk.py": TWIN,
    "engine/execution/ways.py": TWIN,
    "engine/jobs/path_metrics.py": "tests/engine/jobs/test_path_metrics.py",
    "engine/options/book.py": BOOK,
    "engine/options/book_american.py": BOOK_UNDERLYING,
    "engine/options/book_contracts.py": "tests/engine/options/test_book_contracts.py",
    "engine/options/book_entries.py": BOOK,
    "engine/options/book_exits.py": BOOK_UNDERLYING,
    "engine/options/book_hooks.py": "tests/engine/options/test_hooks.py",
    "engine/options/book_margin.py": BOOK,
    "engine/options/book_marks.py": BOOK,
    "engine/options/book_rule_margin.py": BOOK,
    "engine/options/book_underlying.py": BOOK_UNDERLYING,
    "engine/options/chain_marks.py": "tests/engine/options/test_chain_marks.py",
    "engine/options/closing.py": POSITIONS,
    "engine/options/deviations.py": "tests/engine/options/test_path_smile.py",
    "engine/options/handles.py": "tests/engine/options/test_hooks.py",
    "engine/options/listings.py": "tests/engine/options/test_listings.py",
    "engine/options/loop.py": POSITIONS,
    "engine/options/metrics.py": POSITIONS,
    "engine/options/path_margin.py": "tests/engine/options/test_path_margin.py",
    "engine/options/path_reads.py": "tests/engine/options/test_conditions.py",
    "engine/options/positions.py": POSITIONS,
    "engine/options/pricing.py": POSITIONS,
    "engine/options/scan_rules.py": "tests/engine/options/test_scan.py",
    "engine/options/smile_rows.py": "tests/engine/options/test_smile.py",
    "engine/options/spread.py": POSITIONS,
    "engine/options/strategy_rules.py": "tests/engine/options/test_margin.py",
    "engine/options/strike_grid.py": "tests/engine/options/test_listings.py",
    "engine/options/volatility.py": "tests/engine/options/test_volatility.py",
    "engine/pricing/barone_adesi_whaley.py": f"{PRICING}/test_american.py",
    "engine/pricing/early_exercise.py": f"{PRICING}/test_american.py",
    "engine/pricing/european_rows.py": f"{PRICING}/test_european.py",
    "engine/pricing/implied_deviation.py": f"{PRICING}/test_implied_volatility.py",
    "engine/pricing/implied_volatility.py": f"{PRICING}/test_implied_volatility.py",
    "engine/pricing/lognormal.py": f"{PRICING}/test_european.py",
    "engine/pricing/merton_prices.py": f"{PRICING}/test_merton_prices.py",
    "engine/pricing/mills.py": f"{PRICING}/test_european.py",
    "engine/pricing/normal.py": f"{PRICING}/test_european.py",
    "engine/pricing/schwartz.py": f"{PRICING}/test_schwartz.py",
    "engine/pricing/heston_gradient.py": "tests/engine/pricing/test_heston_gradient.py",
    "engine/randomness/normals.py": "tests/engine/randomness/test_normals.py",
    "engine/randomness/philox.py": "tests/engine/randomness/test_philox.py",
    "engine/resampling/draws.py": "tests/engine/resampling/test_draws.py",
    "engine/resampling/walks.py": "tests/engine/resampling/test_walks.py",
    "engine/sources/autoregression.py": f"{CALIBRATION}/test_switching_regression.py",
    "engine/sources/bar_shape.py": f"{SOURCES}/test_bridge.py",
    "engine/sources/bridge.py": f"{SOURCES}/test_bridge.py",
    "engine/sources/correlated.py": f"{SOURCES}/test_correlated.py",
    "engine/sources/gbm.py": f"{SOURCES}/test_gbm.py",
    "engine/sources/egarch.py": "tests/engine/sources/test_egarch.py",
    "engine/sources/innovations.py": "tests/engine/sources/test_egarch.py",
    "engine/sources/garch.py": f"{SOURCES}/test_garch.py",
    "engine/sources/heston_kernels.py": f"{SOURCES}/test_heston.py",
    "engine/sources/jumps.py": f"{SOURCES}/test_merton.py",
    "engine/sources/kou.py": f"{SOURCES}/test_kou.py",
    "engine/sources/merton.py": f"{SOURCES}/test_merton.py",
    "engine/sources/range_start.py": f"{SOURCES}/test_bridge.py",
    "engine/sources/regime_switching.py": f"{SOURCES}/test_regime_switching.py",
    "engine/sources/resample.py": f"{SOURCES}/test_bootstrap.py",
    "engine/sources/rolling_futures.py": f"{SOURCES}/test_rolling_futures.py",
    "engine/sources/sampling.py": f"{SOURCES}/test_sampling.py",
    "engine/sources/stressed.py": "tests/engine/sources/test_stressed.py",
    "engine/sources/variance_start.py": f"{SOURCES}/test_variance_start.py",
    "engine/sources/t_copula.py": "tests/engine/sources/test_t_copula.py",
    "engine/sources/schwartz_1f.py": f"{SOURCES}/test_schwartz_1f.py",
    "engine/sources/schwartz_2f.py": f"{SOURCES}/test_schwartz_2f.py",
    "engine/sources/seasonality.py": f"{SOURCES}/test_schwartz_1f.py",
    "engine/sources/shocks.py": f"{SOURCES}/test_gbm.py",
    "engine/sources/sub_bars.py": f"{SOURCES}/test_sub_bars.py",
    "engine/sources/warm_up.py": f"{SOURCES}/test_warm_up.py",
    "engine/strategies/compiling.py": BUILT_INS,
    "engine/strategies/directional_movement.py": INDICATORS,
    "engine/strategies/expression_code.py": "tests/engine/strategies/test_expressions.py",
    "engine/strategies/indicator_code.py": INDICATORS,
    "engine/strategies/indicator_formulas.py": INDICATORS,
    "engine/strategies/indicators/vwap.py": INDICATORS,
    "engine/strategies/kernel.py": BUILT_INS,
    "engine/strategies/loop.py": BUILT_INS,
    "engine/strategies/simple_means.py": INDICATORS,
    "engine/ticks/zero_intelligence_kernels.py": "tests/engine/ticks/test_zero_intelligence.py",
    "engine/strategies/vector_form.py": "tests/engine/strategies/test_vector_form.py",
}


def excluded(project: Path) -> re.Pattern[str]:
    """The decorators whose functions coverage leaves out."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    rules = settings["tool"]["coverage"]["report"]["exclude_also"]
    return re.compile("|".join(rule for rule in rules if "@(" in rule), re.MULTILINE)


def test_every_file_with_compiled_functions_is_compared_with_something_independent(
    project: Path,
) -> None:
    decorator = excluded(project)
    found = {
        str(path.relative_to(project))
        for path in (project / "engine").rglob("*.py")
        if decorator.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(CHECKED_BY)
    for test in set(CHECKED_BY.values()):
        assert "def test_" in (project / test).read_text(encoding="utf-8"), test


def test_nothing_else_of_the_engine_is_left_out(project: Path) -> None:
    decorator = excluded(project)
    assert decorator.search("    @part\n    def f(): ...")
    assert decorator.search("@kernel(boundscheck=True)\ndef f(): ...")
    assert not decorator.search("@property\ndef f(): ...")
    assert not decorator.search("# as @kernel does")
    for path in (project / "mc_assets").rglob("*.py"):
        assert not decorator.search(path.read_text(encoding="utf-8")), path
