"""The bits of option studies: stored rows are found again while these hold."""

from __future__ import annotations

import hashlib

import numpy as np

import engine as mc
from engine.options.engine import OPTIONS_VERSION

OIL = mc.Schwartz2F(mu=0.05, r=0.05, kappa=1.876, sigma_spot=0.393, sigma_yield=0.527, rho=0.766)
COSTS = {"multiplier": 100.0, "commission": 1.5, "exercise_fee": 1.0, "spread": {"percent": 5.0}}
GROUPS = {"metrics": ["bar_trading", "equity_curve", "options"]}
SCENARIOS = [
    ("short_strangle", mc.GBM(mu=0.1, sigma=0.4), {"profit_target": [None, 0.3]}, {}),
    (
        "short_strangle",
        OIL,
        {"strikes": ["deviations", "delta"], "put_otm": 0.3, "call_otm": 0.25, "stop_loss": 1.0},
        {"underlying": "future", "future_days": 3, "strike_step": 0.25},
    ),
    (
        "short_put",
        mc.Schwartz1F(mu=4.0),
        {"strikes": "points", "roll_at_dte": 5},
        {"underlying": "future", "volatility": {"kind": "model", "premium": 1.1}},
    ),
    (
        "iron_condor",
        mc.Heston(),
        {"dte": 45, "entry_every": 10},
        {"volatility": {"kind": "realised"}, "pricing": "black_scholes", "rate": 0.03},
    ),
    ("calendar_spread", mc.Merton(), {}, {"volatility": 30.0, "pricing": "bachelier"}),
    (
        "short_strangle",
        OIL,
        {"positions": 3, "entry_every": 5, "hedge_band": 0.1, "sizing": "margin", "roll": "credit"},
        {"underlying": "future", "greeks": True, "underlying_costs": {"points": 0.01}},
    ),
    (
        "wheel",
        mc.GBM(mu=0.0, sigma=0.4),
        {"exit_delta": [None, 0.7]},
        {"pricing": "black_scholes", "rate": 0.05, "exercise": "american", "greeks": True},
    ),
]

# Of `OPTIONS_VERSION`, then of the rows.
GOLDEN = ("5", "cd8ce31f9974e622")


def digest() -> str:
    found = hashlib.sha256()
    for name, source, parameters, options in SCENARIOS:
        study = mc.Study(
            "golden", source, name, parameters, seeds=3, steps=130, s0=60.0, record=GROUPS,
            options=COSTS | options,
        )  # fmt: skip
        rows = study.run(workers=1).frame
        assert rows["status"].to_list() == ["ok"] * len(rows)
        first = rows.columns.index("net_pnl")
        found.update(np.ascontiguousarray(rows[:, first:].to_numpy()).tobytes())
    return found.hexdigest()[:16]


def test_rows_of_option_studies_keep_their_bits() -> None:
    renew = "raise OPTIONS_VERSION in engine/options/engine.py and state both here"
    assert (OPTIONS_VERSION, digest()) == GOLDEN, renew
