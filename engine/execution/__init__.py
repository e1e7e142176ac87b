"""Orders, fills, costs and accounting: the event loop over one price path."""

from engine.execution.settings import Commission, Execution, Instrument, Slippage

__all__ = ["Commission", "Execution", "Instrument", "Slippage"]
