"""What simulations compute with microGPT, and with expressions: against the scalars, finite differences, and itself."""

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from orrery.errors import ConfigError, OrreryError, RunError
from orrery.scratch import tensors
from orrery.scratch.autograd import Value
from orrery.scratch.microgpt import MicroGPT
from orrery.server.errors import Problem
from orrery.server.studio.micro import batch, batch_loss, find_micro, losses, micro_folder, read_micro
from orrery.server.studio.sims.autograd import AutogradRequest, autograd
from orrery.server.studio.sims.derivative import DerivativeRequest, WeightSlopeRequest, derivative, weight_slope
from orrery.server.studio.sims.descent import DescentRequest, LossSliceRequest, descent, loss_slice
from orrery.server.studio.sims.embeddings import EmbeddingsRequest, embeddings
from orrery.server.studio.sims.names import NamesRequest, names
from orrery.stages.microgpt import MicroRun, train_microgpt
from orrery.training.runs import Run

DOCUMENTS = ["anna", "otto", "emma", "ida", "leo", "noah", "mia", "christopher"]
STEPS = 60


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> MicroRun:
    root = tmp_path_factory.mktemp("runs")
    with Run.open("small", recipe={}, root=root) as run:
        train_microgpt(MicroGPT(DOCUMENTS, steps=STEPS), run, snapshot_every=30)
    return read_micro(root / "small")


def test_runs_of_microgpt_are_found_by_name_and_nothing_else_is(micro: MicroRun) -> None:
    root = micro.folder.parents[1]
    (root / "other").mkdir(exist_ok=True)
    (found,) = find_micro(root)
    assert (found.name, found.steps, found.documents) == ("small", [0, 30, 60], len(DOCUMENTS))
    assert found.characters == "".join(sorted(set("".join(DOCUMENTS))))
    assert found.shapes["output"] == [len(found.characters) + 1, 16]
    assert micro_folder(root, "small") == root / "small"
    for name in ("other", "../small", ""):
        with pytest.raises(Problem):
            micro_folder(root, name)


def test_a_damaged_one_is_left_out_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "broken" / "micro").mkdir(parents=True)
    (tmp_path / "broken" / "micro" / "shape.json").write_text("{}")
    assert find_micro(tmp_path) == []


def test_the_loss_of_many_documents_at_once_is_that_of_each(micro: MicroRun) -> None:
    weights, bos = micro.weights(STEPS), micro.characters.bos
    tokens = [[bos, *micro.characters.encode(text), bos] for text in micro.documents]
    one_by_one = torch.stack([tensors.loss(weights, micro.shape, each) for each in tokens]).mean()
    torch.testing.assert_close(batch_loss(micro, weights, *batch(micro, 100)), one_by_one, rtol=1e-12, atol=1e-12)
    shifted = {name: torch.stack([matrix, matrix + 0.01]) for name, matrix in weights.items()}
    both = losses(micro, shifted, 100)
    assert both[0].item() == pytest.approx(one_by_one.item(), rel=1e-12) and both[1] != both[0]


def test_names_are_drawn_as_the_command_draws_them(micro: MicroRun) -> None:
    asked = NamesRequest("small", STEPS, temperature=0.8, start="a", seed=3, count=5)
    answer = names(asked, micro)
    weights, rng = micro.weights(STEPS), random.Random(3)
    written = [micro.text(micro.write(weights, rng, 0.8, "a"), "a") for _ in range(5)]
    assert [name.text for name in answer.names] == written
    assert [name.seen for name in answer.names] == [text in DOCUMENTS for text in written]
    np.testing.assert_allclose(answer.chances.sum(1), 1)
    assert "".join(answer.tokens[token] for token in answer.drawn) == written[0][1:]
    assert names(asked, micro).drawn == answer.drawn, "the same seed, the same names"
    untrained = names(replace(asked, step=0), micro)
    assert np.abs(untrained.chances[0] - answer.chances[0]).max() > 0.05
    with pytest.raises(ConfigError, match="1 to 50"):
        names(replace(asked, count=0), micro)
    with pytest.raises(RunError, match="has kept no step 7"):
        names(replace(asked, step=7), micro)


def test_a_secant_nears_the_slope_until_it_runs_out_of_digits() -> None:
    answer = derivative(DerivativeRequest("x^3/3 - x", x=1.5, h=0.5))
    assert answer.slope == pytest.approx(1.5**2 - 1)
    assert answer.secant == pytest.approx((2**3 / 3 - 2 - (1.5**3 / 3 - 1.5)) / 0.5)
    at = {round(math.log10(h)): i for i, h in enumerate(answer.sizes) if i % 2 == 0}
    assert answer.forward[at[-2]] == pytest.approx(1.5e-2, rel=0.01), "h f''/2"
    assert answer.central[at[-2]] == pytest.approx(1e-4 / 3, rel=0.01), "h² f'''/6"
    assert answer.forward[at[-8]] < 1e-6 < answer.forward[at[-13]]
    np.testing.assert_allclose(answer.y, answer.x**3 / 3 - answer.x, atol=1e-12)
    beyond = derivative(DerivativeRequest("log(x)", x=1.0))
    assert np.isnan(beyond.y[0]) and beyond.y[-1] == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (DerivativeRequest("x + y", 1.0), "only x can vary here, not y"),
        (DerivativeRequest("log(x)", -1.0), "only positive numbers"),
        (DerivativeRequest("x", 1.0, h=0), "h cannot be 0"),
    ],
)
def test_a_slope_that_cannot_be_is_refused(asked: DerivativeRequest, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        derivative(asked)


def test_the_gradient_of_a_weight_is_the_slope_of_the_loss_and_that_of_the_scalars(micro: MicroRun) -> None:
    asked = WeightSlopeRequest("small", 30, "0.up", row=3, column=5, reach=0.5)
    answer = weight_slope(asked, micro)
    assert answer.gradient == pytest.approx(answer.secant, rel=1e-4) and abs(answer.gradient) > 1e-4
    assert answer.gradients[3, 5] == pytest.approx(answer.gradient, rel=1e-6)
    assert answer.loss[30] == pytest.approx(answer.at, rel=1e-9) and answer.w[30] == pytest.approx(answer.value)
    assert weight_slope(replace(asked, step=STEPS), micro).gradient != answer.gradient
    for wrong, message in (({"matrix": "no"}, "no matrix 'no'"), ({"row": 64}, "64 rows"), ({"reach": 0.0}, "a reach")):
        with pytest.raises(ConfigError, match=message):
            weight_slope(replace(asked, **wrong), micro)


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(0.15, "arrives"), (0.02, "comes nearer"), (0.95, "swings across"), (1.05, "flies away")],
)
def test_the_ball_goes_against_the_slope_and_its_rate_decides_the_rest(rate: float, verdict: str) -> None:
    answer = descent(DescentRequest("x^2", (2.5,), rate, steps=40))
    np.testing.assert_allclose(answer.places[:, 0], 2.5 * (1 - 2 * rate) ** np.arange(41), rtol=1e-9)
    assert answer.verdict == verdict


