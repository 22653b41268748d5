"""Rankings that people make: asked for at a terminal, kept in the database, learnt by reward models and DPO."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from sqlalchemy import select

from orrery.commands.dpo import DPOCommand
from orrery.commands.preferences import as_begun, rankings_for
from orrery.commands.rank import RankCommand, run_rank
from orrery.commands.reward import RewardCommand
from orrery.database import URL_VARIABLE, open_database
from orrery.errors import ConfigError, DataError
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages.preferences import Ranking
from orrery.stages.rankings import PersonsRanking, add_ranking, rankings_of_people
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.training.runs import Run
from tests.typed import typed

# Where the tests run in the background, SIGINT is ignored by all that they start: set it right, as a terminal does.
ORRERY = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from orrery.cli import main; main()",
]
COLOURS = ["red", "blue", "green", "pink", "black", "white"]
ASKED = ["Name a colour", "Another colour", "A third one"]


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def says(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that names any colour, greets in one way only, and has nothing but dashes to say of secrets."""
    known = [(asked, colour) for asked in ASKED for colour in COLOURS]
    known += [("Greet me", "Hello.")] * 6 + [("A secret", answer) for answer in ("", "-")] * 3
    tokenizer = BPE.train([text for both in known for text in both], 300)
    rendered = [render([user(asked), says(answer)], tokenizer) for asked, answer in known]
    longest = max(len(one.ids) for one in rendered)
    ids = torch.tensor([one.ids + [0] * (longest - len(one.ids)) for one in rendered])
    mask = torch.tensor([one.mask + [False] * (longest - len(one.mask)) for one in rendered])[:, 1:]
    shape = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=2, heads=2, kv_heads=2, head_width=16, mlp_width=64, context=256
    )
    made = Transformer(shape, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(made(ids[:, :-1])[mask], ids[:, 1:][mask]).backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("models") / "sft"
    save_model(made, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id, tokenizer.im_end_id])
    return folder


@pytest.fixture(autouse=True)
def no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


class Person:
    """Sits before `orrery rank` and reads what it shows."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self.running = running
        self.seen = ""  # since the last answer

    def read(self) -> str:
        """Read on until an answer is wanted or the program has ended."""
        assert self.running.stdout is not None
        while not self.seen.endswith("stops)> ") and (some := os.read(self.running.stdout.fileno(), 4096)):
            self.seen += some.decode()
        return self.seen

    def type(self, line: str | bytes) -> str:
        """Type a line, and read on."""
        assert self.running.stdin is not None
        self.seen = ""
        self.running.stdin.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
        self.running.stdin.flush()
        return self.read()

    @property
    def answers(self) -> dict[str, str]:
        """The answers that are shown: text → number."""
        return {text: number for number, text in re.findall(r"^(\d)\) (.+)$", self.seen, re.MULTILINE)}

    @property
    def order(self) -> str:
        """The answers' numbers in the order of their texts."""
        return " ".join(self.answers[text] for text in sorted(self.answers))

    @property
    def question(self) -> str:
        """The prompt that is shown last."""
        return [line for line in self.seen.split("\n1) ")[0].splitlines() if line][-1]

    def end(self) -> int:
        """Wait for it -> its exit code."""
        return self.running.wait(60)


def write_prompts(folder: Path, asked: list[str]) -> None:
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in asked))


@contextmanager
def ranking(folder: Path, model: Path, *words: Any, asked: list[str] = ASKED) -> Iterator[Person]:
    """`orrery rank`, at the first question."""
    write_prompts(folder, asked)
    command = [*ORRERY, "rank", "--model", str(model), "--prompts", "prompts.jsonl", *map(str, words)]
    pipe = subprocess.PIPE
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}  # as in a terminal; in a pipe it may be laxer
    with subprocess.Popen(
        command, cwd=folder, env=strict, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT
    ) as running:
        try:
            person = Person(running)
            person.read()
            yield person
        finally:
            running.kill()


def rows(folder: Path) -> list[PersonsRanking]:
    with open_database(folder / "runs") as database, database.session() as session:
        return list(session.scalars(select(PersonsRanking).order_by(PersonsRanking.id)))


def texts(row: PersonsRanking) -> list[str]:
    return [completion[0]["content"] for completion in row.completions]


# Asking


def test_what_a_person_prefers_is_saved_however_it_was_shown(tmp_path: Path, model: Path) -> None:
    preferred, numbers = [], set()
    with ranking(tmp_path, model, "--seed", 1, asked=ASKED * 5) as person:
        while person.running.poll() is None and person.answers:
            best_first = sorted(person.answers)
            preferred.append((person.question, best_first))
            numbers.add(person.answers[best_first[0]])
            person.type(person.answers[best_first[0]])
        assert person.end() == 0
        assert f"{len(preferred)} rankings in the database" in person.seen
        assert f"Next:  orrery reward --model {model} --people" in person.seen
    saved = rows(tmp_path)
    assert len(saved) > 8 and numbers == {"1", "2"}
    assert [(row.prompt, texts(row)) for row in saved] == [([user(asked)], best) for asked, best in preferred]
    assert {(row.model, row.source) for row in saved} == {(str(model), "orrery rank")}
    assert all(time.time() - 300 < row.made < time.time() for row in saved)


