"""A model folder as one GGUF file, for llama.cpp and the programs around it (LM Studio, Ollama).

    export_gguf(Path("runs/speedrun/sft"), Path("sft-q8_0.gguf"), "q8_0")

The file holds the weights, the tokenizer and the chat template, under llama.cpp's names (one table for all three
architectures). In float32 llama.cpp then computes the same log-probabilities to 1e-4 (GPT-2's to 1e-2: its GELU is a
float16 table there), the same ids of a text, and of a conversation those that `render` gives. What differs from the
folder:

- Llama's queries and keys: llama.cpp turns neighbouring pairs (2i, 2i+1), we and transformers turn (i, i + C/2), so the
  rows of each head are put into another order. Its position scaling is a tensor, `rope_freqs`.
- Norms, biases and learned positions stay float32. In q8_0 each 32 weights of a row share one scale; matrices whose
  rows are no multiple of 32 stay float16, as llama.cpp's own converter has it.
- Ids that the model has and the tokenizer lacks become unused tokens.
- Special tokens are of the type "control", which chats do not show; added ones (thinking, tool calls) are
  "user-defined" and shown. llama.cpp reads the text of user-defined tokens as the token even in plain text; the chat
  template neutralises it as always.

What llama.cpp does otherwise, whatever the file: it may write tokens that our engine never does (`<|pad|>`,
`<|im_start|>`, unused ones); it normalises no text (Qwen's own folders ask for NFC); in the template it gives floats
six digits and describes tools in an order of its own (type, name, description, parameters); its server continues a
conversation's last message where that is the assistant's, without neutralising it. Left out: fewer than eight bits,
which `llama-quantize` makes of what this writes.

Shapes: H heads, C head width, D model width.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from torch import Tensor

from orrery.errors import CheckpointError, ConfigError, TokenizerError
from orrery.files import folder_written_atomically
from orrery.models.config import TransformerConfig
from orrery.models.hf import load_model, load_tokenizer, part_sizes
from orrery.models.hf_config import read_json
from orrery.models.layers import rotary_frequencies
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import END_OF_TEXT, IM_END
from orrery.tokenizers.split import GPT2_PATTERN, QWEN2_PATTERN, SMOLLM_PATTERN

WeightType = Literal["f32", "f16", "bf16", "q8_0"]
WEIGHT_TYPES: dict[WeightType, tuple[GGMLQuantizationType, LlamaFileType]] = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "bf16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
# The largest value that each can hold: a block of q8_0 is a float16 times numbers up to 127.
FLOAT16_MAX = torch.finfo(torch.float16).max
LARGEST = {GGMLQuantizationType.F16: FLOAT16_MAX, GGMLQuantizationType.Q8_0: 127 * FLOAT16_MAX}
QKV = "attention.qkv"
# Ours -> theirs; each may have a weight and a bias.
OUTSIDE = {
    "token_embedding": "token_embd",
    "position_embedding": "position_embd",
    "final_norm": "output_norm",
    "unembedding": "output",
}
INSIDE = {
    "attention_norm": "attn_norm",
    QKV: "attn_qkv",
    "attention.query_norm": "attn_q_norm",
    "attention.key_norm": "attn_k_norm",
    "attention.output": "attn_output",
    "mlp_norm": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
}
LLAMA3_PATTERN = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
SPLITS = {  # what llama.cpp calls them
    QWEN2_PATTERN: "qwen2",
    GPT2_PATTERN: "gpt-2",
    LLAMA3_PATTERN: "llama-bpe",
    SMOLLM_PATTERN: "smollm",
}


class Entry(NamedTuple):
    """One tensor of the file: what it is called, its values, and how they are stored."""

    name: str
    weight: Tensor
    kind: GGMLQuantizationType

    @property
    def bytes(self) -> int:
        """Size in the file."""
        block, size = gguf.GGML_QUANT_SIZES[self.kind]
        return self.weight.numel() // block * size


def export_gguf(
    folder: Path,
    out: Path,
    kind: WeightType = "f16",
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the model folder `folder` as the GGUF file `out`, whole or not at all; an older file there is replaced.

    Args:
        kind: how matrices are stored.
        on_progress: called with (bytes written so far, bytes in all).

    Raises:
        ConfigError: `out` is a folder, or there is no such `kind`.
        CheckpointError: `folder` is no model, holds weights that `kind` cannot hold, or computes what llama.cpp does
            not.
        TokenizerError: its tokenizer does not fit the model, or is one that llama.cpp does not know.
        RunError: the disk is full.
    """
    if kind not in WEIGHT_TYPES:
        raise ConfigError(f"there is no weight type {kind!r}; choose one of {', '.join(get_args(WeightType))}")
    if out.is_dir():
        raise ConfigError(f"{out} is a folder; give the name of a file, such as {out / 'model.gguf'}")
    model = load_model(folder)
    config = model.config
    if config.architecture == "qwen3" and config.rope_scaling is not None:
        raise CheckpointError(f"{folder} scales its positions, which llama.cpp does for llama but not for qwen3")
    tokenizer = load_tokenizer(folder)
    entries = [Entry(name, weight, storage(name, weight, kind)) for name, weight in tensors(model)]
    with folder_written_atomically(out) as new:  # a file will do
        writer = GGUFWriter(new, config.architecture)
        writer.add_type("model")
        writer.add_name(folder.resolve().name)
        writer.add_file_type(WEIGHT_TYPES[kind][1])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        add_shape(writer, config)
        add_tokenizer(writer, folder, tokenizer, config.vocab_size)
        for entry in entries:
            writer.add_tensor_info(
                entry.name, entry.weight.shape, np.dtype(np.float32), entry.bytes, raw_dtype=entry.kind
            )
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            written, total = 0, sum(entry.bytes for entry in entries)
            for entry in entries:
                writer.write_tensor_data(stored(entry))
                written += entry.bytes
                if on_progress is not None:
                    on_progress(written, total)
        finally:
            writer.close()


