"""Hugging Face folders: transformers is the oracle, in both directions, for all three architectures."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from orrery.errors import CheckpointError
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import KVCache, RopeScaling, Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def qwen3(**changes: Any) -> PreTrainedModel:
    sizes = {
        "vocab_size": 61,
        "hidden_size": 40,
        "intermediate_size": 56,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
    }
    return Qwen3ForCausalLM(Qwen3Config(**(sizes | changes)))


def llama(**changes: Any) -> PreTrainedModel:
    sizes = {
        "vocab_size": 61,
        "hidden_size": 48,
        "intermediate_size": 56,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
    }
    return LlamaForCausalLM(LlamaConfig(**(sizes | changes)))


def gpt2(**changes: Any) -> PreTrainedModel:
    sizes = {"vocab_size": 61, "n_embd": 30, "n_layer": 2, "n_head": 2, "n_positions": 64}
    return GPT2LMHeadModel(GPT2Config(**(sizes | changes)))


ORACLES = {
    "qwen3": lambda: qwen3(),
    "qwen3 tied, no grouping": lambda: qwen3(tie_word_embeddings=True, num_key_value_heads=4, head_dim=6),
    "qwen3 one key head, wide heads": lambda: qwen3(num_key_value_heads=1, head_dim=26, rms_norm_eps=1e-5),
    "llama": lambda: llama(),
    "llama tied, narrow heads": lambda: llama(tie_word_embeddings=True, head_dim=10, num_key_value_heads=2),
    "llama 3.1 position scaling": lambda: llama(rope_parameters=LLAMA3),
    "gpt2": lambda: gpt2(),
    "gpt2 odd heads, other MLP, tanh by its other name": lambda: gpt2(
        n_embd=35, n_head=7, n_inner=50, activation_function="gelu_pytorch_tanh"
    ),
    "gpt2 untied": lambda: gpt2(tie_word_embeddings=False),
}


@pytest.fixture(scope="module", params=ORACLES)
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A random transformers model with its folder, our reading of it, ids and its logits for them."""
    torch.manual_seed(0)
    theirs = ORACLES[request.param]().eval()
    with torch.no_grad():  # norms and biases start at 1 and 0, where mixing them up would go unseen
        for weight in theirs.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    folder = tmp_path_factory.mktemp("oracle")
    theirs.save_pretrained(folder)
    ids = torch.randint(0, 61, (3, 50))
    with torch.no_grad():
        logits = theirs(ids).logits
    return SimpleNamespace(theirs=theirs, folder=folder, ours=load_model(folder), ids=ids, logits=logits)


def close(ours: Tensor, theirs: Tensor) -> bool:
    return torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_logits_equal_those_of_transformers(oracle: SimpleNamespace) -> None:
    assert close(oracle.ours(oracle.ids), oracle.logits)
    assert oracle.ours.num_parameters() == oracle.theirs.num_parameters()


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[1] * 50, [20, 7, 1, 22]], ids=["token by token", "in chunks"])
def test_logits_through_the_cache_equal_those_of_transformers(oracle: SimpleNamespace, pieces: list[int]) -> None:
    cache = KVCache(oracle.ours.config, batch=3, length=50)
    logits = torch.cat([oracle.ours(piece, cache=cache) for piece in oracle.ids.split(pieces, dim=1)], dim=1)
    assert close(logits, oracle.logits)
    assert cache.lengths.tolist() == [50, 50, 50]


@torch.no_grad()
def test_rows_of_different_lengths_share_a_right_padded_batch(oracle: SimpleNamespace) -> None:
    """Prompts of 3, 20 and 9 tokens, padded with junk to 20, then continued each from its own end."""
    lengths = torch.tensor([3, 20, 9])
    prompts = oracle.ids[:, :20].masked_fill(torch.arange(20) >= lengths[:, None], 7)
    cache = KVCache(oracle.ours.config, batch=3, length=40)
    first = oracle.ours(prompts, cache=cache)
    cache.lengths = lengths
    rows = [[first[row, : lengths[row]]] for row in range(3)]
    for step in range(15):
        token = oracle.ids[torch.arange(3), lengths + step][:, None]
        logits = oracle.ours(token, cache=cache)
        for row in range(3):
            rows[row].append(logits[row])
    for row, length in enumerate(lengths.tolist()):
        assert close(torch.cat(rows[row]), oracle.logits[row, : length + 15])


@torch.no_grad()
def test_transformers_loads_our_folder_to_the_same_logits(oracle: SimpleNamespace, tmp_path: Path) -> None:
    save_model(oracle.ours, tmp_path / "saved", eos_ids=[3, 4])
    theirs, report = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(report.values()), report  # no keys missing, unexpected or mismatched
    assert close(theirs(oracle.ids).logits, oracle.logits)
    assert theirs.generation_config.eos_token_id == [3, 4]


