"""The parts of a forward pass by name: the matrix of each, and the products that add up to each of its numbers.

    place = Place("scores", layer=2, head=1)
    numbers = matrix(seen, place)                              # T T
    made = factors(seen, place, row=5, column=3)               # query of token 5, key of token 3
    (made.left * made.right).sum() == numbers[5, 3]            # a test holds it for every part

Shapes: T tokens, D width, M MLP width, C head width, V vocabulary, n products.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.errors import ConfigError
from orrery.models.layers import Block
from orrery.models.norm import RMSNorm
from orrery.models.trace import BlockTrace, Trace

PER_HEAD = ("query", "key", "value", "query turned", "key turned", "scores", "weights", "mixed")
BLOCK: dict[str, Callable[[BlockTrace, int], Tensor | None]] = {
    "attention norm": lambda did, head: did.attention_input[0],  # T D
    "query": lambda did, head: did.projected[0][0, head],  # T C
    "key": lambda did, head: did.projected[1][0, head // group(did)],  # T C
    "value": lambda did, head: did.values[0, head],  # T C
    "query turned": lambda did, head: did.queries[0, head],  # T C
    "key turned": lambda did, head: did.keys[0, head],  # T C
    "scores": lambda did, head: did.scores[0, head],  # T T
    "weights": lambda did, head: did.weights[0, head],  # T T
    "mixed": lambda did, head: did.mixed[0].unflatten(-1, (did.queries.shape[1], -1))[:, head],  # T C
    "attention output": lambda did, head: did.attention_output[0],  # T D
    "middle": lambda did, head: did.middle[0],  # T D
    "mlp norm": lambda did, head: did.mlp_input[0],  # T D
    "gate": lambda did, head: None if did.gate is None else did.gate[0],  # T M
    "up": lambda did, head: did.up[0],  # T M
    "hidden": lambda did, head: did.hidden[0],  # T M
    "mlp output": lambda did, head: did.mlp_output[0],  # T D
    "stream": lambda did, head: (did.middle + did.mlp_output)[0],  # T D
}
WHOLE = ("embedding", "final norm", "logits", "probabilities")


@dataclass(frozen=True)
class Place:
    """A part of the pass; `layer` and `head` where it has them."""

    part: str
    layer: int = 0
    head: int = 0


@dataclass(frozen=True)
class Factors:
    """A number as a sum of products; `names` of the products, and what the factors are."""

    left_is: str
    right_is: str
    names: list[str]
    left: Tensor  # n
    right: Tensor  # n


def group(did: BlockTrace) -> int:
    """How many query heads share a key."""
    return did.queries.shape[1] // did.projected[1].shape[1]


def parts_of(seen: Trace) -> list[str]:
    """The parts that this model has, in the order in which they are made."""
    config = seen.model.config
    left_out = {"gate"} if config.architecture == "gpt2" else set()
    left_out |= set() if config.rotary else {"query turned", "key turned"}
    return ["embedding", *(name for name in BLOCK if name not in left_out), *WHOLE[1:]]


def matrix(seen: Trace, place: Place) -> Tensor:
    """The numbers of a part [T …]. Raises ConfigError for one that is not there."""
    if place.part not in parts_of(seen):
        raise ConfigError(f"the model has no part {place.part!r}; it has {', '.join(parts_of(seen))}")
    if place.part in BLOCK:
        found = BLOCK[place.part](seen.blocks[place.layer], place.head)
        assert found is not None
        return found
    if place.part == "embedding":
        return seen.residuals[0][0]  # T D
    if place.part == "final norm":
        normed: Tensor = seen.model.final_norm(seen.residuals[-1][0])
        return normed  # T D
    logits = seen.logits[0]  # T V
    return logits if place.part == "logits" else logits.softmax(-1)


def factors(seen: Trace, place: Place, ids: tuple[int, ...], tokens: tuple[str, ...], row: int, column: int) -> Factors:
    """What adds up to the number at `row` and `column` of a part, which is there."""
    model, part = seen.model, place.part
    if part == "embedding":
        return embedding(seen, ids, tokens, row, column)
    if part == "final norm":
        return normed(model.final_norm, seen.residuals[-1][0, row], column)
    if part == "logits":
        rows = model.token_embedding if model.config.tied else model.unembedding
        x = matrix(seen, Place("final norm"))[row]
        return products(
            x,
            rows.weight[column],
            None,
            "final norm",
            "row of the " + ("embedding" if model.config.tied else "unembedding"),
        )
    if part == "probabilities":
        return share(seen.logits[0, row], column)
    return in_block(seen, place, tokens, row, column)


def embedding(seen: Trace, ids: tuple[int, ...], tokens: tuple[str, ...], row: int, column: int) -> Factors:
    """The token's row of the table, and its position's where there is one."""
    model, names = seen.model, [f"token {tokens[row]!r}"]
    found = [model.token_embedding.weight[ids[row], column]]
    if not model.config.rotary:
        names.append(f"position {row}")
        found.append(model.position_embedding.weight[row, column])
    return added("looked up", names, found)


def in_block(seen: Trace, place: Place, tokens: tuple[str, ...], row: int, column: int) -> Factors:
    """The same for a part of a block."""
    part, layer, head = place.part, place.layer, place.head
    block, did = cast("list[Block]", list(seen.model.blocks))[layer], seen.blocks[layer]
    before = seen.residuals[layer][0, row]  # D
    C = seen.model.config.head_width
    match part:
        case "attention norm":
            return normed(block.attention_norm, before, column)
        case "query" | "key" | "value":
            H, K = block.attention.heads, block.attention.kv_heads
            first = {"query": head, "key": H + head // (H // K), "value": H + K + head // (H // K)}[part]
            return linear(block.attention.qkv, did.attention_input[0, row], first * C + column, "attention norm")
        case "query turned" | "key turned":
            return turned(seen, place, row, column)
        case "scores":
            return products(
                did.queries[0, head, row], did.keys[0, head, column] / C**0.5, None, "query turned", "key turned / √C"
            )
        case "weights":
            if column > row:
                return Factors("hidden by the mask", "", [], torch.zeros(0), torch.zeros(0))
            return share(did.scores[0, head, row, : row + 1], column)
        case "mixed":
            names = [f"{s} {token}" for s, token in enumerate(tokens)]
            return Factors("weight", "value", names, did.weights[0, head, row], did.values[0, head, :, column])
        case "attention output":
            return linear(block.attention.output, did.mixed[0, row], column, "mixed, all heads")
        case "middle":
            return added(
                "added", ["stream before", "attention output"], [before[column], did.attention_output[0, row, column]]
            )
        case "mlp norm":
            return normed(block.mlp_norm, did.middle[0, row], column)
        case "gate":
            assert did.gate is not None
            return linear(cast(nn.Linear, block.mlp.gate), did.mlp_input[0, row], column, "MLP norm")
        case "up":
            return linear(block.mlp.up, did.mlp_input[0, row], column, "MLP norm")
        case "hidden":
            up = did.up[0, row, column]
            if did.gate is None:
                return Factors("gelu(up)", "", ["gelu(up)"], F.gelu(up, approximate="tanh")[None], torch.ones(1))
            return Factors("silu(gate)", "up", ["silu(gate) × up"], F.silu(did.gate[0, row, column])[None], up[None])
        case "mlp output":
            return linear(block.mlp.down, did.hidden[0, row], column, "hidden")
    return added(
        "added", ["stream after attention", "MLP output"], [did.middle[0, row, column], did.mlp_output[0, row, column]]
    )


def turned(seen: Trace, place: Place, row: int, column: int) -> Factors:
    """A query or key after its norm, where it has one, rotated by the angle of its position."""
    attention = cast("list[Block]", list(seen.model.blocks))[place.layer].attention
    which = place.part.split()[0]
    x = matrix(seen, Place(which, place.layer, place.head))[row]  # C
    if attention.normed:
        x = (attention.query_norm if which == "query" else attention.key_norm)(x)
    half = len(x) // 2
    pair = column % half
    assert seen.model.frequencies is not None
    angle = row * seen.model.frequencies[pair]
    first, second = angle.cos(), angle.sin()
    partners = torch.stack((first, -second) if column < half else (second, first))
    names = [
        f"number {pair} × " + ("cos" if column < half else "sin"),
        f"number {pair + half} × " + ("−sin" if column < half else "cos"),
    ]
    return Factors(
        which + (", normalised" if attention.normed else ""),
        f"of the angle {float(angle):.3f}",
        names,
        x[[pair, pair + half]],
        partners,
    )


def added(how: str, names: list[str], found: list[Tensor]) -> Factors:
    """Numbers that are only added."""
    return Factors(how, "", names, torch.stack(found), torch.ones(len(found)))


def share(scores: Tensor, index: int) -> Factors:
    """One share of a softmax over `scores` [n]."""
    powers = (scores - scores.max()).exp()
    return Factors("e^(score − largest)", "1 / their sum", ["share"], powers[index][None], 1 / powers.sum()[None])


def normed(norm: nn.Module, x: Tensor, column: int) -> Factors:
    """One number of `x` [D] after a norm."""
    if isinstance(norm, RMSNorm):
        by = (x.square().mean() + norm.eps).sqrt()
        return Factors(
            f"stream / {float(by):.4g}",
            "weight of the norm",
            ["normalised"],
            (x[column] / by)[None],
            norm.weight[column][None],
        )
    assert isinstance(norm, nn.LayerNorm)
    by = (x.var(unbiased=False) + norm.eps).sqrt()
    left = torch.stack(((x[column] - x.mean()) / by, torch.ones(())))
    right = torch.stack((norm.weight[column], norm.bias[column]))
    return Factors(f"(stream − mean) / {float(by):.4g}", "weight of the norm", ["normalised", "bias"], left, right)


def linear(part: nn.Linear, x: Tensor, row: int, name: str) -> Factors:
    """One number that a matrix makes of `x` [n]: a row of it times x."""
    return products(x, part.weight[row], part.bias[row] if part.bias is not None else None, name, "row of the matrix")


def products(left: Tensor, right: Tensor, bias: Tensor | None, left_is: str, right_is: str) -> Factors:
    """Number by number, and the bias last."""
    names = [str(index) for index in range(len(left))]
    if bias is not None:
        names.append("bias")
        left, right = torch.cat((left, torch.ones(1))), torch.cat((right, bias[None]))
    return Factors(left_is, right_is, names, left, right)
