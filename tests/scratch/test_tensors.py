"""The scalar engine and PyTorch compute the same: loss, all 4,192 gradients, ten steps of Adam."""

from pathlib import Path

import pytest
import torch

from orrery.data.names import OUR_NAMES
from orrery.scratch import tensors
from orrery.scratch.microgpt import MicroGPT, Shape, forward, loss

NAMES = OUR_NAMES.read_text().split()


def flat(weights: dict[str, torch.Tensor], gradients: bool = False) -> torch.Tensor:
    return torch.cat([(w.grad if gradients else w.detach()).flatten() for w in weights.values()])


@pytest.mark.parametrize("shape", [Shape(), Shape(layers=2, width=12, heads=3, context=20)], ids=["published", "other"])
def test_ten_steps_agree_to_a_billionth(shape: Shape) -> None:
    model = MicroGPT(NAMES, shape, steps=10, seed=7)
    weights = tensors.tensors(model.weights)
    optimizer = tensors.adam(weights)
    for step in range(10):
        bos = model.characters.bos
        tokens = [bos, *model.characters.encode(model.documents[step]), bos]
        scalar = loss(model.weights, shape, tokens)
        scalar.backward()
        optimizer.zero_grad()
        tensor = tensors.loss(weights, shape, tokens)
        tensor.backward()
        assert scalar.data == pytest.approx(tensor.item(), rel=1e-9)
        ours = torch.tensor([value.grad for value in model.adam.values], dtype=torch.float64)
        torch.testing.assert_close(ours, flat(weights, gradients=True), rtol=1e-9, atol=1e-12)
        rate = 0.01 * (1 - step / 10)
        model.adam.step(rate)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        ours = torch.tensor([value.data for value in model.adam.values], dtype=torch.float64)
        torch.testing.assert_close(ours, flat(weights), rtol=1e-9, atol=1e-9)


def test_scores_agree_at_every_position() -> None:
    model = MicroGPT(NAMES)
    tokens = [26, *model.characters.encode("josephine")]
    cache = [([], [])]
    ours = [[v.data for v in forward(model.weights, model.shape, t, i, cache)] for i, t in enumerate(tokens)]
    theirs = tensors.logits(tensors.tensors(model.weights), model.shape, torch.tensor(tokens))
    torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), theirs.detach(), rtol=1e-9, atol=1e-9)


def test_the_file_is_short() -> None:
    assert len(Path(tensors.__file__).read_text().splitlines()) <= 80