def test_several_answers_are_put_in_order_and_what_is_no_order_is_asked_again(tmp_path: Path, model: Path) -> None:
    with ranking(tmp_path, model, "--completions", 9) as person:
        shown = person.answers
        count = len(shown)
        assert 3 <= count < 9, "equal ones are shown once"
        for bad in (
            "",
            "1",
            "yes",
            "0 " * count,
            "1 " * count,
            " ".join(map(str, range(count + 1))),
            "²",
            b"\xff",
            "\x1b[2J",
        ):
            again = person.type(bad)
            assert "is not all numbers, best first, such as 2 3" in again and "\x1b" not in again
            assert len(again.strip().splitlines()) == 3, "one line, an empty one, and the question"
        person.type(" ".join(shown[text] for text in sorted(shown)))
        person.type("s")
        person.type("Q")
        assert person.end() == 0 and "1 ranking in the database" in person.seen
    (saved,) = rows(tmp_path)
    assert texts(saved) == sorted(shown)


@pytest.mark.parametrize("way", [pytest.param("Ctrl-D", marks=pytest.mark.slow), "Ctrl-C", "killed"])
def test_however_it_ends_what_was_answered_is_kept(way: str, tmp_path: Path, model: Path) -> None:
    with ranking(tmp_path, model, "--completions", 4) as person:
        for _ in range(2):
            person.type(person.order)
        if way == "Ctrl-D":
            assert person.running.stdin is not None
            person.running.stdin.close()
        else:
            time.sleep(1)  # Python heeds no signal between showing the question and waiting for its answer
            person.running.send_signal(signal.SIGINT if way == "Ctrl-C" else signal.SIGKILL)
        person.seen = ""
        shown = person.read()
        if way == "killed":
            assert person.end() == -signal.SIGKILL
        else:
            assert person.end() == 0 and "2 rankings in the database" in shown and "Traceback" not in shown
    assert [row.prompt for row in rows(tmp_path)] == [[user(asked)] for asked in ASKED[:2]]


def test_the_same_command_goes_on_with_what_was_not_ranked(tmp_path: Path, model: Path) -> None:
    with ranking(tmp_path, model, "--completions", 4) as person:
        person.type(person.order)
        skipped = person.question
        person.type("s")
        person.type("q")
    with ranking(tmp_path, model, "--completions", 4) as person:
        asked = [person.question]
        while person.type(person.order) and person.answers:
            asked.append(person.question)
    assert asked == [skipped, ASKED[2], ASKED[0]]


def test_equal_and_empty_answers_are_not_asked_about(tmp_path: Path, model: Path) -> None:
    write_prompts(tmp_path, ["Greet me", "A secret"] * 4)
    done = typed("rank", "--model", str(model), "--prompts", "prompts.jsonl", "--temperature", "0.2", cwd=tmp_path)
    seen = done.stdout + done.stderr
    assert done.returncode == 0 and seen.count("passed over") == 8
    assert "0 rankings in the database" in seen and "Next" not in seen


def test_without_a_file_stories_are_wished_for(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1\nq\n"))
    words = ["--max-tokens", "8", "--temperature", "1.5", "--root", "my runs"]
    done = typed("rank", "--model", str(model), *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open_database(tmp_path / "my runs") as database:
        (made,) = rankings_of_people(database)
    assert "story" in made.prompt[0]["content"] and "--people --root my runs" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"completions": 1}, "it takes two to prefer one"),
        ({"temperature": 0}, "must be above 0"),
        ({"prompts": Path("nowhere.jsonl")}, "no such file: nowhere.jsonl"),
        ({"max_tokens": 500}, "lower max_tokens"),
    ],
)
def test_what_cannot_be_ranked_is_refused(
    words: dict[str, Any], message: str, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, DataError), match=message):
        run_rank(RankCommand(model, **words))
    assert not list(tmp_path.iterdir())


# The database


def colours(*best_first: str, asked: str = ASKED[0]) -> Ranking:
    return Ranking([user(asked)], [[says(colour)] for colour in best_first])


def people_rank(root: Path, *rankings: Ranking) -> None:
    with open_database(root) as database:
        for one in rankings:
            add_ranking(database, one, model="runs/x/sft", source="test")


