"""Every command has its place in one group, and the help shows the groups."""

from __future__ import annotations

from typer.testing import CliRunner

from mc_assets.cli import app, command_groups
from mc_assets.cli.command_groups import typed_name


def test_every_command_is_in_one_group_and_is_registered() -> None:
    names = [command.name for group in command_groups().values() for command in group]
    assert len(set(names)) == len(names)
    registered = {
        typed_name(entry.callback): entry.rich_help_panel
        for group in (app, *(family.typer_instance for family in app.registered_groups))
        if group is not None
        for entry in group.registered_commands
        if entry.callback
    }
    assert registered == {
        command.name: group for group, commands in command_groups().items() for command in commands
    }


def test_the_groups_cover_the_work_in_its_order() -> None:
    work = ["Data", "Studies", "Searches", "Learning", "Results", "Checks", "System"]
    assert list(command_groups()) == [*work, "Paper trading"]


def test_every_command_says_what_it_does_in_a_sentence() -> None:
    for commands in command_groups().values():
        for command in commands:
            assert command.help.endswith("."), command.name
            assert command.name == typed_name(command.function)


def test_the_help_shows_every_group_and_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout
    places = [text.index(f" {group} ") for group in command_groups()]
    assert places == sorted(places)
    for commands in command_groups().values():
        assert all(f" {command.name.split()[0]} " in text for command in commands)
