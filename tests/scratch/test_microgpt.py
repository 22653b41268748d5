"""microGPT on scalars: the published configuration, a known loss, the same from the same seed, clear refusals."""

import math
import random
import statistics
from pathlib import Path

import pytest

from orrery.data.names import OUR_NAMES
from orrery.errors import ConfigError, DataError
from orrery.scratch.autograd import Value
from orrery.scratch.microgpt import Adam, MicroGPT, Shape, forward, loss, rms_norm, softmax

NAMES = OUR_NAMES.read_text().split()
SMALL = Shape(layers=1, width=8, heads=2, context=8)


def numbers(model: MicroGPT) -> list[float]:
    return [value.data for value in model.adam.values]


def test_the_default_is_the_published_configuration() -> None:
    model = MicroGPT(NAMES)
    assert (model.characters.size, len(model.adam.values)) == (27, 4192)
    assert (model.shape, model.steps, model.rate) == (Shape(1, 16, 4, 16), 1000, 0.01)
    assert (model.adam.b1, model.adam.b2) == (0.85, 0.99)
    assert statistics.stdev(numbers(model)) == pytest.approx(0.08, rel=0.03)


def test_two_layers_have_two_layers_parameters() -> None:
    assert len(MicroGPT(NAMES, Shape(layers=2)).adam.values) == 4192 + 12 * 16 * 16


def test_an_untrained_model_is_as_surprised_as_a_blind_guess() -> None:
    model = MicroGPT(NAMES)
    first = [loss(model.weights, model.shape, [26, *model.characters.encode(name), 26]).data for name in NAMES[:20]]
    assert statistics.mean(first) == pytest.approx(math.log(27), abs=0.15)


def test_it_learns_two_names_by_heart() -> None:
    model = MicroGPT(["anna", "otto"], SMALL, steps=150, seed=1)
    losses: list[float] = []
    model.train(lambda step, loss: losses.append(loss))
    assert statistics.mean(losses[:4]) > 1.2 and statistics.mean(losses[-20:]) < 0.2, "ln 2 / 5 = 0.14 is the least"
    assert {model.sample(temperature=0.3) for _ in range(20)} == {"anna", "otto"}


@pytest.mark.real_data
def test_the_same_seed_gives_the_published_programs_losses(real_data: Path) -> None:
    """What microgpt.py (Karpathy 2026, seed 42) prints for its first steps on names.txt."""
    model = MicroGPT((real_data / "names.txt").read_text().split())
    assert [round(model.step(), 4) for _ in range(6)] == [3.366, 3.4243, 3.1778, 3.0664, 3.2209, 2.9452]


@pytest.mark.slow
@pytest.mark.real_data
def test_and_the_names_that_it_makes_up(real_data: Path) -> None:
    """What the published program comes to after 1,000 steps: its first ten samples, the mean of its last 50 losses."""
    model = MicroGPT((real_data / "names.txt").read_text().split())
    losses: list[float] = []
    model.train(lambda step, loss: losses.append(loss))
    assert statistics.mean(losses[-50:]) == pytest.approx(2.32, abs=0.005)
    names = "kamon ann karai jaire vialan karia yeran anna areli kaina"
    assert [model.sample() for _ in range(10)] == names.split()


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    runs = [MicroGPT(NAMES, Shape(width=8, heads=2), steps=3, seed=seed) for seed in (1, 1, 2)]
    for model in runs:
        model.train()
    assert numbers(runs[0]) == numbers(runs[1]) != numbers(runs[2])
    assert runs[0].sample() == runs[1].sample()


def test_a_step_at_a_time_is_the_same_as_all_at_once() -> None:
    one, other = (MicroGPT(["anna", "otto"], SMALL, steps=5) for _ in range(2))
    seen: list[tuple[int, float]] = []
    one.train(lambda step, loss: seen.append((step, loss)))
    assert [other.step() for _ in range(5)] == [loss for _, loss in seen]
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5]
    assert numbers(one) == numbers(other)


