"""What an architecture consists of and what it costs: shapes, parameters, arithmetic and memory, part by part.

    rich.print(render(explain(load_model(folder).config)))

Parameters are counted on the real module, built without memory. FLOPs (a multiplication and an addition are two) are
those of the matrix products: 2 a token for each weight of a matrix, and 4 H C S a layer for a token whose H heads of
width C look at S tokens (arXiv 2204.02311, appendix B). Norms, softmax and activations are left out; they are
under a percent in large models.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from rich.console import Group, RenderableType
from rich.table import Table

from orrery.models.transformer import Transformer, TransformerConfig

BYTES = 2  # a cached number in bfloat16


def _gpt(layers: int, width: int, head_width: int, context: int) -> TransformerConfig:
    heads = width // head_width
    return TransformerConfig(
        50257, "gpt2", width, layers, heads, heads, head_width, mlp_width=4 * width, context=context, norm_eps=1e-5
    )


def _llama3(layers: int, width: int, mlp_width: int, context: int) -> TransformerConfig:
    return TransformerConfig(
        128256, "llama", width, layers, width // 128, 8, 128, mlp_width, context, 500000.0, norm_eps=1e-5, tied=False
    )


KNOWN = {
    "GPT-2 124M": _gpt(12, 768, 64, 1024),
    "GPT-2 1.5B": _gpt(48, 1600, 64, 1024),
    "GPT-3 175B": _gpt(96, 12288, 128, 2048),  # its sparse layers counted as dense
    "Llama 3 8B": _llama3(32, 4096, 14336, 8192),
    "Llama 3.1 405B": _llama3(126, 16384, 53248, 131072),
}


@dataclass(frozen=True)
class Part:
    """One kind of part, all layers together: its parameters and forward FLOPs a token."""

    name: str
    parameters: int
    flops: int


@dataclass(frozen=True)
class Shape:
    """One step of the walk from ids to logits, for one sequence."""

    step: str
    shape: tuple[int, ...]
    note: str


@dataclass(frozen=True)
class Compared:
    """One line of the comparison. `flops` are forward, a token; `cache_bytes` a token, in bfloat16."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    vocab_size: int
    context: int
    parameters: int
    flops: int
    cache_bytes: int


@dataclass(frozen=True)
class Explanation:
    """What `explain` found. `flops` are forward, for a token that looks at `context` tokens; training takes three times
    that. `cache_bytes` are the keys and values of one token in all layers, in bfloat16."""

    config: TransformerConfig
    context: int
    parameters: int
    flops: int
    cache_bytes: int
    parts: tuple[Part, ...]
    walk: tuple[Shape, ...]
    comparison: tuple[Compared, ...]


def explain(config: TransformerConfig, context: int | None = None) -> Explanation:
    """Take `config` apart, for sequences of `context` tokens (by default its longest)."""
    context = config.context if context is None else context
    parts = count_parts(config, context)
    return Explanation(
        config=config,
        context=context,
        parameters=sum(part.parameters for part in parts),
        flops=sum(part.flops for part in parts),
        cache_bytes=cache_bytes_per_token(config),
        parts=parts,
        walk=walk(config, context),
        comparison=tuple(compared(name, c, context) for name, c in ({"this model": config} | KNOWN).items()),
    )


def flops_per_token(config: TransformerConfig, context: int) -> float:
    """FLOPs that training takes a token in sequences of `context` tokens: the forward pass and twice that backward.

    Equals 6 N + 12 L H C `context`, N being the weights of all matrices, the unembedding's once, looked-up ones not.
    """
    return 3.0 * sum(part.flops for part in count_parts(config, context))


def cache_bytes_per_token(config: TransformerConfig, bytes_per_number: int = BYTES) -> int:
    """Bytes that a key/value cache takes for each token of a sequence."""
    return 2 * config.layers * config.kv_heads * config.head_width * bytes_per_number


@lru_cache
def count_parts(config: TransformerConfig, context: int) -> tuple[Part, ...]:
    """Parameters and forward FLOPs a token by part, at `context` tokens looked at."""
    with torch.device("meta"):
        model = Transformer(config)
    names = {
        "token_embedding": "token embedding",
        "position_embedding": "position embedding",
        "attention": "attention projections",
        "mlp": "MLP",
        "unembedding": "unembedding",
    }
    parameters = dict.fromkeys([*names.values(), "norms"], 0)
    flops = dict.fromkeys(parameters, 0)
    for name, weight in model.named_parameters():
        module = name.split(".")[2 if name.startswith("blocks.") else 0]
        part = "norms" if "norm" in name else names[module]
        parameters[part] += weight.numel()
        if weight.dim() == 2 and part not in ("token embedding", "position embedding"):  # those are looked up
            flops[part] += 2 * weight.numel()
    flops["unembedding"] = 2 * config.vocab_size * config.width  # when tied, it has no parameters of its own
    scores = 4 * config.layers * config.heads * config.head_width * context
    parts = [Part(name, parameters[name], flops[name]) for name in parameters]
    parts.insert(3, Part("attention scores and mixing", 0, scores))
    return tuple(part for part in parts if part.parameters or part.flops)


