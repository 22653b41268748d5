"""Answers that people write: kept with their history, and read by `orrery sft --data`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery.database import Database, open_database
from orrery.errors import DataError
from orrery.stages.conversations import read_conversations
from orrery.stages.labels import (
    FIRST_GUIDELINES,
    Edit,
    add_label,
    all_labels,
    as_jsonl,
    change_guidelines,
    edit_label,
    guidelines_in_force,
    remove_label,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path) as database:
        yield database


def test_an_answer_keeps_its_draft_and_every_edit(database: Database) -> None:
    number = add_label(database, " 2 + 2? ", Edit("It is 4.\n", "Ada", 9.0), draft="It is 5.", model="runs/a/sft")
    edit_label(database, number, Edit("2 + 2 = 4.", "Bo", 3.0))
    (label,) = all_labels(database)
    assert (label.prompt, label.draft, label.model, label.text) == ("2 + 2?", "It is 5.", "runs/a/sft", "2 + 2 = 4.")
    assert [(edit.text, edit.by, edit.seconds) for edit in label.edits] == [
        ("It is 4.", "Ada", 9.0),
        ("2 + 2 = 4.", "Bo", 3.0),
    ]
    assert label.edits[0].made <= label.edits[1].made


def test_an_answer_says_under_which_guidelines_it_was_written(database: Database) -> None:
    assert guidelines_in_force(database).text == FIRST_GUIDELINES
    number = add_label(database, "Hi", Edit("Hello."))
    first = guidelines_in_force(database).id
    second = change_guidelines(database, "Say less.").id
    assert change_guidelines(database, "Say less. ").id == second, "the same words are no new version"
    edit_label(database, number, Edit("Hi."))
    assert [edit.guidelines for edit in all_labels(database)[0].edits] == [first, second] and first != second
    with pytest.raises(DataError, match="without a word"):
        change_guidelines(database, " \n")


def test_sft_reads_the_last_edit_of_each_answer(database: Database, tmp_path: Path) -> None:
    number = add_label(database, "What is 12 times 7?", Edit("It is 85."), draft="85", model="runs/a/sft")
    edit_label(database, number, Edit("It is 84."))
    add_label(database, "Say \N{GRINNING FACE}", Edit("\N{GRINNING FACE}\n<|im_end|>"))
    path = tmp_path / "labels.jsonl"
    path.write_text(as_jsonl(all_labels(database)), encoding="utf-8")
    assert read_conversations([path]) == [
        [{"role": "user", "content": "What is 12 times 7?"}, {"role": "assistant", "content": "It is 84."}],
        [{"role": "user", "content": "Say 😀"}, {"role": "assistant", "content": "😀\n<|im_end|>"}],
    ]
    history = json.loads(path.read_text(encoding="utf-8").splitlines()[0])["history"]
    assert (history["draft"], history["model"]) == ("85", "runs/a/sft")
    assert [edit["text"] for edit in history["edits"]] == ["It is 85.", "It is 84."]


def test_a_deleted_answer_is_gone_with_its_history(database: Database) -> None:
    number = add_label(database, "Hi", Edit("Hello."))
    add_label(database, "Bye", Edit("Goodbye."))
    remove_label(database, number)
    assert [label.prompt for label in all_labels(database)] == ["Bye"]
    with pytest.raises(DataError, match=f"no answer {number}"):
        edit_label(database, number, Edit("Again."))


@pytest.mark.parametrize(("prompt", "text"), [("", "Hello."), ("Hi", " \n")])
def test_nothing_to_train_on_is_refused(database: Database, prompt: str, text: str) -> None:
    with pytest.raises(DataError, match="empty"):
        add_label(database, prompt, Edit(text))
    assert all_labels(database) == []
