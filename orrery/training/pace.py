"""From minutes to steps, once: a stage is measured for a few steps, and what was chosen is written into the run."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from orrery.errors import ConfigError
from orrery.training.adapters import adapt, merge
from orrery.training.helpers import Helpers
from orrery.training.machine import choose_device, keep_freed_memory
from orrery.training.optim import Optimizers
from orrery.training.parallel import Parallel, everyone, ranks
from orrery.training.runs import Run
from orrery.training.stage import Stage, TrainConfig
from orrery.training.step import checkpoint_activations, clip, precision_context

MEASURED_STEPS = 4  # at least
SLACK = 1.15  # what a step costs on top: evaluations, samples, checkpoints


def fit_steps(config: TrainConfig, minutes: float, run: Run, name: str, build: Callable[[], Stage]) -> TrainConfig:
    """The configuration with as many steps as fit into the minutes; with ``minutes`` 0 as it is.

    The steps are noted in the run (``steps/NAME``), so that resuming it uses them and never the clock.

    Args:
        build: makes the stage anew; the one that is measured is thrown away.

    Raises:
        ConfigError: the minutes are negative or no number, or too few for a single step.
    """
    if not 0 <= minutes < math.inf:
        raise ConfigError(f"--minutes is {minutes:g}; it must be above 0, or left out")
    if not minutes:
        return config
    noted = run.record.get(f"steps/{name}")
    if noted is None:
        seconds = max(everyone(seconds_per_step(config, build())))
        steps = int(60 * minutes / (seconds * SLACK))
        if steps < 1:
            raise ConfigError(f"--minutes {minutes:g} is too short on this machine for a single step of {name}")
        run.note(**{f"steps/{name}": steps})
        noted = steps
    return replace(config, steps=int(noted))


def seconds_per_step(config: TrainConfig, stage: Stage) -> float:
    """Seconds of a step, batches included, after a warm-up.

    A stage that makes several batches at once, from one rollout say, keeps those that are left in ``pending``: whole
    rollouts are measured, so that the steps between them do not pass for all there is to do.
    """
    device = choose_device(config.device)
    keep_freed_memory()
    for model in stage.models.values():
        model.to(device)
    adapt(stage, config)
    checkpoint_activations(stage.models, config)
    precision = partial(precision_context, config, device)
    together = Parallel(stage, config, device, precision) if ranks() > 1 else None
    optimizers = Optimizers(stage.models, config.optimizer)
    batches: Iterator[Any] = stage.batches(None)
    if together is not None:
        batches = together.shares(batches)
    helpers = together or Helpers(stage, config, device, precision)

    def rollout() -> int:
        """Train on everything that is made at once -> how many steps that took."""
        steps = 0
        while not steps or getattr(stage, "pending", None):
            helpers.accumulate(next(batches))
            clip(optimizers.parameters, config.optimizer.clip)
            optimizers.step(1.0)
            merge(stage.models)
            steps += 1
        return steps

    try:
        rollout()
        began, steps = time.perf_counter(), 0
        while steps < MEASURED_STEPS:
            steps += rollout()
        return (time.perf_counter() - began) / steps
    finally:
        helpers.close()
