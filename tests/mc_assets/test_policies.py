"""Policies of files: trained by seeds, kept, judged on unseen paths, shown in Dagster."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from typer.testing import CliRunner

import engine as mc
from mc_assets.answers.policies import judge_policy, list_policies, train_policy
from mc_assets.answers.strategy_on_bars import find_strategy
from mc_assets.cli import app
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.offered_studies import POLICIES, offer_studies
from mc_assets.policy_files import policy_files, policy_names
from mc_assets.project import Project
from tests.mc_assets.mc_here import call_here

# A drift that no cost can hide: whoever is long earns, and buying and holding cannot be beaten.
RISING = """
name: rising
market: mes_daily
source: {model: gbm, steps: 40, parameters: {mu: 1.0, sigma: 0.1}}
features: [return_1]
training: {seeds: 3, generations: 2}
evaluation: {seeds: {count: 6, start: 100}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies" / "policies").mkdir(parents=True)
    (tmp_path / "studies" / "policies" / "rising.yaml").write_text(RISING)
    (tmp_path / "series.yaml").write_text("series: []\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MC_HOME", str(tmp_path))
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_SERIES", str(tmp_path / "series.yaml"))
    return tmp_path


def _write(home: Path, text: str) -> Project:
    (home / "studies" / "policies" / "rising.yaml").write_text(text)
    return Project.from_environment()


def _materialize(instance: dg.DagsterInstance, name: str, *keys: str) -> dict[str, Any]:
    """Run partitions of an asset as a backfill does; return their metadata by key."""
    from mc_assets.definitions import defs
    from mc_assets.defs.partitions import batch_tags

    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name)],
        tags=batch_tags(keys[0], keys[-1]),
        raise_on_error=True,
    )
    checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    made = {
        str(one.partition): {key: entry.value for key, entry in one.metadata.items()}
        for one in done.asset_materializations_for_node(name)
    }
    return made | {"checks": checks}


def _learns() -> None:
    project = Project.from_environment()
    found: dict[str, Any] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, project)
        found["offered"] = list(instance.get_dynamic_partitions(POLICIES))
        made = _materialize(instance, "trained_policies", "rising|00", "rising|01")
        found["keys"] = sorted(set(made) - {"checks"})
        first = made["rising|00"]
        found["first"] = {key: str(value)[:300] for key, value in first.items()}
        found["differ"] = first["data_version"] != made["rising|01"]["data_version"]
        # More trainings than the file asks for are judged, too.
        _materialize(instance, "trained_policies", "rising|07", "rising|07")
        judged = _materialize(instance, "policy_evaluations", "rising")
        found["checks"] = judged["checks"]
        found["judged"] = {key: str(value) for key, value in judged["rising"].items()}
        _write(Path.cwd(), RISING.replace("mu: 1.0", "mu: 0.9"))
        other = _materialize(instance, "trained_policies", "rising|00", "rising|00")["rising|00"]
        found["anew"] = other["made_of"]["key"] != first["made_of"]["key"]
    print(json.dumps(found))


def test_trainings_by_seed_and_their_judgement_are_pages_of_dagster(home: Path) -> None:
    places = {"MC_DATA": str(home / "data"), "MC_SERIES": str(home / "series.yaml")}
    done = call_here(_learns, places=places | {"MC_HOME": str(home)}, folder=home)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["offered"] == ["rising"]
    assert found["keys"] == ["rising|00", "rising|01"]
    first = found["first"]
    assert first["learning_curve"].startswith("![rising|00](data:image/png;base64,")
    assert first["generations"] == "2"
    assert "'engine_version'" in first["made_of"]
    assert "'commit'" in first["code"]
    assert found["differ"]
    judged = found["judged"]
    assert judged["trainings"] == "6"
    assert judged["evaluation"].splitlines()[0].startswith("| name | runs | episodes | iqm |")
    assert [line.split(" | ")[0] for line in judged["evaluation"].splitlines()[2:]] == [
        "| agent",
        "| buy and hold",
    ]
    assert judged["pictures"].count("data:image/png;base64,") == 2
    # Being long is all that there is to learn: the agent is not ahead of buying and holding.
    assert "it is not clearly ahead of buy and hold" in judged["verdict"]
    assert found["checks"] == {"something_was_learned": False}
    assert found["anew"]


