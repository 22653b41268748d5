"""Model folders in Hugging Face's format, read and written: Qwen3, Llama and GPT-2.

    save_model(model, Path("runs/demo/base"), tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    model = load_model(Path("runs/demo/base"))
    tokenizer = load_tokenizer(Path("runs/demo/base"))

A folder holds config.json (`hf_config.py`), model.safetensors, generation_config.json, the tokenizer's files and a
model card. transformers, vLLM and llama.cpp's converter read it as it is. One table an architecture maps our
parameter names to Hugging Face's; where ours is several of theirs joined along the first dimension it lists them all.

Left out: writing in shards, quantised weights, pickled weights (pytorch_model.bin).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from orrery.errors import CheckpointError, TokenizerError
from orrery.files import folder_written_atomically
from orrery.models.config import TransformerConfig
from orrery.models.hf_config import config_from_hf, config_to_hf, read_json
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

# Ours -> theirs, outside the blocks and inside each block. Names that a model does not have are skipped.
ROTARY = {
    "token_embedding.weight": ["model.embed_tokens.weight"],
    "final_norm.weight": ["model.norm.weight"],
    "unembedding.weight": ["lm_head.weight"],
}
ROTARY_BLOCK = {
    "attention_norm.weight": ["input_layernorm.weight"],
    "attention.qkv.weight": ["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"],
    "attention.query_norm.weight": ["self_attn.q_norm.weight"],
    "attention.key_norm.weight": ["self_attn.k_norm.weight"],
    "attention.output.weight": ["self_attn.o_proj.weight"],
    "mlp_norm.weight": ["post_attention_layernorm.weight"],
    "mlp.gate.weight": ["mlp.gate_proj.weight"],
    "mlp.up.weight": ["mlp.up_proj.weight"],
    "mlp.down.weight": ["mlp.down_proj.weight"],
}
GPT2 = {
    "token_embedding.weight": ["transformer.wte.weight"],
    "position_embedding.weight": ["transformer.wpe.weight"],
    "final_norm.weight": ["transformer.ln_f.weight"],
    "final_norm.bias": ["transformer.ln_f.bias"],
    "unembedding.weight": ["lm_head.weight"],
}
GPT2_BLOCK = {
    "attention_norm.weight": ["ln_1.weight"],
    "attention_norm.bias": ["ln_1.bias"],
    "attention.qkv.weight": ["attn.c_attn.weight"],
    "attention.qkv.bias": ["attn.c_attn.bias"],
    "attention.output.weight": ["attn.c_proj.weight"],
    "attention.output.bias": ["attn.c_proj.bias"],
    "mlp_norm.weight": ["ln_2.weight"],
    "mlp_norm.bias": ["ln_2.bias"],
    "mlp.up.weight": ["mlp.c_fc.weight"],
    "mlp.up.bias": ["mlp.c_fc.bias"],
    "mlp.down.weight": ["mlp.c_proj.weight"],
    "mlp.down.bias": ["mlp.c_proj.bias"],
}
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # GPT-2's Conv1D keeps inputs first
# What folders may hold beside the parameters: masks and frequencies that old versions of transformers saved.
NOT_PARAMETERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def save_model(
    model: Transformer,
    folder: Path,
    *,
    tokenizer: BPE | None = None,
    eos_ids: Sequence[int] = (),
    card: str = "",
) -> None:
    """Write `model` as the Hugging Face folder `folder`, whole or not at all; an older model there is replaced.

    Args:
        tokenizer: its files are written too, its padding id into generation_config.json, and what else stood there of a
            model that was made elsewhere.
        eos_ids: token ids at which generation stops.
        card: Markdown that README.md shows below the numbers that are known here.

    Raises:
        CheckpointError: `folder` holds something that is not a model; it is left alone.
        RunError: the disk is full.
    """
    if folder.exists() and not (folder / "config.json").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} exists and is not a model folder: not replacing it; choose another path")
    generation: dict[str, Any] = {"_from_model_config": False}
    if tokenizer is not None and tokenizer.imported is not None:
        generation |= tokenizer.imported.generation
    if eos_ids:
        generation["eos_token_id"] = list(eos_ids)
    pad_id = padding_id(tokenizer)
    if pad_id is not None:
        generation.setdefault("pad_token_id", pad_id)
    dtype = str(model.token_embedding.weight.dtype).removeprefix("torch.")
    with folder_written_atomically(folder) as new:
        new.mkdir()
        save_file(to_hf(model), new / WEIGHTS, metadata={"format": "pt"})
        config = config_to_hf(model.config, dtype, eos_ids)
        write_json(new / "config.json", config | {"bos_token_id": generation.get("bos_token_id")})
        write_json(new / "generation_config.json", generation)
        (new / "README.md").write_text(model_card(model, card), encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(new)


def load_model(folder: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Transformer:
    """Read a Qwen3, Llama or GPT-2 folder, its weights in one safetensors file or in shards.

    Raises:
        CheckpointError: no folder, no model in it, a damaged or incomplete one, or one that needs something which
            this model does not have (attention windows, quantised weights, other position scalings …).
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"no model at {folder}: {'a file, not a' if folder.exists() else 'there is no such'} folder"
        )
    config = config_from_hf(folder)
    with torch.device("meta"):
        model = Transformer(config)
    state = from_hf(model, read_weights(folder), folder)
    model.load_state_dict({name: weight.to(dtype) for name, weight in state.items()}, assign=True)
    return model.to(device)


def load_tokenizer(folder: Path) -> BPE:
    """Read the tokenizer of a model folder.

    Raises:
        CheckpointError: there is none.
        TokenizerError: it is not a byte-level BPE, or damaged.
    """
    if not any((folder / name).is_file() for name in ("tokenizer.json", "merges.txt")):
        raise CheckpointError(f"no tokenizer in {folder}: tokenizer.json is missing")
    return BPE.load(folder)


