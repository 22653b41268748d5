"""The cat sat on the mat because it was tired, or because it was soft: what is "it", and where do the heads look?

Pictures of attention show the word "it" looking at the cat in the one sentence and at the mat in the other. Those are
of encoders, which see the whole sentence at once; a language model reads from left to right, and where it reads "it"
both sentences are still the same. So two things are measured: which reading the assistant gives when it is asked, by
the probabilities of the two answers, and how much the heads' looks at "it" differ between the sentences.
"""

import random
from collections.abc import Sequence
from statistics import mean

import torch
from torch import Tensor

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.trace import trace
from orrery.models.transformer import Transformer
from orrery.stages.rows import Rows, frozen_logprobs
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render

ANIMALS = ("cat", "dog", "bird", "rabbit", "mouse", "horse", "duck", "goat", "frog", "sheep")
THINGS = ("mat", "box", "chair", "bed", "table", "rug", "bench", "step", "wall", "boat")
OF_ANIMALS = ("tired", "sleepy", "hungry", "sad", "happy")
OF_THINGS = ("dirty", "soft", "flat", "dry", "made of wood")
PAIRS = 60  # of sentences


def measure(lab: Lab) -> None:
    """A row for each pair of sentences."""
    folder, rng = lab.model("sft"), random.Random(lab.seed)
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    for _ in lab.each(range(PAIRS), "sentences"):
        animal, thing = rng.choice(ANIMALS), rng.choice(THINGS)
        endings = (rng.choice(OF_ANIMALS), rng.choice(OF_THINGS))
        texts = [f"The {animal} sat on the {thing} because it was {ending}." for ending in endings]
        margins = [margin(model, tokenizer, text, ending, animal, thing)
                   for text, ending in zip(texts, endings, strict=True)]  # fmt: skip
        at_it = [look(model, tokenizer, text) for text in texts]
        on_animal, on_thing = (on_noun(at_it[0], tokenizer, texts[0], noun) for noun in (animal, thing))
        lab.log(sentences=texts, margins=margins, apart=(at_it[0] - at_it[1]).abs().max().item(),
                on_animal=on_animal, on_thing=on_thing)  # fmt: skip


def margin(model: Transformer, tokenizer: BPE, text: str, ending: str, animal: str, thing: str) -> float:
    """Nats by which the assistant finds "The ANIMAL was …" likelier than "The THING was …", asked what was."""
    question = {"role": "user", "content": f"{text} What was {ending}?"}
    said = []
    for noun in (animal, thing):
        answer = {"role": "assistant", "content": f"The {noun} was {ending}."}
        rendered = render([question, answer], tokenizer)
        trained = torch.tensor([rendered.mask], dtype=torch.bool)
        rows = Rows(torch.tensor([rendered.ids]), trained, torch.tensor([len(rendered.ids)]))
        said.append(frozen_logprobs(model, rows).sum().item())
    return said[0] - said[1]


def look(model: Transformer, tokenizer: BPE, text: str) -> Tensor:
    """What the heads of all layers look at from "it" [layers heads, tokens up to it]."""
    ids = torch.tensor([[tokenizer.eos_id, *tokenizer.encode(text)]])
    place = len(tokenizer.encode(text[: text.index(" was")]))
    return torch.cat([layer[0, :, place, : place + 1] for layer in trace(model, ids).attention])


def on_noun(weights: Tensor, tokenizer: BPE, text: str, noun: str) -> float:
    """The largest share that one head gives to the tokens of a noun."""
    before = text[: text.index(f" {noun}")]
    first, stop = (len(tokenizer.encode(part)) + 1 for part in (before, f"{before} {noun}"))  # a boundary comes first
    return weights[:, first:stop].sum(1).max().item()


def summarise(rows: Sequence[Row]) -> Measured:
    """Share of sentences read as people do, by their endings; and how far the looks are apart."""
    tired, dirty = zip(*(row["margins"] for row in rows), strict=True)
    return {
        "tired: the animal": mean(margin > 0 for margin in tired),
        "dirty: the thing": mean(margin < 0 for margin in dirty),
        "the ending matters": mean(one > other for one, other in zip(tired, dirty, strict=True)),
        "from 'it', most on the animal": mean(row["on_animal"] for row in rows),
        "from 'it', most on the thing": mean(row["on_thing"] for row in rows),
        "looks from 'it' apart, at most": max(row["apart"] for row in rows),
    }


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    right = (one["tired: the animal"] + one["dirty: the thing"]) / 2
    if one["looks from 'it' apart, at most"] > 1e-4:
        return "unclear"  # against all that is known: the experiment is broken
    return "holds" if right >= 0.75 else "refuted" if right <= 0.6 else "unclear"


CLAIM = Claim(
    name="coreference",
    says='A small language model knows what "it" is: the cat sat on the mat because it was tired, or dirty.',
    source="Uszkoreit 2017, Transformer: A Novel Neural Network Architecture (the animal that was too tired); Levesque "
    "et al. 2012, The Winograd Schema Challenge",
    refuted_by="asked what was tired or dirty, it is right hardly more often than by chance",
    rule="Holds if in every seed at least 75% of the sentences are read as people do, both endings counting alike; "
    'refuted if at most 60% (chance is 50%). Where the heads look from "it" must be the same for both endings, since '
    "the ending is still to come; if it is not the experiment is broken.",
    minutes=0.2,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, ("tired: the animal", "dirty: the thing", "the ending matters"), "share of sentences"),
)
