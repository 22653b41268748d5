"""Training on many processes, one a GPU: what torchrun starts as N processes trains as one would.

    torchrun --nproc_per_node=8 -m -- orrery pretrain --recipe gpt2-124m --run gpt2
    torchrun --nproc_per_node=8 -m -- orrery pretrain --recipe gpt2-124m --run gpt2 --train.parallel fsdp

(Without the ``--`` torchrun takes ``--run`` for one of its own options, shortened.)

Models, losses and stages know nothing of it. Every process (rank) goes the same way through the same stage, so that all
ask each other for the same things in the same order; what differs is put on from outside:

    batches       each rank takes its own rows of the same batch; the batches are the same whatever the number of ranks
    gradients     losses are sums over denominators of the whole batch, so gradients and metrics of all ranks add up
        ddp       all hold all weights, gradients are summed while they are computed (DistributedDataParallel; Li et
                  al. 2020, arXiv 2006.15704)
        fsdp      each holds its share of every weight, gradient and optimizer state; a block's weights are gathered
                  when it is their turn (`fully_shard`; Zhao et al. 2023, arXiv 2304.11277; ZeRO-3, arXiv 1910.02054)
    rollouts      each rank samples its share, and all get all (`share_out`)
    the run       only the first rank writes: events, checkpoints, what is shown; the others follow (`Run.open`)

Gloo connects CPUs, NCCL GPUs. A rank that ends takes the others with it, and the run goes on with --resume auto, on any
number of ranks, with ddp, fsdp or in a single process: a checkpoint is a model folder with whole weights, and optimizer
state that torch.distributed.checkpoint cuts anew.

Left out: tensor, pipeline and context parallelism; fsdp for stages that sample while they train (`SAMPLING`), for
adapters (LoRA), and for models that do not fit one GPU at all: evaluations, samples and saving see whole weights. All
ranks evaluate and sample alike, so that takes as long as on one; where they only sample rollouts, they share that out.
Several machines are untested: all would have to see the same folder of runs.
"""

import atexit
import math
import os
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from orrery.errors import CheckpointError, ConfigError, RunError
from orrery.files import folder_written_atomically
from orrery.training.optim import whole_tensor
from orrery.training.stage import Batch, Objective, TrainConfig

T = TypeVar("T")
P = TypeVar("P")
MINUTES = 60  # that ranks wait for each other, for the first one to tokenise for instance
SAMPLING = ("grpo", "grpo-zero", "ppo", "best-of-n", "distill")  # stages that sample while they train
ENDED = ("onnection closed by peer", "onnection reset by peer", "roken pipe")  # what gloo says of a rank that is gone
# What a module is reached through, its weights included, that `fully_shard` changes.
REACHED = ("_parameters", "_forward_pre_hooks", "_forward_hooks", "_state_dict_pre_hooks")


def ranks() -> int:
    """How many processes train together; 1 unless torchrun says otherwise."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is; the first, 0, is the one that writes."""
    return int(os.environ.get("RANK", "0"))


def join() -> None:
    """Connect with the other ranks, unless there are none or it is done. What ranks but the first print is dropped.

    Raises:
        ConfigError: this machine has fewer GPUs than processes.
    """
    if ranks() == 1 or dist.is_initialized():
        return
    gpu = torch.cuda.is_available()
    if gpu:
        own, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if own >= gpus:
            raise ConfigError(f"each process takes a GPU and this machine has {gpus}: use --nproc_per_node={gpus}")
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=timedelta(minutes=MINUTES))
    atexit.register(dist.destroy_process_group)
    if rank():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
        os.environ["TTY_COMPATIBLE"] = "0"  # Rich draws no bars


def leave_at_once() -> None:
    """After an error: end without waiting for the other ranks, which may wait for this one."""
    atexit.unregister(dist.destroy_process_group)


def everyone(value: T) -> list[T]:
    """What each rank says, in their order; each waits until all have."""
    if ranks() == 1:
        return [value]
    join()
    said: list[Any] = [None] * ranks()
    with loss_of_a_rank_named():
        dist.all_gather_object(said, value)
    return said