def test_rankings_come_back_in_order_with_all_their_messages(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "6*7"}}}
    calling = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "42"},
        says("42"),
    ]
    longer = Ranking([user("你好"), says("Hi 🌍"), user("6*7?")], [calling, [says("41")]])
    people_rank(tmp_path, colours("red", "blue", "pink"), longer)
    with open_database(tmp_path) as database:
        assert rankings_of_people(database) == [colours("red", "blue", "pink"), longer]


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        (colours("red"), "a ranking of 1"),
        (colours("red", "red"), "completions 1 and 2 are equal"),
        (colours("red", " "), "completion 2 is empty"),
        (Ranking([], [[says("a")], [says("b")]]), "expected"),
        (Ranking([user("x")], [[says("a")], []]), "completion 2 is empty"),
        (Ranking([user("x")], [[says("a")], [user("b")]]), "completion 2 must begin with the assistant"),
        (Ranking([{"role": "nobody", "content": "x"}], [[says("a")], [says("b")]]), "role"),
        (Ranking([user("x")], [[says("a")], [{"role": "tool", "content": "b"}]]), "no tool call"),
    ],
)
def test_what_a_file_may_not_hold_is_not_saved_either(ranking: Ranking, message: str, tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        with pytest.raises(DataError, match=message):
            add_ranking(database, ranking, model="m", source="test")
        assert rankings_of_people(database) == []


def test_a_row_that_something_else_wrote_is_named(tmp_path: Path) -> None:
    people_rank(tmp_path, colours("red", "blue"))
    with open_database(tmp_path) as database:
        with database.session() as session:
            session.add(PersonsRanking(prompt=[user("x")], completions=[[says("a")]], model="", source=""))
        with pytest.raises(DataError, match="ranking 2 in the database: a ranking of 1"):
            rankings_of_people(database)


# Learning from them


@pytest.mark.parametrize("stage", ["reward", pytest.param("dpo", marks=pytest.mark.slow)])
def test_a_stage_learns_from_what_few_people_said(stage: str, tmp_path: Path, model: Path) -> None:
    three = [colours("red", "blue"), colours("red", "pink", "black"), colours("white", "blue", asked=ASKED[1])]
    people_rank(tmp_path / "runs", *three)
    settings = [f"--{stage}.train.{flag}" for flag in ("steps=4", "rows=3", "precision=float32", "device=cpu")]
    words = [stage, "--model", str(model), "--people", *" ".join(settings).replace("=", " ").split()]
    done = typed(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / stage / stage / "model.safetensors").exists()
    events = [json.loads(line) for line in (tmp_path / "runs" / stage / "events.jsonl").read_text().splitlines()]
    losses = [event["values"]["loss"] for event in events if "loss" in event["values"]]
    assert len(losses) == 4 and all(0.3 < loss < 1 for loss in losses)


def test_without_a_ranking_people_are_sent_to_make_some(tmp_path: Path, model: Path) -> None:
    refused = typed("reward", "--model", str(model), "--people", cwd=tmp_path)
    assert refused.returncode == 2
    assert f"no ranking of people yet: make some with `orrery rank --model {model}`" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_rankings_come_from_files_people_both_or_the_world(tmp_path: Path, model: Path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    lines, table = tmp_path / "p.jsonl", tmp_path / "p.parquet"
    lines.write_text(json.dumps({"prompt": "Hi", "ranking": ["a", "b", "c"]}) + "\n")
    parquet.write_table(arrow.Table.from_pylist([{"prompt": "Hi", "chosen": "d", "rejected": "e"}]), table)
    of_files = [Ranking([user("Hi")], [[says(x)] for x in "abc"]), Ranking([user("Hi")], [[says(x)] for x in "de"])]
    both, root = (str(lines), str(table)), tmp_path / "runs"
    assert rankings_for(RewardCommand(model, data=both, root=root), 0) == of_files
    with pytest.raises(ConfigError, match=f"no ranking of people yet.*--root {root}"):
        rankings_for(DPOCommand(model, data=both, people=True, root=root), 0)
    people_rank(root, colours("red", "blue"))
    assert rankings_for(DPOCommand(model, people=True, root=root), 0) == [colours("red", "blue")]
    assert rankings_for(DPOCommand(model, data=both, people=True, root=root), 0) == [*of_files, colours("red", "blue")]
    of_world = rankings_for(RewardCommand(model, wishes=3, completions=3, max_tokens=6, root=root), 0)
    assert of_world and all(one.gold is not None for one in of_world)


def test_a_run_goes_on_with_the_rankings_that_it_began_with(tmp_path: Path) -> None:
    first, later = [colours("red", "blue"), colours("red", "pink")], colours("blue", "pink")
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        assert as_begun(run, "reward", first) == first
    with Run.open("mine", recipe={}, root=tmp_path) as run:
        assert as_begun(run, "reward", [*first, later]) == first
        assert as_begun(run, "dpo", [*first, later]) == [*first, later]
        with pytest.raises(DataError, match="began with 2 rankings, now there are 1"):
            as_begun(run, "reward", first[:1])
