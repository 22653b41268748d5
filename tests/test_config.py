"""Recipes are read strictly: what is misspelt is named, what is given is used."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orrery.config import as_mapping, as_toml, from_mapping, nearest, read_recipe, recipe_path
from orrery.errors import ConfigError


@dataclass(frozen=True)
class Shape:
    width: int = 128
    layers: int = 4


@dataclass(frozen=True)
class Settings:
    run: str = "demo"
    shape: Shape = field(default_factory=Shape)
    data: tuple[Path, ...] = ()


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_given_keys_override_and_the_rest_keep_their_defaults(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'run = "x"\ndata = ["a.txt"]\n[shape]\nlayers = 6\n')
    assert read_recipe(recipe, Settings, "pretrain") == Settings("x", Shape(128, 6), (Path("a.txt"),))


@dataclass(frozen=True)
class Command:
    model: Path
    settings: Settings = field(default_factory=lambda: Settings(run="own", shape=Shape(width=64)))


def test_a_table_given_in_part_changes_the_commands_defaults_and_not_its_own_class(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'model = "m"\nsettings.data = ["a.txt"]\n[settings.shape]\nlayers = 6\n')
    expected = Settings("own", Shape(64, 6), (Path("a.txt"),))
    assert read_recipe(recipe, Command, "pretrain") == Command(Path("m"), expected)
    assert read_recipe(write(tmp_path, 'model = "m"\n'), Command, "pretrain") == Command(Path("m"))


def test_what_a_table_leaves_out_is_still_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"settings\.shape\.layers: .*integer"):
        read_recipe(write(tmp_path, 'model = "m"\nsettings.shape.layers = "many"\n'), Command, "pretrain")
    with pytest.raises(ConfigError, match="model: Field required"):
        read_recipe(write(tmp_path, "settings.shape.layers = 2\n"), Command, "pretrain")


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'shape\.widht'; did you mean 'width'\?"):
        read_recipe(write(tmp_path, "[shape]\nwidht = 6\n"), Settings, "pretrain")


def test_a_value_of_the_wrong_type_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shape\.layers: .*integer"):
        read_recipe(write(tmp_path, '[shape]\nlayers = "many"\n'), Settings, "pretrain")


def test_a_recipe_for_another_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recipe for `orrery sft`, not for `orrery pretrain`"):
        read_recipe(write(tmp_path, 'command = "sft"\n'), Settings, "pretrain")


def test_broken_toml_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_recipe(write(tmp_path, "run = \n"), Settings, "pretrain")


def test_a_recipe_that_does_not_exist_names_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean 'laptop'"):
        recipe_path("laptpo")


def test_the_resolved_configuration_reads_back_to_itself() -> None:
    settings = Settings("y", Shape(64, 2), (Path("b.txt"),))
    assert from_mapping(as_mapping(settings), Settings, "run.json") == settings


def test_what_is_written_as_a_recipe_reads_back(tmp_path: Path) -> None:
    settings = Settings('say "hi"\n\\\x7f é 🙂', Shape(64, 2), (Path("b.txt"), Path("c d.txt")))
    assert read_recipe(write(tmp_path, as_toml(as_mapping(settings))), Settings, "pretrain") == settings
    odd = {"a b": 1e-05, "t": {"x.y": {"é": True, "z": [0.9, 2]}}}
    assert tomllib.loads(as_toml(odd)) == odd


def test_far_off_names_list_what_is_known() -> None:
    assert nearest("zzz", ["width", "layers"]) == "known: layers, width"