@torch.no_grad()
def test_round_trip_through_our_own_folder_is_bit_exact(oracle: SimpleNamespace, tmp_path: Path) -> None:
    save_model(oracle.ours, tmp_path / "one")
    again = load_model(tmp_path / "one")
    assert again.config == oracle.ours.config
    assert all(torch.equal(a, b) for a, b in zip(oracle.ours.parameters(), again.parameters(), strict=True))
    save_model(again, tmp_path / "two")
    assert (tmp_path / "one/model.safetensors").read_bytes() == (tmp_path / "two/model.safetensors").read_bytes()
    theirs, stored = oracle.theirs.state_dict(), load_file(tmp_path / "one/model.safetensors")
    assert all(torch.equal(theirs[name], tensor) for name, tensor in stored.items())


@torch.no_grad()
def test_sharded_folders_load(oracle: SimpleNamespace, tmp_path: Path) -> None:
    oracle.theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert torch.equal(load_model(tmp_path)(oracle.ids), oracle.ours(oracle.ids))
    next(tmp_path.glob("model-00002*.safetensors")).unlink()
    with pytest.raises(CheckpointError, match=r"model-00002.* is missing"):
        load_model(tmp_path)


def test_gpt2_folder_without_the_outer_prefix_and_with_stored_masks_loads(tmp_path: Path) -> None:
    """OpenAI's own folder names the tensors wte.weight, h.0.attn.bias (the mask) and so on."""
    theirs = gpt2()
    theirs.transformer.save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors")
    assert "wte.weight" in names
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": ["GPT2LMHeadModel"]}))
    save_file(names | {"h.0.attn.bias": torch.ones(1, 1, 64, 64)}, tmp_path / "model.safetensors")
    ids = torch.arange(20)[None]
    with torch.no_grad():
        assert close(load_model(tmp_path)(ids), theirs.eval()(ids).logits)


def test_config_json_says_the_same_to_old_and_new_readers(tmp_path: Path) -> None:
    """transformers 4, llama.cpp and vLLM look for rope_theta and rope_scaling; transformers 5 for rope_parameters."""
    scaling = RopeScaling(8.0, 1.0, 4.0, 32)
    config = TransformerConfig(
        61, "llama", rope_base=500.0, rope_scaling=scaling, embedding_std=0.7, final_norm_init=0.1
    )
    save_model(Transformer(config), tmp_path / "m")
    values = json.loads((tmp_path / "m/config.json").read_text())
    for removed in (["rope_parameters"], ["rope_theta", "rope_scaling"], []):
        kept = {key: value for key, value in values.items() if key not in removed}
        (tmp_path / "m/config.json").write_text(json.dumps(kept))
        assert load_model(tmp_path / "m").config == config
        theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "m").config.rope_parameters
        assert theirs == LLAMA3


def test_the_folder_tells_what_the_model_is_and_holds_its_tokenizer(tmp_path: Path) -> None:
    tokenizer = BPE.train(["she sells sea shells by the sea shore"] * 2, vocab_size=270)
    model = Transformer(TransformerConfig(tokenizer.vocab_size))
    eos_ids = [tokenizer.eos_id, tokenizer.id_of("<|im_end|>")]
    save_model(model, tmp_path / "demo", tokenizer=tokenizer, eos_ids=eos_ids, card="Trained on *nothing*.")
    assert json.loads((tmp_path / "demo/generation_config.json").read_text()) == {
        "_from_model_config": False,
        "eos_token_id": eos_ids,
        "pad_token_id": tokenizer.pad_id,
    }
    card = (tmp_path / "demo/README.md").read_text()
    assert f"{model.num_parameters():,}" in card and "Trained on *nothing*." in card
    assert load_tokenizer(tmp_path / "demo").encode("sea shells") == tokenizer.encode("sea shells")


def test_weights_load_in_the_type_asked_for(tmp_path: Path) -> None:
    save_model(Transformer(TransformerConfig(61)), tmp_path / "m")
    model = load_model(tmp_path / "m", dtype=torch.bfloat16)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert model.frequencies is not None and model.frequencies.dtype == torch.float32


