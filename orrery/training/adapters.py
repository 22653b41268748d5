"""Fine-tuning by low-rank adapters, in any stage: `--train.lora-rank 16` (`orrery/models/lora.py` says what they are).

Stages know nothing of it. Before training starts each of their transformers that would be trained is frozen and gets
adapters, which are trained in its place; after every step they are merged, so the stage samples from and saves an
ordinary model. What a head of a reward model or critic has to learn it learns whole. Checkpoints and the finished
folder keep the adapters beside the merged weights, as PEFT has them:

    runs/NAME/sft/model.safetensors …             merged
    runs/NAME/sft/adapter/                        of the (first) model
    runs/NAME/ppo/trainer/adapters/critic/        of others
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import nn

from orrery.errors import ConfigError
from orrery.models.lora import LoRA, read_adapter, save_adapter
from orrery.models.scalar import ScalarModel
from orrery.models.transformer import Transformer
from orrery.training.stage import Stage, TrainConfig

SUFFIX = "_lora"  # of the names of adapters among a stage's models


def adapt(stage: Stage, config: TrainConfig) -> None:
    """Freeze the transformers that the stage trains, and put adapters beside them among its models.

    Raises:
        ConfigError: there is none, or their weights are cut up among processes.
    """
    if not config.lora_rank:
        return
    if config.parallel == "fsdp":
        raise ConfigError("adapters are merged into whole weights, which fsdp cuts up: choose --train.parallel ddp")
    adapters = {}
    for name, model in stage.models.items():
        body = model.body if isinstance(model, ScalarModel) else model
        if isinstance(body, Transformer) and any(weight.requires_grad for weight in body.parameters()):
            adapters[name + SUFFIX] = LoRA(body, config.lora_rank, config.lora_alpha)
    if not adapters:
        raise ConfigError(f"stage '{stage.name}' trains no transformer that could be given adapters")
    stage.models = {**stage.models, **adapters}


def merge(models: Mapping[str, nn.Module]) -> None:
    """Bring the models' weights up to what their adapters are now."""
    for model in models.values():
        if isinstance(model, LoRA):
            model.merge()


def save_adapters(models: Mapping[str, nn.Module], folder: Path) -> None:
    """Write the adapters, if there are any, into the folder of the stage's model."""
    for adapters, place in _places(models, folder):
        save_adapter(adapters, place)


def read_adapters(models: Mapping[str, nn.Module], folder: Path) -> None:
    """Take over what `save_adapters` wrote.

    Raises:
        CheckpointError: it is missing, damaged or of other models.
    """
    for adapters, place in _places(models, folder):
        read_adapter(adapters, place)


def _places(models: Mapping[str, nn.Module], folder: Path) -> Iterator[tuple[LoRA, Path]]:
    found = [(name.removesuffix(SUFFIX), model) for name, model in models.items() if isinstance(model, LoRA)]
    for number, (name, adapters) in enumerate(found):
        yield adapters, folder / "trainer" / "adapters" / name if number else folder / "adapter"
