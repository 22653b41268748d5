"""`orrery microgpt`: train the GPT that is made of nothing but Python's numbers, and let it make up names."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from orrery.commands.lines import check_plot, read_lines
from orrery.config import as_mapping
from orrery.data.names import given_names
from orrery.errors import ConfigError
from orrery.scratch.microgpt import MicroGPT, Shape

RECENT = 100  # documents over which the running mean of the loss is taken


@dataclass(frozen=True)
class MicroGPTCommand:
    """Train the complete GPT of orrery/scratch (scalars, standard library only) on lines of text, and sample from it.

    Each step reads one line. The loss is the mean surprise a character in nats; guessing blindly costs ln of the number
    of tokens. Ctrl-C ends training early and samples from what was learnt so far.

    Example: orrery microgpt --steps 500 --plot loss.svg
    Example: orrery microgpt --data words.txt --start qu --temperature 0.8
    Example: orrery microgpt --run micro --steps 3000
    """

    data: Path | None = None
    """A text file, one document a line; without it given names: those of `orrery data fetch names`, or our own list."""
    steps: int = 1000
    """Steps of one document each."""
    seed: int = 42
    """Decides the order of the documents, the first weights and the samples."""
    temperature: float = 0.5
    """Of the samples: below 1 keeps to the likely, above 1 dares more."""
    samples: int = 20
    """How many names to make up."""
    start: str = ""
    """How each of them begins."""
    rate: float = 0.01
    """Learning rate of Adam, which falls to nothing over the steps."""
    shape: Shape = field(default_factory=Shape)
    """4,192 parameters on the names; larger ones learn more and take longer."""
    run: str = ""
    """Keep it as a run of this name, for the studio. Then it is trained in tensors: the same numbers, sooner."""
    snapshot_every: int = 20
    """Steps between the states of all numbers that a run keeps."""
    resume: bool = False
    """Where the run exists, do it again from the start: it takes seconds, and the same seed gives the same numbers."""
    root: Path = Path("runs")
    """The folder that holds the runs."""
    plot: Path | None = None
    """Draw the loss to this file (.svg, .png or .pdf)."""
    json: bool = False
    """Print JSON: all losses, the samples, and what the numbers mean."""


def run_microgpt(config: MicroGPTCommand) -> None:
    """Train, sample, print. Raises `ConfigError` or `DataError` before it begins for what cannot be."""
    console = Console(highlight=False, stderr=config.json)
    documents, source = (read_lines(config.data), str(config.data)) if config.data else given_names()
    if config.samples < 0:
        raise ConfigError(f"--samples is {config.samples}; it cannot be negative")
    check_plot(config.plot)
    model = MicroGPT(documents, config.shape, config.steps, config.rate, config.seed)
    untouched = model.rng.getstate()
    model.sample(config.temperature, config.start)  # an impossible start or temperature is told before training
    model.rng.setstate(untouched)
    blind = math.log(model.characters.size)
    tokens, count = model.characters.size, len(model.adam.values)
    console.print(
        f"{len(documents):,} documents of {source}, {tokens} tokens, {count:,} parameters; "
        f"a blind guess costs ln {tokens} = {blind:.2f}",
        soft_wrap=True,
    )
    losses = _train_in_run(model, config) if config.run else _train(model, model.train)
    last = losses[-RECENT:]
    recent = sum(last) / len(last)
    known = set(documents)
    names = [model.sample(config.temperature, config.start) for _ in range(config.samples)]
    if config.plot:
        _plot(losses, blind, config.plot)
    if config.json:
        print(json.dumps({
            "data": source, "documents": len(documents), "tokens": tokens, "parameters": count, "seed": config.seed,
            "steps": len(losses), "blind_guess": blind, "loss_unit": "nats a character, mean over one document",
            "mean_of_last": len(last), "loss": recent,
            "losses": losses, "samples": [{"text": name, "seen": name in known} for name in names],
        }, ensure_ascii=False))  # fmt: skip
        return
    console.print(f"loss {recent:.3f}, mean of the last {len(last)} of {len(losses):,} documents\n")
    for name in names:
        mark = "[dim]seen in the data[/]" if name in known else "new"
        console.print(f"  {escape(name.ljust(config.shape.context))} {mark}")


def _train_in_run(model: MicroGPT, config: MicroGPTCommand) -> list[float]:
    from orrery.stages.microgpt import STAGE, train_microgpt  # torch: a second that the scalars need not wait
    from orrery.training.runs import Run

    recipe = as_mapping(config)
    with (
        Run.open(config.run, recipe=recipe, seed=config.seed, root=config.root) as run,
        run.nothing_left_if_refused(run.folder / STAGE),
    ):
        return _train(model, partial(train_microgpt, model, run, config.snapshot_every, config.resume))


def _train(model: MicroGPT, train: Callable[[Callable[[int, float], None]], None]) -> list[float]:
    losses: list[float] = []
    columns = (TextColumn("step {task.completed}/{task.total}"), BarColumn(), TextColumn("{task.description}"),
               TimeRemainingColumn())  # fmt: skip
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("", total=model.steps)

        def on_step(step: int, loss: float) -> None:
            losses.append(loss)
            last = losses[-RECENT:]
            bar.update(task, completed=step, description=f"loss {sum(last) / len(last):.3f}")

        try:
            train(on_step)
        except KeyboardInterrupt:
            if not losses:
                raise
            bar.console.print(f"stopped after {len(losses)} of {model.steps} steps")
    return losses


def _plot(losses: list[float], blind: float, file: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = range(1, len(losses) + 1)
    means = [sum(losses[max(0, step - RECENT) : step]) / min(step, RECENT) for step in steps]
    axes.plot(steps, losses, ".", color="#9db7d5", markersize=3, label="one document")
    axes.plot(steps, means, color="#1f4e8c", label=f"mean of the last {RECENT}")
    axes.axhline(blind, color="#888888", linestyle="--", label="blind guess")
    axes.set(xlabel="step", ylabel="loss, nats a character", xlim=(0, len(losses) + 1))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)
