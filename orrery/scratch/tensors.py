"""The same GPT as one function of PyTorch tensors: all positions at once, gradients by PyTorch.

    weights = tensors(scalar_model.weights)
    loss(weights, Shape(), tokens).backward()
    train(scalar_model)                             # all its steps, twenty times as fast

What microgpt.py does number by number is here a handful of matrix products; the mathematics is the same. So from the
same parameters the loss, each of the 4,192 gradients and each step of Adam agree to 1e-9, which the tests show.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.scratch.autograd import Value
from orrery.scratch.microgpt import MicroGPT, Shape

# T positions, D width, H heads, C width of a head, V tokens


def tensors(weights: Mapping[str, Sequence[Sequence[Value]]]) -> dict[str, Tensor]:
    """The scalar model's matrices as float64 tensors that want gradients."""
    return {
        name: torch.tensor([[v.data for v in row] for row in matrix], dtype=torch.float64, requires_grad=True)
        for name, matrix in weights.items()
    }


def rms_norm(x: Tensor) -> Tensor:
    """Each position (the last dimension) over √(mean of its squares)."""
    return x * (x.square().mean(-1, keepdim=True) + 1e-5) ** -0.5


def logits(weights: Mapping[str, Tensor], shape: Shape, tokens: Tensor) -> Tensor:
    """Tokens [T] -> at every position the scores of all tokens as the next one [T, V]."""
    x = rms_norm(weights["token"][tokens] + weights["position"][: len(tokens)])  # [T, D]
    later = torch.ones(len(tokens), len(tokens), dtype=torch.bool).triu(1)
    for layer in range(shape.layers):
        normed = rms_norm(x)
        query, key, value = (
            (normed @ weights[f"{layer}.{name}"].T).view(len(x), shape.heads, -1).transpose(0, 1)
            for name in ("query", "key", "value")
        )  # [H, T, C] each
        fits = query @ key.mT * query.shape[-1] ** -0.5  # [H, T, T]
        found = fits.masked_fill(later, -torch.inf).softmax(-1) @ value  # [H, T, C]
        x = x + found.transpose(0, 1).reshape(x.shape) @ weights[f"{layer}.mix"].T
        x = x + (rms_norm(x) @ weights[f"{layer}.up"].T).relu() @ weights[f"{layer}.down"].T
    return x @ weights["output"].T


def loss(weights: Mapping[str, Tensor], shape: Shape, tokens: Sequence[int]) -> Tensor:
    """The mean surprise at each next token of a document, as in microgpt.py."""
    ids = torch.tensor(tokens)
    return F.cross_entropy(logits(weights, shape, ids[:-1]), ids[1:])


def adam(weights: Mapping[str, Tensor]) -> torch.optim.Adam:
    """PyTorch's Adam with microGPT's settings; its rate is set before each step."""
    return torch.optim.Adam(weights.values(), betas=(0.85, 0.99), eps=1e-8)


def train(model: MicroGPT, on_step: Callable[[int, float, Mapping[str, Tensor]], None] = lambda *_: None) -> None:
    """All steps of an untrained scalar model as tensors; its own numbers follow at the end, however that comes."""
    weights = tensors(model.weights)
    optimizer, bos = adam(weights), model.characters.bos
    try:
        for done in range(model.steps):
            document = model.documents[done % len(model.documents)]
            optimizer.zero_grad()
            surprise = loss(weights, model.shape, [bos, *model.characters.encode(document), bos])
            surprise.backward()
            optimizer.param_groups[0]["lr"] = model.rate * (1 - done / model.steps)
            optimizer.step()
            on_step(done + 1, surprise.item(), weights)
    finally:
        flat = torch.cat([matrix.detach().flatten() for matrix in weights.values()])
        for value, number in zip(model.adam.values, flat.tolist(), strict=True):
            value.data = number
