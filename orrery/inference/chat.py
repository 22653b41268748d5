"""`orrery chat`: talk with a model in the terminal, or ask it one thing.

An assistant answers as it writes, and its tool calls are shown dimly. A base model, which knows nothing of turns, goes
on with the text that is typed. Chats are kept in the database (chat_history.py), one-off questions by --prompt are not:
these are what scripts ask.
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from orrery.database import Database, database_exists, open_database
from orrery.errors import ConfigError
from orrery.inference.chat_history import latest_chats, read_chat
from orrery.inference.chat_session import ChatSession, opening
from orrery.inference.chat_terminal import BASE_MODEL, LISTED, Terminal
from orrery.inference.chat_views import print_chats, printable
from orrery.inference.sampling import Sampling
from orrery.inference.speaker import Speaker, is_assistant

__all__ = ["ChatConfig", "answer_once", "chat", "is_assistant", "printable"]


@dataclass(frozen=True)
class ChatConfig:
    """Talk with a model in the terminal; with --prompt, answer once and exit. A base model goes on with the text.

    Chats are kept in the database; /help in a chat lists what else can be done.

    Example: orrery chat --model runs/speedrun/sft
    Example: orrery chat --model runs/speedrun/sft --prompt "What is 12 times 7?"
    Example: orrery chat --continue
    """

    model: Path | None = None
    """A model folder. An earlier chat that is gone on with knows its own."""
    prompt: str | None = None
    """Answer this and exit; it is not kept."""
    history: bool = False
    """List earlier chats, the latest first."""
    latest: Annotated[bool, tyro.conf.arg(name="continue")] = False
    """Go on with the latest chat."""
    open: int | None = None
    """Go on with the chat of this number."""
    system: str | None = None
    """A system message, which assistants follow more or less."""
    temperature: float | None = None
    """0 is greedy. By default assistants are greedy, because small models are right most often then, and base models
    use 0.8, because greedily they repeat themselves."""
    top_p: float = 0.95
    """Sample from the likeliest tokens that together have this probability (above temperature 0)."""
    max_tokens: int = 256
    """Most tokens of a reply."""
    seed: int = 0
    """Of the sampling (above temperature 0)."""
    root: Path = Path("runs")
    """The folder of the runs; the database is in it."""


def chat(config: ChatConfig) -> None:
    """Run `orrery chat`: one answer on standard output, a list of chats, or a session until Ctrl-D.

    Raises:
        ConfigError: no model, flags that exclude each other, or a chat that is not there.
        CheckpointError: the folder is no model.
        InferenceError: a prompt that is too long, or settings that make no sense.
        RunError: the database cannot be used.
    """
    _sampling(config, assistant=True)  # refuses bad settings before a model is loaded
    given = {"--prompt": config.prompt is not None, "--history": config.history}
    given |= {"--continue": config.latest, "--open": config.open is not None}
    if sum(given.values()) > 1:
        raise ConfigError(f"{' and '.join(flag for flag in given if given[flag])} exclude each other: give one")
    if config.prompt is not None:
        answer_prompt(config, config.prompt)
    elif config.history:
        list_chats(config.root)
    else:
        talk(config)


def answer_prompt(config: ChatConfig, prompt: str) -> None:
    """Print the answer to --prompt, and nothing else on standard output."""
    speaker = Speaker.load(_model(config))
    if not speaker.assistant:
        Console(stderr=True, highlight=False).print(BASE_MODEL, style="dim")
    print(printable(answer_once(speaker, prompt, _sampling(config, speaker.assistant), system=config.system)))


def answer_once(speaker: Speaker, prompt: str, sampling: Sampling, *, system: str | None = None) -> str:
    """The assistant's answer to one message, after whatever tools it called; a base model's continuation of it."""
    conversation = [*opening(system), {"role": "user", "content": prompt}]
    if not speaker.assistant:
        conversation = conversation[-1:]
    answers = [m for m in speaker.reply(conversation, sampling).messages if m["role"] == "assistant"]
    return str(answers[-1]["content"])


def list_chats(root: Path) -> None:
    """Print the latest chats; a look makes no database."""
    chats = []
    if database_exists(root):
        with open_database(root) as database:
            chats = latest_chats(database, LISTED)
    console = Console(highlight=False)
    print_chats(console, chats)
    example = f"--open {chats[0].chat.id}" if chats else "--model runs/speedrun/sft"
    console.print(f"orrery chat {example}{_of_root(root) if chats else ''}", style="dim", soft_wrap=True, markup=False)


def talk(config: ChatConfig) -> None:
    """A session, new or gone on with, until Ctrl-D."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is typed in another encoding is bad input and no end
    fresh = Speaker.load(_model(config)) if config.open is None and not config.latest else None
    console = Console(highlight=False)
    with open_database(config.root) as database:
        number = _latest(database) if config.latest else config.open
        if fresh:
            speaker = fresh
        else:
            assert number is not None
            speaker = Speaker.load(config.model or Path(read_chat(database, number)[0].model))
        session = ChatSession(speaker, database, _sampling(config, speaker.assistant), config.system)
        if number is not None:
            session.open(number)
            if config.system is not None:
                session.set_system(config.system)
        Terminal(session, console).run()
    if session.chat is not None:
        again = f"orrery chat --open {session.chat}{_of_root(config.root)}"
        console.print(f"To go on:  {again}", style="dim", soft_wrap=True, markup=False)


def _latest(database: Database) -> int:
    chats = latest_chats(database, 1)
    if not chats:
        raise ConfigError("there is no earlier chat to go on with: orrery chat --model runs/speedrun/sft begins one")
    return chats[0].chat.id


def _model(config: ChatConfig) -> Path:
    if config.model is None:
        raise ConfigError("say which model answers: orrery chat --model runs/speedrun/sft")
    return config.model


def _of_root(root: Path) -> str:
    """The flag that a command line needs where the runs are not in their usual folder."""
    return "" if root == ChatConfig.root else f" --root {root}"


def _sampling(config: ChatConfig, assistant: bool) -> Sampling:
    default = 0.0 if assistant else 0.8
    temperature = default if config.temperature is None else config.temperature
    return Sampling(temperature=temperature, top_p=config.top_p, max_tokens=config.max_tokens, seed=config.seed)
