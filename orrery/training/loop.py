"""The training loop, the one that all stages share.

`train` checks the beginning, steps, reports to the run's event log, evaluates and samples at intervals, obeys
``control.jsonl``, writes checkpoints, and ends with the model folder runs/NAME/STAGE/. A run that is killed at any
instant and resumed logs the very losses of one that was not: everything that decides them is in the checkpoint.

What it logs (kind ``metric``)
    loss                mean over the trained tokens of this step's batch, nats; whatever else the stage's loss reports
    learning_rate       AdamW's rate at this step (Muon's is in proportion)
    grad_norm           of the whole gradient, before clipping
    grad_norm/LAYER     of one layer, every `layers_every` steps
    tokens              trained on so far in this stage, padding not counted
    supervised_tokens   of this batch: those that the loss looks at
    tokens_per_s        since the last report, evaluation and checkpoints left out
    matmul_share        the model's operations a second as a share of what large matrix products reach here
    seconds_left        until the stage ends, if things go on like this
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from orrery.config import as_mapping
from orrery.errors import NothingToLearn, OrreryError
from orrery.training import checkpoint, parallel
from orrery.training.adapters import adapt, merge
from orrery.training.checks import LossWatch, check_batch, check_first_loss, check_gradients, gradient_norms
from orrery.training.control import Control, ControlReader
from orrery.training.events import Kind
from orrery.training.helpers import Helpers
from orrery.training.interrupt import Interrupts, TrainingInterrupted
from orrery.training.machine import choose_device, keep_freed_memory, measure_matmul_rate
from orrery.training.optim import Optimizers
from orrery.training.parallel import Parallel
from orrery.training.runs import Run
from orrery.training.schedule import lr_share
from orrery.training.stage import Stage, TrainConfig
from orrery.training.step import (
    checkpoint_activations,
    clip,
    compile_blocks,
    precision_context,
    without_compiling,
)


@dataclass(frozen=True)
class TrainResult:
    """What a stage came to.

    Attributes:
        folder: the finished model folder.
        seconds: of all attempts together, as far as they led to this.
        tokens: trained on, padding not counted.
        metrics: the last evaluation, on all held-out data.
        finished: False when it was stopped through ``control.jsonl``; ``folder`` is then its last checkpoint.
    """

    folder: Path
    steps: int
    tokens: int
    seconds: float
    tokens_per_s: float
    parameters: int
    metrics: Mapping[str, float]
    finished: bool = True


@dataclass
class Counters:
    """Where training stands; the checkpoint keeps it."""

    step: int = 0  # steps done
    ended: bool = False  # before the last step, because nothing was left to learn
    tokens: int = 0
    train_seconds: float = 0.0  # of the steps alone
    seconds: float = 0.0  # of everything, as of the last checkpoint
    lr_factor: float = 1.0  # set through control.jsonl
    metrics: dict[str, float] = field(default_factory=dict)  # of the last full evaluation
    watch: LossWatch = field(default_factory=LossWatch)

    def done(self, config: TrainConfig) -> bool:
        """Whether no step is left."""
        return self.ended or self.step >= config.steps

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {**vars(self), "watch": self.watch.state_dict()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Counters":
        """What `state_dict` gave."""
        names = ("step", "ended", "tokens", "train_seconds", "seconds", "lr_factor", "metrics")
        plain: dict[str, Any] = {name: state[name] for name in names if name in state}
        return cls(**plain, watch=LossWatch(**state["watch"]))


def train(stage: Stage, config: TrainConfig, run: Run, *, resume: str | Path | None = None) -> TrainResult:
    """Train a stage in a run to its end.

    Args:
        resume: "auto" goes on from the newest whole checkpoint of this stage in the run (or returns at once when it has
            ended, or starts when there is none), a path from that checkpoint. None starts, and refuses to go over
            what is there.

    Raises:
        RunError: the run already has this stage, training diverged, or the disk is full.
        CheckpointError: the checkpoint asked for is not there, damaged, or of something else.
        ConfigError: the checkpoint was made with other settings.
        DataError: a batch without anything to learn.
        NothingToLearn: the stage never found any; once it has, not to find more is its end, with an alarm.
        TrainingInterrupted: Ctrl-C or SIGTERM; the step was finished and a checkpoint written.
    """
    start = parallel.first(lambda: checkpoint.find_start(run.folder, stage.name, resume))
    if start.finished and start.folder is not None:
        return _result(stage, start.folder, checkpoint.read_state(start.folder))
    return _Training(stage, config, run, start).run_to_end()


class _Training:
    """One attempt at a stage: what the steps share."""

    def __init__(self, stage: Stage, config: TrainConfig, run: Run, start: checkpoint.Start) -> None:
        self.stage, self.config, self.run = stage, config, run
        self.device = choose_device(config.device)
        for model in stage.models.values():
            model.to(self.device)
        adapt(stage, config)
        checkpoint_activations(stage.models, config)
        self.precision = partial(precision_context, config, self.device)
        self.counters, stage_state, threads = Counters(), None, torch.get_num_threads()
        if start.folder is not None:
            state = checkpoint.load(start.folder, stage, config)
            self.counters, threads = Counters.from_state(state), state["threads"]
        together = Parallel(stage, config, self.device, self.precision) if parallel.ranks() > 1 else None
        self.optimizers = Optimizers(stage.models, config.optimizer)
        if start.folder is not None:
            stage_state = checkpoint.load_optimizers(start.folder, self.optimizers)
        self.batches: Iterator[Any] = stage.batches(stage_state)
        self.whole: Callable[[], AbstractContextManager[None]] = nullcontext
        if together is not None:
            self.batches, self.whole = together.shares(self.batches), together.whole
        checkpoint.prune(run.folder, stage.name, config.keep_checkpoints, newest=self.counters.step)
        self.control = ControlReader(run.folder)
        self.rate = measure_matmul_rate(config.precision, str(self.device))
        self.keeps_freed_memory = keep_freed_memory()  # before helpers are forked, which keep it then too
        self.helpers = together or Helpers(stage, config, self.device, self.precision)
        self.reported = self.counters.tokens, self.counters.train_seconds  # as of the last report
        self.began = self.saved_at = time.perf_counter()
        self.first_step, self.seconds_before = self.counters.step, self.counters.seconds
        self._report_start(start, threads)

    def _report_start(self, start: checkpoint.Start, threads: int) -> None:
        self.log(
            "status",
            status="started" if start.folder is None else "resumed",
            from_step=-1 if start.folder is None else self.counters.step,
            checkpoint=start.folder,
            steps=self.config.steps,
            parameters=_parameters(self.stage),
            trained_parameters=sum(weight.numel() for weight in self.optimizers.parameters),
            device=str(self.device),
            threads=torch.get_num_threads(),
            processes=self.helpers.processes,
            matmul_rate=self.rate,
            keeps_freed_memory=self.keeps_freed_memory,  # False where the C library is not glibc: a little slower
            config=as_mapping(self.config),
        )
        if threads != torch.get_num_threads():
            self.alarm(
                f"the checkpoint was made with {threads} threads, now there are {torch.get_num_threads()}: numbers "
                "will differ in their last digits"
            )
        for warning in self.stage.warnings if start.folder is None else ():
            self.alarm(warning)
        problem = compile_blocks(self.stage.models, self.config, self.device)
        if problem:
            self.alarm(problem)

    def run_to_end(self) -> TrainResult:
        """Step until the end, or until someone asks to stop."""
        try:
            with Interrupts() as interrupts, parallel.loss_of_a_rank_named():
                self.snapshot()
                while not self.counters.done(self.config):
                    self.step()
                    if not self.counters.done(self.config):
                        stop, asked = self.between_steps(interrupts)
                        if stop or asked:
                            return self.end_early(asked)
                self.evaluate(full=True)
                self.sample()
                result = self.finish()
        except OrreryError as error:
            self.log("status", status="failed", message=str(error))
            raise
        finally:
            self.helpers.close()
        if interrupts.asked:  # too late to stop this stage, but a next one must not start
            raise TrainingInterrupted(f"stopped after stage '{self.stage.name}', which has ended: {result.folder}")
        return result

    def finish(self) -> TrainResult:
        """Write the model folder of the finished stage; its checkpoints go."""
        folder = self.run.folder / self.stage.name
        self.save(folder)
        checkpoint.prune(self.run.folder, self.stage.name, keep=0)
        self.log("status", status="finished", folder=folder, seconds=self.counters.seconds, tokens=self.counters.tokens)
        return _result(self.stage, folder, checkpoint.read_state(folder))

    def step(self) -> None:
        """One optimizer step, and its report; or the end, where nothing is left to learn."""
        config, counters, began = self.config, self.counters, time.perf_counter()
        number = counters.step + 1
        try:
            batch = next(self.batches)
        except NothingToLearn as error:
            if counters.step == 0:
                raise
            counters.ended = True
            self.alarm(f"ended after step {counters.step} of {config.steps}: {error}")
            return
        check_batch(batch, number)
        loss_sum, parts = self.helpers.accumulate(batch)
        layers: dict[str, float] = {}
        if number == 1 or number % config.layers_every == 0:
            layers = gradient_norms(self.stage.models)
        norm_tensor = clip(self.optimizers.parameters, config.optimizer.clip)
        # All numbers in one transfer: each one of its own would make a GPU wait.
        loss, norm, *others = torch.stack([loss_sum, norm_tensor, *parts.values()]).tolist()
        warnings: list[str | None] = [*batch.alarms]
        if number == 1:
            warnings += [check_first_loss(loss, self.stage.first_loss), *check_gradients(layers)]
        share = lr_share(counters.step, config.steps, config.schedule) * counters.lr_factor
        if math.isfinite(loss) and math.isfinite(norm):
            self.optimizers.step(share)
            merge(self.stage.models)
            warnings.append(counters.watch.finite(loss))
        else:
            self.optimizers.forget_gradients()
            warnings.append(counters.watch.broken(loss, norm))
        counters.step = number
        counters.tokens += batch.tokens
        counters.train_seconds += time.perf_counter() - began
        for warning in warnings:
            if warning is not None:
                self.alarm(warning)
        counters.watch.check(config.bad_steps)
        if layers or number % config.log_every == 0 or number == config.steps:
            measured = {**batch.metrics, **dict(zip(parts, others, strict=True))}
            self.report(loss, norm, measured, layers, share, batch.supervised)

    def report(
        self, loss: float, norm: float, parts: dict[str, float], layers: dict[str, float], share: float, supervised: int
    ) -> None:
        """The metric event of a step."""
        tokens, seconds = self.counters.tokens, self.counters.train_seconds
        speed = (tokens - self.reported[0]) / (seconds - self.reported[1])
        self.reported = tokens, seconds
        done = self.counters.step - self.first_step
        self.log(
            "metric",
            loss=loss,
            **parts,
            learning_rate=self.config.optimizer.lr * share,
            grad_norm=norm,
            **{f"grad_norm/{layer}": value for layer, value in layers.items()},
            tokens=tokens,
            supervised_tokens=supervised,
            tokens_per_s=speed,
            matmul_share=speed * self.stage.flops_per_token / (self.rate * parallel.ranks()),
            seconds_left=(time.perf_counter() - self.began) / done * (self.config.steps - self.counters.step),
        )

    def between_steps(self, interrupts: Interrupts) -> tuple[bool, str | None]:
        """Evaluate, sample, keep, obey and save when it is time.

        Returns:
            Whether a control line asks to stop, and the name of a signal that did.
        """
        config, step = self.config, self.counters.step
        if config.evaluate_every and step % config.evaluate_every == 0:
            self.evaluate(full=False)
        if config.sample_every and step % config.sample_every == 0:
            self.sample()
        self.snapshot()
        by_time = config.checkpoint_seconds and time.perf_counter() - self.saved_at >= config.checkpoint_seconds
        # All ranks do the same: the first one's clock and control lines count, and a signal that any of them got.
        heard = parallel.everyone((interrupts.asked, by_time, self.control.poll()))
        asked = next((signal for signal, *_ in heard if signal), None)
        by_time, lines = heard[0][1:]
        stop = self.obey(*lines)
        if by_time or config.checkpoint_every and step % config.checkpoint_every == 0:
            self.save(checkpoint.checkpoint_folder(self.run.folder, self.stage.name, step))
            checkpoint.prune(self.run.folder, self.stage.name, config.keep_checkpoints)
        return stop, asked

    def obey(self, commands: Sequence[Control], problems: Sequence[str]) -> bool:
        """Apply new lines of ``control.jsonl``; True when one asks to stop."""
        for problem in problems:
            self.alarm(problem)
        for command in commands:
            if command.command == "learning_rate":
                self.counters.lr_factor = command.value
            self.log("status", status="controlled", command=command.command, value=command.value)
        return any(command.command == "stop" for command in commands)

    def evaluate(self, full: bool) -> None:
        """Log held-out metrics; the last ones, on all of the data, are computed in float32."""
        with torch.no_grad(), without_compiling(), self.whole(), nullcontext() if full else self.precision():
            metrics = self.stage.evaluate(full)
        if full:
            self.counters.metrics = metrics
        if metrics:
            self.log("metric", **metrics, full=full)

    def sample(self) -> None:
        """Log what the model writes now."""
        with torch.no_grad(), without_compiling(), self.whole():
            for values in self.stage.samples():
                self.log("sample", **values)

    def snapshot(self) -> None:
        """Keep the model of this step, when it is time."""
        if self.config.snapshot_every and self.counters.step % self.config.snapshot_every == 0:
            checkpoint.save_snapshot(self.run.folder, self.stage, self.counters.step, self.whole)

    def save(self, folder: Path) -> None:
        """Write a checkpoint, or the finished folder."""
        self.saved_at = time.perf_counter()
        self.counters.seconds = self.seconds_before + self.saved_at - self.began
        self.run.events.sync()
        state = self.counters.state_dict()
        checkpoint.save(folder, self.stage, self.optimizers, self.config, state, self.whole)

    def end_early(self, signal: str | None) -> TrainResult:
        """Save, and end: with an exception after a signal, quietly after a control line."""
        step, name = self.counters.step, self.run.name
        folder = checkpoint.checkpoint_folder(self.run.folder, self.stage.name, step)
        if not parallel.first(folder.exists):
            self.save(folder)
        where = f"stage '{self.stage.name}' stopped after step {step} of {self.config.steps}"
        said = f"{where}; go on with --run {name} --resume auto"
        self.log("status", status="interrupted" if signal else "stopped", signal=signal, message=said, folder=folder)
        if signal:
            raise TrainingInterrupted(said)
        return _result(self.stage, folder, checkpoint.read_state(folder))

    def log(self, kind: Kind, **values: Any) -> None:
        """Append an event of this stage."""
        self.run.events.append(kind, self.stage.name, self.counters.step, values)

    def alarm(self, message: str) -> None:
        """Append an alarm."""
        self.log("alarm", message=message)


def _parameters(stage: Stage) -> int:
    return sum(weight.numel() for model in stage.models.values() for weight in model.parameters())


def _result(stage: Stage, folder: Path, state: Mapping[str, Any]) -> TrainResult:
    return TrainResult(
        folder=folder,
        steps=state["step"],
        tokens=state["tokens"],
        seconds=state["seconds"],
        tokens_per_s=state["tokens"] / max(state["train_seconds"], 1e-9),
        parameters=_parameters(stage),
        metrics=state["metrics"],
        finished=checkpoint.is_finished(state),
    )
