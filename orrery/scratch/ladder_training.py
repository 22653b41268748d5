"""How the ladder's models train: one split, one budget of steps for all, and a look inside each layer on the way.

    split = split_names(documents)
    climbed = train(build("mlp", split), split, Budget(steps=1000), seed=1)
    climbed.loss["test"], climbed.layers[-1]

Scores are mean negative log-likelihoods (nats a character, the end of a name counted as one).
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.errors import DataError
from orrery.scratch.ladder import RUNGS, BigramCounts, Rung
from orrery.scratch.layer_statistics import Statistics, look, updates
from orrery.scratch.microgpt import Characters

NOTHING = -1  # as a target: there is nothing to predict here
LARGER = {  # on running text there is more to learn than on names
    "lstm": {"width": 64, "hidden": 256},
    "transformer": {"width": 128, "layers": 4},
}
LOOKS = 40  # how often training stops to look inside


@dataclass(frozen=True)
class Examples:
    """Sequences x [B, T] and what follows each position, y [B, T] (`NOTHING` behind the end)."""

    x: Tensor
    y: Tensor

    def some(self, number: int, generator: torch.Generator) -> "Examples":
        """That many sequences, drawn with replacement."""
        picked = torch.randint(len(self.x), (number,), generator=generator)
        return Examples(self.x[picked], self.y[picked])

    def windows(self, window: int) -> tuple[Tensor, Tensor]:
        """The last ``window`` tokens before each real target [N, window], filled with x[:, 0], and the targets [N]."""
        padded = torch.cat([self.x[:, :1].expand(-1, window - 1), self.x], 1)
        real = self.y != NOTHING
        return padded.unfold(1, window, 1)[real], self.y[real]


@dataclass(frozen=True)
class Split:
    """Text cut once into what is trained on, what is tuned by and what is judged by (80, 10 and 10 per cent)."""

    characters: Characters
    train: Examples
    dev: Examples
    test: Examples
    seen: frozenset[str] = frozenset()
    """The names that are trained on."""
    running_text: bool = False
    """Whether it is one long text and not names."""


@dataclass(frozen=True)
class Budget:
    """What every model may spend."""

    steps: int = 3000
    """Steps of training."""
    batch: int = 128
    """Sequences a step."""


@dataclass
class Climbed:
    """A trained model and what was seen on the way."""

    model: Rung
    parameters: int
    """Numbers that training moves; for the counts, the numbers that were counted."""
    seconds: float = 0.0
    """Time of training, looks and evaluations left out."""
    loss: dict[str, float] = field(default_factory=dict)
    """Score on train (as much of it as there is of dev), dev and test."""
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    """Step, score on the batch, score on a thousand sequences of dev."""
    layers: list[Statistics] = field(default_factory=list)
    """What `look` saw, at the steps of the curve."""


def split_names(documents: Sequence[str], seed: int = 42) -> Split:
    """Names, shuffled by the seed. Raises `DataError` for fewer than ten."""
    if len(documents) < 10:
        raise DataError(
            f"{len(documents)} names cannot be split into train, dev and test: give at least ten, one a line"
        )
    shuffled = list(documents)
    random.Random(seed).shuffle(shuffled)
    characters = Characters(shuffled)
    length = max(map(len, shuffled)) + 1
    x = torch.full((len(shuffled), length), characters.bos)
    y = torch.full((len(shuffled), length), NOTHING)
    for row, name in enumerate(shuffled):
        ids = torch.tensor(characters.encode(name))
        x[row, 1 : len(ids) + 1] = ids
        y[row, : len(ids) + 1] = torch.cat([ids, torch.tensor([characters.bos])])
    cuts = (0, int(len(x) * 0.8), int(len(x) * 0.9), len(x))
    parts = [Examples(x[a:b], y[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    return Split(characters, parts[0], parts[1], parts[2], frozenset(shuffled[: cuts[1]]))


def split_text(text: str, context: int = 64) -> Split:
    """Running text: its first 80%, next 10% and last 10%, read in pieces of ``context`` characters.

    Raises:
        DataError: a part is too short for one piece.
    """
    if len(text) < 10 * (context + 1):
        raise DataError(f"the text has {len(text)} characters; it needs {10 * (context + 1)} for train, dev and test")
    characters = Characters([text])
    ids = torch.tensor(characters.encode(text))
    cuts = (0, int(len(ids) * 0.8), int(len(ids) * 0.9), len(ids))
    # Training begins anywhere, scoring reads each character once.
    pieces = [ids[a:b].unfold(0, context + 1, step) for (a, b), step in zip(
        zip(cuts, cuts[1:], strict=False), (1, context, context), strict=True)]  # fmt: skip
    parts = [Examples(piece[:, :-1], piece[:, 1:]) for piece in pieces]
    return Split(characters, parts[0], parts[1], parts[2], running_text=True)


def build(rung: str, split: Split, seed: int = 1) -> Rung:
    """A fresh model of that rung, larger for running text; the seed decides its first weights."""
    larger = LARGER.get(rung, {}) if split.running_text else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RUNGS[rung](split.characters.size, **larger)


def surprise(model: Rung, examples: Examples) -> Tensor:
    """Mean -ln p of what does come next."""
    if model.window:
        x, y = examples.windows(model.window)
        return F.cross_entropy(model(x), y)
    return F.cross_entropy(model(examples.x).flatten(0, 1), examples.y.flatten(), ignore_index=NOTHING)


@torch.no_grad()
def score(model: Rung, examples: Examples, most: int = 4000) -> float:
    """The surprise over all examples, at most so many, spread evenly."""
    chosen = torch.arange(0, len(examples.x), math.ceil(len(examples.x) / most))
    model.eval()
    total, count = 0.0, 0
    for rows in chosen.split(500):
        part = Examples(examples.x[rows], examples.y[rows])
        real = int((part.y != NOTHING).sum())
        total += surprise(model, part).item() * real
        count += real
    model.train()
    return total / count


def train(
    model: Rung,
    split: Split,
    budget: Budget,
    seed: int = 1,
    on_step: Callable[[int], None] = lambda step: None,
    on_look: Callable[[int, Climbed], None] = lambda step, climbed: None,
) -> Climbed:
    """Adam with a rate that falls to nothing along a half cosine; bigram counts are counted instead.

    Args:
        on_step: told the number of steps done.
        on_look: told the same at each look, with what is known so far; samples can be drawn there.
    """
    climbed = Climbed(model, sum(p.numel() for p in model.parameters()))
    if isinstance(model, BigramCounts):
        begin = time.perf_counter()
        length = split.train.x.shape[1] if split.running_text else 1  # its pieces begin anywhere: take each once
        model.count(*Examples(split.train.x[::length], split.train.y[::length]).windows(1))
        climbed.seconds, climbed.parameters = time.perf_counter() - begin, model.counts.numel()
        on_step(budget.steps)
    else:
        _descend(model, split, budget, seed, climbed, on_step, on_look)
    climbed.loss = {
        "train": score(model, split.train, len(split.dev.x)),
        "dev": score(model, split.dev, len(split.dev.x)),
        "test": score(model, split.test, len(split.test.x)),
    }
    return climbed


def _descend(
    model: Rung, split: Split, budget: Budget, seed: int, climbed: Climbed,
    on_step: Callable[[int], None], on_look: Callable[[int, Climbed], None],
) -> None:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=model.rate)
    every = max(1, budget.steps // LOOKS)
    for step in range(budget.steps):
        begin = time.perf_counter()
        optimizer.param_groups[0]["lr"] = model.rate * (1 + math.cos(math.pi * step / budget.steps)) / 2
        batch = split.train.some(budget.batch, generator)
        optimizer.zero_grad()
        looking = step % every == 0
        watching: AbstractContextManager[Statistics] = look(model) if looking else nullcontext({})
        with watching as seen:
            loss = surprise(model, batch)
            loss.backward()
            before = {name: p.detach().clone() for name, p in model.named_parameters()} if looking else {}
        optimizer.step()
        climbed.seconds += time.perf_counter() - begin
        on_step(step + 1)
        if looking:
            seen |= updates(model, before)
            climbed.layers.append(seen)
            climbed.curve.append((step, loss.item(), score(model, split.dev, 1000)))
            on_look(step, climbed)


@torch.no_grad()
def sample(model: Rung, split: Split, generator: torch.Generator, temperature: float = 1.0, length: int = 0) -> str:
    """A name, or ``length`` characters of running text that begin at the start of a line."""
    characters, longest = split.characters, split.train.x.shape[1]
    start = characters.ids.get("\n", 0) if length else characters.bos
    tokens = [start]
    model.eval()
    for _ in range(length or longest):
        if model.window:
            scores = model(torch.tensor([([start] * model.window + tokens)[-model.window :]]))[0]
        else:
            scores = model(torch.tensor([tokens[-longest:]]))[0, -1]
        if length:  # running text has no ends
            scores[characters.bos] = -math.inf
        drawn = int(torch.multinomial((scores / temperature).softmax(0), 1, generator=generator))
        if drawn == characters.bos:
            break
        tokens.append(drawn)
    model.train()
    return characters.decode(tokens[1:])