def first(make: Callable[[], T]) -> T:
    """What the first rank makes, for all of them; the others wait for it."""
    return cast(T, everyone(None if rank() else make())[0])


def first_then_others(work: Callable[[], T]) -> T:
    """The same work by the first rank, and then by the others, which find what it has made."""
    if rank():
        everyone(None)
        return work()
    made = work()
    everyone(None)
    return made


def share_out(function: Callable[[list[P]], Sequence[T]], items: Sequence[P]) -> list[T]:
    """The function's results for all items, in order, of which each rank computed its share."""
    size = math.ceil(len(items) / ranks())
    own = list(items[rank() * size : (rank() + 1) * size])
    return [one for part in everyone(function(own) if own else []) for one in part]


@contextmanager
def written_together(folder: Path) -> Iterator[Path]:
    """`orrery.files.folder_written_atomically`, into which all ranks write; the folder is there for all afterwards."""
    if rank():
        yield Path(first(lambda: ""))
    else:
        with folder_written_atomically(folder) as new:
            first(lambda: str(new))
            yield new
    everyone(None)


def save_shares(tensors: dict[str, Tensor], folder: Path) -> None:
    """Write tensors of which each rank has all, or its share; every rank writes a part. Raises what failed in any."""
    from torch.distributed import checkpoint  # here, because the import takes time

    with _as_it_was_raised():
        checkpoint.save(tensors, checkpoint_id=folder)


