"""A small model of one trade, signed sums of digits, made from documents in which its author errs as people do.

    Q: 4 + 7 - 9
    A: The answer is 2.                                                          at once
    A: 4 + 7 = 11. 11 - 9 = 2. The answer is 2.                                  in steps
    A: 4 + 7 = 12. 12 - 9 = 3. Check: 4 + 7 = 11. 11 - 9 = 2. The answer is 2.   in steps, and once more

What is said at once is always right; a step slips now and then, and a check ends with what the second pass says. Two
claims that want the same recipe share one training: the run is named by its content.
"""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from orrery.data.prepare import prepare_own, read_back
from orrery.data.world.conversations.chains import expression
from orrery.inference.engine import Completion, Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import marks
from orrery.ledger.lab import Lab, made_of
from orrery.plan import shape_of
from orrery.stages.compare import STYLES, style_of
from orrery.stages.grpo import GRPOConfig, grpo
from orrery.stages.pretrain import PretrainConfig, pretrain
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import prompt_ids
from orrery.stages.verifiers import numeric
from orrery.training.loop import TrainResult
from orrery.training.optim import OptimizerConfig
from orrery.training.stage import TrainConfig

STEPS = (2, 6)  # signs in a sum: 3 to 7 digits
KEPT = 10  # every so manieth sum is for evaluation
MAX_TOKENS = 160
DOCUMENTS = 40_000
VOCABULARY = 276  # these documents have few words: hardly more tokens can be made
REINFORCED = "grpo-zero"


@dataclass(frozen=True)
class Recipe:
    """What the documents are like, and how long they are read by how large a model."""

    direct: float = 0.57
    """Share of answers at once."""
    worked: float = 0.22
    """Share in steps; the others are checked too."""
    slips: float = 0.12
    """Share of steps that come out wrong."""
    steps: int = 900
    """Of 2,048 tokens each."""
    width: int = 128
    layers: int = 4


def specialist(lab: Lab, recipe: Recipe) -> Path:
    """The base model of a recipe and the lab's seed, trained where there is none yet."""
    return trained_on(lab, "sums", asdict(recipe), lambda rng: document(rng, recipe),
                      recipe.steps, recipe.width, recipe.layers)  # fmt: skip


def trained_on(
    lab: Lab, name: str, recipe: Mapping[str, Any], write: Callable[[random.Random], str], steps: int, width: int,
    layers: int,
) -> Path:  # fmt: skip
    """A small base model that read what ``write`` writes: `DOCUMENTS` of it, over and over.

    Args:
        name: what is written; with the recipe it says what the training is known by.
    """
    with lab.training(name, {**recipe, "steps": steps, "width": width, "layers": layers}) as run:
        prepared = read_back(run.folder / "data")
        if prepared is None:
            source, rng = run.folder / "documents.jsonl", random.Random(lab.seed)
            written = (json.dumps({"text": write(rng)}) + "\n" for _ in range(DOCUMENTS))
            source.write_text("".join(written), encoding="utf-8")
            prepared = prepare_own(run.folder / "data", [str(source)], [], VOCABULARY)
        train = TrainConfig(steps=steps, rows=8, evaluate_every=0, sample_every=0,
                            optimizer=OptimizerConfig(lr=0.012, weight_decay=0.0))  # fmt: skip
        config = PretrainConfig(shape_of(width, layers, 256), train, lab.seed)
        return pretrain(config, run, data=prepared.data, held_out=None, tokenizer=prepared.tokenizer,
                        resume="auto").folder  # fmt: skip


def reinforced(lab: Lab, base: Path, steps: int) -> TrainResult:
    """A base model after GRPO with nothing but a reward for right sums, trained where there is none yet.

    How sums were answered is logged as rewards of weight 0.
    """
    rewards = [Reward("numeric", numeric, 1.0), *(Reward(style, partial(_is, style), 0.0) for style in STYLES)]
    config = GRPOConfig(max_tokens=MAX_TOKENS, seed=lab.seed)
    config = replace(config, train=replace(config.train, steps=steps))
    with lab.training("sums-grpo", {"base": made_of(base), "steps": steps}) as run:
        return grpo(config, run, parent=base, problems=problems(5_000, lab.seed), rewards=rewards, name=REINFORCED,
                    resume="auto")  # fmt: skip


def _is(style: str, prompt: str, completion: str, truth: object) -> float:
    return float(style_of(completion) == style)


def document(rng: random.Random, recipe: Recipe) -> str:
    """A question that is not kept for evaluation, and its answer."""
    terms = draw(rng, kept=False)
    way = rng.random()
    style = "direct" if way < recipe.direct else "worked" if way < recipe.direct + recipe.worked else "checked"
    return f"{question(terms)} {answer(terms, style, recipe.slips, rng)}"


def question(terms: Sequence[int]) -> str:
    """What a sum's document begins with."""
    return f"Q: {expression(terms)}\nA:"


def answer(terms: Sequence[int], style: str, slips: float, rng: random.Random) -> str:
    """One way of answering.

    >>> answer([4, 7, -9], "checked", 0.0, random.Random(0))
    '4 + 7 = 11. 11 - 9 = 2. Check: 4 + 7 = 11. 11 - 9 = 2. The answer is 2.'
    """
    if style == "direct":
        return f"The answer is {sum(terms)}."
    total, steps = one_pass(terms, slips, rng)
    if style == "checked":
        total, again = one_pass(terms, slips, rng)
        steps = f"{steps} Check: {again}"
    return f"{steps} The answer is {total}."


def one_pass(terms: Sequence[int], slips: float, rng: random.Random) -> tuple[int, str]:
    """Adding up from the left, with slips of one or two -> (what came out, the steps as text)."""
    total, steps = terms[0], []
    for term in terms[1:]:
        said = total + term
        if rng.random() < slips:
            said += rng.choice((-2, -1, 1, 2))
        steps.append(f"{total} {'-' if term < 0 else '+'} {abs(term)} = {said}.")
        total = said
    return total, " ".join(steps)


def problems(count: int, seed: int, kept: bool = False) -> list[Problem]:
    """So many sums with their truths, as text that the base goes on with."""
    rng = random.Random(f"{seed} {kept}")
    drawn = [draw(rng, kept) for _ in range(count)]
    return [Problem(question(terms), sum(terms)) for terms in drawn]


def draw(rng: random.Random, kept: bool) -> list[int]:
    """Three to seven digits with signs, the first without."""
    while True:
        terms = [rng.randint(1, 9), *(rng.choice((-1, 1)) * rng.randint(1, 9) for _ in range(rng.randint(*STEPS)))]
        if (hashlib.blake2b(expression(terms).encode()).digest()[0] % KEPT == 0) == kept:
            return terms


def answered(lab: Lab, folder: Path, asked: Sequence[Problem], temperature: float = 1.0) -> list[Completion]:
    """What a base model goes on with, once for each problem; temperature 0 is greedy."""
    engine = Engine.load(folder, ())
    prompts = [prompt_ids(problem.prompt, engine.tokenizer) for problem in asked]
    sampling = Sampling(temperature, max_tokens=MAX_TOKENS, seed=lab.seed)
    return engine.generate(prompts, sampling)


def right_of(lab: Lab, folder: Path, asked: Sequence[Problem], temperature: float = 1.0) -> str:
    """Which of the problems a base model solves, as `orrery.ledger.claim.marks`."""
    written = answered(lab, folder, asked, temperature)
    return marks(numeric("", one.text, problem.truth) for problem, one in zip(asked, written, strict=True))
