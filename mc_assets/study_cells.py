"""Which rows of which Parquet files belong to which study, as tables to join with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import engine
from engine.errors import Refusal

if TYPE_CHECKING:
    from engine.results import Results

__all__ = ["StudyCells", "study_cells"]


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyCells:
    """The current results of every study.

    Parameters
    ----------
    sets : polars.DataFrame
        A row per study, stored part and parameter set: ``study``, ``piece`` (number of the part
        within the study), ``world``, ``file``, ``set_id``, ``parameter_set``,
        ``parameter_sets``, ``paths_per_seed``, and whether the study records ``equity`` and
        ``trades``.
    seeds : polars.DataFrame
        A row per study, stored part and seed: ``study``, ``piece``, ``seed``, ``position`` (of
        the seed in the study).
    rows : polars.DataFrame
        A row per study: ``study``, ``world``, ``simulations`` that are stored, how many of them
        ``failed``, ``parameter_sets`` and ``seeds`` that have any.
    files : dict of str to list of Path
        Parquet files by table.
    damages : tuple of str
        Sentences about parts and studies that were left out because a file of theirs is damaged.
    """

    sets: pl.DataFrame
    seeds: pl.DataFrame
    rows: pl.DataFrame
    files: dict[str, list[Path]]
    damages: tuple[str, ...]

    def stored(self, recorded: str | None = None) -> int:
        """Count the simulations of all studies, or of those that record ``equity``."""
        rows = self.rows
        if recorded is not None:
            own = self.sets.filter(pl.col(recorded))["study"]
            rows = rows.filter(pl.col("study").is_in(own.unique().implode()))
        return int(rows["simulations"].sum())


def study_cells(data: Path) -> StudyCells:
    """Read what the studies under a data folder ask for, and which parts serve it."""
    sets = [pl.DataFrame(schema=_SETS)]
    seeds = [pl.DataFrame(schema=_SEEDS)]
    rows: list[dict[str, object]] = []
    damages: list[str] = []
    files: dict[str, dict[Path, None]] = {"simulations": {}, "equity": {}, "trades": {}}
    for marker in sorted(data.glob("results/*/current.json")):
        study = marker.parent.name
        try:
            results = engine.load_results(data, study)
        except (Refusal, OSError) as error:
            # One study's damage must not hide the others.
            damages.append(f"{error}; study {study} is left out until it runs again")
            log.warning("%s", damages[-1])
            continue
        damages += results.damages
        summary = results.summary
        recorded = {
            "simulations": True,
            "equity": summary.record.equity > 0,
            "trades": summary.record.trades,
        }
        if results.pieces:
            rows.append(_counted(results))
        position = dict(zip(results.seeds.tolist(), range(len(results.seeds)), strict=True))
        for number, piece in enumerate(results.pieces):
            own = {
                "set_id": results.set_ids[piece.sets].tolist(),
                "parameter_set": piece.sets,
            }
            same = {
                "study": study,
                "piece": number,
                "world": summary.world,
                "file": f"{piece.manifest.part}.parquet",
                "parameter_sets": summary.parameter_sets,
                "paths_per_seed": summary.paths_per_seed,
                "equity": recorded["equity"],
                "trades": recorded["trades"],
            }
            table = pl.DataFrame(own).with_columns(pl.lit(v).alias(k) for k, v in same.items())
            sets.append(table.select(pl.col(k).cast(v) for k, v in _SETS.items()))
            places = [position[seed] for seed in piece.seeds.tolist()]
            table = pl.DataFrame({"seed": piece.seeds, "position": places}).with_columns(
                pl.lit(study).alias("study"), pl.lit(number).alias("piece")
            )
            seeds.append(table.select(pl.col(k).cast(v) for k, v in _SEEDS.items()))
            for name, entry in piece.manifest.files.items():
                if recorded[name]:
                    files[name][data / entry["path"]] = None
    return StudyCells(
        pl.concat(sets),
        pl.concat(seeds),
        pl.DataFrame(rows, schema=_ROWS),
        {name: list(found) for name, found in files.items()},
        tuple(damages),
    )


def _counted(results: Results) -> dict[str, object]:
    """Count the simulations of a study by what its parts say of themselves, not row by row."""
    return {
        "study": results.name,
        "world": results.summary.world,
        "simulations": len(results),
        "failed": len(results.failures),
        "parameter_sets": len(np.unique(np.concatenate([p.sets for p in results.pieces]))),
        "seeds": len(np.unique(np.concatenate([p.seeds for p in results.pieces]))),
    }


_SETS = {
    "study": pl.String(),
    "piece": pl.Int32(),
    "world": pl.String(),
    "file": pl.String(),
    "set_id": pl.String(),
    "parameter_set": pl.Int32(),
    "parameter_sets": pl.Int64(),
    "paths_per_seed": pl.Int64(),
    "equity": pl.Boolean(),
    "trades": pl.Boolean(),
}
_SEEDS = {
    "study": pl.String(),
    "piece": pl.Int32(),
    "seed": pl.UInt64(),
    "position": pl.Int64(),
}
_ROWS = {
    "study": pl.String(),
    "world": pl.String(),
    "simulations": pl.Int64(),
    "failed": pl.Int64(),
    "parameter_sets": pl.Int64(),
    "seeds": pl.Int64(),
}
