"""Study files and their errors."""

from __future__ import annotations

import itertools
import re
import tracemalloc
from pathlib import Path

import pytest

from engine.errors import Refusal
from engine.studies.loader import load_definition, parse_definition
from engine.studies.overrides import override
from engine.studies.values import uniform

STUDY = """
name: sma
source: {model: gbm, parameters: {mu: 0.1}, steps: 252}
strategy: {name: sma_crossover, parameters: {fast: [5, 10], slow: {linspace: [50, 100, 3]}}}
constraint: fast < slow
seeds: stage_1
"""


def test_a_study_file_is_read_with_its_defaults() -> None:
    study = parse_definition(STUDY)
    assert study.strategy.parameters == {"fast": [5, 10], "slow": [50, 75, 100]}
    assert study.constraint == ["fast < slow"]
    assert study.storage == "parquet"
    assert study.record.equity == 0
    assert study.failure_allowance == 0.05


def test_the_shipped_studies_are_valid(project: Path) -> None:
    studies = {path.stem: path for path in (project / "studies").glob("*.yaml")}
    assert {"sma_crossover_gbm", "buy_and_hold_bootstrap"} <= set(studies)
    for name, path in studies.items():
        assert load_definition(path).name == name


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("constraint", "constrain", "constrain: found unknown key (did you mean 'constraint'?)"),
        (
            "steps",
            "stepz",
            "source.stepz: found unknown key (did you mean 'steps'?), allowed adjustment",
        ),
        ("steps: 252", "steps: x", "source.steps: found 'x', allowed a valid integer"),
        ("steps: 252", "steps: 0", "source.steps: found 0, allowed greater than 0"),
        ("[5, 10]", "[]", "strategy.parameters.fast: found an empty list, allowed at least one"),
        ("[5, 10]", "[5, 5]", "strategy.parameters.fast: found 5 twice"),
        ("linspace", "linspac", "strategy.parameters.slow: found 'linspac', allowed linspace"),
        ("stage_1", "{count: 0}", "seeds.count: found 0, allowed greater than 0"),
        ("stage_1", "{coun: 3}", "seeds.coun: found unknown key (did you mean 'count'?)"),
        ("seeds: stage_1", "", "seeds: this field is required"),
        ("name: sma\n", "name: a/b\n", "name: found 'a/b', allowed text without"),
        ("seeds: stage_1", "seeds: stage_1\nseeds: 3", "line 7: found the key 'seeds' twice"),
        ("seeds: stage_1", "seeds: [1", "text that is not YAML (did not find expected ',' or ']')"),
        ("{mu: 0.1}", "draw", "source.parameters: found 'draw' without a calibration"),
        ("seeds: stage_1", "seeds: s\nstorage: x", "storage: found 'x', allowed 'parquet'"),
        ("seeds: stage_1", "seeds: s\nworkers: 0", "workers: found 0, allowed 'auto' or greater"),
        (
            "seeds: stage_1",
            "seeds: s\nuntil: {half_width: 1}",
            "until.max_seeds: this field is required",
        ),
    ],
)
def test_a_mistake_is_named_with_file_field_found_and_allowed(
    old: str, new: str, expected: str
) -> None:
    with pytest.raises(Refusal) as caught:
        parse_definition(STUDY.replace(old, new, 1), Path("my.yaml"))
    text = str(caught.value)
    assert text.startswith("my.yaml: ")
    assert expected in text
    assert "allowed" in text or "required" in text
    assert "\n" not in text


def test_a_missing_file_and_a_file_that_is_no_mapping_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no file"):
        load_definition(tmp_path / "absent.yaml")
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(Refusal, match="found list, allowed a mapping"):
        load_definition(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refusal, match=r"list\.yaml"):
        load_definition(path)


