"""The loop of a terminal chat: a line is read; a command is done, and anything else is said to the model."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orrery.config import nearest
from orrery.errors import ConfigError, DataError, OrreryError, RunError
from orrery.files import write_atomically
from orrery.inference.chat_history import latest_chats
from orrery.inference.chat_session import SETTINGS, STOPPED, Answered, ChatSession, Show
from orrery.inference.chat_views import (
    comparison_view,
    print_chats,
    print_message,
    printable,
    probabilities_view,
    shown,
)
from orrery.inference.speaker import Speaker
from orrery.inference.stream import Done, Event, TextDelta, ToolCallEvent, ToolResultEvent
from orrery.inference.turns import MAX_CALLS
from orrery.tokenizers.messages import validate_messages

BASE_MODEL = "This is a base model: it goes on with your text and does not answer. (orrery sft makes it an assistant.)"
LISTED = 20  # chats that a list shows
ALTERNATIVES = 3  # tokens that /probs shows besides the one that was written
ENDED = {
    "length": "(cut: --max-tokens or the model's context is used up)",
    "calls": f"(stopped after {MAX_CALLS} tool calls)",
    STOPPED: "(stopped)",
}

# `read(prompt, text)` returns a line that a person types, beginning with `text` where it can be edited. It raises
# EOFError to leave and KeyboardInterrupt for Ctrl-C.
Read = Callable[[str, str], str]


def read_line(prompt: str, text: str = "") -> str:
    """A line from the keyboard, with arrow keys and history where there is readline."""
    try:
        import readline
    except ImportError:  # Windows: the old text can be seen, though not edited
        return input(f"{text}\n{prompt}" if text else prompt)
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        return input(prompt)
    finally:
        readline.set_startup_hook(None)


class Terminal:
    """A chat session with a person in front of it."""

    def __init__(self, session: ChatSession, console: Console, read: Read = read_line) -> None:
        self.session, self.console, self.read = session, console, read
        self.show_probabilities = False

    def run(self) -> None:
        """Read and answer until /quit or Ctrl-D."""
        speaker, console = self.session.speaker, self.console
        size = f"{speaker.engine.model.num_parameters():,} parameters"
        console.print(f"[bold]{escape(speaker.name)}[/]  {size}   [dim]/help lists commands[/]")
        if not speaker.assistant:
            console.print(BASE_MODEL)
        self.print_conversation()
        while True:
            try:
                line = self.read("\nyou> " if speaker.assistant else "\ntext> ", "")
            except EOFError:
                console.print()
                return
            except KeyboardInterrupt:
                console.print("\n[dim]/quit or Ctrl-D leaves[/]")
                continue
            if line.strip() in ("/quit", "/exit"):
                return
            try:
                self.do(line)
            except OrreryError as error:  # too long a message, a full disk: the chat goes on
                console.print(Text(printable(str(error)), style="red"))
            except KeyboardInterrupt:  # in the midst of a command
                console.print(" [dim](stopped)[/]")

    def do(self, line: str) -> None:
        """Do what a line says. Raises OrreryError for what cannot be done."""
        text = line.strip()
        if not line.startswith("/"):
            if text:
                said = text if self.session.speaker.assistant else line
                self.answer(partial(self.session.ask, said))
            return
        name, _, rest = text.partition(" ")
        if name not in COMMANDS:
            raise ConfigError(f"there is no command {name}; {nearest(name, [*COMMANDS, '/quit'])}")
        COMMANDS[name].run(self, rest.strip())

    def answer(self, ask: Callable[[Show], Answered]) -> None:
        """Show a reply as it is written, and how it ended."""
        answered = ask(self.show_event)
        self.console.print()
        if answered.finish_reason in ENDED:
            self.console.print(ENDED[answered.finish_reason], style="dim")
        if answered.forgotten:
            self.console.print("(the context is full: the oldest turns are forgotten)", style="dim")
        if self.show_probabilities and answered.finish_reason != STOPPED:
            self.probabilities("")

    def show_event(self, event: Event) -> None:
        match event:
            case TextDelta(piece):
                self.show(piece)
            case ToolCallEvent(name, arguments):
                self.show(f"{name} {json.dumps(arguments, ensure_ascii=False)}", style="dim")
            case ToolResultEvent(content):
                self.show(f" → {content}\n", style="dim")
            case Done():
                pass

    def show(self, text: str, style: str = "") -> None:
        """Print a piece of text as it is: no markup, no wrapping."""
        self.console.print(Text(printable(text), style=style), end="", soft_wrap=True)

    def note(self, text: str) -> None:
        """Say what was done."""
        self.console.print(Text(printable(text), style="dim"))

    def print_conversation(self) -> None:
        """The present branch, as it stood on the screen when it was new."""
        speaker, begun_with = self.session.speaker, self.session.begun_with
        if begun_with != speaker.name:
            self.note(f"(begun with {begun_with}; {speaker.name} goes on)")
        if self.session.system:
            self.note(f"system: {self.session.system}")
        for message in self.session.messages:
            print_message(self.console, message)
        if self.session.unanswered:
            self.note("(this has no answer yet: /regenerate gives one)")

    # The commands: each takes what was typed behind its name.

    def regenerate(self, _: str) -> None:
        if self.session.sampling.temperature == 0:
            self.note("(greedy, so it will be the same again; /set temperature 0.8 lets it differ)")
        self.answer(self.session.regenerate)

    def edit(self, text: str) -> None:
        try:
            text = text or self.read("edit> ", self.session.question).strip()
        except (EOFError, KeyboardInterrupt):
            text = ""
        if text:
            self.answer(partial(self.session.edit, text))
        else:
            self.note("\nnothing is changed")

    def other(self, _: str) -> None:
        place, count = self.session.other_answer()
        self.console.print(Text(shown(self.session.messages[self.session.asked + 1 :])))
        self.note(f"({place} of {count} answers)")

    def undo(self, _: str) -> None:
        self.note(f"taken back: {self.session.undo()}")

    def system(self, text: str) -> None:
        if not self.session.speaker.assistant:
            raise ConfigError("a base model knows no system message; write it into the text")
        if text:
            self.session.set_system(None if text == "off" else text)
        self.note(f"system: {self.session.system}" if self.session.system else "no system message")

    def set(self, words: str) -> None:
        changed, _, value = words.partition(" ")
        if value:
            self.session.set(changed, value.strip())
        elif changed:
            raise ConfigError(f"say to what: /set {changed} VALUE")
        for name in [changed] if changed else SETTINGS:
            self.console.print(f"  {name:<20}{getattr(self.session.sampling, name)}")

    def probabilities(self, switch: str) -> None:
        if switch in ("on", "off"):
            self.show_probabilities = switch == "on"
            self.note(f"probabilities after each reply: {switch}")
        elif switch:
            raise ConfigError("it is /probs for the last reply, /probs on and /probs off")
        else:
            choices = self.session.choices(ALTERNATIVES + 1)
            self.console.print(probabilities_view(self.session.speaker.engine.tokenizer, choices))

    def compare(self, folder: str) -> None:
        if not folder:
            raise ConfigError("say with which model: /compare DIR")
        self.note(f"both answer: {self.session.question}")
        other = Speaker.load(Path(os.path.expanduser(folder)))
        one, two = self.session.compare(other)
        names = (self.session.speaker.name, other.name)
        self.console.print(comparison_view(names, (shown(one), shown(two)), self.console.width))

    def history(self, _: str) -> None:
        print_chats(self.console, latest_chats(self.session.database, LISTED))

    def open(self, number: str) -> None:
        if not number.isdecimal():
            raise ConfigError("say which: /open N, with a number that /history lists")
        self.session.open(int(number))
        self.print_conversation()

    def save(self, name: str) -> None:
        if not name:
            raise ConfigError("say where: /save FILE, ending in .md, or in .jsonl to be trained on")
        self.note(save(self.session, Path(os.path.expanduser(name))))

    def reset(self, _: str) -> None:
        self.session.reset()
        self.note("a new conversation")

    def help(self, _: str) -> None:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True)
        for name, command in COMMANDS.items():
            table.add_row(Text(f"{name} {command.arguments}".strip()), Text(command.summary))
        table.add_row("/quit", "leave; so does Ctrl-D")
        table.add_row("Ctrl-C", "stop a reply; what it said so far stays in the conversation")
        self.console.print(table)
        self.note("  A message that begins with / needs a space before it.")


def save(session: ChatSession, path: Path) -> str:
    """Write the conversation to a file -> what was done.

    Markdown for reading is a new file. A line of JSON is added to a .jsonl file: {"messages": …}, which `orrery sft
    --data` takes, or what a base model wrote as {"text": …}, for `orrery pretrain --data`.

    Raises:
        DataError: there is nothing to save or nothing that could be trained on, or the name does not say in what form.
        RunError: the file is there already, or cannot be written.
    """
    messages = session.whole
    if path.suffix not in (".md", ".jsonl"):
        raise DataError(f"{path} must end in .md (to read) or .jsonl (to train on)")
    try:
        if path.suffix == ".md":
            if path.exists():
                raise RunError(f"{path} is there already; name another file")
            if not session.messages:
                raise DataError("there is nothing to save yet")
            parts = [f"## {message['role']}\n\n{shown([message])}\n" for message in messages]
            write_atomically(path, "\n".join([f"# A chat with {session.speaker.name}\n", *parts]))
            return f"written to {path}"
        validate_messages(messages, "the conversation", training=True)
        text = "".join(str(message["content"]) for message in session.messages)
        row = {"messages": messages} if session.speaker.assistant else {"text": text}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        return f"added to {path}"
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


@dataclass(frozen=True)
class Command:
    """One command: what it takes, what is said of it in /help, and what it does."""

    arguments: str
    summary: str
    run: Callable[[Terminal, str], None]


COMMANDS = {
    "/regenerate": Command("", "answer the last message anew", Terminal.regenerate),
    "/other": Command("", "go through the answers that the last message has", Terminal.other),
    "/edit": Command("[TEXT]", "change the last message and have it answered", Terminal.edit),
    "/undo": Command("", "take back the last message and its answer", Terminal.undo),
    "/system": Command("[TEXT]", "show or set the system message; off for none", Terminal.system),
    "/set": Command("[NAME VALUE]", "show or change how answers are sampled", Terminal.set),
    "/probs": Command("[on|off]", "how likely each token of the last answer was; on: of each", Terminal.probabilities),
    "/compare": Command("DIR", "the last message answered by this and another model", Terminal.compare),
    "/history": Command("", "list earlier conversations", Terminal.history),
    "/open": Command("N", "go on with one of them", Terminal.open),
    "/save": Command("FILE", "write to a .md file, or add to a .jsonl to train on", Terminal.save),
    "/reset": Command("", "forget the conversation and begin a new one", Terminal.reset),
    "/help": Command("", "this list", Terminal.help),
}
