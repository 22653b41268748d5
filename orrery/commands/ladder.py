"""`orrery ladder`: eight models from counting pairs to the Transformer, trained alike and set side by side."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from orrery.commands.lines import check_plot, read_lines, read_text
from orrery.config import nearest
from orrery.data.names import given_names
from orrery.errors import ConfigError
from orrery.scratch.ladder import RUNGS
from orrery.scratch.ladder_training import LOOKS, Budget, Climbed, Split, build, sample, split_names, split_text, train

FOR_TEXT = ("lstm", "transformer")
TELLS = 5  # how often a model shows what it writes while it learns running text


@dataclass(frozen=True)
class LadderCommand:
    """Train bigram counts, a bigram network, an MLP, one with batch normalisation, RNN, LSTM, GRU and Transformer on
    the same lines with the same number of steps, and compare them: mean negative log-likelihood (nats a character) on
    lines trained on, tuned by (dev) and never seen (test), parameters, time and samples.

    Example: orrery ladder --plot ladder.svg
    Example: orrery ladder --data tinyshakespeare.txt --level char --steps 1200 --batch 32
    """

    data: Path | None = None
    """A text file; without it given names: those of `orrery data fetch names`, or our own list."""
    level: Literal["line", "char"] = "line"
    """Whether each line is a document of its own, or the file is one long text (then: LSTM and Transformer)."""
    models: tuple[str, ...] = ()
    """Only these, for instance: --models mlp transformer."""
    steps: int = 3000
    """Steps that each model trains."""
    batch: int = 128
    """Lines (or pieces of 64 characters) a step."""
    samples: int = 10
    """Names that each model makes up."""
    seed: int = 1
    """Decides first weights, batches and samples; the split is always the same."""
    plot: Path | None = None
    """Draw scores to this file (.svg, .png, .pdf), and what went on inside the layers to NAME-layers beside it."""
    json: bool = False
    """Print JSON instead of a table."""


def run_ladder(config: LadderCommand) -> None:
    """Train and compare. Raises `ConfigError` or `DataError` before it begins for what cannot be."""
    _check(config)
    console = Console(highlight=False, stderr=config.json)
    if config.level == "char":
        if config.data is None:
            raise ConfigError("--level char needs a text: give --data FILE")
        split, source = split_text(read_text(config.data)), str(config.data)
    else:
        lines, source = (read_lines(config.data), str(config.data)) if config.data else given_names()
        split = split_names(lines)
    names = config.models or (FOR_TEXT if config.level == "char" else tuple(RUNGS))
    console.print(f"{source}: {len(split.train.x):,} to train, {len(split.dev.x):,} dev, {len(split.test.x):,} test, "
                  f"{split.characters.size} tokens", soft_wrap=True)  # fmt: skip
    climbed: dict[str, Climbed] = {}
    samples: dict[str, list[str]] = {}
    try:
        for name in names:
            climbed[name] = _climb(name, split, config, console)
            generator = torch.Generator().manual_seed(config.seed)
            length, number = (300, 1) if config.level == "char" else (0, config.samples)
            samples[name] = [sample(climbed[name].model, split, generator, length=length) for _ in range(number)]
    except KeyboardInterrupt:
        if not samples:
            raise
        climbed = {name: climbed[name] for name in samples}
        console.print(f"stopped; {len(climbed)} of {len(names)} models are trained")
    if config.plot and climbed:
        plot_scores(climbed, config.plot)
        plot_layers(climbed, config.plot.with_stem(config.plot.stem + "-layers"))
    if config.json:
        print(json.dumps({"data": source, "steps": config.steps, "batch": config.batch, "seed": config.seed,
                          "models": [as_json(name, climbed[name], samples[name], split) for name in climbed]},
                         ensure_ascii=False))  # fmt: skip
    else:
        console.print(_table(climbed))
        for name, texts in samples.items():
            marked = [f"[dim]{escape(text)}[/]" if text in split.seen else escape(text) for text in texts]
            console.print(f"\n[bold]{name}[/]\n{', '.join(marked)}", soft_wrap=True)
        if config.level == "line" and samples:
            console.print("\n(dim: a name that was trained on)")


def _check(config: LadderCommand) -> None:
    for name, number in {"steps": config.steps, "batch": config.batch}.items():
        if number < 1:
            raise ConfigError(f"--{name} is {number}; it must be at least 1")
    if config.samples < 0:
        raise ConfigError(f"--samples is {config.samples}; it cannot be negative")
    for name in config.models:
        if name not in RUNGS:
            raise ConfigError(f"no model '{name}'; {nearest(name, RUNGS)}")
    check_plot(config.plot)


def _climb(name: str, split: Split, config: LadderCommand, console: Console) -> Climbed:
    model = build(name, split, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    # Samples are printed while the bar moves, so both share a terminal.
    terminal = console if console.is_terminal else Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(name, total=config.steps)

        def on_look(step: int, climbed: Climbed) -> None:
            _, _, dev = climbed.curve[-1]
            bar.update(task, description=f"{name}  dev {dev:.3f}")
            if config.level == "char" and (len(climbed.curve) - 1) % (LOOKS // TELLS) == 0:
                text = sample(model, split, generator, length=120)
                console.print(f"[bold]{name}[/] step {step}, dev {dev:.3f}: {escape(repr(text))}", soft_wrap=True)

        return train(model, split, Budget(config.steps, config.batch), config.seed,
                     lambda step: bar.update(task, completed=step), on_look)  # fmt: skip


def as_json(name: str, climbed: Climbed, samples: list[str], split: Split) -> dict[str, object]:
    """One model as plain data."""
    return {
        "model": name, "parameters": climbed.parameters, "seconds": climbed.seconds, "loss": climbed.loss,
        "curve": [{"step": step, "batch": batch, "dev": dev} for step, batch, dev in climbed.curve],
        "layers": climbed.layers, "samples": [{"text": text, "seen": text in split.seen} for text in samples],
    }  # fmt: skip


def _table(climbed: dict[str, Climbed]) -> Table:
    table = Table("model", "parameters", "seconds", "train", "dev", "test", box=None, padding=(0, 2))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, one in climbed.items():
        losses = [f"{one.loss[part]:.3f}" for part in ("train", "dev", "test")]
        table.add_row(name, f"{one.parameters:,}", f"{one.seconds:.1f}", *losses)
    return table


def plot_scores(climbed: dict[str, Climbed], file: Path) -> None:
    """Score on dev against step, and train, dev and test at the end."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    curves, bars = figure.subplots(1, 2, width_ratios=(3, 2))
    for number, (name, one) in enumerate(climbed.items()):
        steps, dev = [step for step, _, _ in one.curve], [dev for _, _, dev in one.curve]
        if steps:
            curves.plot(steps, dev, color=f"C{number}", label=name)
        else:
            curves.axhline(one.loss["dev"], color=f"C{number}", linestyle="--", label=name)
        for offset, (part, shade) in enumerate((("train", 0.35), ("dev", 0.65), ("test", 1.0))):
            bars.barh(number + (offset - 1) * 0.27, one.loss[part], 0.25, color=f"C{number}", alpha=shade)
        bars.text(one.loss["test"], number + 0.27, f" {one.loss['test']:.2f}", va="center", fontsize=8)
    worst = max(one.loss["test"] for one in climbed.values())
    best = min(one.loss["train"] for one in climbed.values())
    curves.set(xlabel="step", ylabel="dev, nats a character", ylim=(best - 0.1, worst + 0.5))
    curves.legend(framealpha=1, edgecolor="none", fontsize=8)
    bars.set(yticks=range(len(climbed)), yticklabels=list(climbed), xlim=(best - 0.3, worst + 0.2),
             xlabel="train (pale), dev, test (full), nats a character")  # fmt: skip
    bars.invert_yaxis()
    for axes in (curves, bars):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def plot_layers(climbed: dict[str, Climbed], file: Path) -> None:
    """A row a network: flat and dead units, gradients that reach each activation, how far each matrix moves a step."""
    networks = {name: one for name, one in climbed.items() if one.layers}
    if not networks:
        return
    figure = Figure(figsize=(12, 2.4 * len(networks)), layout="constrained")
    rows = figure.subplots(len(networks), 3, squeeze=False)
    for (name, one), (flat, gradients, moves) in zip(networks.items(), rows, strict=True):
        steps = [step for step, _, _ in one.curve]
        activations = [layer for layer, seen in one.layers[0].items() if "saturated" in seen]
        for number, layer in enumerate(activations):
            colour = f"C{number}"
            flat.plot(steps, [seen[layer]["saturated"] for seen in one.layers], color=colour, label=layer)
            flat.plot(steps, [seen[layer]["dead"] for seen in one.layers], color=colour, linestyle=":")
            gradients.plot(steps, [seen[layer]["gradient"] for seen in one.layers], color=colour)
        for layer in [layer for layer in one.layers[0] if "update" in one.layers[0][layer]]:
            moves.plot(steps, [seen[layer]["update"] for seen in one.layers], label=layer.removesuffix(".weight"))
        moves.axhline(1e-3, color="#888888", linestyle="--", linewidth=1)
        flat.set(ylabel=name, ylim=(-0.02, 1.02))
        moves.set_yscale("log")
        if activations:  # the bigram network has none
            gradients.set_yscale("log")
            flat.legend(fontsize=6, frameon=False)
        else:
            gradients.set_axis_off()
        moves.legend(fontsize=6, frameon=False, ncols=2)
    for axes, title in zip(rows[0], ("flat outputs (dotted: dead units)", "size of gradients at activations",
                                     "size of a step over size of the weights"), strict=True):  # fmt: skip
        axes.set_title(title, fontsize=9)
    for axes in rows.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(which="both", labelsize=7)
    figure.savefig(file)
