"""The optimizers: Muon for the matrices inside the blocks, AdamW for everything else, both PyTorch's own.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix's momentum by the nearest
orthogonal matrix before it steps, so that all directions move equally far. It is made for matrices that map hidden
states to hidden states; embeddings, the output head, norms, biases and scalars keep AdamW (arXiv 1711.05101). Queries,
keys and values are one matrix in this model: Muon makes it orthogonal as a whole.

Fine-tuning uses AdamW alone: what was pretrained should move little, and not in all directions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
            kind = ShardedMuon if any(is_sharded(weight) for weight in matrices) else torch.optim.Muon
            muon = kind(matrices, lr=config.muon_lr, momentum=config.muon_momentum, weight_decay=config.weight_decay)
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

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state's tensors by name, ``OPTIMIZER.WEIGHT.KIND``, to be saved or written into; zeros at first."""
        if not any(optimizer.state for optimizer, _ in self._peaks):
            for weight in self.parameters:
                weight.grad = torch.zeros_like(weight)
            self.step(0.0)  # makes the state and moves nothing
            for tensor in self.tensors().values():
                tensor.zero_()
        found = {}
        for number, (optimizer, _) in enumerate(self._peaks):
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            for index, weight in enumerate(weights):
                for kind, tensor in optimizer.state[weight].items():
                    found[f"{number}.{index}.{kind}"] = tensor
        return found

    def take_whole(self, states: Iterable[dict[str, Any]]) -> None:
        """Take over what `state_dict` gave in a process that had whole weights, where this one has its share."""
        saved = list(states)
        for name, tensor in self.tensors().items():
            number, index, kind = name.split(".")
            tensor.copy_(like(saved[int(number)]["state"][int(index)][kind].to(tensor.device), tensor))


class ShardedMuon(torch.optim.Muon):
    """Muon for matrices of which each process holds some rows (`orrery.training.parallel`).

    Only whole matrices can be made orthogonal: each process gathers one update after the other, does the same with it,
    and keeps its rows. The momentum stays shared out.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(weight.grad))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(whole_tensor(weight.grad.lerp(momentum, group["momentum"])))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(like(update, weight), alpha=-group["lr"])


def orthogonal(update: torch.Tensor) -> torch.Tensor:
    """The step that Muon takes along ``update`` at learning rate 1: PyTorch's own, without momentum, from 0."""
    step = nn.Parameter(torch.zeros_like(update))
    step.grad = update
    torch.optim.Muon([step], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
    return -step.detach()


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this process holds its share only (a DTensor; asked so, because importing that class takes a second)."""
    return hasattr(tensor, "full_tensor")


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or all processes' shares of it put together; all must ask at the same time."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def like(whole: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """A whole tensor, which each process has, shared out as ``tensor`` is."""
    if not is_sharded(tensor):
        return whole
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(tensor, DTensor)
    return distribute_tensor(whole, tensor.device_mesh, tensor.placements, src_data_rank=None)


def trained_weights(models: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Every parameter that is trained, shared ones once."""
    weights = {id(weight): weight for model in models.values() for weight in model.parameters()}
    return [weight for weight in weights.values() if weight.requires_grad]


def block_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices that map hidden states to hidden states: those inside the model's list of blocks."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return [weight for blocks in lists for weight in blocks.parameters() if weight.ndim == 2]
