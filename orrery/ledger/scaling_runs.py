"""Base models of several sizes, each trained as a speedrun trains its own: what a scaling law is fitted to.

    text = Text(lab.world, most_steps=4000)
    run_of(lab, text, Size(64, 3), steps=900)       # what it came to: parameters, tokens, operations, bits per byte

Documents, the pages to copy from that come first, conversations between the documents, vocabulary, batch, learning
rates and schedule are a speedrun's. So a law that is fitted to these runs says what a speedrun will reach. Each run has
its own warm-down, over the last 0.4 of its own steps, and sees every document once. The learning rates are the same
at all widths: Muon's step has the same spectral norm whatever the width, and embeddings under Adam want the same rate
(Yang et al. 2022, arXiv 2203.03466, table 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any, NamedTuple

from orrery.data.documents import Document
from orrery.data.prepare import CORES, FIRST_MIX, FIRST_START, Prepared, prepare_world, read_back
from orrery.data.shards import TokenShards
from orrery.data.world.clean import Cleaner
from orrery.data.world.corpus import corpus, talk
from orrery.ledger.lab import Lab
from orrery.models.explain import flops_per_token
from orrery.plan import Reading, count_parameters, reading, shape_of
from orrery.speedrun import ASSISTANT_TALK, TALK_SAMPLE
from orrery.speedrun_config import SpeedrunConfig
from orrery.stages.pretrain import ModelShape, PretrainConfig, pretrain
from orrery.tokenizers.chat import Message
from orrery.training.runs import Run

RECIPE = SpeedrunConfig()
TOKENS_A_STEP = RECIPE.pretrain.rows * RECIPE.context
TOKENIZER_BYTES = 4_500_000  # of documents: more than a tokenizer is trained on, so it is a speedrun's
SPARE = 1.05  # of text, so that nothing is read twice


class Size(NamedTuple):
    """Of a model."""

    width: int
    layers: int

    @property
    def shape(self) -> ModelShape:
        """As in a speedrun."""
        return shape_of(self.width, self.layers, RECIPE.context)

    @property
    def flops_per_token(self) -> float:
        """That training takes."""
        return flops_per_token(self.shape.config(RECIPE.vocab_size), RECIPE.context)

    @property
    def parameters(self) -> int:
        """All of them, the tied embedding once."""
        return count_parameters(self.shape.config(RECIPE.vocab_size))

    def steps_for(self, flops: float) -> int:
        """Steps that so many floating-point operations allow."""
        return round(flops / (self.flops_per_token * TOKENS_A_STEP))


class Text:
    """What all runs of a world read from, made when the first run that is not done asks for it."""

    def __init__(self, lab: Lab, most_steps: int) -> None:
        self.lab, self.most = lab, self.needed(most_steps)

    @staticmethod
    def needed(steps: int) -> Reading:
        """By a run of so many steps."""
        return reading(round(SPARE * steps), TOKENS_A_STEP, ASSISTANT_TALK, RECIPE.vocab_size)

    @cached_property
    def prepared(self) -> Prepared:
        """The tokenizer and the held-out documents, which are the same for all."""
        with self.lab.training("scaling-text", {"vocab_size": RECIPE.vocab_size}) as run:
            found = read_back(run.folder / "data")
            if found is None:
                spoken = talk(self.lab.world, TALK_SAMPLE)
                found = prepare_world(
                    run.folder / "data", self.lab.world, TOKENIZER_BYTES, 0, None, spoken, RECIPE.vocab_size
                )
        return found

    @cached_property
    def documents(self) -> list[Document]:
        """Enough for the longest run."""
        return list(Cleaner().clean(corpus(self.lab.world, self.most.corpus_bytes, workers=CORES)))

    @cached_property
    def first(self) -> list[Document]:
        """Pages to copy from."""
        return list(corpus(self.lab.world, self.most.first_bytes, FIRST_MIX, start=FIRST_START, workers=CORES))

    @cached_property
    def spoken(self) -> list[list[Message]]:
        """Conversations."""
        return talk(self.lab.world, self.most.mixed_conversations)


def run_of(lab: Lab, text: Text, size: Size, steps: int) -> Mapping[str, Any]:
    """Train a model, or find it: a row with parameters, tokens, operations and what is left to learn.

    Tokens are the positions of all rows (padding, of which there is 2%, included), as a plan reckons.
    """
    recipe = {"width": size.width, "layers": size.layers, "steps": steps, "rows": RECIPE.pretrain.rows}
    with lab.training("scaling", recipe) as run:
        train = replace(RECIPE.pretrain, steps=steps, evaluate_every=0, sample_every=0)
        text_of = text.needed(steps)
        result = pretrain(
            PretrainConfig(size.shape, train, lab.seed), run,
            data=_shards(run, "tokens", text.documents, text_of.corpus_bytes, text),
            first=_shards(run, "first", text.first, text_of.first_bytes, text),
            conversations=text.spoken[: text_of.mixed_conversations],
            held_out=text.prepared.held_out, tokenizer=text.prepared.tokenizer, resume="auto",
        )  # fmt: skip
    return {
        **size._asdict(), "steps": steps, "parameters": result.parameters, "tokens": steps * TOKENS_A_STEP,
        "flops": size.flops_per_token * steps * TOKENS_A_STEP, "bits": result.metrics["bits_per_byte"],
        "floor": result.metrics["floor_bits_per_byte"], "seconds": round(result.seconds, 1),
        "began": datetime.fromisoformat(run.record["created"]).timestamp(),
    }  # fmt: skip


def _shards(run: Run, name: str, documents: Sequence[Document], size: int, text: Text) -> TokenShards:
    """The first documents, so many bytes of them, in the run's folder."""
    folder = run.folder / "data" / name
    if not (folder / "shards.json").exists():
        TokenShards.write(folder, first_bytes(documents, size), text.prepared.tokenizer)
    return TokenShards.open(folder)


def first_bytes(documents: Sequence[Document], size: int) -> list[Document]:
    """The first documents whose texts take at most ``size`` bytes together."""
    left = size

    def fits(document: Document) -> bool:
        nonlocal left
        left -= len(document.text.encode())
        return left >= 0

    return list(takewhile(fits, documents))
