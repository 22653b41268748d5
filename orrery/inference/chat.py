"""`orrery chat`: talk with a model in the terminal, or ask it one thing.

An assistant answers as it writes, and its tool calls are shown dimly. A base model, which knows nothing of turns, goes
on with the text that is typed.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from orrery.errors import CheckpointError, InferenceError, TokenizerError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.stream import Done, TextDelta, ToolCallEvent, ToolResultEvent
from orrery.inference.turns import MAX_CALLS, FinishReason
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message

HELP = """\
  /reset   forget the conversation and begin a new one
  /help    this list
  /quit    leave; so does Ctrl-D
  Ctrl-C   stop a reply; what it said so far stays in the conversation"""

BASE_MODEL = "This is a base model: it goes on with your text and does not answer. (orrery sft makes it an assistant.)"

CUT: dict[FinishReason, str] = {
    "length": "(cut: --max-tokens or the model's context is used up)",
    "calls": f"(stopped after {MAX_CALLS} tool calls)",
}


@dataclass(frozen=True)
class ChatConfig:
    """Talk with a model in the terminal; with --prompt, answer once and exit. A base model goes on with the text.

    Example: orrery chat --model runs/speedrun/sft --prompt "What is 12 times 7?"
    """

    model: Path
    """A model folder."""
    prompt: str | None = None
    """Answer this and exit."""
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


def chat(config: ChatConfig) -> None:
    """Run `orrery chat`: one answer on standard output, or a session until Ctrl-D.

    Raises CheckpointError for a folder that is no model, InferenceError for a prompt that is too long.
    """
    _sampling(config, assistant=True)  # refuses bad settings before a model is loaded
    engine = Engine.load(config.model)
    assistant = is_assistant(config.model, engine.tokenizer)
    if config.prompt is None:
        with contextlib.suppress(ImportError):  # Windows has none; typing works without
            import readline  # noqa: F401  (gives `input` its arrow keys and history)
        chat_terminal(engine, config, assistant=assistant)
        return
    if not assistant:
        Console(stderr=True, highlight=False).print(BASE_MODEL, style="dim")
    sampling = _sampling(config, assistant)
    print(printable(answer_once(engine, config.prompt, sampling, system=config.system, assistant=assistant)))


def is_assistant(folder: Path, tokenizer: BPE) -> bool:
    """Whether a model folder holds an assistant: it has chat tokens, and `<|im_end|>` ends its generation.

    A folder of others without generation_config.json is taken by its tokens alone.
    """
    try:
        end = tokenizer.im_end_id
    except TokenizerError:
        return False
    path = folder / "generation_config.json"
    if not path.exists():
        return True
    try:
        eos = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no JSON object: {error}") from error
    return end in (eos if isinstance(eos, list) else [eos])


def answer_once(
    engine: Engine, prompt: str, sampling: Sampling, *, system: str | None = None, assistant: bool = True
) -> str:
    """The assistant's answer to one message, after whatever tools it called; a base model's continuation of it."""
    if not assistant:
        return _complete(engine, prompt, sampling)
    messages = [*_opening(system), {"role": "user", "content": prompt}]
    answers = [message for message in engine.chat([messages], sampling)[0] if message["role"] == "assistant"]
    return str(answers[-1]["content"])


def chat_terminal(
    engine: Engine,
    config: ChatConfig,
    *,
    assistant: bool = True,
    console: Console | None = None,
    read: Callable[[str], str] = input,
) -> None:
    """Read, answer, remember, until Ctrl-D. `read(prompt)` returns a line, and raises EOFError to leave."""
    console = console or Console(highlight=False)
    session = Session(engine, _sampling(config, assistant), console, config.system)
    size = f"{engine.model.num_parameters():,} parameters"
    console.print(f"[bold]{escape(str(config.model))}[/]  {size}   [dim]/help lists commands[/]")
    if not assistant:
        console.print(BASE_MODEL)
    while True:
        try:
            line = read("\nyou> " if assistant else "\ntext> ")
        except EOFError:
            console.print()
            return
        except KeyboardInterrupt:
            console.print("\n[dim]/quit or Ctrl-D leaves[/]")
            continue
        command = line.strip()
        if command in ("/quit", "/exit"):
            return
        if command == "/reset":
            session.messages = _opening(config.system)
            console.print("[dim]a new conversation[/]")
        elif command == "/help":
            console.print(HELP)
        elif command.startswith("/"):
            console.print(f"there is no command {command.split()[0]}; /help lists them", markup=False)
        elif command:
            try:
                if assistant:
                    session.answer(command)
                else:
                    session.go_on(line)
            except InferenceError as error:  # too long a message: the session goes on
                console.print(str(error), style="red", markup=False)


class Session:
    """A conversation in the terminal: `messages` so far, and how many replies there were."""

    def __init__(self, engine: Engine, sampling: Sampling, console: Console, system: str | None) -> None:
        self.engine, self.sampling, self.console = engine, sampling, console
        self.messages = _opening(system)
        self.replies = 0

    def answer(self, text: str) -> None:
        """Show the assistant's reply to `text` as it is written, and remember both."""
        asked = [*self.messages, {"role": "user", "content": text}]
        fitting = self.engine.fit_context(asked, self.sampling.max_tokens)
        if len(fitting) < len(asked):
            self.console.print("[dim](the context is full: the oldest turns are forgotten)[/]")
        self.messages = fitting
        shown = ""
        try:
            for event in self.engine.stream(self.messages, self.next_sampling()):
                match event:
                    case TextDelta(piece):
                        shown += piece
                        self.show(piece)
                    case ToolCallEvent(name, arguments):
                        self.show(f"{name} {json.dumps(arguments, ensure_ascii=False)}", style="dim")
                    case ToolResultEvent(content):
                        self.show(f" → {content}\n", style="dim")
                    case Done(turn):
                        self.messages = [*self.messages, *turn.messages]
                        self.console.print()
                        if turn.finish_reason in CUT:
                            self.console.print(CUT[turn.finish_reason], style="dim")
        except KeyboardInterrupt:
            self.console.print(" [dim](stopped)[/]")
            # A conversation alternates: without any answer the question goes as well.
            self.messages = [*self.messages, {"role": "assistant", "content": shown}] if shown else self.messages[:-1]

    def go_on(self, text: str) -> None:
        """Show how a base model continues `text`."""
        try:
            self.show(_complete(self.engine, text, self.next_sampling()) + "\n")
        except KeyboardInterrupt:
            self.console.print("[dim](stopped)[/]")

    def next_sampling(self) -> Sampling:
        """Another seed for each reply: the same question may be answered anew."""
        self.replies += 1
        return dataclasses.replace(self.sampling, seed=self.sampling.seed + self.replies - 1)

    def show(self, text: str, style: str = "") -> None:
        """Print a piece of text as it is: no markup, no wrapping."""
        self.console.print(Text(printable(text), style=style), end="", soft_wrap=True)


def printable(text: str) -> str:
    """Text without control characters: what a model writes must not steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def _complete(engine: Engine, text: str, sampling: Sampling) -> str:
    """A base model's continuation of the beginning of a document."""
    prompt = [engine.tokenizer.eos_id, *engine.tokenizer.encode(text)]
    return engine.generate([prompt], sampling)[0].text


def _opening(system: str | None) -> list[Message]:
    """The messages that a conversation begins with."""
    return [{"role": "system", "content": system}] if system else []


def _sampling(config: ChatConfig, assistant: bool) -> Sampling:
    default = 0.0 if assistant else 0.8
    temperature = default if config.temperature is None else config.temperature
    return Sampling(temperature=temperature, top_p=config.top_p, max_tokens=config.max_tokens, seed=config.seed)
