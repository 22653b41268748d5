"""A world, its exams, and a tokenizer small enough to be trained in a moment."""

import pytest

from orrery.data.world.world import World, WorldConfig
from orrery.evals.exams import Exam, build_exams
from orrery.tokenizers.bpe import BPE


@pytest.fixture(scope="package")
def world() -> World:
    return World(WorldConfig())


@pytest.fixture(scope="package")
def exams(world: World) -> list[Exam]:
    return build_exams(world)


@pytest.fixture(scope="package")
def tokenizer(exams: list[Exam]) -> BPE:
    return BPE.train([item.prompt for exam in exams for item in exam.items[:50] if item.prompt], 400)
