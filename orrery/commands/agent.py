"""`orrery agent`: a question, the tools, and every step in between."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orrery.agents.index import Index
from orrery.agents.library import Library
from orrery.agents.loop import MAX_STEPS, Approve, run_agent
from orrery.agents.memory import Memory
from orrery.agents.models import AgentModel, LocalModel, RemoteModel
from orrery.agents.react import Complete, ReActModel
from orrery.agents.server import Server
from orrery.agents.steps import Action, FinalAnswer, shown
from orrery.agents.store import add_run, add_step, latest_runs, read_run
from orrery.commands.index import INDEX
from orrery.database import Database, open_database
from orrery.errors import ConfigError
from orrery.inference.chat import is_assistant, printable
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.tools.available import tools_named
from orrery.training.runs import RUNS

LISTED = 20  # runs that --list shows


@dataclass(frozen=True)
class AgentCommand:
    """Ask a model that may use tools, and see what it thinks, calls and is told on the way to its answer.

    The model is a folder of yours, or any server that speaks OpenAI's protocol (llama.cpp, vLLM, Ollama, …; a key is
    read from $OPENAI_API_KEY). Tools: calculator, python (in a sandbox), search and read (in what `orrery index` has
    indexed), remember and recall (notes that stay), final_answer, and those of other packages (entry points of the
    group orrery.tools).

    Example: orrery agent "What is 323 times 458?" --model runs/speedrun/sft
    Example: orrery agent "What is 2**64?" --endpoint http://127.0.0.1:8080/v1 --tools calculator python --ask
    Example: orrery agent --replay 3
    """

    question: Annotated[str, tyro.conf.Positional] = ""
    """What is asked."""
    model: Path | None = None
    """The model folder that answers."""
    endpoint: str = ""
    """The address, ending in /v1, of a server that answers instead."""
    name: str = ""
    """What the server calls its model; by default the first that it lists."""
    tools: tuple[str, ...] = ("calculator",)
    """What may be called."""
    react: bool = False
    """Prompt for ReAct as text (Thought, Action, Observation, Answer), for models that know no tool calls."""
    describe: bool = False
    """Write the tools' schemas into the system turn of a model folder, as models tuned by others expect (Qwen, Llama).
    Ours learn in training what their tools are called."""
    max_steps: int = MAX_STEPS
    """Messages of the model before it is made to answer."""
    ask: bool = False
    """Ask before each call: run it, edit it, or refuse it."""
    temperature: float = 0.0
    """0 is greedy."""
    max_tokens: int = 256
    """Most tokens of a message."""
    seed: int = 0
    """Of the sampling."""
    list: bool = False
    """List the latest runs."""
    replay: int | None = None
    """Show the steps of an earlier run again."""
    index: Path = INDEX
    """The index that search and read look into."""
    root: Path = RUNS
    """The folder of the runs; the database is in it."""


def agent(config: AgentCommand) -> None:
    """Run an agent and show its steps, or show earlier runs.

    Raises:
        ConfigError: no question, no model or two, a tool or a run that is not there.
        ToolError: `python` cannot be isolated here, or another package's tool cannot be loaded.
        CheckpointError: the folder is no model.
        InferenceError: the question does not fit, or the server fails.
    """
    out = Console(highlight=False)
    with open_database(config.root) as database:
        if config.list:
            show_runs(database, out)
        elif config.replay is not None:
            run, steps = read_run(database, config.replay)
            out.print(Text(f"run {run.id}  {run.model}  tools: {' '.join(run.tools)}", style="dim"))
            for step in steps:
                out.print(shown(step), soft_wrap=True)
        else:
            answer_question(config, database, out)


def answer_question(config: AgentCommand, database: Database, out: Console) -> None:
    """One run: every step is printed and saved as it is made."""
    if not config.question.strip():
        raise ConfigError('ask something: orrery agent "What is 323 times 458?" --model runs/speedrun/sft')
    at_hand = Memory(database).tools()
    if {"search", "read"} & set(config.tools):
        at_hand += Library(Index(config.index)).tools()
    tools = tools_named(config.tools, {tool.name: tool for tool in at_hand})
    model, name = answering(config)
    run = add_run(database, model=name, task=config.question, tools=[tool.name for tool in tools])
    approve = approver(out, input) if config.ask else lambda action: action
    begun = time.monotonic()
    number = 0
    try:
        for number, step in enumerate(
            run_agent(model, config.question, tools, max_steps=config.max_steps, approve=approve)
        ):
            add_step(database, run, number, step)
            out.print(shown(step), soft_wrap=True)
    except (KeyboardInterrupt, EOFError):
        stopped = FinalAnswer("", "stopped by the user")
        add_step(database, run, number + 1, stopped)
        out.print(shown(stopped))
    took = f"run {run}, {number + 1} steps in {time.monotonic() - begun:.1f} s; again: orrery agent --replay {run}"
    out.print(took, style="dim", soft_wrap=True)


def answering(config: AgentCommand) -> tuple[AgentModel, str]:
    """Who answers, and what that is called in the list of runs."""
    if (config.model is None) == (not config.endpoint):
        raise ConfigError("say who answers: either --model FOLDER or --endpoint http://HOST:PORT/v1")
    sampling = Sampling(config.temperature, max_tokens=config.max_tokens, seed=config.seed)
    if config.model is None:
        server = Server(config.endpoint)
        name = config.name or server.models()[0]
        where = f"{config.endpoint} {name}"
        if config.react:
            return ReActModel(partial(server.complete, name, sampling)), where
        return RemoteModel(server, name, sampling), where
    engine = Engine.load(config.model, tools=())
    assistant = is_assistant(config.model, engine.tokenizer)
    if config.react:
        return ReActModel(completer(engine, sampling, assistant)), str(config.model)
    if not assistant:
        raise ConfigError(f"{config.model} is a base model, which knows no turns and no calls: add --react")
    return LocalModel(engine, sampling, config.describe), str(config.model)


def completer(engine: Engine, sampling: Sampling, assistant: bool) -> Complete:
    """A model folder as what goes on with a text: an assistant is asked to, a base model just does."""

    def complete(text: str, stops: Sequence[str]) -> str:
        if assistant:
            return str(engine.chat([[{"role": "user", "content": text}]], sampling)[0][-1]["content"])
        return engine.generate([[engine.tokenizer.eos_id, *engine.tokenizer.encode(text)]], sampling)[0].text

    return complete


def approver(out: Console, read: Callable[[str], str]) -> Approve:
    """Asks a person about each call; `read(prompt)` returns a line and raises EOFError to stop."""

    def approve(action: Action) -> Action | str:
        while True:
            typed = read("             run it? Enter runs it, e edits it, n refuses> ").strip()
            if typed == "":
                return action
            if typed == "n":
                return read("             why not? (the model is told)> ").strip()
            if typed == "e":
                edited = read(f"             arguments instead of {json.dumps(action.arguments)}> ").strip()
                try:
                    return Action(action.name, json.loads(edited))
                except ValueError as error:
                    out.print(f"             that is no JSON: {error}", markup=False)
            else:
                out.print(f"             {printable(typed)!r} is none of Enter, e and n", markup=False)

    return approve


def show_runs(database: Database, out: Console) -> None:
    """The latest runs, a line each."""
    runs = latest_runs(database, LISTED)
    if not runs:
        out.print('no agent has run yet: orrery agent "What is 323 times 458?" --model runs/speedrun/sft')
        return
    table = Table("run", "when", "model", "tools", "question", box=None, padding=(0, 2))
    for run in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.made))
        table.add_row(
            str(run.id), when, *(Text(printable(text)) for text in (run.model, " ".join(run.tools), run.task))
        )
    out.print(table)