def test_a_training_goes_on_where_it_stopped_and_does_not_depend_on_threads(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project.from_environment()
    first = train_policy(project, "rising", 3)
    (trained,) = (home / "data" / "policies" / "rising").glob("*/03/trained.json")
    generations = sorted((trained.parent / "generations").glob("*.parquet"))
    assert len(generations) == len(first.curve) == 2
    # As a kill leaves it: the first generation, and nothing after it.
    stamp = generations[0].stat().st_mtime_ns
    trained.unlink()
    generations[1].unlink()
    resumed = train_policy(project, "rising", 3, workers=2)
    assert resumed.policy.digest == first.policy.digest
    assert resumed.curve.equals(first.curve)
    assert generations[0].stat().st_mtime_ns == stamp
    # What is there is read, and is the same policy.
    read = train_policy(project, "rising", 3)
    assert read.policy.digest == first.policy.digest
    assert read.curve.equals(first.curve)
    trained.write_bytes(trained.read_bytes()[:-20])
    assert train_policy(project, "rising", 3).policy.digest == first.policy.digest
    assert str(trained) in caplog.text
    shutil.rmtree(trained.parent)
    assert train_policy(project, "rising", 3).policy.digest == first.policy.digest


def test_a_policy_is_trained_listed_and_saved_as_a_strategy_by_commands(home: Path) -> None:
    before = json.loads(CliRunner().invoke(app, ["policies", "--json"]).stdout)
    assert [(row["policy"], row["trainings"], row["judged"]) for row in before] == [
        ("rising", 5, 0)
    ]
    arguments = ["train", "rising", "--save", "strategies/risen.py"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert done.stdout.startswith(f"rising: {told['verdict']}")
    assert told["seeds"] == [0, 1, 2, 3, 4]
    assert {row["seed"] for row in told["curves"]} == {0, 1, 2, 3, 4}
    best = told["seeds"][told["fitness"].index(max(told["fitness"]))]
    assert f"training {best}" in done.stdout
    after = json.loads(CliRunner().invoke(app, ["policies", "--json"]).stdout)
    assert (after[0]["judged"], after[0]["verdict"]) == (5, told["verdict"])
    assert mc.load_user_strategies(home / "strategies" / "risen.py") == ("risen",)
    risen = mc.get_strategy("risen")
    declared = risen.parameters["training"]
    assert (declared.default, declared.low, declared.high) == (best, 0, 4)
    kept = [train_policy(Project.from_environment(), "rising", seed).policy for seed in range(5)]
    assert risen.code_hash() == kept[best].strategy("risen", kept).code_hash()


JUDGED = """
name: judged
source: {model: gbm, steps: 40, parameters: {mu: 1.0, sigma: 0.1}}
strategy: {policy: POLICY, parameters: {training: [0, 1]}}
seeds: 2
"""


def test_a_trained_policy_is_a_strategy_by_its_name(home: Path) -> None:
    project = Project.from_environment()
    study = home / "studies" / "judged.yaml"
    study.write_text(JUDGED.replace("POLICY", "rising"))
    with pytest.raises(ValueError, match=r"'rising', which was not trained.*`mc train rising`"):
        mc.load_study(study).run()
    judged = judge_policy(project, "rising")
    kept = [one.policy for one in judged.trainings]
    wanted = judged.best.policy.strategy("rising", kept).code_hash()
    results = mc.load_study(study).run()
    assert results.statistics(names=["mean_net_pnl"])["training"].to_list() == [0, 1]
    assert mc.get_strategy("rising").code_hash() == wanted
    # Panels, judgements and audits find it by its name; studies run it under others of its fields.
    assert find_strategy(project, "rising") == "rising"
    for wrong, said in (
        ("{policy: rising, file: a.py}", "strategy.file: found 'a.py', allowed nothing beside"),
        ("{policy: rising, name: other}", "strategy.name: found 'other', allowed nothing beside"),
        ("{policy: ../rising}", "strategy.policy: found '../rising', allowed text without /"),
    ):
        study.write_text(JUDGED.replace("{policy: POLICY, parameters: {training: [0, 1]}}", wrong))
        with pytest.raises(ValueError, match=re.escape(said)):
            mc.load_study(study)


PLAYED = """
name: played
source: {model: gbm, steps: 40, exchange: CMES, s0: 5000, parameters: {mu: 0.0, sigma: 0.17}}
strategy: {name: agent, file: ../strategies/agent.py}
execution:
  cash: 25000
  instrument: MES
  commission: {per_unit: 0.62}
  slippage: {ticks: 1}
  position_limit: 1
seeds: [7, 9]
"""


def test_an_episode_is_replayed_by_the_seed_it_was_played_on(home: Path) -> None:
    env = mc.make_env("mes_daily", features=["return_1"], steps=40)
    rng = np.random.default_rng(3)
    policy = mc.Policy.of(
        env, [(rng.normal(size=(3, env.observation_space.shape[0])), np.zeros(3))]
    )
    policy.save(home / "strategies" / "agent.py")
    (home / "studies" / "played.yaml").write_text(PLAYED)
    ran = CliRunner().invoke(app, ["run", "played"])
    assert ran.exit_code == 0, ran.exception
    for simulation, seed in enumerate((7, 9)):
        seen, _ = env.reset(seed=seed)
        truncated = False
        while not truncated:
            seen, _, _, truncated, info = env.step(policy.act(seen))
        again = CliRunner().invoke(
            app, ["replay", "played", str(simulation), "--no-picture", "--json"]
        )
        told = json.loads(again.stdout)
        assert told["seed"] == seed
        assert told["metrics"]["net_pnl"] == info["episode"]["net_pnl"]
        assert len(told["trades"]) == info["episode"]["metrics"]["trades"] > 3


def test_a_policy_file_to_begin_with_can_be_trained(home: Path) -> None:
    assert CliRunner().invoke(app, ["new", "policy", "trends"]).exit_code == 0
    again = CliRunner().invoke(app, ["new", "policy", "trends"])
    assert str(again.exception).startswith("name: found 'trends', a policy that exists")
    made = train_policy(Project.from_environment(), "trends", 0)
    assert len(made.curve) == 10
    assert made.fitness > 0.0


def test_the_policy_of_this_repository_learns_what_there_is(home: Path, project: Path) -> None:
    folder = Path("studies") / "policies"
    shutil.copy(project / folder / "follow_trends.yaml", home / folder)
    found = judge_policy(Project.from_environment(), "follow_trends")
    assert found.report.learned
    assert found.report.verdict.startswith("the agent earns ")


def test_names_come_from_the_files(home: Path) -> None:
    folder = home / "studies" / "policies"
    (folder / "broken.yaml").write_text("name: [")
    (folder / "odd.yaml").write_text("name: a|b\n")
    assert list(policy_files(folder)) == ["a|b", "broken", "rising"]
    assert policy_names(folder) == ["broken", "rising"]
    listed = list_policies(Project.from_environment())
    problems = dict(zip(listed["policy"], listed["problem"], strict=True))
    assert problems["rising"] is None
    assert str(folder / "broken.yaml") in problems["broken"]
    (folder / "same.yaml").write_text("name: rising\n")
    assert {"rising.yaml", "same.yaml"} < set(policy_files(folder))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("market: mes_daily", "market: moon", "market: found 'moon', allowed mes_intraday"),
        ("return_1", "return_x", "features: found 'return_x'"),
        ("return_1", "regime", "features: found 'regime'"),
        ("[return_1]", "[]", "features: found [], allowed a name, or a list of names"),
        ("model: gbm", "model: gbn", "source.model: found 'gbn'"),
        ("mu: 1.0", "mu: [1.0, 0.5]", "source.parameters: found values that are swept or drawn"),
        ("steps: 40", "steps: 40, sub_bars: 2", "source.sub_bars: found 2, allowed 1"),
        ("generations: 2", "generation: 2", "training.generation: found unknown key"),
        ("generations: 2", "trainings: 4", "training.trainings: found 4, allowed greater than"),
        ("generations: 2", "hidden: [0]", "training.hidden: found 0, allowed sizes from 1 to 256"),
        ("generations: 2", "fitness: {luck: 1}", "training.fitness: found luck, allowed mean_"),
        ("seeds: 3", "seeds: 20000", "training.seeds: found 20,000 seeds, allowed up to 10,000"),
        ("start: 100", "start: 2", "evaluation.seeds: found 2, which is trained on, allowed"),
        (
            "seeds: {count: 6, start: 100}",
            "source: {model: heston, symbol: NONE}",
            "evaluation.source.symbol: found 'NONE@1d'",
        ),
        (
            "start: 100}}",
            "start: 100}, rules: {a: {feature: rsi_14}}}",
            "evaluation.rules.a.feature: found 'rsi_14', allowed return_1",
        ),
        (
            "start: 100}}",
            "start: 100}, rules: {a: {feature: return_1, otherwise: long}}}",
            "evaluation.rules.a.otherwise: found 'long', allowed",
        ),
        ("name: rising", "name: a|b", "name: found 'a|b', allowed text without"),
        (RISING, "- 1", "policy: found list, allowed a mapping with name and source"),
        (RISING, "name: x\nname: y", "line 2: found"),
    ],
)
def test_what_cannot_be_learned_is_one_sentence_that_names_the_file(
    home: Path, old: str, new: str, sentence: str
) -> None:
    project = _write(home, RISING.replace(old, new))
    file = home / "studies" / "policies" / "rising.yaml"
    with pytest.raises(mc.Refusal) as told:
        judge_policy(project, str(file))
    assert str(told.value).startswith(f"{file}: {sentence}")
    assert "\n" not in str(told.value)
    assert not (home / "data" / "policies").exists()


