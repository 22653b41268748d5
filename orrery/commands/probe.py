"""`orrery probe`: find out what a model knows, and write conversations that teach it to admit the rest."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError
from orrery.files import write_atomically
from orrery.inference.engine import Engine
from orrery.stages.probe import KNOWN, UNKNOWN, knowledge, read_questions, shares_right, world_questions


@dataclass(frozen=True)
class ProbeCommand:
    """Ask a model each question several times. What it mostly gets right is written with its answer, what it mostly
    gets wrong with "I don't know": conversations that teach it to give what it has and not to make up the rest.

    Questions: {"prompt": …, "truth": …} a line, and "answer", the whole sentence, where there is one.

    Example: orrery probe --model runs/speedrun/sft --out known.jsonl
    Example: orrery sft --model runs/speedrun/sft --data known.jsonl --run honest
    """

    model: Path
    """A model folder that answers in chat."""
    out: Path
    """The JSONL file of conversations to write."""
    data: tuple[str, ...] = ()
    """JSONL files of questions. Empty: about what the embedded world's documents say, and about nobody."""
    samples: int = 5
    """Answers to each question, at temperature 1."""
    known: float = KNOWN
    """Share of right answers from which something is known."""
    unknown: float = UNKNOWN
    """Share of right answers up to which it is not."""
    nobody: float = 0.4
    """Of the world's questions, the share that is about names that nobody has."""
    max_tokens: int = 32
    """Most tokens of an answer."""
    seed: int = 0
    """Of the sampling."""
    world: WorldConfig = field(default_factory=WorldConfig)


def probe(config: ProbeCommand) -> None:
    """Ask, write, and say how much is known.

    Raises:
        ConfigError: no samples, or shares that contradict each other.
        CheckpointError: no model folder.
        DataError: questions that cannot be read.
    """
    if not 0 <= config.unknown < config.known <= 1:
        raise ConfigError(f"--unknown {config.unknown:g} must be below --known {config.known:g}, both from 0 to 1")
    questions = read_questions(config.data) if config.data else world_questions(World(config.world), config.nobody)
    engine = Engine.load(config.model)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking", total=len(questions))
        shares = shares_right(
            engine, questions, config.samples, config.seed, config.max_tokens,
            on_progress=lambda done, total: bar.update(task, completed=done),
        )  # fmt: skip
    made = knowledge(questions, shares, config.known, config.unknown)
    write_atomically(config.out, "".join(json.dumps({"messages": one}, ensure_ascii=False) + "\n" for one in made))
    real = [share for question, share in zip(questions, shares, strict=True) if question.truth is not None]
    count = sum(share >= config.known for share in real)
    missed = sum(share <= config.unknown for share in real)
    print(
        f"{len(real)} questions with an answer: {count} known, {missed} not, {len(real) - count - missed} between; "
        f"{len(questions) - len(real)} about nobody\n"
        f"{len(made)} conversations in {config.out}\n"
        f"Next:  orrery sft --model {config.model} --data {config.out} --run honest"
    )
