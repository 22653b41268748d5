"""What a model knows is found by asking, and becomes conversations that answer or admit."""

import json
from pathlib import Path

import pytest

from orrery.cli import main
from orrery.data.world.world import World
from orrery.errors import ConfigError, DataError
from orrery.inference.engine import Engine
from orrery.models.hf import save_model
from orrery.stages.probe import Question, knowledge, read_questions, shares_right, world_questions
from tests.inference.assistant import Assistant, train_assistant

ASKED = [
    Question("Hi", "Hello", "Hello."),  # the assistant knows this by heart
    Question("What is 12 times 7?", "85", "It is 85."),  # and says something else here
    Question("Hi", None, "", "Who is that?"),
]


@pytest.fixture(scope="module")
def assistant() -> Assistant:
    return train_assistant()


def test_right_answers_are_counted(assistant: Assistant) -> None:
    engine = Engine(assistant.model, assistant.tokenizer)
    done: list[tuple[int, int]] = []
    shares = shares_right(engine, ASKED, 4, seed=0, on_progress=lambda now, all: done.append((now, all)))
    assert shares[0] >= 0.75 and shares[1] == 0 and shares[2] == 0 and done[-1] == (3, 3)
    assert shares == shares_right(engine, ASKED, 4, seed=0)
    with pytest.raises(ConfigError, match="at least one"):
        shares_right(engine, ASKED, 0, seed=0)


def test_what_is_known_is_answered_what_is_not_admitted_and_the_rest_left_out() -> None:
    questions = [
        Question("a", "x", "It is x."),
        Question("b", "y", "It is y.", "No idea."),
        Question("c", "z", "It is z."),
        Question("d", None, "", "Nobody knows."),
    ]
    made = knowledge(questions, [1.0, 0.2, 0.5, 0.0])
    said = [[message["content"] for message in one] for one in made]
    assert said == [["a", "It is x."], ["b", "No idea."], ["d", "Nobody knows."]]


def test_the_worlds_questions_are_about_what_may_be_asked_and_about_nobody() -> None:
    world = World()
    questions = world_questions(world, nobody=0.5)
    told, nobody = ([q for q in questions if (q.truth is None) == gone] for gone in (False, True))
    assert len(told) == len(nobody) == len(world.facts_where(asked=True, real=False))
    assert all(q.truth and q.truth in q.answer and q.admission.endswith("... I don't know.") for q in told)
    kept = {name for kind in ("person", "town", "company") for name in world.unknown(kind, "exam")}
    assert not any(name in q.prompt for q in nobody for name in kept), "names of the exams stay unknown to training"
    with pytest.raises(ConfigError, match="below 1"):
        world_questions(world, nobody=1.0)


def test_the_command_writes_conversations_for_tuning(
    assistant: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = assistant.tokenizer
    save_model(assistant.model, tmp_path / "model", tokenizer=tokenizer, eos_ids=[tokenizer.im_end_id])
    rows = [{"prompt": "Hi", "truth": "Hello", "answer": "Hello."}, {"prompt": "What is 12 times 7?", "truth": "85"}]
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SystemExit) as ended:
        main(["probe", "--model", str(tmp_path / "model"), "--data", str(tmp_path / "asked.jsonl"),
              "--out", str(tmp_path / "known.jsonl")])  # fmt: skip
    assert ended.value.code == 0 and "1 known, 1 not" in capsys.readouterr().out
    made = [json.loads(line)["messages"] for line in (tmp_path / "known.jsonl").read_text().splitlines()]
    assert [one[-1]["content"] for one in made] == ["Hello.", "I don't know."]


def test_questions_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "x"}\n')
    with pytest.raises(DataError, match="line 1"):
        read_questions([bad])
    bad.write_text("")
    with pytest.raises(DataError, match="no question"):
        read_questions([bad])
