"""Policies that are learned: trainings by seed, kept and resumed, and what they are worth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.errors import Refusal
from engine.files import DamagedFile, read_json, write_json
from engine.studies.trained_policies import policy_strategy_file
from mc_assets.policy_files import find_policy_file
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.environment import AgentReport, Policy
    from mc_assets.policy_file import PolicyFile
    from mc_assets.policy_worlds import PolicyWorlds

__all__ = [
    "JudgedPolicy",
    "Trained",
    "check_strategy_file",
    "judge_policy",
    "list_policies",
    "save_policy",
    "train_policy",
]

log = logging.getLogger(__name__)

_TRAINED = "trained.json"
_EVALUATION = "evaluation.json"


@dataclass(frozen=True, eq=False)
class Trained:
    """One training of a policy.

    Parameters
    ----------
    name : str
        The policy.
    seed : int
        Of the training.
    policy : Policy
        The best that it found.
    fitness : float
        Its fitness on the training paths.
    curve : polars.DataFrame
        ``generation``, ``best`` and ``mean`` fitness.
    made_of : dict
        What decides it, with the bars and the calibration behind it.
    """

    name: str
    seed: int
    policy: Policy
    fitness: float
    curve: pl.DataFrame
    made_of: dict[str, Any]

    @property
    def seed_curve(self) -> pl.DataFrame:
        """The curve, with its ``seed`` in front."""
        return self.curve.select(pl.lit(self.seed).alias("seed"), pl.all())


@dataclass(frozen=True, eq=False)
class JudgedPolicy:
    """A policy, judged on paths that no training has seen.

    Parameters
    ----------
    name : str
        The policy.
    trainings : tuple of Trained
        What was judged.
    report : AgentReport
        The agent beside buying and holding.
    """

    name: str
    trainings: tuple[Trained, ...]
    report: AgentReport

    @property
    def curves(self) -> pl.DataFrame:
        """Learning curves: ``seed``, ``generation``, ``best`` and ``mean`` fitness."""
        return pl.concat(one.seed_curve for one in self.trainings)

    @property
    def best(self) -> Trained:
        """The training of the highest fitness on its own paths; the first of equals."""
        return max(self.trainings, key=lambda one: one.fitness)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "policy": self.name,
            "learned": self.report.learned,
            "verdict": self.report.verdict,
            "table": self.report.table.to_dicts(),
            "seeds": [one.seed for one in self.trainings],
            "fitness": [one.fitness for one in self.trainings],
            "curves": self.curves.to_dicts(),
            "made_of": self.trainings[0].made_of,
        }


def train_policy(project: Project, policy: str, seed: int, *, workers: int = 1) -> Trained:
    """Train a policy by one seed, or read what that training came to.

    Parameters
    ----------
    project : Project
        Its data folder keeps trainings by what decides them: one that was interrupted goes on from
        its last generation, and one of other data or settings begins anew beside it.
    policy : str
        Its name, or its file.
    seed : int
        Of the training, from 0 on.
    workers : int
        Threads; the result does not depend on them.

    Raises
    ------
    Refusal
        Names the file, the field, what was found and what is allowed.
    """
    asked, file = _asked(project, policy)
    try:
        return _Trainer(project, asked, file, workers).train(seed)
    except Refusal as refusal:
        raise refusal.in_file(file) from None


def judge_policy(
    project: Project,
    policy: str,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> JudgedPolicy:
    """Judge every training of a policy that is there, after making those that its file asks for.

    Parameters
    ----------
    project, policy, workers
        As of `train_policy`.
    progress : callable, optional
        Called with how many trainings are done, and of how many.

    Raises
    ------
    Refusal
        Names the file, the field, what was found and what is allowed.
    """
    from engine.environment import judge_policies

    asked, file = _asked(project, policy)
    try:
        # What cannot be judged is said before anything is trained.
        seeds = asked.evaluation_seeds()
        trainer = _Trainer(project, asked, file, workers)
        env = trainer.worlds.evaluation()
        trainer.worlds.check_affordable(env, seeds, "evaluation")
        rules = trainer.worlds.rules(env)
        wanted = sorted({*range(asked.training.trainings), *trainer.kept()})
        trainings = []
        for seed in wanted:
            trainings.append(trainer.train(seed))
            if progress is not None:
                progress(len(trainings), len(wanted))
        report = judge_policies(env, [one.policy for one in trainings], seeds=seeds, rules=rules)
    except Refusal as refusal:
        raise refusal.in_file(file) from None
    found = JudgedPolicy(asked.name, tuple(trainings), report)
    # By its name it is a strategy of studies, panels and audits from now on.
    save_policy(found, policy_strategy_file(project.data, asked.name))
    write_json(_folder(project, asked.name) / _EVALUATION, found.to_json())
    return found


def save_policy(found: JudgedPolicy, file: Path) -> Path:
    """Write a policy as the file of a strategy, called as the file is.

    Its parameter ``training`` says which training decides, by place in `found.trainings`; by
    default the one of the highest fitness on its own paths.

    Raises
    ------
    Refusal
        If the file's name is not that of a strategy.
    """
    check_strategy_file(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    return found.best.policy.save(file, trainings=[one.policy for one in found.trainings])


def check_strategy_file(file: Path) -> None:
    """Refuse a file whose name is not that of a strategy.

    Raises
    ------
    Refusal
        It says what may be.
    """
    if file.suffix != ".py" or not file.stem.isidentifier() or iskeyword(file.stem):
        raise Refusal("save", str(file), "a Python file whose name is that of the strategy")


def list_policies(project: Project) -> pl.DataFrame:
    """List the policies of a project.

    Returns
    -------
    polars.DataFrame
        ``policy``, ``market``, ``source``, ``trainings`` asked for, ``judged`` of them,
        ``learned``, ``verdict``, ``problem`` of a file that cannot be used, ``file``.
    """
    from mc_assets.policy_file import PolicyFile

    rows = []
    for name, file in project.policy_files.items():
        row: dict[str, Any] = {"policy": name, "file": str(file)}
        try:
            asked = PolicyFile.read(file)
        except Refusal as refusal:
            rows.append(row | {"problem": str(refusal)})
            continue
        row |= {"market": asked.market, "source": asked.source.model}
        row["trainings"] = asked.training.trainings
        try:
            judged = read_json(_folder(project, asked.name) / _EVALUATION)
        except FileNotFoundError:
            judged = {"seeds": [], "learned": None, "verdict": None}
        except DamagedFile as damage:
            log.warning("%s", damage)
            judged = {"seeds": [], "learned": None, "verdict": None}
        row |= {"judged": len(judged["seeds"]), "learned": judged["learned"]}
        rows.append(row | {"verdict": judged["verdict"]})
    schema = {
        **{"policy": pl.String, "market": pl.String, "source": pl.String, "trainings": pl.Int64},
        **{"judged": pl.Int64, "learned": pl.Boolean, "verdict": pl.String},
        **{"problem": pl.String, "file": pl.String},
    }
    return pl.DataFrame(rows, schema=schema)


class _Trainer:
    """Trainings of one policy file, in a folder called after what decides them."""

    def __init__(self, project: Project, asked: PolicyFile, file: Path, workers: int) -> None:
        from mc_assets.policy_worlds import PolicyWorlds

        self._asked, self._workers = asked, workers
        self.worlds: PolicyWorlds = PolicyWorlds(project, asked, file)
        self._made_of = self.worlds.made_of()
        self._folder = _folder(project, asked.name) / self._made_of["key"]

    def kept(self) -> list[int]:
        """Return the seeds whose trainings are there."""
        return sorted(int(path.parent.name) for path in self._folder.glob(f"[0-9]*/{_TRAINED}"))

    def train(self, seed: int) -> Trained:
        """Train by a seed, or read what it came to."""
        from engine.environment import GeneticFitness
        from engine.search import evolve_policy

        folder = self._folder / f"{seed:02d}"
        kept = self._read(folder, seed)
        if kept is not None:
            return kept
        training = self._asked.training
        found = evolve_policy(
            self.worlds.training,
            hidden=training.hidden,
            fitness=GeneticFitness(**self.worlds.fitness()),
            seeds=self._asked.training_seeds(),
            generations=training.generations,
            bound=training.bound,
            seed=seed,
            workers=self._workers,
            root=folder,
        )
        content = {
            "policy": found.policy.to_dict(),
            "fitness": found.fitness,
            "curve": found.curve.to_dicts(),
            "made_of": self._made_of,
        }
        write_json(folder / _TRAINED, content)
        return Trained(
            self._asked.name, seed, found.policy, found.fitness, found.curve, self._made_of
        )

    def _read(self, folder: Path, seed: int) -> Trained | None:
        from engine.environment import Policy

        try:
            content = read_json(folder / _TRAINED)
        except FileNotFoundError:
            return None
        except DamagedFile as damage:
            log.warning("%s; its generations make it again", damage)
            return None
        return Trained(
            self._asked.name,
            seed,
            Policy.from_dict(content["policy"]),
            content["fitness"],
            pl.DataFrame(content["curve"]),
            content["made_of"],
        )


def _asked(project: Project, policy: str) -> tuple[PolicyFile, Path]:
    from mc_assets.policy_file import PolicyFile

    file = find_policy_file(project.policies, policy)
    return PolicyFile.read(file), file


def _folder(project: Project, name: str) -> Path:
    return project.data / "policies" / name
