"""`orrery model DIR`: explain an architecture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from orrery.models.explain import explain, render
from orrery.models.hf_config import config_from_hf


@dataclass(frozen=True)
class ModelConfig:
    """Explain the architecture of a model folder: a walk of the shapes, parameters and FLOPs a token by part,
    cache bytes a token, and how it compares with GPT-2, Llama 3 and GPT-3.

    Example: orrery model runs/speedrun/sft
    """

    model: Annotated[Path, tyro.conf.Positional]
    """A Hugging Face model folder: Qwen3, Llama or GPT-2."""


def model(config: ModelConfig) -> None:
    """Print the explanation. Raises `CheckpointError` for a folder that is no model."""
    Console(highlight=False).print(render(explain(config_from_hf(config.model))))
