"""Policy files: what is learned, on which paths, and on which others it is judged."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from engine.errors import Refusal
from engine.jobs.settings import Settings
from engine.studies.definition import Seeds, SourceDefinition
from engine.studies.study_name import check_study_name
from engine.yaml_text import YamlError, read_yaml_file
from mc_assets.policy_files import MOST_TRAININGS

__all__ = ["EvaluationDefinition", "PolicyFile", "RuleDefinition", "TrainingDefinition"]

_LEAST_TRAININGS: Final = 5
_MOST_EPISODES: Final = 10_000


class TrainingDefinition(Settings):
    """How weights are searched: the genetic method of `mc.evolve_policy`."""

    trainings: int = Field(
        _LEAST_TRAININGS,
        ge=_LEAST_TRAININGS,
        le=MOST_TRAININGS,
        description="How often, each time by a seed of its own, from 0 on: what one training comes "
        "to may be luck.",
    )
    seeds: Seeds = Field(
        16, validate_default=True, description="Paths to train on, as seeds of a study."
    )
    generations: int = Field(20, ge=1, le=10_000, description="Generations of the search.")
    hidden: list[int] = Field(
        default_factory=list, max_length=4, description="Sizes of hidden layers; none: linear."
    )
    bound: float = Field(2.0, gt=0.0, le=1e6, description="Weights lie between plus and minus it.")
    fitness: dict[str, float] = Field(
        default_factory=dict, description="Weights of `mc.GeneticFitness` that differ."
    )
    until: datetime.date | None = Field(
        None,
        description="Last day of bars and calibrations that training knows; what follows is "
        "held out.",
    )

    @field_validator("hidden")
    @classmethod
    def _sizes(cls, hidden: list[int]) -> list[int]:
        for size in hidden:
            if not 1 <= size <= 256:
                raise Refusal("", str(size), "sizes from 1 to 256")
        return hidden


class RuleDefinition(Settings):
    """A rule that stands beside the trainings: long where a feature is above a number."""

    feature: str = Field(description="One of the policy's features.")
    above: float = Field(0.0, description="In the feature's own units.")
    otherwise: Literal["flat", "short"] = Field("flat", description="What it is elsewhere.")


class EvaluationDefinition(Settings):
    """On what the trainings are judged, beside buying and holding."""

    source: SourceDefinition | None = Field(
        None, description="Another source, such as history held out; by default that of training."
    )
    seeds: Seeds = Field(
        {"count": 100, "start": 1_000_000},
        validate_default=True,
        description="Paths to judge on, none of which was trained on.",
    )
    episode: int | Literal["session"] | None = Field(
        None, description="As of the policy; by default its own."
    )
    start: Any = Field(None, description="As of the policy; by default its own.")
    rules: dict[str, RuleDefinition] = Field(
        default_factory=dict,
        max_length=20,
        description="Rules by name that the agent has to be ahead of, too.",
    )


class PolicyFile(Settings):
    """A policy: its environment, as the arguments of `mc.make_env`, its training, its judgement."""

    name: str = Field(description="Names its folder, and its partition in Dagster.")
    description: str = Field("", description="What is to be learned, in a sentence.")
    nightly: bool = Field(
        False,
        description="Whether the nightly chain judges it after each session; trainings on bars "
        "or calibrations that have changed are made anew.",
    )
    market: str = Field("mes_daily", description="A market of `mc.make_env`.")
    source: SourceDefinition = Field(description="Paths to train on, as of a study.")
    features: str | list[str] = Field("relative", description="What is observed, by name.")
    actions: Literal["sides", "target"] = Field("sides", description="What is decided.")
    episode: int | Literal["session"] | None = Field(None, description="Bars of an episode.")
    start: Any = Field("first", description="Where on its path an episode begins.")
    units: float | None = Field(None, gt=0.0, description="Largest position.")
    execution: dict[str, Any] = Field(
        default_factory=dict, description="Settings in place of the market's."
    )
    ruin: float = Field(0.0, ge=0.0, lt=1.0, description="Share of the cash that ends an episode.")
    training: TrainingDefinition = Field(
        default_factory=lambda: TrainingDefinition.model_validate({})
    )
    evaluation: EvaluationDefinition = Field(
        default_factory=lambda: EvaluationDefinition.model_validate({})
    )

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        return check_study_name(name)

    @field_validator("features", mode="before")
    @classmethod
    def _names(cls, features: Any) -> Any:
        many = isinstance(features, list) and all(isinstance(name, str) for name in features)
        if not (many and features) and not (isinstance(features, str) and features):
            raise Refusal("", repr(features), "a name, or a list of names")
        return features

    @classmethod
    def read(cls, path: Path) -> PolicyFile:
        """Read and check a file.

        Raises
        ------
        Refusal
            Names the file, the field, what was found and what is allowed.
        """
        try:
            content = read_yaml_file(path)
            if not isinstance(content, dict):
                raise Refusal("policy", type(content).__name__, "a mapping with name and source")
            return cls.of(content)
        except YamlError as error:
            where = "policy" if error.line is None else f"line {error.line}"
            raise Refusal(
                where, error.problem, "valid YAML with each key once", file=path
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal("policy", f"{path}: {error}", "a readable YAML file") from None
        except Refusal as refusal:
            raise refusal.in_file(path) from None

    def training_seeds(self) -> list[int]:
        """Return the seeds that are trained on.

        Raises
        ------
        Refusal
            If there are too many, or no such seed set.
        """
        return _episodes(self.training.seeds, "training.seeds")

    def evaluation_seeds(self) -> list[int]:
        """Return the seeds that are judged on.

        Raises
        ------
        Refusal
            If there are too many, or one of the same source was trained on.
        """
        found = _episodes(self.evaluation.seeds, "evaluation.seeds")
        both = sorted({*found} & {*self.training_seeds()})
        if self.evaluation.source is None and both:
            raise Refusal(
                "evaluation.seeds",
                f"{both[0]}, which is trained on",
                "seeds apart from those of training, or a source of its own",
            )
        return found


def _episodes(seeds: Any, field: str) -> list[int]:
    from engine.studies.seeds import SeedRange, resolve_seeds

    count = seeds.count if isinstance(seeds, SeedRange) else 0
    try:
        found = [] if count > _MOST_EPISODES else resolve_seeds(seeds).tolist()
    except Refusal as refusal:
        raise Refusal(field, refusal.found, refusal.allowed) from None
    count = count or len(found)
    if count > _MOST_EPISODES:
        raise Refusal(field, f"{count:,} seeds", f"up to {_MOST_EPISODES:,}")
    return found
