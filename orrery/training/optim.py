"""The optimizers: Muon for the matrices inside the blocks, AdamW for everything else, both PyTorch's own.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix's momentum by the nearest
orthogonal matrix before it steps, so that all directions move equally far. It is made for matrices that map hidden
states to hidden states; embeddings, the output head, norms, biases and scalars keep AdamW (arXiv 1711.05101). Queries,
keys and values are one matrix in this model: Muon makes it orthogonal as a whole.

Fine-tuning uses AdamW alone: what was pretrained should move little, and not in all directions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from orrery.errors import ConfigError


@dataclass(frozen=True)
class OptimizerConfig:
    """Peak learning rates and what else the optimizers need; the schedule multiplies both rates."""

    kind: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices inside the blocks, AdamW for the rest; adamw: AdamW for all."""
    lr: float = 3e-3
    """Peak learning rate of AdamW."""
    muon_lr: float = 0.02
    """Peak learning rate of Muon."""
    muon_momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    """Share of each matrix inside the blocks that a step takes away, times the learning rate."""
    clip: float = 1.0
    """Largest norm of the whole gradient; longer ones are scaled down to it. 0: never."""

    def __post_init__(self) -> None:
        if self.kind not in ("muon", "adamw"):
            raise ConfigError(f"optimizer kind {self.kind!r} is not one of muon, adamw")
        for name in ("lr", "muon_lr", "weight_decay", "clip"):
            if getattr(self, name) < 0:
                raise ConfigError(f"optimizer {name} is {getattr(self, name)}; it cannot be negative")


class Optimizers:
    """The optimizers of all trained parameters, stepped as one."""

    def __init__(self, models: Mapping[str, nn.Module], config: OptimizerConfig) -> None:
        trained = trained_weights(models)
        if not trained:
            raise ConfigError("no parameter is trained: every model of this stage is frozen")
        in_blocks = {id(weight) for model in models.values() for weight in block_matrices(model)}
        matrices = [weight for weight in trained if id(weight) in in_blocks]
        others = [weight for weight in trained if id(weight) not in in_blocks]
        self.parameters = matrices + others
        adam_groups = [{"params": others, "weight_decay": 0.0}] if others else []
        self._peaks: list[tuple[torch.optim.Optimizer, float]] = []
        if config.kind == "muon" and matrices:
            muon = torch.optim.Muon(
                matrices, lr=config.muon_lr, momentum=config.muon_momentum, weight_decay=config.weight_decay
            )
            self._peaks.append((muon, config.muon_lr))
        elif matrices:
            adam_groups.append({"params": matrices, "weight_decay": config.weight_decay})
        if adam_groups:
            adam = torch.optim.AdamW(adam_groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=True)
            self._peaks.append((adam, config.lr))

    def step(self, factor: float) -> None:
        """Step with the peak learning rates times ``factor``, then forget the gradients."""
        for optimizer, peak in self._peaks:
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.step()
        self.forget_gradients()

    def forget_gradients(self) -> None:
        """Drop all gradients; the next backward pass makes new ones."""
        for weight in self.parameters:
            weight.grad = None

    def state_dict(self) -> list[dict[str, object]]:
        """What a checkpoint keeps."""
        return [optimizer.state_dict() for optimizer, _ in self._peaks]

    def load_state_dict(self, states: Iterable[dict[str, object]]) -> None:
        """Take over what `state_dict` gave, for the same models and settings."""
        for (optimizer, _), state in zip(self._peaks, states, strict=True):
            optimizer.load_state_dict(state)


def trained_weights(models: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Every parameter that is trained, shared ones once."""
    weights = {id(weight): weight for model in models.values() for weight in model.parameters()}
    return [weight for weight in weights.values() if weight.requires_grad]


def block_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices that map hidden states to hidden states: those inside the model's list of blocks."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return [weight for blocks in lists for weight in blocks.parameters() if weight.ndim == 2]
