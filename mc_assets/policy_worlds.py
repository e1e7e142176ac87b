"""The environments of a policy file: the one it learns in, and the one it is judged in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engine.errors import Refusal
from mc_assets.policy_file import PolicyFile
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.environment import Policy
    from engine.environment.played import PlayedEnvironments
    from engine.studies.definition import SourceDefinition
    from engine.studies.resolve_source import ResolvedSource

__all__ = ["PolicyWorlds"]

# Environments of a judgement that are stepped together.
_MOST_TOGETHER: Final = 64


class PolicyWorlds:
    """Where a policy learns and where it is judged.

    Parameters
    ----------
    project : Project
        Where series and calibrations are looked up.
    asked : PolicyFile
        The policy.
    file : Path
        Its file; it anchors relative paths.

    Raises
    ------
    Refusal
        If the source, the market or a feature cannot be used.
    """

    def __init__(self, project: Project, asked: PolicyFile, file: Path) -> None:
        self._project, self._asked, self._file = project, asked, file
        self._seeds = asked.training_seeds()
        self._origin = self._resolved(asked.source, "", until=True)
        #: Environments of training, normalised on its seeds.
        self.training = self._env(
            asked.source,
            self._origin,
            len(self._seeds),
            episode=asked.episode,
            start=asked.start,
            seeds=self._seeds,
        )

    def made_of(self) -> dict[str, Any]:
        """Return what decides a training, and the data behind it, as plain values."""
        from engine.compiled.version import ENGINE_VERSION
        from engine.environment import GeneticFitness, Policy
        from engine.jobs.canonical import short_hash

        training, batch = self._asked.training, self.training.unwrapped.batch
        fitness = GeneticFitness(**self.fitness()).weights
        policy = Policy.zeros(self.training, training.hidden).digest
        deciding = [
            *(ENGINE_VERSION, policy, batch.episodes.source.fingerprint(), fitness, self._seeds),
            *(batch.execution.model_dump(mode="json"), batch.episodes.episode_bars),
            *(str(batch.settings.start), batch.settings.ruin, batch.episodes.warm_up),
            *(
                training.generations,
                training.bound,
                batch.episodes.source.start_prices(batch.settings.s0),
            ),
        ]
        return {
            "key": short_hash(deciding),
            "policy": policy,
            "engine_version": ENGINE_VERSION,
            "source": batch.episodes.source.name,
            "data": self._origin.lineage.data,
            **asdict(self._origin.lineage),
        }

    def fitness(self) -> dict[str, float]:
        """Return the weights of fitness that the file gives.

        Raises
        ------
        Refusal
            If one is unknown.
        """
        from engine.environment import GeneticFitness

        known = GeneticFitness().weights
        for name in self._asked.training.fitness:
            if name not in known:
                raise Refusal("training.fitness", name, ", ".join(known))
        return dict(self._asked.training.fitness)

    def evaluation(self) -> Any:
        """Return the environment of the judgement, normalised as in training.

        Raises
        ------
        Refusal
            If its source cannot be used, or is history that training has seen.
        """
        asked = self._asked.evaluation
        given = asked.source or self._asked.source
        origin = self._origin
        if asked.source is not None:
            origin = self._resolved(asked.source, "evaluation.", until=False)
        env = self._env(
            given,
            origin,
            len(self._asked.evaluation_seeds()),
            episode=self._asked.episode if asked.episode is None else asked.episode,
            start=self._asked.start if asked.start is None else asked.start,
            normalise=self.training.normalisation,
            # A policy trades the units that it learned with, here and as a strategy.
            units=tuple(self.training.unwrapped.batch.limits.tolist()),
        )
        self._check_held_out(env, origin)
        return env

    def rules(self, env: Any) -> dict[str, Policy]:
        """Return the rules that the agent is judged beside, by name.

        Raises
        ------
        Refusal
            If the feature of one is not observed.
        """
        from engine.environment.threshold_rule import threshold_rule

        found = {}
        for name, rule in self._asked.evaluation.rules.items():
            try:
                found[name] = threshold_rule(env, rule.feature, rule.above, rule.otherwise)
            except Refusal as refusal:
                raise refusal.within(f"evaluation.rules.{name}") from None
        return found

    def _resolved(self, source: SourceDefinition, place: str, *, until: bool) -> ResolvedSource:
        from engine.studies.resolve_source import resolve_source
        from mc_assets.stored_market_data import StoredMarketData

        as_of = self._asked.training.until if until else None
        market_data = StoredMarketData(self._project, as_of=as_of)
        try:
            found = resolve_source(source, market_data, self._file.parent)
            unusable = {
                "parameters": "values that are swept or drawn" if found.swept or found.draw else "",
                "sub_bars": str(source.sub_bars) if source.sub_bars != 1 else "",
                "bars": repr(source.bars) if source.bars == "close" else "",
            }
            for name, what in unusable.items():
                if what:
                    allowed = {"parameters": "one value each", "sub_bars": "1", "bars": "'ohlc'"}
                    raise Refusal(f"source.{name}", what, allowed[name])
        except Refusal as refusal:
            raise refusal.within(place.rstrip(".")) from None
        return found

    def _env(
        self, given: SourceDefinition, origin: ResolvedSource, count: int, **more: Any
    ) -> PlayedEnvironments:
        from engine.environment.played import PlayedEnvironments

        asked = self._asked
        settings: dict[str, Any] = {
            "source": origin.source,
            "features": asked.features,
            "actions": asked.actions,
            "steps": given.steps,
            "warm_up": given.warm_up,
            "units": asked.units,
            "execution": asked.execution or None,
            "ruin": asked.ruin,
            **more,
        }
        if given.model_fields_set & {"symbol", "exchange", "timeframe"}:
            settings["calendar"] = origin.calendar
        start = given.s0 if given.s0 is not None else origin.last_close
        if start is not None:
            settings["s0"] = start
        return PlayedEnvironments(min(count, _MOST_TOGETHER), asked.market, **settings)

    def check_affordable(self, env: Any, seeds: Sequence[int], field: str) -> None:
        """Refuse units that the cash cannot buy: nothing would trade, and nobody would know.

        Raises
        ------
        Refusal
            If being long all the time never holds a position in some episode.
        """
        from engine.environment import Policy
        from engine.environment.evaluation import always_long, play_episodes

        long = always_long(Policy.zeros(self.training))
        idle = int((play_episodes(env, long, seeds).leaning == 0.0).sum())
        if idle:
            units = float(env.unwrapped.batch.limits[0])
            raise Refusal(
                "units",
                f"{units:g}, which are refused in {idle} of {len(seeds)} episodes of {field}",
                "fewer, or more cash",
            )

    def _check_held_out(self, env: Any, origin: ResolvedSource) -> None:
        """Refuse history that training has seen."""
        episodes = env.unwrapped.batch.episodes
        if not episodes.one_path or episodes.timestamps is None:
            return
        stamps = episodes.timestamps[episodes.warm_up :]
        symbols = {entry.symbol for entry in origin.lineage.bars}
        seen = [entry for entry in self._known() if entry[0] in symbols]
        for symbol, last in seen:
            after = int((stamps > last).sum())
            if after < len(stamps):
                day = np.datetime64(last, "us").astype("datetime64[D]")
                raise Refusal(
                    "evaluation.source.steps",
                    f"{len(stamps):,} bars of {symbol}, of which training has seen those to {day}",
                    f"up to {after:,}, the bars after them",
                    hint="`training.until` names the last day that training knows",
                )

    def _known(self) -> list[tuple[str, int]]:
        """Return symbols, and the last instant of each that training has seen."""
        lineage = self._origin.lineage
        known = [(entry.symbol, entry.last_bar.rstrip("Z")) for entry in lineage.bars]
        if not known and lineage.calibration is not None:
            known = [(lineage.calibration.symbol, f"{lineage.calibration.as_of}T23:59:59")]
        return [(name, int(np.datetime64(last, "us").astype(np.int64))) for name, last in known]