def test_saving_replaces_an_older_model_but_nothing_else(tmp_path: Path) -> None:
    save_model(Transformer(TransformerConfig(61)), tmp_path / "m")
    save_model(Transformer(TransformerConfig(67)), tmp_path / "m")
    assert load_model(tmp_path / "m").config.vocab_size == 67
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_text("meow")
    with pytest.raises(CheckpointError, match="not a model folder"):
        save_model(Transformer(TransformerConfig(61)), tmp_path / "photos")
    assert (tmp_path / "photos/cat.jpg").read_text() == "meow"


def test_a_failed_save_leaves_the_older_model(tmp_path: Path) -> None:
    class Broken:
        pad_id, imported = 5, None

        def save(self, folder: Path) -> None:
            raise RuntimeError("broken")

    save_model(Transformer(TransformerConfig(61)), tmp_path / "m")
    with pytest.raises(RuntimeError, match="broken"):
        save_model(Transformer(TransformerConfig(67)), tmp_path / "m", tokenizer=Broken())  # type: ignore[arg-type]
    assert load_model(tmp_path / "m").config.vocab_size == 61
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good folder of ours an architecture."""
    base = tmp_path_factory.mktemp("good")
    for architecture in ("qwen3", "llama", "gpt2"):
        save_model(Transformer(TransformerConfig(61, architecture, layers=1)), base / architecture)  # type: ignore[arg-type]
    return {path.name: path for path in base.iterdir()}


@pytest.mark.parametrize(
    ("architecture", "field", "value"),
    [
        ("qwen3", "use_sliding_window", True),
        ("qwen3", "layer_types", ["sliding_attention"]),
        ("qwen3", "attention_bias", True),
        ("qwen3", "hidden_act", "gelu"),
        ("qwen3", "rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
        ("qwen3", "rope_parameters", {"rope_type": "linear", "factor": 4.0}),
        ("qwen3", "rope_parameters", {"full_attention": {"rope_type": "default"}}),
        ("qwen3", "quantization_config", {"bits": 4}),
        ("llama", "mlp_bias", True),
        ("llama", "rope_scaling", {"type": "dynamic", "factor": 2.0}),
        ("llama", "rope_scaling", {"rope_type": "llama3", "factor": 2.0}),
        ("llama", "partial_rotary_factor", 0.5),
        ("llama", "architectures", ["LlamaForSequenceClassification"]),
        ("llama", "head_dim", 7),
        ("gpt2", "activation_function", "relu"),
        ("gpt2", "scale_attn_weights", False),
        ("gpt2", "scale_attn_by_inverse_layer_idx", True),
        ("gpt2", "add_cross_attention", True),
        ("gpt2", "n_head", 3),
        ("gpt2", "model_type", "mamba"),
        ("gpt2", "vocab_size", None),
        ("gpt2", "vocab_size", "61"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_name(
    folders: dict[str, Path], tmp_path: Path, architecture: str, field: str, value: Any
) -> None:
    shutil.copytree(folders[architecture], tmp_path / "m")
    path = tmp_path / "m/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    name = {"head_dim": "head_width", "rope_parameters": "rope"}.get(field, field)
    with pytest.raises(CheckpointError, match=name) as error:
        load_model(tmp_path / "m")
    assert "\n" not in str(error.value) and "config.json" in str(error.value)


def test_damaged_folders_are_named_in_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    def broken(name: str) -> Path:
        return Path(shutil.copytree(folders["qwen3"], tmp_path / name))

    def message(folder: Path) -> str:
        with pytest.raises(CheckpointError) as error:
            load_model(folder)
        assert str(folder) in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    assert "no such folder" in message(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "config.json is missing" in message(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    assert "a file, not a folder" in message(tmp_path / "file")
    (broken("bad json") / "config.json").write_text("{")
    assert "is damaged" in message(tmp_path / "bad json")
    (broken("no weights") / "model.safetensors").unlink()
    assert "has no weights" in message(tmp_path / "no weights")
    weights = broken("truncated") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "is damaged" in message(tmp_path / "truncated")
    config = broken("other shape") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": 100}))
    assert "mlp.gate_proj.weight is [384, 128], not [100, 128]" in message(tmp_path / "other shape")
    config = broken("deeper") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_hidden_layers": 2}))
    assert "lack model.layers.1.input_layernorm.weight" in message(tmp_path / "deeper")
    config = broken("untied") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": False}))
    assert "lack lm_head.weight" in message(tmp_path / "untied")
    config = broken("no norms") / "config.json"
    text = config.read_text().replace("Qwen3For", "LlamaFor").replace('"qwen3"', '"llama"')
    config.write_text(text)
    assert "no place for, such as model.layers.0.self_attn.k_norm.weight" in message(tmp_path / "no norms")
    with pytest.raises(CheckpointError, match=r"tokenizer.json is missing"):
        load_tokenizer(folders["qwen3"])
