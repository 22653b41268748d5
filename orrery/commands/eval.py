"""`orrery eval`: examine a model against the truth of the embedded world, or by task files (`eval_tasks.py`)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.progress import Progress

from orrery.commands.eval_tasks import check_flags, evaluate_tasks
from orrery.config import from_mapping
from orrery.data.world.world import World, WorldConfig
from orrery.errors import CheckpointError, ConfigError
from orrery.evals.exams import EXAM_VERSION, build_exams
from orrery.evals.exams.agent import build_agent_exams
from orrery.evals.run import run_exams
from orrery.evals.table import exam_table
from orrery.inference.chat import is_assistant
from orrery.inference.engine import Engine
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool
from orrery.training.runs import read_record


@dataclass(frozen=True)
class EvalConfig:
    """Take the exams: facts by how often they were read, arithmetic, letters, reading, refusals, form.

    The world is that of the model's run; for a model from elsewhere say which with --world.seed and so on. With --task
    take public ones instead (hellaswag, hellaswag_llmc, arc_easy, arc_challenge, gsm8k, bits_per_byte), or your
    own, from a YAML file.

    Example: orrery eval --model runs/speedrun/sft --json
    Example: orrery eval --task hellaswag --data hellaswag_val.jsonl --model runs/gpt2-124m/base --out results.json
    Example: orrery eval --task gsm8k --data FOLDER --endpoint http://127.0.0.1:8000/v1 --endpoint-model sft --chat
    """

    model: Path | None = None
    """A model folder."""
    task: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A task that ships with Orrery, or a YAML file; give it again for more tasks."""
    data: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """Where a task's questions are, a file or folder; once for each task, in their order, or one folder for all."""
    endpoint: str = ""
    """A server that speaks OpenAI's protocol, for tasks, instead of --model; its key is $OPENAI_API_KEY."""
    endpoint_model: str = ""
    """What the server calls the model; its first one where it is not said."""
    shots: int | None = None
    """Worked examples before each question of a task; as many as the task says where it is not said."""
    chat: bool = False
    """Put a task's prompts as a user's messages, through the chat template."""
    begin: bool = False
    """Begin each prompt of a task with the token between documents, as orrery serve does; lm_eval does not."""
    out: Path | None = None
    """Write a task's results into this .json file, and each question with its answer into a .jsonl file beside it."""
    seed: int = 0
    """Draws the worked examples."""
    base: bool = False
    """Examine it as a base model, by completion; models that end only with <|endoftext|> are so examined anyway."""
    agent: bool = False
    """Take the exams of agents (search, tools) instead; the models of a speedrun with --agent do so anyway."""
    json: bool = False
    """Print JSON instead of a table."""
    limit: int = 0
    """At most this many questions an exam or task, drawn at random; 0: all."""
    world: WorldConfig = field(default_factory=WorldConfig)


def evaluate(config: EvalConfig) -> None:
    """Examine and print. Raises `CheckpointError` for a folder that is no model, and what `evaluate_tasks` does."""
    if config.limit < 0:
        raise ConfigError(f"--limit is {config.limit}; it cannot be negative")
    if config.task:
        check_flags(config)
        evaluate_tasks(config)
        return
    for_tasks = ("data", "endpoint", "endpoint_model", "shots", "chat", "begin", "out", "seed")
    given = [name for name in for_tasks if getattr(config, name) != getattr(EvalConfig, name)]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')} is for tasks: say which with --task, such as hellaswag")
    if config.model is None:
        raise ConfigError("say which model is examined: orrery eval --model runs/speedrun/sft")
    if not config.model.is_dir():
        raise CheckpointError(f"{config.model} is no folder; give --model a model folder such as runs/speedrun/sft")
    world = World(world_of(config, config.model))
    exams = build_exams(world, config.limit or None)
    tools: tuple[Tool, ...] = (CALCULATOR,)
    if config.agent or _recipe(config.model).get("agent"):
        exams, tools = build_agent_exams(world, config.limit or None)
    engine = Engine.load(config.model, tools)
    chat = not config.base and is_assistant(config.model, engine.tokenizer)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examining", total=None)
        taken = run_exams(
            engine, exams, "sft" if chat else "base", chat,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    if config.json:
        print(json.dumps({"exam_version": EXAM_VERSION, "exams": [asdict(score) for score in taken.scores]}, indent=2))
    else:
        Console(highlight=False).print(exam_table(taken.scores))


def world_of(config: EvalConfig, model: Path) -> WorldConfig:
    """The world that the model's run was made from, unless another one is asked for."""
    recipe = _recipe(model)
    if config.world == WorldConfig() and "world" in recipe:
        return from_mapping(recipe["world"], WorldConfig, str(model.resolve().parent / "run.json"))
    return config.world


def _recipe(model: Path) -> Mapping[str, Any]:
    """What the model's run was made by; nothing for a model from elsewhere."""
    run = model.resolve().parent
    return read_record(run)["recipe"] if (run / "run.json").exists() else {}