def test_the_example_of_the_readme_is_a_study(project: Path) -> None:
    text = (project / "studies" / "README.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    study = parse_definition(example)
    assert study.strategy.parameters["slow"] == [20, 40, 60, 80, 100]
    assert study.until is not None


def test_numbers_are_those_of_yaml_1_2() -> None:
    text = STUDY.replace("{mu: 0.1}", "{mu: [1e-2, 2E-2, 1.5e-1], sigma: {uniform: [1e-1, .5]}}")
    study = parse_definition(text.replace("stage_1", "1_000") + "search: {count: 1e1}\n")
    assert study.source.parameters["mu"] == [0.01, 0.02, 0.15]
    assert study.source.parameters["sigma"] == uniform(0.1, 0.5)
    assert (study.seeds.count, study.search.count) == (1000, 10)  # type: ignore[union-attr]


@pytest.mark.parametrize("number", ["010", "1:30", "0o17", "1e", "e5", "--1", "1.2.3"])
def test_text_that_only_looks_like_a_number_is_none(number: str) -> None:
    study = parse_definition(STUDY.replace("[5, 10]", f"[5, {number}]"))
    assert study.strategy.parameters["fast"] == [5, number]


def test_anchors_merge_and_the_keys_beside_them_win() -> None:
    text = STUDY.replace("{mu: 0.1}", "&of {mu: 0.1, sigma: 0.3}")
    text = text.replace("[5, 10]", "&both [5, 10]") + "execution: {<<: {cash: 5, slippage: *both}}"
    assert parse_definition(text).execution == {"cash": 5, "slippage": [5, 10]}
    text = STUDY.replace("{mu: 0.1}", "{<<: {mu: 0.1, sigma: 0.3}, mu: 0.2}")
    assert parse_definition(text).source.parameters == {"mu": [0.2], "sigma": [0.3]}
    with pytest.raises(Refusal, match="the key 'mu' twice"):
        parse_definition(STUDY.replace("{mu: 0.1}", "{<<: {sigma: 0.3}, mu: 0.2, mu: 0.3}"))


def test_a_section_with_nothing_in_it_is_as_if_it_were_not_there() -> None:
    empty = "record:\nexecution:\nuntil:\nsearch:\nconstraint:\n"
    text = STUDY.replace("constraint: fast < slow\n", "")
    assert parse_definition(text + empty) == parse_definition(text)
    with pytest.raises(Refusal, match="seeds: this field is required"):
        parse_definition(STUDY.replace("seeds: stage_1", "seeds:"))


@pytest.mark.parametrize("setting", ["seeds", "workers", "paths_per_seed", "source.steps", "name"])
def test_yes_and_no_are_no_numbers(setting: str) -> None:
    key = setting.rpartition(".")[2]
    text = re.sub(rf"\b{key}: \w+", f"{key}: yes", STUDY)
    text += "" if f"{key}: yes" in text else f"{key}: yes\n"
    with pytest.raises(Refusal, match=f"^{setting}: found True, allowed"):
        parse_definition(text)


def test_lists_nested_without_end_are_one_sentence() -> None:
    with pytest.raises(Refusal, match="more than 32 levels deep"):
        parse_definition(STUDY.replace("stage_1", "[" * 5000 + "]" * 5000))


# --- files that are made to harm --------------------------------------------------------------


def test_a_bomb_of_aliases_is_refused_before_anything_is_made_of_it(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for last, name in itertools.pairwise("abcdefghij"):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]")
    file = tmp_path / "bomb.yaml"
    file.write_text("\n".join(lines))
    tracemalloc.start()
    with pytest.raises(Refusal, match=r"bomb\.yaml: line \d+: found more than 200,000 values"):
        load_definition(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: " + "[" * 200 + "]" * 200, "levels deep"),
        ("? [a, b]\n: 1\n", "a key that is a list or a mapping"),
        ("name: !!python/object/apply:os.system [ls]\n", "the tag"),
        ("cash: " + "9" * 5000 + "\n", "a number of more than 400 digits"),
        ("a: &a [*a]\n", r"the alias \*a inside of what it stands for"),
        ("name: a\nname: b\n", "the key 'name' twice"),
    ],
)
def test_text_that_is_made_to_harm_is_one_sentence(text: str, expected: str) -> None:
    with pytest.raises(Refusal, match=expected) as found:
        parse_definition(text)
    assert len(str(found.value)) < 300


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as content:
        content.truncate(20_000_000)
    with pytest.raises(Refusal, match="a file of more than 4,000,000 characters"):
        load_definition(file)


def test_settings_on_the_command_line_are_read_within_the_same_limits() -> None:
    definition = parse_definition(STUDY)
    with pytest.raises(Refusal, match="allowed a YAML value"):
        override(definition, ["execution.cash=!!python/name:os.system ''"])
