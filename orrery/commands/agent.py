"""`orrery agent`: a question, the tools, and every step in between."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orrery.agents.conversation import Conversation, meter
from orrery.agents.index import Index
from orrery.agents.library import Library
from orrery.agents.loop import MAX_STEPS, Approve, run_agent
from orrery.agents.memory import Memory
from orrery.agents.models import AgentModel, LocalModel, RemoteModel
from orrery.agents.react import Complete, ReActModel
from orrery.agents.server import Server
from orrery.agents.steps import Action, FinalAnswer, Step, shown
from orrery.agents.store import add_run, add_step, latest_runs, read_run
from orrery.commands.index import INDEX
from orrery.database import Database, open_database
from orrery.errors import ConfigError, InferenceError
from orrery.inference.chat import is_assistant, printable
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.tokenizers.chat import Message, render
from orrery.tools.available import tools_named
from orrery.tools.registry import Tool
from orrery.training.runs import RUNS

LISTED = 20  # runs that --list shows

HELP = """\
  /forget  forget all turns, also those of earlier conversations
  /help    this list
  /quit    leave; so does Ctrl-D
  Ctrl-C   stop an answer"""


@dataclass(frozen=True)
class AgentCommand:
    """Ask a model that may use tools, and see what it thinks, calls and is told on the way to its answer.

    The model is a folder of yours, or any server that speaks OpenAI's protocol (llama.cpp, vLLM, Ollama, …; a key is
    read from $OPENAI_API_KEY). Tools: calculator, python (in a sandbox), search and read (in what `orrery index` has
    indexed), remember and recall (notes that stay), final_answer, and those of other packages (entry points of the
    group orrery.tools).

    Example: orrery agent "What is 323 times 458?" --model runs/speedrun/sft
    Example: orrery agent "What is 2**64?" --endpoint http://127.0.0.1:8080/v1 --tools calculator python --ask
    Example: orrery agent --chat --model runs/speedrun/sft
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
    chat: bool = False
    """Talk: each question comes with the turns before it. What no longer fits into half of the context is moved to the
    database, and recalled when a question is about it, also in later conversations."""
    context: int = 4096
    """Tokens of a server's context; that of a model folder is known."""
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


@dataclass(frozen=True)
class Answering:
    """Who answers: what it is called, how many tokens its context has, and how many there are in messages."""

    model: AgentModel
    name: str
    context: int
    count: Callable[[Sequence[Message]], int]


