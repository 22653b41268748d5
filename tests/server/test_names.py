"""Which folders are served, and what they are called."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from orrery.errors import CheckpointError, ConfigError
from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.server.names import read_models, sampling_defaults, shortest_names
from orrery.tokenizers.bpe import BPE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of random weights."""
    tokenizer = BPE.from_tokens([])
    config = TransformerConfig(tokenizer.vocab_size, width=32, layers=1, heads=1, kv_heads=1)
    save_model(Transformer(config), tmp_path / "base", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    return tmp_path / "base"


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["runs/a/sft"], ["sft"]),
        (["runs/a/sft", "runs/a/base"], ["sft", "base"]),
        (["runs/a/sft", "runs/b/sft", "runs/b/base"], ["a/sft", "b/sft", "base"]),
        (["x/a/sft", "y/a/sft", "z"], ["x/a/sft", "y/a/sft", "z"]),
        (["runs/sft", "runs/not-sft"], ["sft", "not-sft"]),
        (["runs/sft", "runs/sft/best"], ["sft", "best"]),
    ],
)
def test_a_name_is_the_shortest_end_of_a_path_that_is_its_alone(folders: list[str], names: list[str]) -> None:
    named = shortest_names([Path(folder) for folder in folders])
    assert list(named) == names
    assert list(named.values()) == [Path(folder).resolve() for folder in folders]


def test_a_folder_that_ends_another_ones_path_is_told_apart_by_more_of_its_own(tmp_path: Path) -> None:
    short, long = tmp_path / "sft", tmp_path / "more" / tmp_path.name / "sft"
    names = shortest_names([short, long])
    assert set(names.values()) == {short.resolve(), long.resolve()}
    with pytest.raises(ConfigError, match="given twice"):
        shortest_names([short, tmp_path / "x" / ".." / "sft"])


def test_a_folder_is_known_by_all_but_its_weights(folder: Path) -> None:
    (model,) = read_models([folder]).values()
    assert (model.name, model.context, model.assistant, model.defaults) == ("base", 256, False, {"temperature": 1.0})


@pytest.mark.parametrize(
    ("values", "assistant", "expected"),
    [
        ({}, True, {"temperature": 0.0}),
        ({}, False, {"temperature": 1.0}),
        (
            {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "x": 1},
            True,
            {"temperature": 0.6, "top_k": 20, "top_p": 0.95},
        ),
        ({"do_sample": False, "temperature": 0.6}, False, {"temperature": 0.0}),
        ({"temperature": None}, True, {"temperature": 0.0}),
    ],
)
def test_how_to_sample_is_what_the_folder_says(
    tmp_path: Path, values: dict[str, Any], assistant: bool, expected: dict[str, float]
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(values))
    assert sampling_defaults(tmp_path, assistant) == expected


def test_only_safetensors_are_read(folder: Path) -> None:
    model = load_model(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="no weights"):
        read_models([folder])
    with pytest.raises(CheckpointError, match="no weights"):
        load_model(folder)


@pytest.mark.parametrize("name", ["../other.safetensors", "/tmp/other.safetensors", "a/b.safetensors", "x.bin", 5])
def test_an_index_cannot_name_files_elsewhere_or_of_another_kind(folder: Path, name: object) -> None:
    weights = folder / "model.safetensors"
    weights.rename(folder.parent / "other.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    with pytest.raises(CheckpointError, match="no safetensors file of the folder"):
        load_model(folder)