def tensors(model: Transformer) -> Iterator[tuple[str, Tensor]]:
    """The model's parameters in float32 under llama.cpp's names, and what it wants besides."""
    config = model.config
    for name, weight in model.state_dict().items():
        module, _, ending = name.rpartition(".")
        if not name.startswith("blocks."):
            yield f"{OUTSIDE[module]}.{ending}", weight
            continue
        _, layer, module = module.split(".", 2)
        if module == QKV and config.rotary:
            pieces = weight.split(part_sizes(config, "qkv", len(weight)))
            for part, heads, piece in zip("qkv", (config.heads, config.kv_heads, config.kv_heads), pieces, strict=True):
                if config.architecture == "llama" and part != "v":
                    piece = in_neighbouring_pairs(piece, heads)
                yield f"blk.{layer}.attn_{part}.{ending}", piece
        else:
            yield f"blk.{layer}.{INSIDE[module]}.{ending}", weight
    if config.rope_scaling is not None:
        plain = rotary_frequencies(replace(config, rope_scaling=None))
        yield "rope_freqs.weight", plain / rotary_frequencies(config)  # C/2: llama.cpp divides angles by these


def in_neighbouring_pairs(weight: Tensor, heads: int) -> Tensor:
    """Rows of queries or keys [H*C D], of which i and i + C/2 of each head turn together, as 2i and 2i + 1."""
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).reshape(weight.shape)


def storage(name: str, weight: Tensor, kind: WeightType) -> GGMLQuantizationType:
    """How a tensor is stored in a file of this kind."""
    if weight.dim() == 1 or name == "position_embd.weight":
        return GGMLQuantizationType.F32
    chosen = WEIGHT_TYPES[kind][0]
    block, _ = gguf.GGML_QUANT_SIZES[chosen]
    return GGMLQuantizationType.F16 if weight.shape[-1] % block else chosen


def stored(entry: Entry) -> np.ndarray[Any, Any]:
    """The values of a tensor as they stand in the file.

    Raises:
        CheckpointError: there are values that this type cannot hold.
    """
    largest = float(entry.weight.abs().max())
    if not math.isfinite(largest):
        raise CheckpointError(f"{entry.name} holds {largest}: the training of this model has diverged")
    if largest > LARGEST.get(entry.kind, math.inf):
        raise CheckpointError(
            f"{entry.name} holds {largest:g}, too large for {entry.kind.name.lower()}; use --type bf16"
        )
    return gguf.quantize(entry.weight.contiguous().numpy(), entry.kind)


