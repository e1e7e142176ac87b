"""The simulation library: price paths, strategies, studies and their statistics.

Everything public is here, loaded when first used, so ``import engine`` stays quick:

>>> import engine as mc
>>> block = mc.GBM(mu=0.05, sigma=0.2).paths(s0=100.0, steps=252, seeds=range(1000))
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from engine.models import BUILT_IN

# The public face by room; a name is imported from its room when it is first used.
_ROOMS: Final[dict[str, tuple[str, ...]]] = {
    "bars": ("Bars",),
    "own_data": ("read_csv",),
    "calendar": ("BarCalendar",),
    "price_block": ("PriceBlock",),
    "window": ("Window",),
    "sources": (
        *(model.class_name for model in BUILT_IN.values()),
        "PathModel",
        "SlowSourceWarning",
        "Source",
        "StepModel",
        "get_source",
        "joined",
        "load_user_sources",
        "make_source",
        "option",
        "parameter",
        "source_names",
    ),
    "calibration": (
        "Calibration",
        "Fit",
        "FuturesPanel",
        "OptionSurface",
        "calibrate",
        "calibrate_dates",
        "estimate_correlation",
        "try_calibrate",
    ),
    "calibration.filtered_states": ("kalman_filter",),
    "calibration.forecast": ("forecast",),
    "calibration.garch_start": ("garch_start",),
    "calibration.term_structure": ("term_structure", "volatility_term_structure"),
    "sources.block_length": ("block_length",),
    "sources.variance_start": ("VarianceStart",),
    "ticks": (
        "ArrayTicks",
        "FileTicks",
        "MergedTicks",
        "RawTicks",
        "TickBacktest",
        "TickBootstrap",
        "TickChunk",
        "TickRealism",
        "TickSettings",
        "TickStream",
        "TickSubset",
        "ZeroIntelligence",
        "backtest_ticks",
        "normalise_file",
        "read_ticks",
        "sample_ticks",
        "stored_ticks",
        "tick_days",
        "tick_realism",
        "ticks_between",
        "ticks_on_days",
        "walk_forward_ticks",
        "window_measures",
        "windows_by",
    ),
    "pricing": (
        "AmericanValues",
        "OptionValues",
        "american",
        "bachelier",
        "bates_price",
        "black76",
        "black_scholes",
        "heston_price",
        "implied_volatility",
        "merton_price",
        "schwartz_volatility",
    ),
    "options": (
        "ChainMarks",
        "Leg",
        "OptionChain",
        "OptionListing",
        "OptionSeries",
        "OptionSettings",
        "OptionStrategy",
        "StrikeBand",
        "StrikeGrid",
        "VolatilitySurface",
        "chain_marks",
        "option_listing",
        "option_margin",
        "read_option_chain",
        "scan_margin",
    ),
    "execution": ("Commission", "Execution", "Instrument", "Slippage"),
    "strategies": (
        "Account",
        "Bar",
        "Choice",
        "FillTape",
        "Float",
        "Indicator",
        "Int",
        "Order",
        "Strategy",
        "backtest",
        "get_strategy",
        "indicator_values",
        "load_user_strategies",
        "prepare_strategy",
        "strategy_names",
    ),
    "realism": ("compare_models", "compare_with_history"),
    "errors": ("Refusal",),
    "market_data": ("MarketData",),
    "jobs": ("Batch", "PreparedJob", "Replay", "StorageError", "StudyFailed", "StudyInterrupted"),
    "results": ("Results", "study_statistics"),
    "studies": (
        "Study",
        "choice",
        "integer",
        "linspace",
        "load_results",
        "load_seeds",
        "load_study",
        "log_integer",
        "log_uniform",
        "logspace",
        "normal",
        "run_block",
        "step_range",
        "uniform",
    ),
    "search": (
        "CrossValidation",
        "Search",
        "SearchOutcome",
        "SearchSpace",
        "WalkForward",
        "cross_validate",
        "evolve_policy",
        "make_sampler",
        "purged_splits",
        "reoptimisation_sweep",
        "walk_forward",
    ),
    "portfolio": ("Allocation", "Portfolio"),
    "resampling": ("Resampled", "resample"),
    "environment": (
        "AgentReport",
        "DifferentialSharpe",
        "DrawdownPenalised",
        "EpisodeReward",
        "GeneticFitness",
        "NetPnl",
        "Normalisation",
        "Policy",
        "Reward",
        "StepReward",
        "judge_policies",
        "make_env",
        "policy_strategy",
    ),
    "judging": ("Judgement", "Panel", "judge", "model_risk_panel"),
    "statistics.overfitting": ("probability_of_backtest_overfitting",),
    "statistics.sharpe_inference": (
        "deflated_sharpe_ratio",
        "minimum_backtest_length",
        "minimum_track_record_length",
        "probabilistic_sharpe_ratio",
    ),
    "statistics.rare_events": ("RareEvent", "rare_event"),
    "statistics.risk": ("conditional_value_at_risk", "value_at_risk"),
}
_HOMES: Final[dict[str, str]] = {
    name: f"engine.{room}" for room, names in _ROOMS.items() for name in names
}

#: Under this name Gymnasium makes our environments.
_ENVIRONMENT: Final = "mc/Trading-v0"

__all__ = sorted(_HOMES)


def _register() -> None:
    """Tell Gymnasium, where it is loaded, of our environments; nothing of ours is loaded by it."""
    gymnasium = sys.modules.get("gymnasium")
    if _ENVIRONMENT not in getattr(gymnasium, "registry", (_ENVIRONMENT,)):
        gymnasium.register(  # type: ignore[union-attr]
            _ENVIRONMENT,
            entry_point="engine.environment.trading_env:TradingEnv",
            vector_entry_point="engine.environment.trading_vector_env:TradingVectorEnv",
        )


_register()


def __getattr__(name: str) -> Any:
    if name == "testing":  # for those who write tests; needs Hypothesis
        return import_module("engine.testing")
    if name not in _HOMES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    _register()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Results(ModuleType):
    """The room `results`, which as a function opens them: ``mc.results("my study")``."""

    def __call__(self, study: str, root: Any = None) -> Any:
        """Open the results of a study.

        Parameters
        ----------
        study : str
            Name of the study.
        root : path or FileStore, optional
            The data root; by default that of the project, ``MC_DATA`` or its ``data/``.

        Returns
        -------
        Results
            As of `load_results`.

        Raises
        ------
        Refusal
            If there are none.
        """
        from engine.home import data_address, data_folder
        from engine.studies import load_results

        if root is None:
            root = data_address() or data_folder()
        return load_results(root, study)


import_module("engine.results").__class__ = _Results
