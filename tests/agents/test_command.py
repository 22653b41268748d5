"""`orrery agent` as a user types it: a real model folder, a real database; and once as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orrery.agents.store import read_run
from orrery.cli import main
from orrery.database import open_database
from orrery.models.hf import save_model
from tests.agents.test_remote import answer, serving
from tests.inference.assistant import Assistant


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Agent = Callable[..., Ended]


@pytest.fixture
def agent(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Agent:
    """`orrery agent …` with its database in `tmp_path`; `typed` are the lines that a person types."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, typed: tuple[str, ...] = ()) -> Ended:
        lines = iter(typed)

        def read(prompt: str) -> str:
            for line in lines:
                return line
            raise EOFError

        monkeypatch.setattr("builtins.input", read)
        try:
            main(["agent", *words, "--root", str(tmp_path)])
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run


TRACE = """\
Task         What is 12 times 7?
Action       calculator(expression='12*7')
Observation  84
Answer       12 times 7 is 84.
"""


def test_shows_every_step_and_replays_and_lists_them(agent: Agent, folder: Path) -> None:
    done = agent("What is 12 times 7?", "--model", str(folder))
    assert done.out.startswith(TRACE)
    assert "run 1, 4 steps in " in done.out and "orrery agent --replay 1" in done.out
    assert agent("--replay", "1").out == f"run 1  {folder}  tools: calculator\n{TRACE}"
    [head, run] = agent("--list").out.splitlines()
    assert head.split() == "run when model tools question".split()
    assert run.split()[0] == "1" and run.rstrip().endswith("What is 12 times 7?")


def test_an_empty_list_says_how_to_begin(agent: Agent) -> None:
    assert "orrery agent" in agent("--list").out


def test_a_person_may_edit_and_refuse_calls(agent: Agent, folder: Path) -> None:
    asked = agent("What is 12 times 7?", "--model", str(folder), "--ask", typed=("x", "e", "{oops", ""))
    assert "'x' is none of Enter, e and n" in asked.out and "that is no JSON" in asked.out
    assert "Observation  84" in asked.out
    refused = agent("What is 12 times 7?", "--model", str(folder), "--ask", typed=("n", "not now"))
    assert "error: the user refused this call: not now" in refused.out


def test_a_person_who_leaves_ends_the_run(agent: Agent, tmp_path: Path, folder: Path) -> None:
    done = agent("What is 12 times 7?", "--model", str(folder), "--ask")
    assert done.code == 0 and "(stopped by the user)" in done.out
    with open_database(tmp_path) as database:
        _, steps = read_run(database, 1)
    assert [type(step).__name__ for step in steps] == ["Task", "Action", "FinalAnswer"]


def test_a_server_answers_instead(agent: Agent) -> None:
    with serving((200, {"data": [{"id": "llama"}]}), (200, answer("84."))) as (endpoint, received):
        done = agent("What is 12 times 7?", "--endpoint", endpoint)
    assert "Answer       84." in done.out, done.err
    assert received[1]["body"]["model"] == "llama"


def test_a_base_model_is_prompted_for_react(agent: Agent, tmp_path: Path, assistant: Assistant) -> None:
    base = tmp_path / "base"
    save_model(assistant.model, base, tokenizer=assistant.tokenizer, eos_ids=[assistant.tokenizer.eos_id])
    refused = agent("Hi", "--model", str(base))
    assert refused.code == 2 and "is a base model" in refused.err and "--react" in refused.err
    prompted = agent("Hi", "--model", str(base), "--react")
    assert "in the model's context of 256" in prompted.out, "its context is shorter than the prompt, and it says so"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "ask something"),
        (["Hi"], "say who answers"),
        (["Hi", "--model", "x", "--endpoint", "http://y/v1"], "say who answers"),
        (["Hi", "--model", "nowhere"], "nowhere"),
        (["Hi", "--model", "FOLDER", "--tools", "calculater"], "did you mean 'calculator'"),
        (["Hi", "--model", "FOLDER", "--max-steps", "0"], "--max-steps is 0"),
        (["Hi", "--model", "FOLDER", "--temperature", "-1"], "temperature is -1"),
        (["--replay", "7"], "there is no run 7"),
    ],
)
def test_says_what_is_wrong(agent: Agent, folder: Path, words: list[str], message: str) -> None:
    done = agent(*[str(folder) if word == "FOLDER" else word for word in words])
    assert done.code == 2 and message in done.err and "Traceback" not in done.err


def test_notes_can_be_kept(agent: Agent, folder: Path) -> None:
    assert "Answer       Hello." in agent("Hi", "--model", str(folder), "--tools", "remember", "recall").out


def test_a_conversation_keeps_its_turns(agent: Agent, folder: Path) -> None:
    talk = ["--chat", "--model", str(folder)]
    first = agent(*talk, typed=("Hi", "", "/help", "/what", "word " * 300, "/quit"))
    assert "Answer       Hello." in first.out and "/forget" in first.out and "there is no command /what" in first.out
    assert "of 128 tokens" in first.out, "the meter: half of the model's context"
    assert "tokens; in the model's context of 256" in first.out and first.code == 0, "too long a question ends nothing"
    again = agent(*talk, typed=("Hi", "/forget"))
    assert "1 recalled from it" in again.out and "2 turns forgotten" in again.out
    assert "recalled" not in agent("Hi", *talk).out, "a question may be given at once"


def test_what_was_done_before_a_kill_is_kept(tmp_path: Path, folder: Path) -> None:
    """A process of its own, killed while it waits for a person: the steps so far are in the database."""
    command = [sys.executable, "-u", "-m", "orrery", "agent", "What is 12 times 7?", "--ask"]
    command += ["--model", str(folder), "--root", str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Action"):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with open_database(tmp_path) as database:
        _, steps = read_run(database, 1)
    assert [type(step).__name__ for step in steps] == ["Task", "Action"]
