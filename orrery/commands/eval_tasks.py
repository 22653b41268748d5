"""`orrery eval --task …`: put task files to a model folder, or to a model behind a server.

FILE.json           what --out names: model, versions, and of each task its scores, template and first prompt
FILE.TASK.jsonl     beside it, a line a question: what was asked and what became of it
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from orrery import __version__
from orrery.agents.server import Server
from orrery.data.world.world import WorldConfig
from orrery.errors import CheckpointError, ConfigError
from orrery.evals.table import task_table
from orrery.evals.tasks import Candidate, Local, Remote, TaskResult, read_papers, read_task, run_task
from orrery.files import write_atomically
from orrery.inference.chat import is_assistant
from orrery.inference.engine import Engine
from orrery.models.hf import load_model, load_tokenizer
from orrery.training.machine import choose_device

if TYPE_CHECKING:
    from orrery.commands.eval import EvalConfig


def evaluate_tasks(config: "EvalConfig") -> list[TaskResult]:
    """Put the tasks, print their scores, and write what --out asks for after each.

    Raises:
        ConfigError: no such task, a task file that is none, or flags that do not go together.
        DataError: data that cannot be read. CheckpointError: the folder is no model.
        InferenceError: a server that cannot be reached, or gives no log-probabilities.
    """
    papers = read_papers(config.task, config.data, shots=config.shots, limit=config.limit, seed=config.seed)
    candidate = candidate_of(config)
    results: list[TaskResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        for paper in papers:
            shown = bar.add_task(paper.task.name, total=None)

            def progress(done: int, total: int, shown: TaskID = shown) -> None:
                bar.update(shown, completed=done, total=total)

            results.append(run_task(paper, candidate, progress))
            if config.out is not None:
                write_results(config.out, candidate, results)
    if config.json:
        print(json.dumps(as_json(candidate, results), indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        console.print(task_table(results))
        for result in results:
            if result.cut:
                name = result.paper.task.name
                console.print(f"{name}: {result.cut} prompts lost their beginning: too long for the context")
    return results


def candidate_of(config: "EvalConfig") -> Candidate:
    """The model in a folder, on the GPU where there is one, or the one behind a server."""
    if config.endpoint:
        if config.begin:
            raise ConfigError("--begin is for --model: a server decides itself what stands before a text")
        server = Server(config.endpoint)
        return Remote(server, config.endpoint_model or server.models()[0], chat=config.chat)
    assert config.model is not None, "the caller has looked"
    model = load_model(config.model, device=choose_device("auto"))
    engine = Engine(model, load_tokenizer(config.model))
    if config.chat and not is_assistant(config.model, engine.tokenizer):
        raise ConfigError(f"{config.model} is a base model and knows no turns: leave --chat out")
    known = {"model": str(config.model), "fingerprint": fingerprint(config.model), "device": str(engine.device)}
    return Local(engine, chat=config.chat, begin=config.begin, known=known)


def fingerprint(folder: Path) -> str:
    """A hash of what makes a model what it is: weights, configuration and tokenizer."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), folder / "config.json", folder / "tokenizer.json"]):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def as_json(candidate: Candidate, results: Sequence[TaskResult]) -> dict[str, Any]:
    """All that is known of scores, but for the single answers."""
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {"orrery": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "candidate": candidate.known,
        "tasks": [result.as_json() for result in results],
    }


def write_results(out: Path, candidate: Candidate, results: Sequence[TaskResult]) -> None:
    """The file of results, and the log of the last task beside it."""
    lines = [json.dumps(answer, ensure_ascii=False) for answer in results[-1].answers]
    write_atomically(out.with_suffix(f".{results[-1].paper.task.name}.jsonl"), "\n".join(lines) + "\n")
    write_atomically(out, json.dumps(as_json(candidate, results), indent=2, ensure_ascii=False) + "\n")


def check_flags(config: "EvalConfig") -> None:
    """Refuse flags that would be left out silently."""
    if config.agent or config.base or config.world != WorldConfig():
        raise ConfigError("--agent, --base and --world are for the world's exams: leave them out with --task")
    if (config.model is None) == (not config.endpoint):
        raise ConfigError("say who sits the tasks: --model FOLDER or --endpoint http://127.0.0.1:8000/v1, one of them")
    if config.endpoint_model and not config.endpoint:
        raise ConfigError("--endpoint-model says which model of an --endpoint is meant: give that, too")
    if config.model is not None and not config.model.is_dir():
        raise CheckpointError(f"{config.model} is no folder; give --model a model folder such as runs/speedrun/base")
    if not config.data:
        sources = "; ".join(f"{task.name}: {task.source or 'your own'}" for task in map(read_task, config.task))
        raise ConfigError(f"--data is missing: nothing is downloaded; say where the questions are ({sources})")
    if config.out is not None:
        if config.out.is_dir() or config.out.suffix != ".json":
            raise ConfigError(f"--out is {config.out}: give it a file that ends in .json")
        there = next(folder for folder in config.out.absolute().parents if folder.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):  # now, and not when hours of work are done
            raise ConfigError(f"--out is {config.out}: nothing can be written in {there}")
