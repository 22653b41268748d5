"""What an agent remembers is there in the next run."""

from pathlib import Path

from orrery.agents.memory import Memory
from orrery.database import open_database
from orrery.tools.registry import call_tool


def call(root: Path, name: str, **arguments: str) -> str:
    """A tool's answer, in a run of its own."""
    with open_database(root) as database:
        return call_tool(Memory(database).tools(), name, arguments)


def test_notes_stay_between_runs_and_are_found_by_their_words(tmp_path: Path) -> None:
    assert call(tmp_path, "remember", text="Ada's birthday is the 10th of December.") == "remembered"
    assert call(tmp_path, "remember", text="The cat is called Tess.") == "remembered"
    assert call(tmp_path, "recall", query="When is Ada's birthday?").splitlines()[0].startswith("Ada's birthday")
    assert call(tmp_path, "recall", query="cat") == "The cat is called Tess."


def test_what_was_never_said_is_not_recalled(tmp_path: Path) -> None:
    assert call(tmp_path, "recall", query="Ada") == "nothing that fits is remembered"


def test_the_same_note_is_kept_once(tmp_path: Path) -> None:
    for _ in range(2):
        call(tmp_path, "remember", text="The cat is called Tess.")
    assert call(tmp_path, "recall", query="cat") == "The cat is called Tess."


def test_nothing_cannot_be_remembered(tmp_path: Path) -> None:
    assert call(tmp_path, "remember", text="  ").startswith("error: there is nothing to remember")


def test_at_most_three_notes_come_back(tmp_path: Path) -> None:
    for number in range(5):
        call(tmp_path, "remember", text=f"Cat number {number}.")
    assert len(call(tmp_path, "recall", query="cat").splitlines()) == 3
