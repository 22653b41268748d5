"""Helper processes: each core takes its own rows of a batch, and the gradients are added once a step.

A small model is hundreds of small operations a step. Threads that share each operation wait for each other at each of
them, and whenever something else runs, all wait for the one that lost its core. Processes with one thread each wait
once a step (data parallelism; Li et al. 2020, arXiv 2006.15704, describe PyTorch's). Here they share the weights too:

    before training     weights move into memory that processes share; each helper is forked with a copy of the stage
    each step           the parent sends each helper its rows and computes its own; a helper leaves its gradients in
                        shared memory; the parent adds them, always in the same order, and steps the optimizer
    between steps       whatever a stage shares out, such as sampling, goes to the same helpers (`orrery.processes`)

The sums differ from those of one process by rounding alone, and are the same whenever the number of processes is. A
helper ends when its parent does, however that ended: its pipe closes. Linux only, where forking is safe; on a GPU the
work is in few large operations, and there are no helpers.
"""

import math
import mmap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from orrery.inference.engine import Engine
from orrery.processes import Workers, can_fork
from orrery.training.optim import trained_weights
from orrery.training.stage import Batch, Objective, TrainConfig
from orrery.training.step import accumulate

Precision = Callable[[], AbstractContextManager[Any]]


class Helpers:
    """The gradients of an objective, computed by this process and its helpers, if it has any.

    Attributes:
        processes: that share a batch, this one included.
    """

    def __init__(self, objective: Objective, config: TrainConfig, device: torch.device, precision: Precision) -> None:
        self._objective = objective
        self._accumulate = partial(
            accumulate, objective, micro_rows=config.micro_rows, device=device, precision=precision
        )
        self.processes = _processes(config, device)
        self._workers: Workers | None = None
        if self.processes > 1:
            has = [*objective.models.values(), *vars(objective).values()]
            known = [part for part in has if isinstance(part, nn.Module | Engine)]
            for module in {part for part in known if isinstance(part, nn.Module)}:
                _share(list(module.parameters()))
            self._weights = trained_weights(objective.models)
            self._gradients = [_shared_like(self._weights) for _ in range(self.processes - 1)]
            self._workers = Workers.waiting = Workers(self.processes, [self, objective, *known])

    def accumulate(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Add the gradients of ``batch`` to the parameters -> (loss, metrics), both of the whole batch.

        Raises:
            RunError: a helper has ended, killed for memory for instance, or failed; the message has its traceback.
        """
        denominators = self._objective.denominators(batch)
        if self._workers is None:
            return self._accumulate(batch, denominators)
        parts = batch.split(math.ceil(batch.rows / self.processes))
        (loss, metrics), *others = self._workers.map(
            self._part, [(number, part, denominators) for number, part in enumerate(parts)]
        )
        for (part_loss, part_metrics), gradients in zip(others, self._gradients, strict=False):
            loss = loss + part_loss
            for name, value in part_metrics.items():
                metrics[name] = metrics[name] + value
            for weight, gradient in zip(self._weights, gradients, strict=True):
                weight.grad = gradient.clone() if weight.grad is None else weight.grad.add_(gradient)
        return loss, metrics

    def close(self) -> None:
        """End the helpers."""
        if self._workers is not None:
            self._workers.close()

    def _part(self, numbered: tuple[int, Any, Any]) -> tuple[Any, dict[str, Any]]:
        """Loss and metrics of a part of the batch; helper n leaves its gradients in the n-th shared memory."""
        number, batch, denominators = numbered
        if not number:
            return self._accumulate(batch, denominators)
        for weight, gradient in zip(self._weights, self._gradients[number - 1], strict=True):
            weight.grad = gradient.zero_()  # backward adds to it
        loss, metrics = self._accumulate(batch, denominators)
        return loss.item(), {name: float(value) for name, value in metrics.items()}


def _processes(config: TrainConfig, device: torch.device) -> int:
    """One for each thread that torch may use, as far as there are rows."""
    if device.type != "cpu" or not can_fork() or config.compile == "on":
        return 1
    return min(torch.get_num_threads(), config.rows)


def _share(weights: Sequence[Tensor]) -> None:
    """Move weights into memory that forked processes share."""
    for weight, shared in zip(weights, _shared_like(weights), strict=True):
        weight.data = shared.copy_(weight.data)


def _shared_like(weights: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the same shapes in memory that forked processes share; no file and no name, so nothing can leak."""
    memory = mmap.mmap(-1, sum(weight.numel() * weight.element_size() for weight in weights))
    found, at = [], 0
    for weight in weights:
        flat = torch.frombuffer(memory, dtype=weight.dtype, count=weight.numel(), offset=at)
        found.append(flat.view(weight.shape))
        at += weight.numel() * weight.element_size()
    return found
