"""Which rows of which Parquet files belong to which study, as tables to join with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

import engine
from engine.errors import Refusal
from engine.results.seed_positions import SeedPositions

if TYPE_CHECKING:
    from engine.jobs.plan import Piece
    from engine.results import Results

__all__ = ["Seeded", "StudyCells", "study_cells"]


log = logging.getLogger(__name__)

# Seeds whose rows are held at once.
_MOST_SEEDS: Final = 1_000_000


@dataclass(frozen=True)
class Seeded:
    """The seeds of a study by the stored part that has them.

    Parameters
    ----------
    study : str
        Its name.
    positions : SeedPositions
        Where its seeds stand.
    pieces : tuple of Piece
        The stored cells that serve it.
    """

    study: str
    positions: SeedPositions
    pieces: tuple[Piece, ...]


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
    seeded : tuple of Seeded
        The seeds of every study: see `seeds`.
    rows : polars.DataFrame
        A row per study: ``study``, ``world``, ``simulations`` that are stored, how many of them
        ``failed``, ``parameter_sets`` and ``seeds`` that have any.
    files : dict of str to list of Path
        Parquet files by table.
    damages : tuple of str
        Sentences about parts and studies that were left out because a file of theirs is damaged.
    """

    sets: pl.DataFrame
    seeded: tuple[Seeded, ...]
    rows: pl.DataFrame
    files: dict[str, list[Path]]
    damages: tuple[str, ...]

    def seeds(self) -> Iterator[pl.DataFrame]:
        """Yield a row per study, stored part and seed, so many at once as fit into memory.

        Yields
        ------
        polars.DataFrame
            ``study``, ``piece``, ``seed``, ``position`` (of the seed in the study).
        """
        held = [pl.DataFrame(schema=_SEEDS)]
        for one in self.seeded:
            for number, piece in enumerate(one.pieces):
                seeds = piece.seeds
                table = pl.DataFrame({"seed": seeds, "position": one.positions.of(seeds)})
                table = table.with_columns(
                    pl.lit(one.study).alias("study"), pl.lit(number).alias("piece")
                )
                held.append(table.select(pl.col(k).cast(v) for k, v in _SEEDS.items()))
                if sum(map(len, held)) >= _MOST_SEEDS:
                    yield pl.concat(held)
                    held = []
        if held:
            yield pl.concat(held)

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
    seeded: list[Seeded] = []
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
        positions = SeedPositions(results.seeds)
        if results.pieces:
            rows.append(_counted(results, positions))
        seeded.append(Seeded(study, positions, results.pieces))
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
            for name, entry in piece.manifest.files.items():
                if recorded[name]:
                    files[name][data / entry["path"]] = None
    return StudyCells(
        pl.concat(sets),
        tuple(seeded),
        pl.DataFrame(rows, schema=_ROWS),
        {name: list(found) for name, found in files.items()},
        tuple(damages),
    )


def _counted(results: Results, positions: SeedPositions) -> dict[str, object]:
    """Count the simulations of a study by what its parts say of themselves, not row by row."""
    there = np.zeros(positions.count, dtype=np.bool_)
    for piece in results.pieces:
        there[positions.of(piece.seeds)] = True
    return {
        "study": results.name,
        "world": results.summary.world,
        "simulations": len(results),
        "failed": len(results.failures),
        "parameter_sets": len(np.unique(np.concatenate([p.sets for p in results.pieces]))),
        "seeds": int(there.sum()),
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