def name_table(model: Transformer) -> Iterator[tuple[str, list[str]]]:
    """Each of the model's parameters with the Hugging Face names of its parts, in the order in which they join."""
    rotary = model.config.rotary
    outside, inside = (ROTARY, ROTARY_BLOCK) if rotary else (GPT2, GPT2_BLOCK)
    prefix = "model.layers" if rotary else "transformer.h"
    for name in model.state_dict():
        if name.startswith("blocks."):
            _, layer, part = name.split(".", 2)
            yield name, [f"{prefix}.{layer}.{theirs}" for theirs in inside[part]]
        else:
            yield name, outside[name]


def part_sizes(config: TransformerConfig, parts: Sequence[str], rows: int) -> list[int]:
    """How many rows of a parameter each of its parts has: only queries, keys and values are joined."""
    if len(parts) == 1:
        return [rows]
    return [config.heads * config.head_width, *[config.kv_heads * config.head_width] * 2]


def to_hf(model: Transformer) -> dict[str, Tensor]:
    """The model's parameters under Hugging Face's names."""
    state, tensors = model.state_dict(), {}
    for name, parts in name_table(model):
        weight = state[name]
        for part, piece in zip(parts, weight.split(part_sizes(model.config, parts, len(weight))), strict=True):
            # Cloned, because safetensors refuses tensors that share memory.
            tensors[part] = (piece.t() if part.endswith(TRANSPOSED) else piece).clone(
                memory_format=torch.contiguous_format
            )
    return tensors


def from_hf(model: Transformer, tensors: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """The state dictionary of `model` (only its shapes are read) from tensors under Hugging Face's names.

    Raises:
        CheckpointError: a tensor is missing, has the wrong shape or belongs to no parameter.
    """
    if model.config.tied:
        tensors.pop("lm_head.weight", None)
    shapes, state = model.state_dict(), {}
    for name, parts in name_table(model):
        missing = [part for part in parts if part not in tensors]
        if missing:
            raise CheckpointError(f"{folder} is incomplete: its weights lack {missing[0]}")
        shape = shapes[name].shape
        pieces = []
        for part, rows in zip(parts, part_sizes(model.config, parts, shape[0]), strict=True):
            stored = tensors.pop(part)
            piece = stored.t().contiguous() if part.endswith(TRANSPOSED) and stored.dim() == 2 else stored
            if piece.shape != (rows, *shape[1:]):
                expected = [rows, *shape[1:]][:: -1 if piece is not stored else 1]
                raise CheckpointError(
                    f"{folder} does not fit its config.json: {part} is {list(stored.shape)}, not {expected}"
                )
            pieces.append(piece)
        state[name] = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
    if tensors:
        raise CheckpointError(f"{folder} holds weights that this architecture has no place for, such as {min(tensors)}")
    return state


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All parameters in the folder's safetensors files, by Hugging Face's names.

    Raises:
        CheckpointError: files are missing or damaged, or the index names others than safetensors in the folder itself.
    """
    files = [WEIGHTS]
    if not (folder / WEIGHTS).is_file():
        if not (folder / INDEX).is_file():
            raise CheckpointError(f"{folder} has no weights: neither {WEIGHTS} nor {INDEX} is there")
        weight_map = read_json(folder / INDEX).get("weight_map")
        if not isinstance(weight_map, dict):
            raise CheckpointError(f"{folder / INDEX} is damaged: it has no weight_map")
        for name in weight_map.values():
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
                raise CheckpointError(f"{folder / INDEX} names {name!r}, which is no safetensors file of the folder")
        files = sorted(set(weight_map.values()))
    tensors: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name in files:
            path = folder / name
            if not path.is_file():
                raise CheckpointError(f"{folder} is incomplete: {name} is missing")
            try:
                file = stack.enter_context(safe_open(path, framework="pt"))
                for key in file.keys():  # noqa: SIM118  (no mapping)
                    if not key.endswith(NOT_PARAMETERS):
                        tensors[key] = file.get_tensor(key)
            except (SafetensorError, OSError) as error:
                raise CheckpointError(f"{path} is damaged: {error}") from error
    # OpenAI's own GPT-2 folders name the parts without the outer "transformer.".
    if "wte.weight" in tensors:
        tensors = {n if n == "lm_head.weight" else f"transformer.{n}": tensor for n, tensor in tensors.items()}
    return tensors


def padding_id(tokenizer: BPE | None) -> int | None:
    """The tokenizer's padding id; None when it has none, as GPT-2's."""
    try:
        return None if tokenizer is None else tokenizer.pad_id
    except TokenizerError:
        return None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` as readable JSON."""
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def model_card(model: Transformer, card: str) -> str:
    """The README.md of a model folder: what is known of the model, how to load it, and `card`."""
    c = model.config
    numbers = {
        "Architecture": c.architecture,
        "Parameters": f"{model.num_parameters():,}",
        "Layers": f"{c.layers}",
        "Width": f"{c.width}",
        "Attention heads": f"{c.heads} queries, {c.kv_heads} keys and values, each {c.head_width} wide",
        "MLP width": f"{c.mlp_width}",
        "Vocabulary": f"{c.vocab_size:,}",
        "Context": f"{c.context:,} tokens",
        "Embeddings": "tied" if c.tied else "untied",
    }
    rows = "\n".join(f"| {key} | {value} |" for key, value in numbers.items())
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [orrery]
---

# A language model made with Orrery

| | |
|---|---|
{rows}

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".")
tokenizer = AutoTokenizer.from_pretrained(".")
```
{f"{chr(10)}{card.strip()}{chr(10)}" if card.strip() else ""}"""
