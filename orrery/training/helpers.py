"""Helper processes: each core takes its own rows of a batch, and the gradients are added once a step.

A small model is hundreds of small operations a step. Threads that share each operation wait for each other at each of
them, and whenever something else runs, all wait for the one that lost its core. Processes with one thread each wait
once a step (data parallelism; Li et al. 2020, arXiv 2006.15704, describe PyTorch's). Here they share the weights too:

    before training     weights move into memory that processes share; each helper is forked with a copy of the stage
    each step           the parent sends each helper its rows and computes its own; a helper leaves its gradients in
                        shared memory; the parent adds them, always in the same order, and steps the optimizer

The sums differ from those of one process by rounding alone, and are the same whenever the number of processes is. A
helper ends when its parent does, however that ended: its pipe closes. Linux only, where forking is safe; on a GPU the
work is in few large operations, and there are no helpers.
"""

import math
import mmap
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from orrery.errors import RunError
from orrery.processes import become_worker, can_fork, fork, one_thread
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
        self._helpers: list[_Helper] = []
        if self.processes > 1:
            self._weights = trained_weights(objective.models)
            for weight, shared in zip(self._weights, _shared_like(self._weights), strict=True):
                weight.data = shared.copy_(weight.data)
            self._helpers = [self._fork() for _ in range(self.processes - 1)]

    def accumulate(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Add the gradients of ``batch`` to the parameters -> (loss, metrics), both of the whole batch.

        Raises:
            RunError: a helper has ended, killed for memory for instance, or failed; the message has its traceback.
        """
        denominators = self._objective.denominators(batch)
        if self.processes == 1:
            return self._accumulate(batch, denominators)
        mine, *others = batch.split(math.ceil(batch.rows / self.processes))
        busy = self._helpers[: len(others)]
        for helper, part in zip(busy, others, strict=True):
            _send(helper.pipe, (part, denominators))
        with one_thread():
            loss, metrics = self._accumulate(mine, denominators)
        for helper in busy:
            part_loss, part_metrics = _received(helper.pipe)
            loss = loss + part_loss
            for name, value in part_metrics.items():
                metrics[name] = metrics[name] + value
            for weight, gradient in zip(self._weights, helper.gradients, strict=True):
                weight.grad = gradient.clone() if weight.grad is None else weight.grad.add_(gradient)
        return loss, metrics

    def close(self) -> None:
        """End the helpers."""
        for helper in self._helpers:
            helper.pipe.close()
            os.waitpid(helper.process, 0)
        self._helpers = []

    def _fork(self) -> "_Helper":
        gradients = _shared_like(self._weights)
        ours, theirs = multiprocessing.Pipe()
        process = fork()
        if process == 0:
            try:
                self._help(gradients, theirs)
            finally:
                os._exit(1)
        theirs.close()
        return _Helper(process, ours, gradients)

    def _help(self, gradients: Sequence[Tensor], pipe: Connection) -> None:
        """What a helper does until its pipe closes."""
        become_worker(pipe)
        while True:
            try:
                batch, denominators = pickle.loads(pipe.recv_bytes())
            except (EOFError, ConnectionError):
                os._exit(0)
            for weight, gradient in zip(self._weights, gradients, strict=True):
                weight.grad = gradient.zero_()  # backward adds to it
            try:
                loss, metrics = self._accumulate(batch, denominators)
                answer = ("", loss.item(), {name: float(value) for name, value in metrics.items()})
            except Exception:  # whatever it is: the parent raises it, with this traceback
                answer = (traceback.format_exc(), 0.0, {})
            _send(pipe, answer)


@dataclass(frozen=True)
class _Helper:
    process: int
    pipe: Connection
    gradients: Sequence[Tensor]


def _processes(config: TrainConfig, device: torch.device) -> int:
    """One for each thread that torch may use, as far as there are rows."""
    if device.type != "cpu" or not can_fork() or config.compile == "on":
        return 1
    return min(torch.get_num_threads(), config.rows)


def _send(pipe: Connection, message: object) -> None:
    """Send, or leave it where the other end is gone: who waits for the answer finds that out."""
    with suppress(ConnectionError):
        pipe.send_bytes(pickle.dumps(message))


def _received(pipe: Connection) -> tuple[float, dict[str, float]]:
    """The loss and the metrics that a helper sends."""
    try:
        failed, loss, metrics = pickle.loads(pipe.recv_bytes())
    except (EOFError, ConnectionError) as error:
        raise RunError(
            "a helper process of the training ended, perhaps for want of memory: go on with --resume, or without "
            "helpers (OMP_NUM_THREADS=1)"
        ) from error
    if failed:
        raise RunError(f"a helper process of the training failed:\n{failed}")
    return loss, metrics


def _shared_like(weights: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the same shapes in memory that forked processes share; no file and no name, so nothing can leak."""
    memory = mmap.mmap(-1, sum(weight.numel() * weight.element_size() for weight in weights))
    found, at = [], 0
    for weight in weights:
        flat = torch.frombuffer(memory, dtype=weight.dtype, count=weight.numel(), offset=at)
        found.append(flat.view(weight.shape))
        at += weight.numel() * weight.element_size()
    return found
