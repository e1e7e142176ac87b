"""The price models that a series is calibrated with, a user's own among them."""

from __future__ import annotations

from pathlib import Path

from engine.calibration import SPOT_MODELS
from mc_assets.market_data.config import ModelEntry, SeriesConfig

__all__ = ["calibrated_models", "load_models", "with_every_model"]

# Estimated on the curve of every futures series, whatever models are named for it.
_ON_EVERY_CURVE = ("schwartz_2f",)


def calibrated_models(series: SeriesConfig) -> dict[str, ModelEntry]:
    """Return the models that are calibrated for a series on every as-of date, by name.

    Those that `SeriesConfig.models` names, or every one that bars alone can calibrate; for a
    futures series ``schwartz_2f`` as well.
    """
    named = series.models or tuple(ModelEntry(model=model) for model in SPOT_MODELS)
    curve = _ON_EVERY_CURVE if series.provider == "futures" else ()
    return {model: ModelEntry(model=model) for model in curve} | {
        entry.model: entry for entry in named
    }


def with_every_model(series: SeriesConfig) -> SeriesConfig:
    """Return a series with every model that bars can calibrate beside those that it names."""
    every = calibrated_models(series.model_copy(update={"models": None}))
    return series.model_copy(update={"models": (*(every | calibrated_models(series)).values(),)})


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
    wrong: dict[str, str] = {}
    for entry in series.models or ():
        if entry.file is not None:
            from engine.sources import load_user_sources  # which loads Numba

            try:
                names = load_user_sources(folder / entry.file)
                if entry.model not in names:
                    wrong[entry.model] = _missing(entry, names)
            except Exception as error:  # A user's file may raise anything.
                own = isinstance(error, ValueError)
                wrong[entry.model] = str(error) if own else f"{type(error).__name__}: {error}"
    return wrong


def _missing(entry: ModelEntry, names: tuple[str, ...]) -> str:
    return f"{entry.file}: found no model {entry.model!r}, allowed {', '.join(names)}"
