"""microGPT as a run: its loss as events, and all its numbers every few steps, so that one can watch it learn.

    with Run.open("micro", recipe={}) as run:
        train_microgpt(MicroGPT(names), run, snapshot_every=20)
    micro = MicroRun.read(Path("runs/micro"))
    micro.weights(200)["token"]                          # V D, as they were after 200 steps
    micro.write(micro.weights(200), random.Random(1))    # a name, letter by letter

    runs/NAME/micro/
      shape.json                        layers, width, heads, context
      documents.txt                     what it learns from, a document a line
      snapshots/000200.safetensors      the matrices after 200 steps, 4,192 numbers of float32

It trains in tensors, which give the same numbers as the scalars to 1e-9 (orrery/scratch/tensors.py).
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from orrery.errors import ConfigError, DataError, RunError
from orrery.files import remove_folder, write_atomically
from orrery.scratch import tensors
from orrery.scratch.microgpt import Characters, MicroGPT, Shape
from orrery.training.events import Kind
from orrery.training.runs import Run

STAGE = "micro"
METRIC_EVERY = 5  # steps; the loss is that of one document a step, so their mean is logged
SAMPLES = 5

# V tokens, D width


@dataclass(frozen=True)
class Letter:
    """One letter that was drawn: its token, and the chances that all tokens had."""

    token: int
    chances: list[float]  # V


@dataclass(frozen=True)
class MicroRun:
    """A run of microGPT that can be looked at, at each step that was kept."""

    folder: Path
    shape: Shape
    documents: tuple[str, ...]

    @classmethod
    def read(cls, run: Path) -> Self:
        """The run in a folder. Raises RunError when `orrery microgpt --run` has made none there."""
        folder = run / STAGE
        try:
            shape = Shape(**json.loads((folder / "shape.json").read_text(encoding="utf-8")))
            documents = (folder / "documents.txt").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            raise RunError(f"{run} is no run of microGPT; `orrery microgpt --run NAME` makes one") from error
        return cls(folder, shape, tuple(documents))

    @cached_property
    def characters(self) -> Characters:
        """Its tokens."""
        return Characters(self.documents)

    @cached_property
    def known(self) -> frozenset[str]:
        """The documents, to be looked up."""
        return frozenset(self.documents)

    def steps(self) -> list[int]:
        """The steps that were kept so far, the first 0."""
        return sorted(int(path.stem) for path in (self.folder / "snapshots").glob("*.safetensors"))

    def weights(self, step: int) -> dict[str, Tensor]:
        """The matrices as they were after so many steps, in float64. Raises RunError for a step that was not kept."""
        path = snapshot(self.folder, step)
        if not path.is_file():
            raise RunError(f"{self.folder.parent.name} has kept no step {step}; it has {self.steps()}")
        return {name: matrix.double() for name, matrix in load_file(path).items()}

    @torch.inference_mode()
    def write(
        self, weights: Mapping[str, Tensor], rng: random.Random, temperature: float = 0.5, start: str = ""
    ) -> list[Letter]:
        """Draw letter after letter until BOS, which is the last then, or the context's end; as `MicroGPT.sample` does.

        Raises:
            ConfigError: a temperature that is not above 0.
            DataError: a start that has unknown characters, or fills the context.
        """
        if not temperature > 0:
            raise ConfigError(f"a temperature of {temperature:g} cannot be: it divides the scores; give one above 0")
        ids = [self.characters.bos, *self.characters.encode(start)]
        if len(ids) > self.shape.context:
            raise DataError(f"{start!r} leaves no room to go on in a context of {self.shape.context}")
        letters: list[Letter] = []
        while len(ids) <= self.shape.context:
            scores = tensors.logits(weights, self.shape, torch.tensor(ids))[-1]  # V
            chances = (scores / temperature).softmax(-1).tolist()
            (token,) = rng.choices(range(self.characters.size), chances)
            letters.append(Letter(token, chances))
            if token == self.characters.bos:
                break
            ids.append(token)
        return letters

    def text(self, letters: list[Letter], start: str = "") -> str:
        """What was drawn, as text."""
        return start + self.characters.decode([one.token for one in letters if one.token != self.characters.bos])


def snapshot(folder: Path, step: int) -> Path:
    """The file that keeps a step."""
    return folder / "snapshots" / f"{step:06}.safetensors"


def train_microgpt(
    model: MicroGPT,
    run: Run,
    snapshot_every: int = 20,
    again: bool = False,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train an untrained model within a run, telling ``on_step`` as `MicroGPT.train` does. Ctrl-C keeps what there is.

    `again`: what the run already has of it is replaced.

    Raises:
        ConfigError: `snapshot_every` is below 1.
        RunError: the run has been trained before, or the disk is full.
    """
    if snapshot_every < 1:
        raise ConfigError(f"snapshot_every is {snapshot_every}; it must be above 0")
    folder = run.folder / STAGE
    if folder.exists():
        if not again:
            raise RunError(f"{run.folder} has a microGPT already: choose another --run, or do it again with --resume")
        remove_folder(folder)
    write_atomically(folder / "documents.txt", "".join(f"{document}\n" for document in model.documents))
    write_atomically(folder / "shape.json", json.dumps(asdict(model.shape)))
    keep(folder, 0, tensors.tensors(model.weights))
    micro, losses = MicroRun.read(run.folder), list[float]()

    def log(kind: Kind, **values: object) -> None:
        run.events.append(kind, STAGE, len(losses), values)

    def after(step: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        losses.append(loss)
        if step % METRIC_EVERY == 0:
            rate = model.rate * (1 - (step - 1) / model.steps)
            log("metric", loss=sum(losses[-METRIC_EVERY:]) / METRIC_EVERY, lr=rate)
        if step % snapshot_every == 0 or step == model.steps:
            keep(folder, step, weights)
        if step % max(1, model.steps // 10) == 0:
            rng = random.Random(step)
            names = [micro.text(micro.write(weights, rng)) for _ in range(SAMPLES)]
            log("sample", prompt="", text=", ".join(names))
        on_step(step, loss)

    began = time.perf_counter()
    log("status", status="started", from_step=-1, steps=model.steps, parameters=len(model.adam.values), device="cpu")
    try:
        tensors.train(model, after)
    except KeyboardInterrupt:
        log("status", status="interrupted", message=f"stopped after {len(losses)} of {model.steps} steps")
        raise
    log("status", status="finished", folder=folder, seconds=time.perf_counter() - began)


def keep(folder: Path, step: int, weights: Mapping[str, Tensor]) -> None:
    """Write the matrices of a step."""
    write_atomically(snapshot(folder, step), save({name: matrix.detach().float() for name, matrix in weights.items()}))
