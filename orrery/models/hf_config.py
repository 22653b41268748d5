"""config.json of a Hugging Face folder <-> `TransformerConfig`.

What is written serves transformers 4 and 5, vLLM and llama.cpp alike: `rope_theta` and `rope_scaling` at the top level
as the older ones want them, `rope_parameters` as the newer. What is read must mean the same here as there: a field
that asks for something this model does not do is refused by name, never ignored.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from orrery.errors import CheckpointError, ConfigError
from orrery.models.config import RopeScaling, TransformerConfig

CLASSES = {"qwen3": "Qwen3ForCausalLM", "llama": "LlamaForCausalLM", "gpt2": "GPT2LMHeadModel"}
# The same with a head of one score: reward models and critics.
SCORE_CLASSES = {name: f"{prefix}ForSequenceClassification" for name, prefix in
                 (("qwen3", "Qwen3"), ("llama", "Llama"), ("gpt2", "GPT2"))}  # fmt: skip
T = TypeVar("T", int, float, bool, str)

# Fields that change what the model computes, with the values under which it computes what ours does.
ROTARY_ALLOWED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "use_sliding_window": (False, None),
    "partial_rotary_factor": (1, None),
    "quantization_config": (None,),
}
GPT2_ALLOWED: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
}


def config_to_hf(config: TransformerConfig, dtype: str, eos_ids: Sequence[int]) -> dict[str, Any]:
    """The contents of config.json; `dtype` is the weights' type, such as "float32"."""
    c = config
    values: dict[str, Any] = {
        "architectures": [CLASSES[c.architecture]],
        "model_type": c.architecture,
        "vocab_size": c.vocab_size,
        "tie_word_embeddings": c.tied,
        "bos_token_id": None,
        "eos_token_id": eos_ids[0] if eos_ids else None,
        "torch_dtype": dtype,
        "dtype": dtype,
        # Ours only; it tells how the weights were first drawn.
        "orrery": {"embedding_std": c.embedding_std, "final_norm_init": c.final_norm_init},
    }
    if not c.rotary:
        return values | {
            "n_embd": c.width,
            "n_layer": c.layers,
            "n_head": c.heads,
            "n_inner": c.mlp_width,
            "n_positions": c.context,
            "n_ctx": c.context,
            "layer_norm_epsilon": c.norm_eps,
            "activation_function": "gelu_new",
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        }
    scaling: dict[str, Any] = {}
    if c.rope_scaling is not None:
        scaling = {
            "rope_type": "llama3",
            "factor": c.rope_scaling.factor,
            "low_freq_factor": c.rope_scaling.low_frequency_factor,
            "high_freq_factor": c.rope_scaling.high_frequency_factor,
            "original_max_position_embeddings": c.rope_scaling.original_context,
        }
    return values | {
        "hidden_size": c.width,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_width,
        "intermediate_size": c.mlp_width,
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "rope_theta": c.rope_base,
        "rope_scaling": scaling or None,
        "rope_parameters": {"rope_type": "default"} | scaling | {"rope_theta": c.rope_base},
    }


def config_from_hf(folder: Path, classes: Mapping[str, str] = CLASSES) -> TransformerConfig:
    """Read `folder`/config.json of one of these classes.

    Raises:
        CheckpointError: it is missing, damaged, of another architecture, or asks for what this model does not do.
    """
    path = folder / "config.json"
    values = read_json(path)
    architecture: Any = values.get("model_type")
    if architecture not in classes:
        raise CheckpointError(f"{path}: model_type {architecture!r} is not one of {', '.join(classes)}")
    expected = classes[architecture]
    if expected not in (values.get("architectures") or [expected]):
        raise CheckpointError(f"{path}: architectures is {values['architectures']}; only {expected} can be loaded")
    for name, allowed in (GPT2_ALLOWED if architecture == "gpt2" else ROTARY_ALLOWED).items():
        if values.get(name, allowed[0]) not in allowed:
            raise refused(path, name, values[name], allowed)
    shape = gpt2_shape(path, values) if architecture == "gpt2" else rotary_shape(path, values, architecture)
    ours = values.get("orrery") or {}
    try:
        return TransformerConfig(
            vocab_size=field(path, values, "vocab_size", int),
            architecture=architecture,
            tied=field(path, values, "tie_word_embeddings", bool, architecture == "gpt2"),
            embedding_std=field(path, ours, "embedding_std", float, TransformerConfig.embedding_std),
            final_norm_init=field(path, ours, "final_norm_init", float, TransformerConfig.final_norm_init),
            **shape,
        )
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error