def add_shape(writer: GGUFWriter, config: TransformerConfig) -> None:
    """Write the numbers by which llama.cpp builds the model."""
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.mlp_width)
    writer.add_head_count(config.heads)
    if not config.rotary:
        writer.add_layer_norm_eps(config.norm_eps)
        return
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_base)


def add_tokenizer(writer: GGUFWriter, folder: Path, tokenizer: BPE, rows: int) -> None:
    """Write the tokenizer of `folder` for a model with that many `rows` of embeddings.

    Raises:
        TokenizerError: it has more tokens than the model, or llama.cpp cannot compute what it does.
    """
    if tokenizer.vocab_size > rows:
        raise TokenizerError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and the model {rows}: "
            "they do not belong together"
        )
    vocabulary = tokenizer.vocabulary
    file = read_json(folder / "tokenizer.json")
    model = file["model"]
    split = SPLITS.get(vocabulary.pattern)
    if split is None:
        raise TokenizerError(
            f"the tokenizer in {folder} splits text by none of the patterns that can be named to llama.cpp: "
            f"{', '.join(SPLITS.values())}"
        )
    if not model["merges"]:
        raise TokenizerError(f"the tokenizer in {folder} has no merges, which no GGUF file can express; train a larger")
    if model.get("ignore_merges") and split != "llama-bpe":
        raise TokenizerError(f"the tokenizer in {folder} has words that no merges make, which llama.cpp would cut up")
    texts = {id_: text for text, id_ in model["vocab"].items()}
    types = dict.fromkeys(texts, TokenType.NORMAL)
    for reserved, kind in ((vocabulary.special, TokenType.CONTROL), (vocabulary.added, TokenType.USER_DEFINED)):
        texts |= {id_: text for text, id_ in reserved.items()}
        types |= dict.fromkeys(reserved.values(), kind)
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre(split)
    writer.add_token_list([texts.get(id_, f"[PAD{id_}]") for id_ in range(rows)])
    writer.add_token_types([types.get(id_, TokenType.UNUSED) for id_ in range(rows)])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    # Explicit, because llama.cpp's own default goes by the split: Llama 3 begins every text with a token.
    processor = file.get("post_processor") or {}
    steps = [step.get("single") for step in processor.get("processors", [processor])]
    writer.add_add_bos_token(any("SpecialToken" in single[0] for single in steps if single))
    add_special_tokens(writer, folder, tokenizer)


def add_special_tokens(writer: GGUFWriter, folder: Path, tokenizer: BPE) -> None:
    """Write which tokens begin and end texts and turns, and the chat template."""
    config = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    reserved = {**tokenizer.vocabulary.special, **tokenizer.vocabulary.added}
    known = {name: reserved.get(_text(config.get(f"{name}_token"))) for name in ("bos", "eos", "pad")}
    end_of_text = reserved.get(END_OF_TEXT)
    end_of_turn = tokenizer.end_of_turn_id if tokenizer.end_of_turn_id >= 0 else reserved.get(IM_END)
    # Some programs stop at the end of sequence only: for an assistant that is the end of its turn.
    eos = known["eos"] if end_of_turn is None or end_of_turn not in _stops(folder) else end_of_turn
    for add, id_ in (
        (writer.add_bos_token_id, end_of_text if known["bos"] is None else known["bos"]),
        (writer.add_eos_token_id, end_of_text if eos is None else eos),
        (writer.add_eot_token_id, end_of_turn),
        (writer.add_pad_token_id, known["pad"]),
    ):
        if id_ is not None:
            add(id_)
    beside = folder / "chat_template.jinja"
    template = beside.read_text(encoding="utf-8") if beside.is_file() else config.get("chat_template")
    if template:
        writer.add_chat_template(template)


def _text(token: Any) -> str:
    """A token of tokenizer_config.json: its text, or a table that holds it; "" for none."""
    return str(token["content"]) if isinstance(token, dict) else token or ""


def _stops(folder: Path) -> list[Any]:
    """The ids at which generation stops, as far as the folder says."""
    path = folder / "generation_config.json"
    stops = read_json(path).get("eos_token_id", []) if path.is_file() else []
    return stops if isinstance(stops, list) else [stops]
