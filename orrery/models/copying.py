"""First weights with which a model can copy from its first step on: induction heads, written by hand.

What reads a text (repeating a name, filling in a call, answering from a passage) needs to find where the last few
tokens stood before, and to say what followed there. Models find this circuit by themselves, but late (the "induction
bump"; Olsson et al. 2022, arXiv 2209.11895), and until then nothing that depends on it can be learnt. Training for ten
minutes on two cores is over before it has paid off, so here it is given, as weights alone: the model is still a plain
Qwen3, and training is free to change all of it. (Starting attention from what trained models have: Trockman and Kolter
2023, arXiv 2305.09828.)

    layer 1, heads 1 2 3   look 1, 2 and 3 tokens back, and write what they see to the residual stream
    layer 1, head 4        looks at the last ten tokens or so, and writes their mean
    layer 2, head 1        asks where before stood the last three tokens, and writes the token that followed
    layer 2, head 2        the same for the last token among tokens like the recent ones: whose sentence it was

The first entry of every embedding is the same large number. It adds the same to all logits, so it predicts nothing;
what reads only this entry is a fixed vector, and rotary positions turn a fixed query and key by their distance alone.
Fast pairs of a head tell neighbours apart; slow ones hardly turn within a context and serve to compare contents.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from orrery.models.layers import Attention

if TYPE_CHECKING:
    from orrery.models.transformer import Transformer

BACK = 3  # heads of the first layer that look at one token each
RECENT = 5.0  # how far back the middle of the recent tokens lies
RECENT_SHARE = 0.3  # of a head's query that tells distances apart, where all recent tokens are wanted
FAST_PAIRS = 5  # rotated pairs that tell positions apart
SIGNAL = 4.0  # the common first entry of all embeddings, in their standard deviations
SHARPNESS = 2.0  # of the norms of queries and keys in the pairs used
SEEN_GAIN = 1.5  # of what the first layer writes
RECENT_GAIN = 5.0  # of their mean, which is smaller than one of them
FOUND_GAIN = 4.0  # of what the second writes


@torch.no_grad()
def set_copying_heads(model: "Transformer", generator: torch.Generator) -> None:
    """Overwrite parts of the first two layers' attention and the embeddings' first entry, as the module says.

    A model with fewer than four key/value heads gets the first of them only.
    """
    first, second = (model.get_submodule(f"blocks.{layer}.attention") for layer in (0, 1))
    assert isinstance(first, Attention) and isinstance(second, Attention) and model.frequencies is not None
    C, D, group = model.config.head_width, model.config.width, model.config.heads // model.config.kv_heads
    back, recent = min(BACK, model.config.kv_heads), model.config.kv_heads > BACK
    model.token_embedding.weight[:, 0] = SIGNAL * model.config.embedding_std
    fast = torch.cat([torch.arange(FAST_PAIRS), torch.arange(FAST_PAIRS) + C // 2])  # rows of a head's fast pairs
    slow = torch.tensor([row for row in range(C) if row not in fast.tolist()])
    features = _orthonormal(C, D, generator)  # what is looked at of a token, by all of these heads: C of its D numbers
    features[:, 0] = 0.0
    places = _orthonormal((back + recent) * C, D, generator).split(C)  # where each head writes them: C D each
    for head, place in enumerate(places):
        query, key, value, written = _parts(first, head * group, head, C)
        query.zero_()
        key.zero_()
        value.copy_(features)
        written.copy_((SEEN_GAIN if head < BACK else RECENT_GAIN) * place.T)
        pairs = torch.arange(FAST_PAIRS) if head < BACK else torch.tensor([2, 3])
        distance = head + 1 if head < BACK else RECENT
        turn = -distance * model.frequencies[pairs]  # as if the query stood so many tokens earlier
        share = 1.0 if head < BACK else RECENT_SHARE
        strength = (share / len(pairs)) ** 0.5
        query[pairs, 0], query[pairs + C // 2, 0] = strength * turn.cos(), strength * turn.sin()
        key[pairs, 0] = strength
        query[C // 2 - 1, 0] = key[C // 2 - 1, 0] = (1 - share) ** 0.5  # the slowest pair sees no distance
    _sharpen(first, fast)
    _match(_parts(second, 0, 0, C), _rows(slow, back), [features, *places[: back - 1]], places[:back], generator)
    if recent:
        some, others = slow[: len(slow) // 3], slow[len(slow) // 3 :]
        _match(
            _parts(second, group, 1, C), [some, others], [features, places[BACK]], [places[0], places[BACK]], generator
        )
    _sharpen(second, slow)


def _match(
    head: tuple[Tensor, Tensor, Tensor, Tensor],
    rows: list[Tensor],
    here: list[Tensor],
    there: list[Tensor],
    generator: torch.Generator,
) -> None:
    """Make a head look for places where ``there`` shows what ``here`` shows now, and write the token found.

    Args:
        rows: of the head's queries and keys, for each of the comparisons.
        here, there: where to find what is compared [C D each], at the query's and at the key's token.
    """
    query, key, value, written = head
    query.zero_()
    key.zero_()
    for chosen, asked, held in zip(rows, here, there, strict=True):
        some = _orthonormal(len(chosen), len(asked), generator)
        query[chosen], key[chosen] = some @ asked, some @ held
    value.copy_(_orthonormal(value.shape[0], value.shape[1], generator))
    value[:, 0] = 0.0
    written.copy_(FOUND_GAIN * value.T)


def _rows(rows: Tensor, count: int) -> list[Tensor]:
    """The rows in ``count`` equal parts."""
    share = len(rows) // count
    return [rows[part * share : (part + 1) * share] for part in range(count)]


def _parts(attention: Attention, head: int, kv_head: int, C: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of one head's query, key and value rows [C D], and of its columns of the output [D C]."""
    queries, keys = attention.heads * C, attention.kv_heads * C
    weight = attention.qkv.weight
    return (
        weight[head * C : (head + 1) * C],
        weight[queries + kv_head * C : queries + (kv_head + 1) * C],
        weight[queries + keys + kv_head * C : queries + keys + (kv_head + 1) * C],
        attention.output.weight[:, head * C : (head + 1) * C],
    )


def _sharpen(attention: Attention, rows: Tensor) -> None:
    """Normed queries and keys can only agree so much: let these rows count more."""
    attention.query_norm.weight[rows] = SHARPNESS
    attention.key_norm.weight[rows] = SHARPNESS


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Random orthonormal rows [rows columns]."""
    return torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0].T