def gpt2_shape(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The sizes of a GPT-2 as keywords of `TransformerConfig`."""
    width, heads = field(path, values, "n_embd", int), field(path, values, "n_head", int)
    if heads < 1 or width % heads:
        raise CheckpointError(f"{path}: n_embd ({width}) must be a multiple of n_head ({heads})")
    return {
        "width": width,
        "layers": field(path, values, "n_layer", int),
        "heads": heads,
        "kv_heads": heads,
        "head_width": width // heads,
        "mlp_width": field(path, values, "n_inner", int, 4 * width),
        "context": field(path, values, "n_positions", int),
        "norm_eps": field(path, values, "layer_norm_epsilon", float, 1e-5),
    }


def rotary_shape(path: Path, values: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The sizes of a Qwen3 or Llama as keywords of `TransformerConfig`; absent fields have transformers' defaults."""
    kinds = values.get("layer_types") or []
    if any(kind != "full_attention" for kind in kinds):
        raise refused(path, "layer_types", kinds, ("full_attention",))
    width, heads = field(path, values, "hidden_size", int), field(path, values, "num_attention_heads", int)
    if heads < 1:
        raise CheckpointError(f"{path}: num_attention_heads is {heads}; it must be at least 1")
    base, scaling = rope(path, values)
    return {
        "width": width,
        "layers": field(path, values, "num_hidden_layers", int),
        "heads": heads,
        "kv_heads": field(path, values, "num_key_value_heads", int, heads),
        "head_width": field(path, values, "head_dim", int, 128 if architecture == "qwen3" else width // heads),
        "mlp_width": field(path, values, "intermediate_size", int),
        "context": field(path, values, "max_position_embeddings", int),
        "norm_eps": field(path, values, "rms_norm_eps", float, 1e-6),
        "rope_base": base,
        "rope_scaling": scaling,
    }


def rope(path: Path, values: dict[str, Any]) -> tuple[float, RopeScaling | None]:
    """The rotary base and scaling, from `rope_theta` and `rope_scaling` (transformers 4) or `rope_parameters` (5)."""
    name = "rope_scaling" if values.get("rope_scaling") else "rope_parameters"
    given = values.get(name) or {}
    if not isinstance(given, dict) or any(isinstance(value, dict) for value in given.values()):
        raise CheckpointError(f"{path}: {name} is {given!r}; it must be one table of numbers for all layers")
    base = field(path, values | given, "rope_theta", float, 10000.0)
    if given.get("partial_rotary_factor", 1) != 1:
        raise refused(path, f"{name}.partial_rotary_factor", given["partial_rotary_factor"], (1,))
    kind = given.get("rope_type", given.get("type", "default"))
    if kind == "default":
        return base, None
    if kind != "llama3":
        raise refused(path, f"{name}.rope_type", kind, ("default", "llama3"))
    scaling = RopeScaling(
        factor=field(f"{path}, {name}", given, "factor", float),
        low_frequency_factor=field(f"{path}, {name}", given, "low_freq_factor", float),
        high_frequency_factor=field(f"{path}, {name}", given, "high_freq_factor", float),
        original_context=field(f"{path}, {name}", given, "original_max_position_embeddings", int),
    )
    return base, scaling


def field(where: Path | str, values: dict[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """`values[name]`, checked to be of `kind`; `default` when it is absent or null, unless that is None.

    Raises:
        CheckpointError: it is absent and has no default, or is of another type.
    """
    value = values.get(name)
    if value is None:
        value = default
    if value is None:
        raise CheckpointError(f"{where}: {name} is missing")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise CheckpointError(f"{where}: {name} is {value!r}; it must be of type {kind.__name__}")
    return value


def refused(path: Path, name: str, value: Any, allowed: Sequence[Any]) -> CheckpointError:
    """The error for a field whose value this model cannot honour."""
    known = " or ".join(repr(value) for value in allowed if value is not None) or "absent"
    return CheckpointError(f"{path}: {name} is {value!r}, which this model cannot do; supported: {known}")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        CheckpointError: there is none.
    """
    if not path.is_file():
        raise CheckpointError(f"no model at {path.parent}: {path.name} is missing")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: it is not a JSON object")
    return values
