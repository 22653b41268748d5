"""Are keys and values computed once, from the embeddings?

A popular note says that they are, and that only queries change from layer to layer. Here the same weights run both
ways on held-out text: as the model does it, each layer's keys and values from its own input, and as the note has it,
from the embeddings. Were the note right, nothing would change.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.models.hf import load_model
from orrery.models.layers import Attention, Block, Pass, attend, rotate
from orrery.models.transformer import Transformer

ROWS, TOKENS = 32, 128  # of held-out text


@torch.no_grad()
def logits_with(model: Transformer, ids: Tensor, from_embeddings: bool) -> Tensor:
    """Logits [B T V], with keys and values of every layer from the embeddings, or as they should be."""
    positions = torch.arange(ids.shape[1])[None]
    shared = model.prepare(ids, positions, None, None)
    x = embedded = model.token_embedding(ids)  # B T D
    for block in cast(Iterable[Block], model.blocks):
        source = embedded if from_embeddings else x
        x = x + _attention(block.attention, block.attention_norm(x), block.attention_norm(source), shared)
        x = x + block.mlp(block.mlp_norm(x))
    return model.unembed(model.final_norm(x))


def _attention(attention: Attention, asking: Tensor, asked: Tensor, shared: Pass) -> Tensor:
    """`Attention.forward` with queries from one input and keys and values from another."""
    H, K, C = attention.heads, attention.kv_heads, attention.head_width
    q = attention.qkv(asking).unflatten(-1, (-1, C))[:, :, :H]  # B T H C
    k, v = attention.qkv(asked).unflatten(-1, (-1, C))[:, :, H:].split((K, K), dim=2)  # B T K C
    if attention.normed:
        q, k = attention.query_norm(q), attention.key_norm(k)
    if shared.rope is not None:
        q, k = rotate(q, *shared.rope), rotate(k, *shared.rope)
    mixed = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), shared.mask)
    return attention.output(mixed.transpose(1, 2).flatten(2))


def measure(lab: Lab) -> None:
    """Loss on held-out text both ways, and by how much the logits differ."""
    model = load_model(lab.model("base"))
    tokens = torch.from_numpy(lab.text().held_out.tokens[: ROWS * (TOKENS + 1)].astype("int64"))
    rows = tokens.view(ROWS, TOKENS + 1)
    ids, targets = rows[:, :-1], rows[:, 1:]
    own = logits_with(model, ids, from_embeddings=False)
    note = logits_with(model, ids, from_embeddings=True)
    for way, logits in (("model", model(ids)), ("each layer's input", own), ("embeddings", note)):
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
        lab.log(way=way, loss=loss, apart=(logits - own).abs().max().item(), layers=model.config.layers)


def summarise(rows: Sequence[Row]) -> Measured:
    """Nats a token by way, and the largest difference of a logit."""
    by = {row["way"]: row for row in rows}
    return {
        "loss, own input": by["each layer's input"]["loss"],
        "loss, embeddings": by["embeddings"]["loss"],
        "logits of the control apart": by["model"]["apart"],
        "logits apart": by["embeddings"]["apart"],
    }


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["logits of the control apart"] > 1e-3:  # the experiment is broken, so it says nothing
        return "unclear"
    if one["logits apart"] < 1e-3:
        return "holds"
    return "refuted" if one["loss, embeddings"] - one["loss, own input"] > 0.1 else "unclear"


CLAIM = Claim(
    name="kv_per_layer",
    says="Keys and values are computed once from the original embeddings; only queries evolve from layer to layer.",
    source="popular notes on attention",
    refuted_by="the same weights give other logits, and a worse loss, when it is done so",
    rule="Holds if no logit differs by 1e-3 or more; refuted if the loss is more than 0.1 nats a token higher with "
    "keys and values from the embeddings; the control (each layer's own input) must give the model's logits.",
    minutes=0.1,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, ("loss, own input", "loss, embeddings"), "nats a token"),
)
