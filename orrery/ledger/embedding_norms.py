"""Do important words have longer embeddings?

It is said that they do. What can be measured: how long a token's embedding is and how often it was read. If the length
follows the count, it is training that shows, and not importance.
"""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, plain_axes
from orrery.ledger.claim import Claim, Measured, Row, Verdict
from orrery.ledger.lab import Lab
from orrery.models.hf import load_model, load_tokenizer
from orrery.stages.reward import rank_correlation

# What "important" is to mean: words that carry what a sentence is about, against words that hold it together.
FUNCTION = ("the", "a", "an", "of", "and", "to", "in", "is", "was", "that", "it", "for", "on", "with", "as", "at", "by")


def measure(lab: Lab) -> None:
    """Log every token that was read: its text, its count, the length of its embedding."""
    folder = lab.model("base")
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    counts = np.bincount(lab.text().data.tokens, minlength=tokenizer.vocab_size)
    lengths = model.token_embedding.weight.detach().norm(dim=1).tolist()
    for token in np.flatnonzero(counts).tolist():
        lab.log(token=tokenizer.decode([token]), count=int(counts[token]), length=round(lengths[token], 4))


def summarise(rows: Sequence[Row]) -> Measured:
    """Rank correlation of length and count, and the mean lengths of two kinds of whole words."""
    counts, lengths = (torch.tensor([float(row[name]) for row in rows]) for name in ("count", "length"))
    words = [row for row in rows if row["token"].startswith(" ") and row["token"].strip().isalpha()
             and len(row["token"]) > 1]  # fmt: skip
    function = [row["length"] for row in words if row["token"].strip().lower() in FUNCTION]
    content = [row["length"] for row in words if row["token"].strip().lower() not in FUNCTION and len(row["token"]) > 4]
    return {
        "rank correlation with count": rank_correlation(lengths, counts),
        "function words": sum(function) / len(function),
        "content words": sum(content) / len(content),
        "tokens": len(rows),
    }


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    if all(one["content words"] > 1.05 * one["function words"] for one in measured):
        by_count = all(abs(one["rank correlation with count"]) > 0.5 for one in measured)
        return "unclear" if by_count else "holds"
    return "refuted" if all(one["content words"] <= one["function words"] for one in measured) else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Length against count, a dot a token, of the first seed."""
    axes = plain_axes(figure.add_subplot())
    axes.scatter([row["count"] for row in rows[0]], [row["length"] for row in rows[0]], s=6, color=ACCENT, alpha=0.5)
    axes.set_xscale("log")
    axes.set_xlabel("how often it was read")
    axes.set_ylabel("length of its embedding")


CLAIM = Claim(
    name="embedding_norms",
    says="Important words have longer embedding vectors.",
    source="popular notes on embeddings",
    refuted_by="words that carry the meaning have embeddings no longer than the little words between them",
    rule="Refuted if content words are on average no longer than function words in every seed; holds if they are more "
    "than 5% longer in every seed and length does not just follow how often a token was read (rank correlation at most "
    "0.5).",
    minutes=0.2,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
