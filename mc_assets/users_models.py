"""The price models that a series is calibrated with, a user's own among them."""

from __future__ import annotations

from pathlib import Path

from mc_assets.market_data.config import ModelEntry, SeriesConfig

__all__ = ["load_models", "model_choice"]


def model_choice(series: SeriesConfig) -> tuple[str, ...]:
    """Names of the models that a series is calibrated with.

    Those that `SeriesConfig.models` names, or every built-in one that its data can carry.
    """
    if series.models is not None:
        return tuple(dict.fromkeys(entry.model for entry in series.models))
    from engine.calibration import PANEL_MODELS, SPOT_MODELS

    curve = PANEL_MODELS if series.provider == "futures" else ()
    return tuple(dict.fromkeys((*SPOT_MODELS, *curve)))


def load_models(series: SeriesConfig, folder: Path) -> dict[str, str]:
    """Import the files that define a series' own models, so that they are found by name.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    folder : Path
        Folder that relative paths start from: that of the series file.

    Returns
    -------
    dict of str to str
        What is wrong, by the name of each model that cannot be used.
    """
    from engine.sources import load_user_sources

    wrong: dict[str, str] = {}
    for entry in series.models or ():
        if entry.file is not None:
            try:
                names = load_user_sources(folder / entry.file)
                if entry.model not in names:
                    wrong[entry.model] = _missing(entry, names)
            except Exception as error:  # Whatever a user's file raises.
                own = isinstance(error, ValueError)
                wrong[entry.model] = str(error) if own else f"{type(error).__name__}: {error}"
    return wrong


def _missing(entry: ModelEntry, names: tuple[str, ...]) -> str:
    return f"{entry.file}: found no model {entry.model!r}, allowed {', '.join(names)}"