def test_a_policy_that_is_not_there_and_a_file_that_is_no_strategy_are_refused(home: Path) -> None:
    with pytest.raises(mc.Refusal, match="policy: found 'falling', allowed a YAML file or one of"):
        train_policy(Project.from_environment(), "falling", 0)
    told = CliRunner().invoke(app, ["train", "rising", "--save", "strategies/a-b.py"])
    assert str(told.exception).startswith("save: found strategies/a-b.py, allowed a Python file")


def test_history_that_training_has_seen_is_not_held_out(home: Path, project: Path) -> None:
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    recent = [line for line in lines[1:] if "2012" <= line[:4] <= "2013"]
    (home / "X.csv").write_text("\n".join([lines[0], *recent]) + "\n")
    (home / "series.yaml").write_text(
        "series:\n  - {symbols: [X], provider: csv, start: 2012-01-03, end: 2013-12-31,\n"
        "     options: {path: X.csv}}\n"
    )
    config = load_series(home / "series.yaml")
    for year in (2012, 2013):
        ingest_raw(config, "X@1d", year, home / "data")
        normalise_year(config, "X@1d", year, home / "data")
    text = """
name: held_out
market: equity
source: {model: bootstrap, symbol: X, steps: 40}
features: [return_1]
units: 30
training: {seeds: 3, generations: 1, until: 2012-12-31}
evaluation:
  source: {model: historical, symbol: X, steps: STEPS}
  seeds: 4
  episode: 60
  start: random
"""
    after = sum(line[:4] == "2013" for line in recent)
    held = _write(home, text.replace("STEPS", str(after)))
    judged = judge_policy(held, "held_out")
    assert judged.report.table["episodes"].to_list() == [4, 4]
    long = judged.report.table.row(1, named=True)
    assert long["iqm"] != 0.0
    dear = _write(home, text.replace("STEPS", str(after)).replace("units: 30", "units: 100"))
    with pytest.raises(mc.Refusal, match="units: found 100, which are refused in 4 of 4 episodes"):
        judge_policy(dear, "held_out")
    (seen,) = judged.trainings[0].made_of["bars"]
    assert seen["last_bar"] < "2013"
    for steps, until in ((after + 1, "until: 2012-12-31"), (after, "")):
        asked = text.replace("STEPS", str(steps)).replace(", until: 2012-12-31", f", {until}")
        with pytest.raises(mc.Refusal, match=r"evaluation.source.steps: found .* has seen those"):
            judge_policy(_write(home, asked), "held_out")


def test_training_and_judging_need_no_gymnasium(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    for name in [name for name in sys.modules if name.startswith("engine.environment.trading")]:
        monkeypatch.delitem(sys.modules, name)
    found = judge_policy(Project.from_environment(), "rising")
    assert len(found.trainings) == 5


def test_a_rule_of_the_file_stands_beside_what_was_trained(home: Path) -> None:
    rules = (
        "rules: {always: {feature: return_1, above: -9.0}, never: {feature: return_1, above: 9}}"
    )
    text = RISING.replace("start: 100}}", f"start: 100}}, {rules}}}")
    found = judge_policy(_write(home, text), "rising").report
    rows = {row["name"]: row for row in found.table.to_dicts()}
    assert set(rows) == {"agent", "buy and hold", "always", "never"}
    assert rows["always"]["iqm"] == rows["buy and hold"]["iqm"] > 0.0
    assert rows["never"]["iqm"] == 0.0
