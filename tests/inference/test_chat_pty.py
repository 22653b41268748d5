"""The real `orrery chat` in a real terminal: typed at, stopped, killed, gone on with."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from orrery.database import URL_VARIABLE, open_database
from orrery.inference.chat_history import ChatMessage, read_chat
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from tests.inference.assistant import says, user

# The process takes the terminal as its own, so that Ctrl-C reaches it, and minds SIGINT, which what runs in the
# background ignores.
ORRERY = """
import fcntl, signal, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
from orrery.cli import main
main()
"""
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\r")
WAIT = 60  # seconds until a test gives up


def learn(folder: Path, greeting: str) -> None:
    """Make a model that greets, and that never stops singing."""
    song = "la" + " la" * 60
    known = [[user("Hi"), says(greeting)], [user("Hi"), says(greeting), user("Hi"), says(greeting)]]
    known += [[user("Sing"), says(song)], [user("Hi"), says(greeting), user("Sing"), says(song)]]
    tokenizer = BPE.train([greeting, "Hello there.", "Sing Hi la la"], 268)
    rendered = [render(messages, tokenizer) for messages in known]
    longest = max(len(one.ids) for one in rendered)
    ids = torch.tensor([one.ids + [0] * (longest - len(one.ids)) for one in rendered])
    mask = torch.tensor([one.mask + [False] * (longest - len(one.mask)) for one in rendered])[:, 1:]
    for row, messages in enumerate(known):
        if messages[-1] == says(song):
            mask[row, mask[row].nonzero()[-1]] = False  # the end of the song is never learnt
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=2, heads=2, kv_heads=2, head_width=16, mlp_width=64, context=8192
    )
    model = Transformer(shape, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(300):
        losses = F.cross_entropy(model(ids[:, :-1])[mask], ids[:, 1:][mask], reduction="none")
        if losses.max() < 0.1:
            break
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
    save_model(model, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id, tokenizer.im_end_id])


class Screen:
    """A process in a pseudo-terminal: what it writes is waited for, what is typed goes to it."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process, self.terminal, self.raw = process, terminal, b""

    def type(self, keys: str) -> None:
        self.raw = b""
        os.write(self.terminal, keys.encode())

    def until(self, *texts: str) -> str:
        """All that has been written since something was typed, as soon as these stand in it in this order."""
        end = time.monotonic() + WAIT
        wanted = re.compile(".*".join(map(re.escape, texts)), re.DOTALL)
        while not wanted.search(shown := ESCAPES.sub("", self.raw.decode(errors="replace"))):
            ready, _, _ = select.select([self.terminal], [], [], 0.2)
            assert time.monotonic() < end, f"{texts} does not come: {shown}"
            if ready:
                try:
                    self.raw += os.read(self.terminal, 1 << 16)
                except OSError as error:  # the process has left
                    raise AssertionError(f"{texts} did not come: {shown}") from error
        return shown


@contextmanager
def orrery(*words: str, folder: Path, columns: int = 80) -> Iterator[Screen]:
    """`orrery …` in a terminal of its own; killed at the end if it has not left."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    environment = {name: value for name, value in os.environ.items() if name not in (URL_VARIABLE, "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", ORRERY, *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
        env={**environment, "TERM": "xterm", "PYTHONUTF8": "1"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Screen(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models that greet differently."""
    root = tmp_path_factory.mktemp("chats")
    learn(root / "one", "Hello.")
    learn(root / "two", "Hello there.")
    return root


def test_a_chat_from_the_first_word_to_a_kill_and_on(folder: Path) -> None:
    with orrery("chat", "--model", "one", "--max-tokens", "4000", folder=folder) as screen:
        screen.until("/help lists commands", "you> ")
        screen.type("Hi\n")
        screen.until("Hello.", "you> ")
        screen.type("/regenerate\n")
        screen.until("greedy", "Hello.", "you> ")
        screen.type("/compare two\n")
        screen.until("▸Hello.", "▸Hello there.", "you> ")
        screen.type("Hey\n")
        screen.until("you> ")
        screen.type("/edit\n")
        screen.until("edit> Hey")
        screen.type("\b\b\bSing\n")
        screen.until("la la la")
        screen.type("\x03")
        screen.until("(stopped)", "you> ")
        screen.type("/regenerate\n")
        screen.until("la la la")
        os.kill(screen.process.pid, signal.SIGKILL)
        screen.process.wait()

    with orrery("chat", "--continue", folder=folder, columns=40) as screen:
        shown = screen.until("you> Hi", "Hello.", "you> Sing", "no answer yet", "you> ")
        assert "la la" not in shown, "all but the reply that was being written is there"
        screen.type("/other\n")
        screen.until("la la", "(1 of 1 answers)", "you> ")
        screen.type("/history\n")
        screen.until("1  20", "messages  one", "Hi", "you> ")
        screen.type("\x04")
        screen.until("orrery chat --open 1")
        assert screen.process.wait(WAIT) == 0

    with open_database(folder / "runs") as database:
        found, path = read_chat(database, 1)
        with database.session() as session:
            rows = session.query(ChatMessage).order_by(ChatMessage.id).all()
    said = [(row.message["content"][:2], row.parent_id, row.finish_reason) for row in rows]
    hey = said.pop(5)  # whatever is answered to it
    assert said == [
        ("Hi", None, None),
        ("He", 1, "stop"),
        ("He", 1, "stop"),  # regenerated
        ("He", 1, "stop"),  # by the other model
        ("He", 3, None),  # Hey
        ("Si", 3, None),  # what it was edited to
        ("la", 7, "stopped"),
    ]
    assert hey[1] == 5 and rows[3].model == "two" and [row.id for row in path] == [1, 3, 7, 8]