def test_the_callers_list_of_documents_stays_as_it_is() -> None:
    documents = NAMES[:50]
    MicroGPT(documents)
    assert documents == NAMES[:50]


def test_sampling_begins_as_told_and_keeps_within_the_context() -> None:
    model = MicroGPT(["anna", "otto"], SMALL)
    for _ in range(20):
        assert model.sample(5.0, start="an").startswith("an")
        assert len(model.sample(5.0)) <= SMALL.context


def test_a_low_temperature_keeps_to_the_likely() -> None:
    model = MicroGPT(["anna", "otto"], SMALL, steps=40)
    model.train()
    assert len({model.sample(0.01) for _ in range(10)}) == 1
    assert len({model.sample(5.0) for _ in range(10)}) > 5


def test_positions_see_only_what_came_before() -> None:
    model = MicroGPT(NAMES)
    tokens = model.characters.encode("emma")

    def scores(tokens: list[int]) -> list[list[float]]:
        cache = [([], [])]
        return [
            [v.data for v in forward(model.weights, model.shape, token, i, cache)] for i, token in enumerate(tokens)
        ]

    assert scores(tokens)[:3] == scores([*tokens[:3], 0])[:3]
    assert scores(tokens)[3] != scores([*tokens[:2], 0, tokens[3]])[3], "and all of what came before"


def test_softmax_and_norm_are_what_they_say() -> None:
    chances = softmax([Value(1000.0), Value(1001.0)])
    assert [v.data for v in chances] == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])
    normed = rms_norm([Value(random.Random(0).gauss(0, 5)) for _ in range(16)])
    assert sum(v.data**2 for v in normed) / 16 == pytest.approx(1, rel=1e-5)


def test_adam_is_the_papers_algorithm() -> None:
    value = Value(1.0)
    adam = Adam([value], b1=0.9, b2=0.99, eps=1e-8)
    value.grad = 0.5
    adam.step(0.1)
    assert value.data == pytest.approx(1 - 0.1, rel=1e-6), (
        "the first step is as long as the rate, whatever the gradient"
    )
    assert value.grad == 0
    value.grad = -0.25
    adam.step(0.1)
    m, v = (0.9 * 0.05 - 0.1 * 0.25) / (1 - 0.81), (0.99 * 0.0025 + 0.01 * 0.0625) / (1 - 0.9801)
    assert value.data == pytest.approx(0.9 - 0.1 * m / math.sqrt(v), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"documents": []}, DataError, "0 documents to learn from"),
        ({"documents": ["anna"]}, DataError, "1 documents to learn from"),
        ({"documents": ["anna", "a" * 16]}, DataError, "a context of 16 takes 15 characters"),
        ({"steps": 0}, ConfigError, "steps is 0"),
        ({"steps": -5}, ConfigError, "steps is -5"),
        ({"rate": 0.0}, ConfigError, "learning rate is 0.0"),
        ({"rate": math.nan}, ConfigError, "learning rate is nan"),
        ({"shape": Shape(width=10)}, ConfigError, "a width of 10 cannot be shared by 4 heads"),
        ({"shape": Shape(heads=0)}, ConfigError, "heads is 0"),
    ],
)
def test_what_cannot_be_is_refused_before_training(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MicroGPT(**{"documents": ["anna", "otto"], **arguments})


def test_names_that_fill_the_context_exactly_are_read() -> None:
    MicroGPT(["anna", "a" * 15], steps=2).train()


@pytest.mark.parametrize(("temperature", "start"), [(0.0, ""), (-1.0, ""), (math.nan, ""), (1.0, "x"), (1.0, "a" * 8)])
def test_samples_that_cannot_be_are_refused(temperature: float, start: str) -> None:
    with pytest.raises((ConfigError, DataError)):
        MicroGPT(["anna", "otto"], SMALL).sample(temperature, start)