def load_shares(tensors: dict[str, Tensor], folder: Path) -> None:
    """Read into ``tensors`` what this rank, of however many, holds of what `save_shares` wrote.

    Raises:
        CheckpointError: it is damaged, or of other tensors.
    """
    from torch.distributed import checkpoint

    try:
        with _as_it_was_raised(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # as in one process it should be
            checkpoint.load(tensors, checkpoint_id=folder, no_dist=ranks() == 1)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise CheckpointError(f"{folder} is damaged and cannot be resumed from: {error!r}") from error


@contextmanager
def _as_it_was_raised() -> Iterator[None]:
    """Raise the first error in any rank as it is, which torch.distributed.checkpoint wraps up."""
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        yield
    except CheckpointException as error:
        raise next(iter(error.failures.values()))[0] from error


@contextmanager
def loss_of_a_rank_named() -> Iterator[None]:
    """Turn the errors that the end of another rank causes inside the block into a `RunError`."""
    try:
        yield
    except RuntimeError as error:
        if ranks() > 1 and (isinstance(error, dist.DistError) or any(said in str(error) for said in ENDED)):
            raise RunError(
                f"rank {rank()}: another process of this job has ended, and so does this one; what that one says is "
                "the reason. Go on with --resume auto, on as many processes as you like"
            ) from error
        raise


@dataclass(frozen=True)
class Share:
    """One rank's part of a batch, and the numbers of the whole one.

    ``parts`` are its microbatches, as many as every rank has, since ranks go through the model together; each with
    what it counts: 1, or 0 where a rank has no row left and takes part with one that is another's.
    """

    parts: Sequence[tuple[Batch, float]]
    denominators: Mapping[str, float]
    rows: int
    tokens: int
    supervised: int
    metrics: Mapping[str, float]
    alarms: Sequence[str]


class Together(nn.Module):
    """An objective as a module, since DDP and FSDP see to what happens in a module's forward pass."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.models = nn.ModuleDict(dict(objective.models))
        self._objective = objective

    def forward(self, batch: Batch, denominators: Mapping[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
        return self._objective.loss(self._objective.models, batch, denominators)


class Parallel:
    """The gradients of an objective, computed by all ranks; takes the place of `orrery.training.helpers.Helpers`.

    Make it when the models have their weights and before their optimizers: with fsdp their parameters are other ones
    afterwards.

    Attributes:
        processes: ranks that share a batch.
    """

    def __init__(
        self,
        objective: Objective,
        config: TrainConfig,
        device: torch.device,
        precision: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        join()
        self.processes = ranks()
        self._config, self._device, self._precision, self._objective = config, device, precision, objective
        self._sharded = config.parallel == "fsdp"
        self._together = Together(objective)
        self._model: nn.Module
        if self._sharded:
            name = getattr(objective, "name", "")
            if name in SAMPLING:
                raise ConfigError(f"'{name}' samples from whole weights while it trains: choose parallel ddp, not fsdp")
            self._model = _fully_sharded(self._together, device)
        else:
            self._model = nn.parallel.DistributedDataParallel(self._together, gradient_as_bucket_view=True)

    def shares(self, batches: Iterator[Any]) -> Iterator[Share]:
        """This rank's share of each batch.

        Batches that can be asked for some of their rows alone (`orrery.data.packing.PackedBatches.share`) are; of the
        others each rank makes all rows.
        """
        alone = hasattr(batches, "share") and self._config.rows >= self.processes
        if alone:
            cast(Any, batches).share = rank(), self.processes
        for batch in batches:
            if alone:
                said = everyone((self._objective.denominators(batch), (batch.rows, batch.tokens, batch.supervised)))
                denominators = {name: sum(one[name] for one, _ in said) for name in said[0][0]}
                rows, tokens, supervised = map(sum, zip(*(counts for _, counts in said), strict=True))
                own, most = [batch], max(counts[0] for _, counts in said)
            else:
                denominators = self._objective.denominators(batch)
                rows, tokens, supervised = batch.rows, batch.tokens, batch.supervised
                most = math.ceil(rows / self.processes)
                own = list(batch.split(most)[rank() : rank() + 1])
            micro = self._config.micro_rows or most
            parts = [(part, 1.0) for part in own for part in part.split(micro)]
            parts += [(batch.split(1)[0], 0.0)] * (math.ceil(most / micro) - len(parts))
            yield Share(parts, denominators, rows, tokens, supervised, batch.metrics, batch.alarms)

    def accumulate(self, share: Share) -> tuple[Tensor, dict[str, Tensor]]:
        """Add the gradients of a batch to the parameters, or to this rank's share of them -> (loss, metrics) of all."""
        sums: dict[str, Tensor] = {}
        for number, (part, counts) in enumerate(share.parts, 1):
            with self._communicating(number == len(share.parts)):
                with self._precision():
                    loss, metrics = self._model(part.to(self._device), share.denominators)
                (loss * (counts * self.processes)).backward()  # both take the mean over ranks, where a sum is wanted
            for name, value in {"": loss.detach(), **metrics}.items():
                sums[name] = sums.get(name, 0) + counts * value
        flat = torch.stack([value.to(sums[""].dtype) for value in sums.values()])
        dist.all_reduce(flat)
        loss_of_all, *others = flat
        return loss_of_all, dict(zip(list(sums)[1:], others, strict=True))

    @contextmanager
    def whole(self) -> Iterator[None]:
        """A context in which the models have whole weights and are plain modules, to be evaluated, sampled or saved."""
        if not self._sharded:
            yield
            return
        kept = [(module, {name: module.__dict__[name] for name in REACHED}) for module in self._together.modules()]
        for module, had in kept:
            weights = {
                name: None if weight is None else nn.Parameter(whole_tensor(weight.detach()), weight.requires_grad)
                for name, weight in had["_parameters"].items()
            }
            module.__dict__.update({name: OrderedDict() for name in REACHED}, _parameters=weights)
        try:
            yield
        finally:
            for module, had in kept:
                module.__dict__.update(had)

    def close(self) -> None:
        """Nothing to do: ranks end by themselves."""

    def _communicating(self, last: bool) -> AbstractContextManager[None]:
        """Gradients are summed over ranks once, after the last microbatch; sharded ones at once, to save memory."""
        if last or not isinstance(self._model, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return self._model.no_sync()


def _fully_sharded(together: Together, device: torch.device) -> nn.Module:
    """Each block a unit that is gathered as a whole, and all that is in no block another, which stays gathered."""
    from torch.distributed.device_mesh import init_device_mesh  # here, because the import takes time
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (ranks(),))
    for blocks in [module for module in together.modules() if isinstance(module, nn.ModuleList)]:
        for block in blocks:
            fully_shard(block, mesh=mesh)
    fully_shard(together, mesh=mesh)
    return together
