"""Small base models on chosen documents of the world, for claims about data."""

from collections.abc import Mapping, Sequence
from typing import Any

from orrery.data.documents import Document
from orrery.data.shards import TokenShards
from orrery.ledger.lab import Lab, made_of
from orrery.plan import shape_of
from orrery.stages.pretrain import PretrainConfig, pretrain
from orrery.training.loop import TrainResult
from orrery.training.optim import OptimizerConfig
from orrery.training.stage import TrainConfig

WIDTH, LAYERS, CONTEXT, ROWS = 128, 4, 256, 8


def base_from(
    lab: Lab, name: str, recipe: Mapping[str, Any], documents: Sequence[Document], steps: int,
    first: Sequence[Document] = (),
) -> TrainResult:  # fmt: skip
    """A base model that read these documents in random order, after ``first``; bits per byte are in its metrics.

    Tokenizer and held-out documents are those of the lab's speedrun.

    Args:
        name: of the training; with the recipe it says what the documents are.
    """
    text = lab.text()
    recipe = {**recipe, "tokenizer": made_of(lab.model("base")), "steps": steps}
    with lab.training(name, recipe) as run:
        folder = run.folder / "data"
        if not (folder / "tokens" / "shards.json").exists():
            if first:
                TokenShards.write(folder / "first", first, text.tokenizer)
            TokenShards.write(folder / "tokens", documents, text.tokenizer)
        config = PretrainConfig(shape_of(WIDTH, LAYERS, CONTEXT), settings(steps), lab.seed)
        return pretrain(
            config, run, data=TokenShards.open(folder / "tokens"), held_out=text.held_out, tokenizer=text.tokenizer,
            first=TokenShards.open(folder / "first") if first else None, resume="auto",
        )  # fmt: skip


def settings(steps: int) -> TrainConfig:
    """How they are trained: as in a speedrun."""
    return TrainConfig(steps=steps, rows=ROWS, evaluate_every=0, sample_every=0,
                       optimizer=OptimizerConfig(lr=0.012, weight_decay=0.0))  # fmt: skip
