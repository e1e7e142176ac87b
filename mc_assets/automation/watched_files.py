"""Files that people drop: which series they belong to, and whether they changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.files import FileProvider
from mc_assets.providers.registry import make_provider

__all__ = ["series_files", "signature", "strange_files"]


def series_files(config: MarketDataConfig) -> dict[str, list[Path]]:
    """Return the files that each series is read from; none of a series of a network provider.

    A series whose files have not come has an empty list.
    """
    found = {}
    for series in config.series:
        provider = _file_provider(config, series)
        if provider is not None:
            try:
                found[series.key] = provider.files(series.asked, series.timeframe)
            except (MarketDataError, OSError):
                found[series.key] = []
    return found


def strange_files(config: MarketDataConfig, files: dict[str, list[Path]]) -> list[Path]:
    """Return files in the folders that series are read from that belong to none of them."""
    known = {path for own in files.values() for path in own}
    folders: dict[Path, tuple[str, ...]] = {}
    for series in config.series:
        provider = _file_provider(config, series)
        if provider is None or "{symbol}" not in provider.options.path:
            continue
        template = provider.options.path.partition("{symbol}")[0]
        folder = (config.folder / template).resolve() if template else config.folder.resolve()
        folders[folder if folder.is_dir() else folder.parent] = provider.endings
    return sorted(
        path
        for folder, endings in folders.items()
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_file() and path not in known and path.suffix.removeprefix(".").lower() in endings
    )


def signature(paths: list[Path]) -> str:
    """Return a text that changes when one of the files comes, goes or is written; "" of none."""
    seen = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        seen.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16] if seen else ""


def _file_provider(config: MarketDataConfig, series: SeriesConfig) -> FileProvider | None:
    provider = make_provider(series.provider, series.options, config.folder, where=series.key)
    return provider if isinstance(provider, FileProvider) else None
