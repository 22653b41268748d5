"""Models of one score: transformers' sequence classifiers say the same, and what is none is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from orrery.errors import CheckpointError
from orrery.models.hf import save_model
from orrery.models.scalar import HEAD, ScalarModel, load_scalar_model, save_scalar_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import END_OF_TEXT
from orrery.tokenizers.vocabulary import Vocabulary

TOKENIZER = BPE.train(["one two three"], 264)
VOCAB = TOKENIZER.vocab_size


def shape(kind: Any, **changes: Any) -> TransformerConfig:
    sizes = {"width": 48, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 12, "mlp_width": 56, "context": 64}
    return TransformerConfig(VOCAB, kind, **{**sizes, **changes})


SHAPES = {
    "qwen3": shape("qwen3"),
    "qwen3 untied, wide heads": shape("qwen3", tied=False, head_width=20, kv_heads=1),
    "llama": shape("llama"),
    "llama untied": shape("llama", tied=False, kv_heads=4),
    "gpt2": shape("gpt2", kv_heads=4),
    "gpt2 untied": shape("gpt2", kv_heads=4, tied=False),
}


def parent(name: str) -> Transformer:
    """Norms and biases away from 1 and 0, where mixing them up would go unseen."""
    model, generator = Transformer(SHAPES[name]), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def scorer(name: str) -> ScalarModel:
    return ScalarModel.from_parent(parent(name), torch.Generator().manual_seed(2))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of different lengths, one of a single token, padded with the tokenizer's padding."""
    lengths = torch.tensor([30, 7, 1, 50, 19])
    ids = torch.randint(0, 256, (5, 50), generator=torch.Generator().manual_seed(3))
    return ids.masked_fill(torch.arange(50) >= lengths[:, None], TOKENIZER.pad_id), lengths


@pytest.fixture(scope="module", params=SHAPES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ScalarModel, Path]:
    model, folder = scorer(request.param), tmp_path_factory.mktemp("scalar") / "reward"
    save_scalar_model(model, folder, tokenizer=TOKENIZER, card="Trained on rankings.")
    return model, folder


