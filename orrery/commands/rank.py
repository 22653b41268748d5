"""`orrery rank`: a person says which of a model's answers is better; what they say is kept in the database."""

import io
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from orrery.commands.preferences import of_root
from orrery.data.world.world import WorldConfig
from orrery.database import Database, open_database
from orrery.errors import ConfigError
from orrery.inference.chat import printable
from orrery.inference.chat_views import shown
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages.conversations import Conversation
from orrery.stages.from_world import BY_PEOPLE, wishes
from orrery.stages.preferences import Ranking
from orrery.stages.problems import check_lengths, read_prompts
from orrery.stages.rankings import add_ranking, comparable, least_ranked, rankings_of_people
from orrery.training.runs import RUNS

WISHES = 1_000  # more than anybody ranks in one go; those that were ranked least come first
SOURCE = "orrery rank"


@dataclass(frozen=True)
class RankCommand:
    """Rank a model's answers to the same prompt. Each ranking is saved at once, for `orrery reward --people` and
    `orrery dpo --people`; the same command goes on with prompts that were not ranked yet.

    Prompts: {"prompt": …} a line, a conversation or what a user says. Without a file, wishes for stories.

    Example: orrery rank --model runs/speedrun/sft
    Example: orrery rank --model runs/speedrun/sft --prompts mine.jsonl --completions 4
    """

    model: Path
    """The model folder whose answers are ranked."""
    prompts: Path | None = None
    """A JSONL file of prompts. By default wishes for stories from the embedded world."""
    completions: int = 2
    """Answers that the model writes to each prompt; equal ones are shown once."""
    temperature: float = 1.0
    """Of the sampling, above 0: the higher it is, the more the answers differ."""
    max_tokens: int = 128
    """Most tokens of an answer."""
    seed: int = 0
    """Of the sampling, and of the order in which answers are shown."""
    root: Path = RUNS
    """The folder of the runs; the database is in it."""


def run_rank(config: RankCommand) -> None:
    """Ask until the prompts are used up, or the person stops.

    Raises:
        ConfigError: settings with which there is nothing to prefer.
        DataError: a file of prompts that cannot be read, or a prompt that leaves no room to answer.
        CheckpointError: the folder is no model.
        RunError: the database cannot be used.
    """
    if config.completions < 2:
        raise ConfigError(f"--completions is {config.completions}; it takes two to prefer one")
    if config.temperature == 0:
        raise ConfigError("--temperature is 0, so that all answers would be equal; it must be above 0")
    sampling = Sampling(config.temperature, max_tokens=config.max_tokens)  # refuses what cannot be
    prompts: list[Conversation] = []
    if config.prompts:
        prompts += [prompt for prompt in read_prompts([config.prompts]) if not isinstance(prompt, str)]
    else:
        prompts += wishes(WorldConfig(), WISHES, BY_PEOPLE)
    engine = Engine.load(config.model)
    check_lengths(prompts, engine.tokenizer, engine.context, sampling.max_tokens)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is typed in another encoding is bad input and no end
    out = Console(highlight=False)
    with open_database(config.root) as database:
        try:
            ask_all(config, engine, prompts, database, out)
        except (EOFError, KeyboardInterrupt):
            out.print()
        count = len(rankings_of_people(database))
    then = f"orrery reward --model {config.model} --people{of_root(config.root)}"
    out.print(f"{count:,} {'ranking' if count == 1 else 'rankings'} in the database")
    if count:
        out.print(f"Next:  {then}", soft_wrap=True, markup=False)


def ask_all(
    config: RankCommand, engine: Engine, prompts: Sequence[Conversation], database: Database, out: Console
) -> None:
    """Let the model answer each prompt, show the answers, and save how the person ranks them.

    Raises EOFError or KeyboardInterrupt when they want to stop.
    """
    made = rankings_of_people(database)
    # Counting on from what is there, a prompt that is asked about again gets other answers.
    for seed, prompt in enumerate(least_ranked(prompts, made), config.seed + len(made)):
        sampling = Sampling(config.temperature, max_tokens=config.max_tokens, seed=seed)
        replies = engine.chat([prompt] * config.completions, sampling)
        answers = comparable(prompt, replies, engine.tokenizer, engine.context)
        random.Random(seed).shuffle(answers)
        asked = shown(prompt)
        if len(answers) < 2:
            out.print(Text(f"\n(passed over, the answers do not differ: {asked})", style="dim"), soft_wrap=True)
            continue
        out.print(Text(f"\n{asked}", style="bold"), soft_wrap=True)
        for number, answer in enumerate(answers, 1):
            out.print(Text.assemble((f"\n{number}) ", "bold"), shown(answer)), soft_wrap=True)
        order = ask(len(answers), out)
        if order:
            ranking = Ranking(prompt, [answers[number - 1] for number in order])
            add_ranking(database, ranking, model=str(config.model), source=SOURCE)


def ask(count: int, out: Console) -> list[int]:
    """The numbers of the answers, best first, as the person types them; empty when they skip.

    Raises EOFError or KeyboardInterrupt when they want to stop.
    """
    example = " ".join(map(str, [*range(2, count + 1), 1]))
    wanted = "the better one, 1 or 2" if count == 2 else f"all numbers, best first, such as {example}"
    while True:
        typed = input(f"\n{wanted} (s skips, q stops)> ").strip().lower()
        if typed == "q":
            raise EOFError
        if typed == "s":
            return []
        order = read_order(typed, count)
        if order:
            return order
        out.print(f"'{printable(typed)}' is not {wanted}", markup=False, soft_wrap=True)


def read_order(typed: str, count: int) -> list[int]:
    """The numbers 1 to ``count`` in the order typed; of two the better one is enough. Empty when it is no order.

    >>> read_order("3 1 2", 3), read_order("2", 2), read_order("1 2", 3), read_order("yes", 2)
    ([3, 1, 2], [2, 1], [], [])
    """
    try:
        order = [int(word) for word in typed.split()]
    except ValueError:
        return []
    if count == 2 and len(order) == 1:
        order.append(3 - order[0])
    return order if sorted(order) == list(range(1, count + 1)) else []
