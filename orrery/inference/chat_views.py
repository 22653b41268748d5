"""What a terminal chat shows: messages, the probabilities of a reply, two replies side by side, a list of chats."""

import codecs
import json
import os
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from orrery.inference.alternatives import Choice
from orrery.inference.chat_history import Listed
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.inspect import visible
from orrery.tokenizers.messages import Message

WIDE = 72  # columns from which two replies stand side by side
PARTING = "▸"  # where a reply parts from the other
# From what probability on a token is coloured how. Both colours of each are given, so that they can be read on a light
# and on a dark terminal.
COLOURS = ((0.9, ""), (0.5, "black on green"), (0.1, "black on yellow"), (0.0, "white on red"))


def printable(text: str) -> str:
    """Text without control characters: what a model writes must not steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def shown(messages: Sequence[Message]) -> str:
    """Messages as a person reads them: what is said, calls of tools, and what these answered."""
    lines = []
    for message in messages:
        lines += [f"({message['reasoning_content']})"] if message.get("reasoning_content") else []
        content = str(message.get("content") or "")
        lines += [f"→ {content}" if message["role"] == "tool" else content] if content else []
        for call in message.get("tool_calls") or ():
            arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
            lines.append(f"{call['function']['name']} {arguments}")
    return printable("\n".join(lines))


def probabilities_view(tokenizer: BPE, choices: Sequence[Choice | int]) -> RenderableType:
    """A reply coloured by how likely each of its tokens was, and a table of them with the likeliest others."""
    table = Table("token", "p", "instead", box=None, header_style="bold", pad_edge=False)
    table.columns[0].max_width, table.columns[1].justify = 24, "right"
    for choice in choices:
        if isinstance(choice, int):  # of a tool's answer, which the model read
            continue
        others = [(id_, likely) for id_, likely in choice.likeliest if id_ != choice.id]
        instead = "  ".join(f"{_token(tokenizer, id_)} {likely:.1%}" for id_, likely in others)
        token = Text(_token(tokenizer, choice.id), style=_style(choice.probability), overflow="fold")
        table.add_row(token, f"{choice.probability:.1%}", Text(instead, no_wrap=True, overflow="ellipsis"))
    bounds = [f"{least:.0%}" for least, _ in COLOURS]
    legend = Text("  ").join(
        Text(f" {low} to {high} ", style=style)
        for (_, style), low, high in zip(COLOURS[1:], bounds[1:], bounds, strict=False)
    )
    note = Text("The model's own probabilities, before temperature and filters:", style="dim")
    return Group(coloured(tokenizer, choices), Text(), table, Text(), note, legend)


def coloured(tokenizer: BPE, choices: Sequence[Choice | int]) -> Text:
    """The text of a reply in the colours of its tokens' probabilities; what the model only read is dim.

    A character of several tokens has the colour of the least likely of them.
    """
    text, decoder, least = Text(), codecs.getincrementaldecoder("utf-8")(errors="replace"), 1.0
    for choice in choices:
        if isinstance(choice, int):
            text.append(printable(decoder.decode(tokenizer.token_bytes(choice))), style="dim")
            continue
        least = min(least, choice.probability)
        if piece := decoder.decode(tokenizer.token_bytes(choice.id)):
            text.append(printable(piece), style=_style(least))
            least = 1.0
    return text.append(printable(decoder.decode(b"", final=True)))


def comparison_view(names: tuple[str, str], replies: tuple[str, str], width: int) -> RenderableType:
    """Two replies, side by side where `width` columns allow, with a mark where they part."""
    place = parting(*replies)
    texts = []
    for reply in replies:
        text = Text(reply if place is None else reply[:place])
        if place is not None:
            text.append(PARTING, style="bold red").append(reply[place:], style="bold")
        texts.append(text)
    note = "the two replies are equal" if place is None else f"{PARTING} from here on they differ"
    heads = [Text(printable(name), style="bold underline", overflow="fold") for name in names]
    if width < WIDE:
        return Group(heads[0], texts[0], Text(), heads[1], texts[1], Text(), Text(note, style="dim"))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(*heads)
    table.add_row(*texts)
    return Group(table, Text(), Text(note, style="dim"))


def parting(one: str, other: str) -> int | None:
    """Where the first word begins in which two texts differ; None where they are equal.

    >>> parting("It is 12.", "It is 13, no?"), parting("Yes", "No"), parting("Yes", "Yes")
    (6, 0, None)
    """
    if one == other:
        return None
    common = os.path.commonprefix([one, other])
    return max((place + 1 for place, char in enumerate(common) if char.isspace()), default=0)


def print_message(console: Console, message: Message) -> None:
    """A message of earlier, as it stood on the screen when it was new."""
    match message["role"]:
        case "user":
            console.print(Text.assemble(("\nyou> ", "bold"), printable(str(message["content"]))))
        case "tool":
            console.print(Text(f"→ {printable(str(message['content']))}", style="dim"))
        case _:
            console.print(Text(shown([message])))


def print_chats(console: Console, chats: Sequence[Listed]) -> None:
    """A list of chats, two lines each, cut to the terminal's width."""
    if not chats:
        console.print("there is no earlier chat")
    for listed in chats:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(listed.latest))
        count = f"{listed.messages} message{'s' * (listed.messages != 1)}"
        about = f"  {when}  {count}  {printable(listed.chat.model)}"
        for line in (
            Text.assemble((f"{listed.chat.id:>4}", "bold"), (about, "dim")),
            Text(f"      {' '.join(printable(listed.first).split())}"),
        ):
            console.print(line, no_wrap=True, overflow="ellipsis")


def _style(probability: float) -> str:
    return next(style for least, style in COLOURS if probability >= least)


def _token(tokenizer: BPE, id_: int) -> str:
    return printable(visible(tokenizer.token_bytes(id_)))