def agent(config: AgentCommand) -> None:
    """Run an agent and show its steps, talk with one, or show earlier runs.

    Raises:
        ConfigError: no question, no model or two, a tool, an index or a run that is not there.
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
        elif config.chat:
            talk(config, database, out)
        elif config.question.strip():
            tools = tools_for(config, database)
            run_and_show(config, database, out, answering(config), tools, config.question)
        else:
            raise ConfigError('ask something: orrery agent "What is 323 times 458?" --model runs/speedrun/sft')


def run_and_show(
    config: AgentCommand,
    database: Database,
    out: Console,
    who: Answering,
    tools: Sequence[Tool],
    question: str,
    history: Sequence[Message] = (),
) -> FinalAnswer:
    """One run, every step of which is saved and printed as it is made -> its answer."""
    run = add_run(database, model=who.name, task=question, tools=[tool.name for tool in tools])
    approve = approver(out, input) if config.ask else lambda action: action
    begun, number = time.monotonic(), 0
    step: Step = FinalAnswer("")
    try:
        steps = run_agent(who.model, question, tools, history=history, max_steps=config.max_steps, approve=approve)
        for number, step in enumerate(steps):
            add_step(database, run, number, step)
            out.print(shown(step), soft_wrap=True)
    except (KeyboardInterrupt, EOFError):
        step = FinalAnswer("", "stopped by the user")
        add_step(database, run, number + 1, step)
        out.print(shown(step))
    took = f"run {run}, {number + 1} steps in {time.monotonic() - begun:.1f} s; again: orrery agent --replay {run}"
    out.print(took, style="dim", soft_wrap=True)
    assert isinstance(step, FinalAnswer)
    return step


def talk(config: AgentCommand, database: Database, out: Console) -> None:
    """A conversation, until Ctrl-D; its turns stay for the next one."""
    who, tools = answering(config), tools_for(config, database)
    conversation = Conversation(database, who.context // 2, who.count)  # the other half is for steps and answers
    out.print(Text.assemble((who.name, "bold"), "   ", ("/help lists commands", "dim")), soft_wrap=True)
    question = config.question.strip()
    while True:
        try:
            question = question or input("\nyou> ").strip()
        except (EOFError, KeyboardInterrupt):
            out.print()
            return
        if question in ("/quit", "/exit"):
            return
        if question == "/help":
            out.print(HELP)
        elif question == "/forget":
            out.print(f"{conversation.forget()} turns forgotten", style="dim")
        elif question.startswith("/"):
            out.print(f"there is no command {printable(question.split()[0])}; /help lists them", markup=False)
        elif question:
            try:
                one_turn(config, database, out, who, tools, conversation, question)
            except InferenceError as error:  # too long a question, a server that is away: the conversation goes on
                out.print(Text(str(error), style="red"), soft_wrap=True)
        question = ""


def one_turn(
    config: AgentCommand,
    database: Database,
    out: Console,
    who: Answering,
    tools: Sequence[Tool],
    conversation: Conversation,
    question: str,
) -> None:
    """Ask with what is remembered, keep the answer, and show how full the context is."""
    ready = conversation.prepare(question)
    notes = [f"{ready.moved} older turns moved to the store"] * bool(ready.moved)
    notes += [f"{ready.recalled} recalled from it"] * bool(ready.recalled)
    answer = run_and_show(config, database, out, who, tools, question, ready.messages)
    if answer.text:
        conversation.add(question, answer.text)
    used = meter(ready.tokens, conversation.budget)
    out.print("   ".join([f"context {used}", *notes]), style="dim", soft_wrap=True)


def tools_for(config: AgentCommand, database: Database) -> list[Tool]:
    """The tools that are asked for, with those that need the database or an index."""
    at_hand = Memory(database).tools()
    if {"search", "read"} & set(config.tools):
        at_hand += Library(Index(config.index)).tools()
    return tools_named(config.tools, {tool.name: tool for tool in at_hand})


def answering(config: AgentCommand) -> Answering:
    """Who is asked."""
    if (config.model is None) == (not config.endpoint):
        raise ConfigError("say who answers: either --model FOLDER or --endpoint http://HOST:PORT/v1")
    sampling = Sampling(config.temperature, max_tokens=config.max_tokens, seed=config.seed)
    if config.model is None:
        server = Server(config.endpoint)
        name = config.name or server.models()[0]
        model = ReActModel(partial(server.complete, name, sampling)) if config.react else None
        return Answering(
            model or RemoteModel(server, name, sampling), f"{config.endpoint} {name}", config.context, roughly
        )
    engine = Engine.load(config.model, tools=())
    assistant = is_assistant(config.model, engine.tokenizer)
    if not assistant and not config.react:
        raise ConfigError(f"{config.model} is a base model, which knows no turns and no calls: add --react")
    local = LocalModel(engine, sampling, config.describe)
    react = ReActModel(completer(engine, sampling, assistant)) if config.react else None
    return Answering(
        react or local, str(config.model), engine.context, lambda said: len(render(said, engine.tokenizer).ids)
    )


def roughly(messages: Sequence[Message]) -> int:
    """The tokens of messages for a server, which does not say: some four letters each."""
    return sum(8 + len(str(message["content"])) // 4 for message in messages)


def completer(engine: Engine, sampling: Sampling, assistant: bool) -> Complete:
    """A model folder as what goes on with a text: an assistant is asked to, a base model just does."""

    def complete(text: str, stops: Sequence[str]) -> str:
        stopping = replace(sampling, stop=tuple(stops))
        if assistant:
            return str(engine.chat([[{"role": "user", "content": text}]], stopping)[0][-1]["content"])
        return engine.generate([[engine.tokenizer.begin_id, *engine.tokenizer.encode(text)]], stopping)[0].text

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
