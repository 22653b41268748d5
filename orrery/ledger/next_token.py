"""Does a model that learns nothing but to guess the next token learn all that there is to guess?

The world's documents are made by a program whose choices are known, so the entropy of each genre is known too, the
floor under which no model's loss can stay. Beside it stands what is to be had by counting tokens and not looking at
what came before. How much of the way from the one to the other has the base of a speedrun gone?
"""

from collections.abc import Mapping, Sequence

import numpy as np

from orrery.data.prepare import Prepared
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab
from orrery.ledger.plots import Point, lines
from orrery.training.events import read_events
from orrery.training.held_out import by_genre, token_lengths


def measure(lab: Lab) -> None:
    """A row for each genre at each evaluation of pretraining: bits per byte, floor, and by counting."""
    counted = by_counting(lab.text())
    for event in read_events(lab.speedrun("base")):
        if event["stage"] == "base" and "bits_per_byte" in event["values"]:
            for genre, found in by_genre(event["values"]).items():
                if found["floor_bits_per_byte"] is not None:
                    lab.log(step=event["step"], genre=genre, counting=counted[genre], bits=found["bits_per_byte"],
                            floor=found["floor_bits_per_byte"])  # fmt: skip


def by_counting(text: Prepared) -> dict[str, float]:
    """Bits per byte of the held-out documents of each genre, if each token has its share in what is trained on."""
    seen = np.bincount(text.data.tokens, minlength=text.tokenizer.vocab_size) + 1.0
    bits = -np.log2(seen / seen.sum())
    lengths, held_out = token_lengths(text.tokenizer), text.held_out
    spent, sizes = np.zeros(len(held_out.info.genres)), np.zeros(len(held_out.info.genres))
    for index in range(len(held_out)):
        tokens = held_out.document(index)[1:]  # without the boundary before it, which is given
        spent[held_out.genres[index]] += bits[tokens].sum()
        sizes[held_out.genres[index]] += lengths[tokens].sum()
    return {genre: float(spent[i] / sizes[i]) for i, genre in enumerate(held_out.info.genres)}


def way(row: Row) -> float:
    """The share of the way from counting to the floor."""
    return float((row["counting"] - row["bits"]) / (row["counting"] - row["floor"]))


def summarise(rows: Sequence[Row]) -> Measured:
    """At the end of training: of each genre the share of the way, and the bits that are left."""
    last = [row for row in rows if row["step"] == max(row["step"] for row in rows)]
    ways = {f"{row['genre']}, share of the way": way(row) for row in last}
    return {**ways, **{f"{row['genre']}, bits a byte above the floor": row["bits"] - row["floor"] for row in last}}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    ways = [value for name, value in one.items() if name.endswith("the way")]
    if min(ways) >= 0.8:
        return "holds"
    return "refuted" if sum(ways) / len(ways) < 0.5 else "unclear"


def curves(rows: Sequence[Row]) -> Mapping[str, Sequence[Point]]:
    """Bits above the floor by step, of the genres that have most text to say."""
    genres = ("encyclopedia", "forum", "copying", "story", "worksheet", "code")
    return {genre: [(row["step"], row["bits"] - row["floor"]) for row in rows if row["genre"] == genre]
            for genre in genres}  # fmt: skip


CLAIM = Claim(
    name="next_token",
    says="Trained on nothing but the next token, a model learns whatever makes it predictable: its loss falls to the "
    "entropy of the text.",
    source="Karpathy, Deep Dive into LLMs (2025); Shannon 1951, Prediction and Entropy of Printed English",
    refuted_by="much of what is predictable stays unpredicted",
    rule="Holds if in every seed and every genre the base goes at least 80% of the way from the loss of counting "
    "tokens to the floor; refuted if in every seed it goes less than half of it on the mean over "
    "genres.",
    minutes=0.1,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=lines(curves, "step", "bits a byte above the floor"),
)
