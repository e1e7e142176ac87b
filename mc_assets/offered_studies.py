"""Studies and policies in Dagster's own lists of partitions, kept in step with their files.

They are there rather than in the code, so that a new study appears while the UI is open, and one
that is gone leaves the lists. What it made stays and can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mc_assets.policy_files import policy_names
from mc_assets.project import Project
from mc_assets.study_files import partition_names, searched_studies, walked_studies

if TYPE_CHECKING:
    import dagster as dg

__all__ = [
    "POLICIES",
    "SEARCHED",
    "STUDIES",
    "WALKED",
    "WINDOWS",
    "OfferedStudies",
    "offer_studies",
]

#: Names of the lists in the instance: of every study, of those with an objective, of those that say
#: how they are walked forward, of the windows of these, of policies.
STUDIES: Final = "studies"
SEARCHED: Final = "searched_studies"
WALKED: Final = "walked_studies"
WINDOWS: Final = "windows"
POLICIES: Final = "policies"


@dataclass(frozen=True)
class OfferedStudies:
    """What changed of the studies that Dagster offers.

    Parameters
    ----------
    appeared, gone : list of str
        Names of studies.
    """

    appeared: list[str]
    gone: list[str]


def offer_studies(instance: dg.DagsterInstance, project: Project) -> OfferedStudies:
    """Bring the studies and policies that Dagster offers up to their files.

    Parameters
    ----------
    instance : DagsterInstance
        Where they are listed.
    project : Project
        Where the files are.
    """
    names = partition_names(project.studies)
    searches = set(searched_studies(project.studies))
    before = set(instance.get_dynamic_partitions(STUDIES))
    _offer(instance, STUDIES, names)
    _offer(instance, SEARCHED, [name for name in names if name in searches])
    walked = {name: n for name, n in walked_studies(project.studies).items() if name in names}
    _offer(instance, WALKED, walked)
    # A study has as many windows as it says: a grid would offer some that are not there.
    windows = [f"{name}@{number:03d}" for name, count in walked.items() for number in range(count)]
    _offer(instance, WINDOWS, windows)
    _offer(instance, POLICIES, policy_names(project.policies))
    return OfferedStudies(
        [name for name in names if name not in before], sorted(before - set(names))
    )


def _offer(instance: dg.DagsterInstance, partitions: str, wanted: Iterable[str]) -> None:
    names = list(wanted)
    stored = list(instance.get_dynamic_partitions(partitions))
    same = 0
    while stored[same : same + 1] == names[same : same + 1] != []:
        same += 1
    # Dagster lists keys as they were added, and a range is what lies between two of them.
    for key in stored[same:]:
        instance.delete_dynamic_partition(partitions, key)
    if names[same:]:
        instance.add_dynamic_partitions(partitions, names[same:])
