"""Model folders and the names that clients call them by: the shortest end of the path that belongs to one alone.

    models = read_models([Path("runs/a/sft"), Path("runs/b/sft"), Path("runs/a/base")])
    list(models)                                             # ["a/sft", "b/sft", "base"]

Clients name models only by these keys, so nothing that they write is ever part of a path.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from orrery.errors import CheckpointError, ConfigError, OrreryError
from orrery.inference.engine import CACHE_BYTES, Precision
from orrery.inference.scheduler import SLOTS
from orrery.inference.speaker import is_assistant
from orrery.models.config import TransformerConfig
from orrery.models.hf import INDEX, WEIGHTS, load_tokenizer
from orrery.models.hf_config import config_from_hf
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

SAMPLING_FIELDS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class ServedModel:
    """What the server itself knows of a model: all but the weights.

    `assistant`: it knows turns. `written`: when its weights were. `defaults`: sampling where a request says nothing.
    """

    name: str
    folder: Path
    tokenizer: BPE
    context: int
    assistant: bool
    created: int
    written: int
    defaults: Mapping[str, float]
    config: TransformerConfig


def read_models(folders: Sequence[Path]) -> dict[str, ServedModel]:
    """The models in these folders by their names, in the same order.

    Raises:
        ConfigError: none, or the same folder twice.
        CheckpointError: a folder is no model, or has no weights in safetensors.
        TokenizerError: a tokenizer is damaged or of another kind.
    """
    if not folders:
        raise ConfigError("there is no model to serve: give at least one folder, --model runs/speedrun/sft")
    return {name: read_model(name, folder) for name, folder in shortest_names(folders).items()}


def shortest_names(folders: Sequence[Path]) -> dict[str, Path]:
    """Each folder under the shortest end of its path that no other one has. Raises ConfigError for one given twice."""
    paths = [folder.resolve() for folder in folders]
    names: dict[str, Path] = {}
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(f"{path} is given twice")
        parts = [part for part in path.parts if part != path.anchor]
        ends = ["/".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        others = [f"/{other.as_posix()}" for other in paths if other != path]
        alone = [end for end in ends if not any(other.endswith(f"/{end}") for other in others)]
        names[(alone or ends)[0 if alone else -1]] = path
    return names


def read_model(name: str, folder: Path) -> ServedModel:
    """Everything but the weights, whose files are only looked for. Raises as `read_models`."""
    if not folder.is_dir():
        raise CheckpointError(f"no model at {folder}: there is no such folder")
    config, tokenizer = config_from_hf(folder), load_tokenizer(folder)
    if not any((folder / file).is_file() for file in (WEIGHTS, INDEX)):
        raise CheckpointError(f"{folder} has no weights: neither {WEIGHTS} nor {INDEX} is there (no others are read)")
    assistant = is_assistant(folder, tokenizer)
    return ServedModel(
        name, folder, tokenizer, config.context, assistant, int((folder / "config.json").stat().st_mtime),
        written(folder), sampling_defaults(folder, assistant), config,
    )  # fmt: skip


def reread_models(known: Mapping[str, ServedModel], folders: Mapping[str, Path]) -> dict[str, ServedModel]:
    """The models in these folders by their names, as `known` says where the weights are still those.

    Folders in which no model is, or none yet, are left out.
    """
    models = {}
    for name, folder in folders.items():
        if name in known and known[name].written == written(folder):
            models[name] = known[name]
        else:
            with contextlib.suppress(OrreryError):
                models[name] = read_model(name, folder)
    return models


def written(folder: Path) -> int:
    """When a model's weights were last written, in nanoseconds; 0 where there are none."""
    for file in (folder / WEIGHTS, folder / INDEX):
        with contextlib.suppress(FileNotFoundError):
            return file.stat().st_mtime_ns
    return 0


def sampling_defaults(folder: Path, assistant: bool) -> dict[str, float]:
    """How to sample where a request says nothing: as generation_config.json says.

    One that says nothing, either, asks for the likeliest tokens of an assistant, as `orrery chat` and transformers do,
    and for temperature 1 of a base model, as OpenAI does.
    """
    path = folder / "generation_config.json"
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = {key: values[key] for key in SAMPLING_FIELDS if isinstance(values.get(key), int | float)}
    if values.get("do_sample") is False:
        found["temperature"] = 0.0
    return {"temperature": 0.0 if assistant else 1.0, **found}


def most_bytes(config: TransformerConfig, dtype: Precision) -> int:
    """What a model will take at most when it is loaded, with the cache of its requests."""
    size = 2 if dtype == "bfloat16" else 4
    with torch.device("meta"):
        weights = Transformer(config).num_parameters() * size
    token = 2 * config.layers * config.kv_heads * config.head_width * size
    return weights + min(CACHE_BYTES, SLOTS * config.context * token)