def walk(config: TransformerConfig, context: int) -> tuple[Shape, ...]:
    """The shapes that one sequence of `context` tokens takes on its way, one block standing for all."""
    c, T = config, context
    norm = "LayerNorm" if c.architecture == "gpt2" else "RMSNorm"
    positions = "rotated by position" if c.rotary else "positions are in the stream already"
    if c.architecture == "qwen3":
        positions = f"each head normalised, then {positions}"
    hidden = "GELU(up)" if c.architecture == "gpt2" else "SiLU(gate) * up"
    return (
        Shape("ids", (T,), f"each below {c.vocab_size:,}"),
        Shape("residual stream", (T, c.width), "token embedding" + ("" if c.rotary else " + position embedding")),
        Shape("queries", (c.heads, T, c.head_width), f"{c.layers} blocks, each: {norm}, projection; {positions}"),
        Shape(
            "keys, values",
            (c.kv_heads, T, c.head_width),
            f"query heads for each: {c.heads // c.kv_heads}; kept in the cache",
        ),
        Shape("scores", (c.heads, T, T), f"queries · keys / √{c.head_width}, causal mask, softmax"),
        Shape("mixed values", (c.heads, T, c.head_width), "scores · values"),
        Shape("residual stream", (T, c.width), "+ output projection"),
        Shape("MLP", (T, c.mlp_width), f"{norm}, {hidden}"),
        Shape("residual stream", (T, c.width), "+ down projection; on to the next block"),
        Shape("final norm", (T, c.width), norm),
        Shape("logits", (T, c.vocab_size), "token embedding, transposed" if c.tied else "unembedding"),
    )


def compared(name: str, config: TransformerConfig, context: int) -> Compared:
    """The line of `config` in the comparison, its FLOPs at `context` tokens or its own longest."""
    c, parts = config, count_parts(config, min(context, config.context))
    return Compared(
        name=name,
        layers=c.layers,
        width=c.width,
        heads=c.heads,
        kv_heads=c.kv_heads,
        vocab_size=c.vocab_size,
        context=c.context,
        parameters=sum(part.parameters for part in parts),
        flops=sum(part.flops for part in parts),
        cache_bytes=cache_bytes_per_token(c),
    )


def render(explanation: Explanation) -> RenderableType:
    """`explanation` as three tables for a terminal."""
    e = explanation
    steps = Table(
        "step", "shape", "", title=f"One sequence of {e.context:,} tokens through the model ({e.config.architecture})"
    )
    for shape in e.walk:
        steps.add_row(shape.step, " × ".join(f"{size:,}" for size in shape.shape), shape.note)
    parts = Table(title=f"Parameters, and forward FLOPs a token at {e.context:,} tokens of context")
    for column in ("part", "parameters", "", "FLOPs a token", ""):
        parts.add_column(column, justify="left" if column == "part" else "right")
    for part in e.parts:
        shares = f"{part.parameters / e.parameters:.1%}", f"{part.flops / e.flops:.1%}"
        parts.add_row(part.name, f"{part.parameters:,}", shares[0], f"{part.flops:,}", shares[1])
    parts.add_section()
    parts.add_row("all", f"{e.parameters:,}", "", f"{e.flops:,}", "")
    models = Table(
        title="Beside well-known models",
        caption=f"FLOPs a token: forward, at {e.context:,} tokens of context or the model's longest; training takes "
        "three times as many. Cache: keys and values of a token in all layers, bfloat16.",
    )
    models.add_column("")  # one column a model, so that the table fits 80 characters
    for row in e.comparison:
        models.add_column(row.name.replace(" ", "\n", 1), justify="right")
    for name in ("layers", "width", "heads", "kv_heads", "vocab_size", "context"):
        models.add_row(name.replace("_", " "), *(f"{getattr(row, name):,}" for row in e.comparison))
    models.add_row("parameters", *(short(row.parameters) for row in e.comparison))
    models.add_row("FLOPs", *(short(row.flops) for row in e.comparison))
    models.add_row("cache, KiB", *(f"{row.cache_bytes / 1024:,.1f}" for row in e.comparison))
    return Group(steps, parts, models)


def short(number: float) -> str:
    """Three digits and a letter.

    >>> short(124_439_808), short(950)
    ('124M', '950')
    """
    for letter, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            value = number / size
            return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f}{letter}"
    return f"{number:g}"
