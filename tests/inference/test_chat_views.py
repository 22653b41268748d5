"""What a chat shows on demand: the probabilities of a reply, and two models side by side."""

import doctest
import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from orrery.database import Database
from orrery.inference import chat_views
from orrery.inference.chat_views import comparison_view
from tests.inference.assistant import ANSWERS, Assistant
from tests.inference.talking import Impatient, Interrupted, Talk, continuation, rows


class TestProbabilities:
    def test_each_token_is_shown_with_its_probability_and_the_likeliest_others(
        self, assistant: Assistant, database: Database
    ) -> None:
        talk = Talk(assistant.engine(), database)
        lines = talk("Hi", "/probs").splitlines()
        choices = [choice for choice in talk.session.choices(4) if not isinstance(choice, int)]
        assert assistant.tokenizer.decode([choice.id for choice in choices]) == "Hello.<|im_end|>"
        table = lines[next(place for place, line in enumerate(lines) if line.startswith("token")) + 1 :]
        for choice, line in zip(choices, table, strict=False):
            piece, likely, *others = line.split()
            assert piece == assistant.tokenizer.decode([choice.id]) and likely == f"{choice.probability:.1%}"
            assert choice.probability > 0.9 and choice.likeliest[0][0] == choice.id and len(others) == 6

    @pytest.mark.parametrize(
        ("on", "back"),
        [
            (["Greet the world"], "/undo"),
            (["/set max_tokens 2", "/regenerate"], "/other"),
            (["/reset", "Greet the world"], "/open 1"),
        ],
        ids=["undo", "other", "open"],
    )
    def test_they_are_of_the_reply_to_which_one_has_gone_back(
        self, assistant: Assistant, database: Database, on: list[str], back: str
    ) -> None:
        talk = Talk(assistant.engine(), database)
        talk("Hi")
        first = talk.session.choices(1)
        talk(*on)
        assert talk.session.choices(1) != first
        talk(back)
        assert talk.session.choices(1) == first

    def test_a_tools_answer_has_none(self, assistant: Assistant, database: Database) -> None:
        talk = Talk(assistant.engine(), database)
        talk("What is 12 times 7?")
        choices = talk.session.choices(1)
        fed = [choice for choice in choices if isinstance(choice, int)]
        assert "84" in assistant.tokenizer.decode(fed) and 10 < len(fed) < len(choices)

    def test_they_can_be_shown_after_each_reply(self, assistant: Assistant, database: Database) -> None:
        talk = Talk(assistant.engine(), database)
        shown = talk("Hi", "/probs on", "/reset", "Hi", "/probs off", "/reset", "Hi", "/probs what")
        assert shown.count("instead") == 1 and "/probs off" in shown.splitlines()[-2]

    @pytest.mark.parametrize("question", list(ANSWERS))
    def test_a_reply_from_the_database_gets_those_of_when_it_was_written(
        self, assistant: Assistant, database: Database, question: str
    ) -> None:
        talk = Talk(assistant.engine(), database)
        talk(question)
        written = talk.session.choices(1)
        talk.session.open(1)
        assert talk.session.choices(1) == written

    def test_a_stopped_reply_has_them_but_for_an_end_that_it_did_not_write(
        self, assistant: Assistant, database: Database
    ) -> None:
        talk = Talk(Interrupted(assistant.model, assistant.tokenizer), database)
        talk("Hi")
        ids = [choice if isinstance(choice, int) else choice.id for choice in talk.session.choices(1)]
        assert assistant.tokenizer.decode(ids) == talk.said[1] != "Hello."

    def test_on_a_narrow_screen_nothing_is_wider_than_it(self, assistant: Assistant, database: Database) -> None:
        talk = Talk(assistant.engine(), database)
        shown = talk("Greet the world", "/probs", "/help", "/set", "/history", "/edit Step by step", "/probs", width=40)
        assert "🌍" in shown and max(map(cell_len, shown.splitlines())) <= 40


class TestCompare:
    def test_both_answer_with_the_seed_of_the_last_reply_and_both_answers_are_kept(
        self, assistant: Assistant, folders: dict[str, Path], database: Database
    ) -> None:
        talk = Talk(assistant.engine(), database, temperature=3.0, seed=5, max_tokens=20)
        shown = talk("Hi", "/regenerate", f"/compare {folders['sft']}")
        question, _, second, other = rows(database)
        assert other.parent_id == question.id and other.model == str(folders["sft"])
        assert other.message == second.message and other.sampling == second.sampling
        assert (other.sampling or {})["seed"] == 6 and "the two replies are equal" in shown
        assert talk.rows == [question.id, second.id], "the chat goes on with its own"

    def test_a_base_model_goes_on_with_the_question(
        self, assistant: Assistant, folders: dict[str, Path], database: Database
    ) -> None:
        shown = Talk(assistant.engine(), database, max_tokens=8)("Hi", f"/compare {folders['base']}")
        assert "▸ from here on they differ" in shown
        assert rows(database)[2].message == continuation(assistant, "Hi", 8)

    def test_a_folder_that_is_no_model_is_named_and_the_chat_goes_on(
        self, assistant: Assistant, tmp_path: Path, database: Database
    ) -> None:
        shown = Talk(assistant.engine(), database)("Hi", f"/compare {tmp_path}", "/compare", "/regenerate")
        assert "no model at" in shown and "/compare DIR" in shown and shown.count("Hello.") == 2

    def test_ctrl_c_stops_both_and_keeps_neither(
        self, assistant: Assistant, folders: dict[str, Path], database: Database
    ) -> None:
        talk = Talk(engine := Impatient(assistant.model, assistant.tokenizer), database)
        talk("Hi", "/regenerate")
        engine.seen.clear()
        assert "(stopped)" in talk(f"/compare {folders['sft']}") and len(rows(database)) == 2

    @pytest.mark.parametrize("width", [40, 80])
    def test_replies_stand_side_by_side_where_there_is_room(self, width: int) -> None:
        screen = io.StringIO()
        console = Console(file=screen, width=width)
        console.print(
            comparison_view(("one", "two"), ("It is 你好 🌍. " * 9 + "Yes.", "It is 你好 🌍. " * 9 + "No."), width)
        )
        lines = screen.getvalue().splitlines()
        assert max(map(cell_len, lines)) <= width
        assert ("two" in lines[0]) == (width == 80)
        text = " ".join(screen.getvalue().split())
        assert "▸Yes." in text and "▸No." in text


def test_the_examples_in_the_source_hold() -> None:
    assert doctest.testmod(chat_views) == (0, 1)
