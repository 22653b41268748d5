"""What the embedded world gives post-training: sums with their truth, questions for an agent, wishes, rankings.

The rankings: the model itself writes several stories for each wish, and a labeller who errs ranks them by a rubric that
nobody else sees (`orrery/data/world/preferences.py`).
"""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from orrery.data.world.atlas import Atlas
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.search import ASK, sentence
from orrery.data.world.preferences import gold, rank, wish
from orrery.data.world.problems import problems
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError, DataError
from orrery.evals.exams.agent import AtlasTools
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages.preferences import Ranking
from orrery.stages.problems import Problem
from orrery.stages.rollouts import Prompt, roll_out, words_of
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool

WISHES = 1 << 41  # seeds of wishes, far from those of conversations
# Wishes are numbered: where those begin that the labeller ranks, PPO answers, people rank, and stages are compared on.
RANKED, TRAINED, BY_PEOPLE, COMPARED = 0, 100_000, 200_000, 300_000
MOST_HOPS = 4  # searches that a question of `lookups` takes: one more than any conversation has
KEPT = 5  # there are a few thousand different wishes; every fifth of them, by its words, is kept for comparing
AT_ONCE = 32  # wishes that are answered in one go
Progress = Callable[[int, int], None]  # (wishes done, wishes in all)


def sums(count: int, seed: int, plain: bool = False, kept: bool = False) -> list[Problem]:
    """So many sums of digits with 3 to 7 steps.

    Args:
        plain: prompts are text that a base model goes on with.
        kept: of the sums that nobody is trained on, for comparing.

    Raises:
        ConfigError: fewer than two.
    """
    if count < 2:
        raise ConfigError(f"{count} problems of the world are too few: ask for at least two")
    made = problems(count, seed, kept=kept)
    return [Problem(f"Question: {m[0]['content']}\nAnswer:" if plain else m, truth) for m, truth in made]


def lookups(count: int, seed: int) -> tuple[list[Problem], tuple[Tool, ...]]:
    """So many questions whose answer has to be searched for, in up to so many steps, and the tools that find it.

    The truth is the sentence that an agent should end with.
    """
    rng, library, found = random.Random(f"lookups {seed}"), AtlasTools({}, []), list[Problem]()
    while len(found) < count:
        choice = Choice(rng.getrandbits(64))
        chain = Atlas(choice).chain(choice.integer(1, MOST_HOPS))
        if library.pages.keys().isdisjoint(chain.names):
            library.add(chain)
            asked = sentence(choice.pick(ASK), chain.words)
            found.append(Problem([{"role": "user", "content": asked}], chain.answer))
    return found, library.tools()


def wishes(world: WorldConfig, count: int, first: int) -> list[list[Message]]:
    """So many wishes for stories, from number ``first`` on; those from `COMPARED` on have words that no other has."""
    made, found, number = World(world), list[list[Message]](), first
    while len(found) < count:
        asked = wish(made, Choice(WISHES + number))
        kept = hashlib.blake2b(str(asked[0]["content"]).encode()).digest()[0] % KEPT == 0
        if kept == (first == COMPARED):
            found.append(asked)
        number += 1
    return found


def world_rankings(
    model: Path,
    world: WorldConfig,
    count: int,
    completions: int,
    noise: float,
    max_tokens: int,
    seed: int,
    on_progress: Progress,
) -> list[Ranking]:
    """Rankings of what the model writes, best first as the labeller has it, with the true scores.

    Raises:
        DataError: the model writes the same for every wish, so that nothing can be preferred.
    """
    engine, rng = Engine.load(model), random.Random(seed)
    prompts = wishes(world, count, RANKED)
    found: list[Ranking] = []
    for start in range(0, count, AT_ONCE):
        chunk = prompts[start : start + AT_ONCE]
        sampling = Sampling(1.0, max_tokens=max_tokens, seed=seed + start)
        for prompt, texts in zip(chunk, roll_out(engine, chunk, completions, sampling).texts, strict=True):
            different = [text for text in dict.fromkeys(texts) if text.strip()]
            if len(different) < 2:
                continue
            question = str(prompt[0]["content"])
            order = rank(question, different, rng, noise)
            answers = [[{"role": "assistant", "content": different[i]}] for i in order]
            found.append(Ranking(prompt, answers, [gold(question, different[i]) for i in order]))
        on_progress(min(start + AT_ONCE, count), count)
    if not found:
        raise DataError(f"{model} writes the same for every wish: there is nothing to prefer")
    return found


def gold_score(prompt: Prompt, text: str) -> float:
    """The hidden rubric's score of an answer to a wish."""
    return gold(words_of(prompt), text)