def test_with_two_names_there_is_a_map() -> None:
    answer = descent(DescentRequest("x^2/4 + 2*y^2", (2.0, 1.0), 0.1, steps=3))
    assert answer.values.shape == (41, 41)
    assert answer.values[0, 20] == pytest.approx(2 * 9), "rows along y"
    np.testing.assert_allclose(answer.places[1], [2 - 0.1 * 1, 1 - 0.1 * 4])
    assert len(descent(DescentRequest("x^2", (2.0,), 1e4, steps=40)).places) < 5, "far away it ends"
    with pytest.raises(ConfigError, match="only x can vary"):
        descent(DescentRequest("x*y", (1.0,)))
    with pytest.raises(ConfigError, match="learning rate"):
        descent(DescentRequest("x", (1.0,), rate=0.0))


def test_a_slice_has_the_model_in_its_middle_and_a_descent_that_follows_its_slope(micro: MicroRun) -> None:
    asked = LossSliceRequest("small", 30, start=(0.0, 0.0), rate=0.05, steps=5)
    answer = loss_slice(asked, micro)
    here = batch_loss(micro, micro.weights(30), *batch(micro, 16)).item()
    assert answer.values[15, 15] == pytest.approx(here, rel=1e-5) and answer.losses[0] == pytest.approx(here)
    size = answer.axis[1] - answer.axis[0]
    slopes = np.gradient(answer.values.astype(np.float64), size)
    np.testing.assert_allclose(answer.gradients[0], [slopes[1][15, 15], slopes[0][15, 15]], atol=0.02)
    assert answer.gradients[0][0] < -0.1, "along the first axis it falls: that is the way training goes"
    assert answer.losses[-1] < answer.losses[0]
    np.testing.assert_allclose(answer.places[1], -0.05 * answer.gradients[0])
    for other in (
        replace(asked, directions="random"),
        replace(asked, directions="random, scaled"),
        replace(asked, step=60),
    ):
        assert np.abs(loss_slice(other, micro).values - answer.values).max() > 0.01
    with pytest.raises(ConfigError, match="a reach"):
        loss_slice(replace(asked, reach=0.0), micro)


def test_the_graph_is_that_of_the_values_and_its_order_hands_every_gradient_on() -> None:
    answer = autograd(AutogradRequest("(a*b + c)^2 + a", {"a": 2.0, "b": -3.0, "c": 4.0}))
    a, b, c = Value(2.0), Value(-3.0), Value(4.0)
    (((a * b + c) ** 2) + a).backward()
    leaves = {node.label: node.gradient for node in answer.nodes if node.label}
    assert leaves == {"a": a.grad, "b": b.grad, "c": c.grad} and answer.names == ("a", "b", "c")
    gradients = {answer.order[0]: 1.0}
    for node in answer.order:
        for edge in answer.edges:
            if edge.target == node:
                gradients[edge.source] = gradients.get(edge.source, 0.0) + edge.local * gradients[node]
    assert gradients == {node.id: node.gradient for node in answer.nodes}
    assert autograd(AutogradRequest("a")).nodes[0].value == 1.0, "a name without a value is 1"
    for wrong in ("tanh(a)" + "*tanh(a)" * 20, "a +"):
        with pytest.raises(OrreryError):
            autograd(AutogradRequest(wrong))


def test_embeddings_are_projected_on_one_plane(micro: MicroRun) -> None:
    answer = embeddings(EmbeddingsRequest("small"), micro)
    assert answer.steps == [0, 30, 60] and answer.names[-1] == "BOS"
    last = micro.weights(60)["token"].numpy()
    np.testing.assert_allclose(answer.vectors[-1], last, rtol=1e-6)
    centred = last - last.mean(0)
    axes, spread, _ = np.linalg.svd(centred)
    np.testing.assert_allclose(np.abs(answer.points[-1]), np.abs(axes[:, :2] * spread[:2]), atol=1e-5)
    assert answer.share == pytest.approx((spread[:2] ** 2 / (spread**2).sum()).tolist(), rel=1e-4)
    assert np.abs(answer.points[0] - answer.points[-1]).max() > 0.1
    assert len(embeddings(EmbeddingsRequest("small", "position"), micro).names) == 16
