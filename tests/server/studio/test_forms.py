"""Forms: every field of every command that trains, and values that come through as the command line would have them."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
import tyro

from orrery.cli import COMMANDS, parse
from orrery.config import as_mapping, as_toml, from_mapping, read_recipe
from orrery.server.errors import Problem
from orrery.server.studio.forms import Forms
from orrery.server.studio.jobs import _without_none

FORMS = Forms(COMMANDS)
NAMES = [name.command for name in FORMS.names()]
REQUIRED = {"model": "runs/a/sft", "reward_model": "runs/a/reward", "teacher": "runs/b/grpo"}


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of a form that are no groups, by their dotted names."""
    for name, field in schema["properties"].items():
        if "properties" in field:
            yield from leaves(field, f"{path}{name}.")
        else:
            yield path + name, field


def required(command: str) -> dict[str, Any]:
    return {name: REQUIRED[name] for name in FORMS.form(command).fields["required"]}


def test_the_commands_that_train_have_forms_and_no_others() -> None:
    assert {"speedrun", "pretrain", "sft", "reward", "dpo", "ppo", "grpo", "best-of-n", "distill"} <= set(NAMES)
    assert not {"chat", "serve", "studio", "eval", "runs", "sweep"} & set(NAMES)


@pytest.mark.parametrize("command", NAMES)
def test_a_form_has_the_flags_of_the_command_line_and_their_help(command: str) -> None:
    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.suppress(SystemExit):
        tyro.cli(FORMS.config(command), args=["--help"], prog="orrery", console_outputs=True)
    said = " ".join("".join(sign for sign in words.getvalue() if sign not in "│╭╰─╮╯").split())
    fields = dict(leaves(FORMS.form(command).fields))
    assert len(fields) > 10
    for name, field in fields.items():
        assert f"--{name.replace('_', '-')}" in said, name
        for word in field["description"].split():
            assert word in said, f"{name}: {word}"


@pytest.mark.parametrize("command", NAMES)
def test_the_defaults_of_a_form_are_those_of_the_command_and_survive_as_a_recipe(command: str, tmp_path: Any) -> None:
    cls, given = FORMS.config(command), required(command)
    plain = from_mapping(given, cls, "test")
    values = FORMS.values(command, given)
    assert values == as_mapping(plain)
    for name, field in leaves(FORMS.form(command).fields):
        if "default" in field:
            value: Any = values
            for part in name.split("."):
                value = value[part]
            assert field["default"] == value, name
    path = tmp_path / "recipe.toml"
    path.write_text(as_toml({"command": command, **_without_none(values)}))
    assert read_recipe(path, cls, command) == plain
    known = next(one for one in COMMANDS if one.words == command)
    assert parse(known, [*command.split(), "--recipe", str(path)]) == plain


def test_a_value_within_a_group_leaves_the_defaults_of_that_group_as_the_command_has_them() -> None:
    given = {"pretrain": {"rows": 4, "optimizer": {"clip": 0.5}}}
    values, usual = FORMS.values("speedrun", given), FORMS.values("speedrun", {})
    assert values["pretrain"]["rows"] == 4 and values["pretrain"]["optimizer"]["clip"] == 0.5
    assert values["pretrain"]["optimizer"]["lr"] == usual["pretrain"]["optimizer"]["lr"] == 0.012


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({}, "model", "required"),
        ({"model": "a", "minutse": 3}, None, "did you mean 'minutes'"),
        ({"model": "a", "minutes": "soon"}, "minutes", "number"),
        ({"model": "a", "grpo": {"train": {"steps": 1.5}}}, "grpo.train.steps", "integer"),
        ({"model": "a", "grpo": {"train": {"rows": 0}}}, None, "rows is 0"),
        ({"model": "a", "grpo": {"normalise": "no"}}, "grpo.normalise", "Input should be"),
    ],
)
def test_a_wrong_value_is_refused_and_its_field_named(values: Any, field: str | None, message: str) -> None:
    with pytest.raises(Problem, match=message) as refused:
        FORMS.values("grpo", values)
    assert (refused.value.status, refused.value.param) == (422, field)


def test_there_is_no_form_for_what_does_not_train() -> None:
    for command in ("chat", "serve", "rm -rf", ""):
        with pytest.raises(Problem) as refused:
            FORMS.values(command, {})
        assert refused.value.status == 404


def test_shipped_recipes_come_with_the_form_of_their_command() -> None:
    assert {"sample", "full", "laptop"} <= set(FORMS.form("speedrun").recipes)
    assert FORMS.values("speedrun", FORMS.form("speedrun").recipes["sample"])["pretrain"]["snapshot_every"] > 0