@torch.no_grad()
def test_transformers_gives_the_same_score(saved: tuple[ScalarModel, Path]) -> None:
    model, folder = saved
    theirs, loading = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
    assert type(theirs).__name__.endswith("ForSequenceClassification") and theirs.num_labels == 1
    ids, lengths = batch()
    padding = ids == TOKENIZER.pad_id
    expected = theirs.eval()(ids, attention_mask=(~padding).long()).logits
    assert expected.shape == (5, 1) and expected.std() > 0.1
    torch.testing.assert_close(model.score(ids, lengths), expected[:, 0], rtol=1e-5, atol=1e-5)
    for row, length in enumerate(lengths.tolist()):
        alone = theirs(ids[row : row + 1, :length]).logits
        torch.testing.assert_close(model.score(ids, lengths)[row], alone[0, 0], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_what_is_saved_is_what_is_loaded(saved: tuple[ScalarModel, Path], tmp_path: Path) -> None:
    model, folder = saved
    again = load_scalar_model(folder)
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    save_scalar_model(again, tmp_path / "again", tokenizer=TOKENIZER, card="Trained on rankings.")
    for file in ("model.safetensors", "config.json", "README.md", "tokenizer.json"):
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes(), file


def test_the_folder_says_what_it_is(saved: tuple[ScalarModel, Path]) -> None:
    _, folder = saved
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "AutoModelForSequenceClassification" in card and "AutoModelForCausalLM" not in card
    assert "text-classification" in card and "A reward model" in card and "Trained on rankings." in card
    assert AutoTokenizer.from_pretrained(folder).pad_token_id == TOKENIZER.pad_id
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["pad_token_id"] == TOKENIZER.pad_id and config["id2label"] == {"0": "score"}


@pytest.mark.parametrize("name", SHAPES)
def test_from_a_parent_the_body_is_copied_and_the_head_is_new(name: str) -> None:
    given = parent(name)
    model = ScalarModel.from_parent(given, torch.Generator().manual_seed(2))
    ids, _ = batch()
    torch.testing.assert_close(model.body.hidden(ids), given.hidden(ids), rtol=0, atol=0)
    assert not hasattr(model.body, "unembedding"), "it would be weights for nothing"
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    assert all(weight.abs().sum() > 0 for weight in given.parameters()), "a copy, not the same weights"
    heads = [ScalarModel.from_parent(given, torch.Generator().manual_seed(seed)).head.weight for seed in (2, 2, 3)]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_the_head_begins_with_its_standard_deviation() -> None:
    model = ScalarModel(shape("qwen3", width=2048, layers=1), torch.Generator().manual_seed(0))
    assert model.head.weight.std().item() == pytest.approx(2049**-0.5, rel=0.05)


@torch.no_grad()
def test_padding_and_what_comes_after_do_not_matter() -> None:
    model = scorer("qwen3")
    ids, lengths = batch()
    other = torch.where(torch.arange(50) >= lengths[:, None], 77, ids)
    torch.testing.assert_close(model.score(ids, lengths), model.score(other, lengths))
    everywhere = model(ids)
    assert everywhere.shape == (5, 50) and everywhere.dtype == torch.float32
    torch.testing.assert_close(model.score(ids, lengths), everywhere[torch.arange(5), lengths - 1])


def test_a_tokenizer_without_padding_will_do(tmp_path: Path) -> None:
    """As GPT-2's: one row at a time is scored the same."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    tokenizer = BPE(Vocabulary(ranks, {END_OF_TEXT: 256}, {}))
    model = ScalarModel(TransformerConfig(257, "gpt2", 48, 2, 4, 4, 12, 56, context=64))
    save_scalar_model(model, tmp_path / "reward", tokenizer=tokenizer)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(model.score(ids, torch.tensor([20])), theirs(ids).logits[:, 0], rtol=1e-5, atol=1e-5)


# What is none


@pytest.mark.parametrize("name", ["qwen3", "llama", "gpt2", "qwen3 untied, wide heads"])
def test_a_language_model_is_no_reward_model(tmp_path: Path, name: str) -> None:
    save_model(parent(name), tmp_path / "sft", tokenizer=TOKENIZER)
    with pytest.raises(CheckpointError) as error:
        load_scalar_model(tmp_path / "sft")
    expected = f"{tmp_path / 'sft'} is no reward model: it has no score.weight; make one with `orrery reward`"
    assert str(error.value) == expected


def test_folders_that_cannot_be_loaded_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model at .*nowhere"):
        load_scalar_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="has no weights"):
        load_scalar_model(tmp_path / "empty")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({HEAD: torch.zeros(3, 48)}, r"score.weight is \[3, 48\], not \[1, 48\]: one score"),
        ({HEAD: torch.zeros(1, 40)}, r"score.weight is \[1, 40\], not \[1, 48\]"),
        ({HEAD: torch.zeros(48)}, r"score.weight is \[48\], not \[1, 48\]"),
        ({"score.bias": torch.zeros(1)}, "no place for, such as score.bias"),
        ({"model.norm.weight": None}, "lack model.norm.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    save_scalar_model(scorer("qwen3"), tmp_path / "reward", tokenizer=TOKENIZER)
    file = tmp_path / "reward" / "model.safetensors"
    weights = {**load_file(file), **changes}
    save_file({name: weight for name, weight in weights.items() if weight is not None}, file)
    with pytest.raises(CheckpointError, match=message):
        load_scalar_model(tmp_path / "reward")


def test_a_classifier_that_needs_something_else_is_refused(tmp_path: Path) -> None:
    save_scalar_model(scorer("qwen3"), tmp_path / "reward", tokenizer=TOKENIZER)
    path = tmp_path / "reward" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "architectures": ["Qwen3ForTokenClassification"]}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="only Qwen3ForSequenceClassification can be loaded"):
        load_scalar_model(tmp_path / "reward")
