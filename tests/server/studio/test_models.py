"""The models of the runs by their names: found where they are, and nothing that a page sends leads anywhere else."""

import shutil
from pathlib import Path

import pytest
import torch

from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.server.errors import Problem
from orrery.server.studio.models import find_models, model_named
from orrery.server.studio.vocabularies import find_vocabularies, place_of
from orrery.tokenizers.bpe import BPE
from orrery.training.runs import Run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of runs: `a` with two models, one whose name has a space, and a model that is of no run."""
    root, tokenizer = tmp_path / "runs", BPE.from_tokens([])
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(tokenizer.vocab_size, width=32, layers=1, heads=1, kv_heads=1, context=32))
    with Run.open("a", recipe={}, root=root) as run:
        for stage in ("base", "sft"):
            save_model(model, run.folder / stage, tokenizer=tokenizer)
        (run.folder / "empty").mkdir()
    shutil.copytree(root / "a", root / "a copy")
    shutil.copytree(root / "a" / "base", tmp_path / "outside" / "base")
    shutil.copytree(root / "a" / "base", root / "mine")
    return root


def test_every_model_that_is_listed_is_found_by_its_name(root: Path) -> None:
    listed = find_models(root)
    assert {model.name for model in listed} == {"a/base", "a/sft", "a copy/base", "a copy/sft"}
    assert [model_named(root, model.name) for model in listed] == listed
    for vocabulary in find_vocabularies(root):
        place = place_of(root, vocabulary.name)
        assert place == (vocabulary.name if vocabulary.kind == "built-in" else root / vocabulary.name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a/",
        "a/empty",
        "a/nothing",
        "/base",
        "../outside/base",
        "a/../a/base",
        "..",
        "a/..",
        "a/.",
        "a/base\0",
        "//",
    ],
)
def test_other_names_are_none(root: Path, name: str) -> None:
    for look in (model_named, place_of):
        with pytest.raises(Problem) as problem:
            look(root, name)
        assert problem.value.status == 404


def test_a_model_that_is_written_anew_is_read_anew(root: Path) -> None:
    before = model_named(root, "a/base")
    shutil.copytree(root / "a" / "sft", root / "a" / "base", dirs_exist_ok=True)
    (root / "a" / "base" / "model.safetensors").touch()
    assert model_named(root, "a/base").created > before.created
