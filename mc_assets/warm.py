"""Compile a project's kernels ahead of their use, in a process of its own.

The first run of a checkout compiles its kernels for half a minute; doing so on another core while
bars come in hides most of it. Later runs find them on disk.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.calibration import Calibration

__all__ = ["start_warming", "warm_kernels"]


def start_warming() -> subprocess.Popen[bytes]:
    """Start `warm_kernels` in a process of its own and return it.

    What goes wrong in it goes wrong again, with a message, where the kernels are used.
    """
    command = [sys.executable, "-c", "from mc_assets.warm import warm_kernels; warm_kernels()"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )


def warm_kernels() -> None:
    """Run every study of the project on one seed and made-up bars: this compiles what they use."""
    from engine.studies import Study, load_definition

    market_data = _MadeUpMarketData()
    for path in Project.from_environment().study_files.values():
        definition = load_definition(path).model_copy(update={"seeds": [1], "until": None})
        Study.from_definition(definition, path).run(market_data=market_data, workers=1)


class _MadeUpMarketData:
    """Bars and calibrations of the right types; their values do not matter."""

    def bars(self, symbol: str, timeframe: str) -> Bars:
        import numpy as np

        from engine.bars import Bars
        from engine.calendar import BarCalendar

        close = 100.0 * np.exp(0.01 * np.cumsum(np.sin(np.arange(600.0) ** 2)))
        opened = np.concatenate([close[:1], close[:-1]])
        return Bars(
            symbol,
            np.arange(600, dtype=np.int64) * 86_400_000_000,
            opened,
            np.maximum(opened, close),
            np.minimum(opened, close),
            close,
            np.ones(600),
            BarCalendar("XNYS", timeframe),
        )

    def calibration(
        self, symbol: str, timeframe: str, model: str, as_of: Literal["latest"] | datetime.date
    ) -> Calibration:
        from engine.calibration import calibrate

        return calibrate(model, self.bars(symbol, timeframe))
