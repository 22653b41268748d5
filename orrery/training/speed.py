"""How fast a model trains on this machine, measured before there is anything to train on.

    tokens_per_s = measure_training(shape_of(128, 4, context=256).config(1024), TrainConfig(rows=8), seconds=4.0)

Small models do not get the share of the machine's matrix products that large ones do, so a speed cannot be reckoned
from operations alone.
"""

import time
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from orrery.data.packing import Batch
from orrery.models.config import TransformerConfig
from orrery.models.transformer import Transformer
from orrery.training.helpers import Helpers
from orrery.training.machine import choose_device, keep_freed_memory
from orrery.training.optim import Optimizers
from orrery.training.stage import TrainConfig
from orrery.training.step import clip, precision_context


class _NextToken:
    """The objective of pretraining, for the measurement."""

    def __init__(self, model: Transformer) -> None:
        self.models: Mapping[str, nn.Module] = {"model": model}
        self.model = model

    def denominators(self, batch: Batch) -> dict[str, float]:
        return {"tokens": batch.supervised}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Batch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        hidden = self.model.hidden(batch.ids, segments=batch.segments).flatten(0, 1)
        return self.model.nats(hidden, batch.targets.flatten()).sum() / denominators["tokens"], {}


def measure_training(config: TransformerConfig, train: TrainConfig, seconds: float) -> float:
    """Tokens a second of real training steps of this model on this machine, measured for so long."""
    device = choose_device(train.device)
    keep_freed_memory()
    generator = torch.Generator().manual_seed(0)
    model = Transformer(config, generator).to(device)
    objective, optimizers = _NextToken(model), Optimizers({"model": model}, train.optimizer)
    precision = partial(precision_context, train, device)
    shape = (train.rows, config.context)
    ids = torch.randint(config.vocab_size, shape, generator=generator)
    segments = (torch.arange(config.context) // 64).expand(shape)
    batch = Batch(ids, ids, segments, segments)
    helpers = Helpers(objective, train, device, precision)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    try:
        while len(taken) < 5 or time.perf_counter() < end:
            began = time.perf_counter()
            helpers.accumulate(batch)
            clip(optimizers.parameters, 1.0)
            optimizers.step(0.0)
            if device.type == "cuda":
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - began)
    finally:
        helpers.close()
    steady = sorted(taken[2:])
    return train.rows * config.context / steady[len(steady) // 2]
