"""A chat in the terminal: what is typed, what is shown, and what is remembered."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orrery.database import Database
from orrery.inference.chat_history import latest_chats, read_chat
from orrery.inference.chat_terminal import COMMANDS
from orrery.inference.engine import Engine, Sampling
from orrery.inference.stream import Event, TextDelta
from orrery.stages.conversations import read_conversations
from tests.inference.assistant import Assistant, says, user
from tests.inference.talking import Impatient, Interrupted, Talk, Typed, continuation, rows, watched


def test_answers_and_tool_calls_are_shown(assistant: Assistant, database: Database) -> None:
    shown = Talk(assistant.engine(), database)("What is 12 times 7?")
    assert 'calculator {"expression": "12*7"} → 84' in shown and "12 times 7 is 84." in shown
    assert "<tool_call>" not in shown and "<|im_end|>" not in shown


def test_the_conversation_is_remembered_until_reset(assistant: Assistant, database: Database) -> None:
    engine = watched(assistant)
    Talk(engine, database)("Hi", "  ", "Hi", "/reset", "Hi")
    first, second, third = engine.seen
    assert first == third == [user("Hi")]
    assert second[:1] == first and second[-1] == user("Hi") and second[1]["role"] == "assistant"
    assert len(latest_chats(database, 9)) == 2, "the first one stays in the database"


class TestCtrlC:
    def test_stops_a_reply_and_keeps_what_was_said(self, assistant: Assistant, database: Database) -> None:
        engine = Interrupted(assistant.model, assistant.tokenizer)
        assert "(stopped)" in Talk(engine, database)("Hi", "Hi")
        assert engine.seen[1][0] == user("Hi") and engine.seen[1][2] == user("Hi")
        partial = engine.seen[1][1]
        assert partial["role"] == "assistant" and "Hello.".startswith(partial["content"]) and partial != says("Hello.")
        assert [row.finish_reason for row in rows(database)[:2]] == [None, "stopped"]

    def test_before_the_first_word_lets_the_next_message_take_the_questions_place(
        self, assistant: Assistant, database: Database
    ) -> None:
        engine = Impatient(assistant.model, assistant.tokenizer)
        assert "Hello." in Talk(engine, database)("never mind", "Hi")
        assert engine.seen[1] == [user("Hi")]

    @pytest.mark.parametrize(("then", "asked"), [("/regenerate", "Hi there"), ("/edit Hi", "Hi")])
    def test_before_the_first_word_leaves_a_question_to_edit_or_ask_again(
        self, assistant: Assistant, database: Database, then: str, asked: str
    ) -> None:
        engine = Impatient(assistant.model, assistant.tokenizer)
        Talk(engine, database)("Hi there", then)
        assert engine.seen[1] == [user(asked)]

    def test_at_the_prompt_says_how_to_leave(self, assistant: Assistant, database: Database) -> None:
        shown = Talk(assistant.engine(), database)(KeyboardInterrupt, "Hi")
        assert "Ctrl-D leaves" in shown and "Hello." in shown


@pytest.mark.parametrize("leave", ["/quit", "/exit", EOFError])
def test_leaving(assistant: Assistant, database: Database, leave: Typed) -> None:
    assert "Hello." not in Talk(assistant.engine(), database)(leave, "Hi")
    assert latest_chats(database, 9) == [], "where nothing was said, nothing is kept"


def test_commands_are_listed_and_unknown_ones_lead_to_the_nearest(assistant: Assistant, database: Database) -> None:
    talk = Talk(assistant.engine(), database)
    assert all(command in talk("/help") for command in (*COMMANDS, "/quit", "Ctrl-C"))
    assert "there is no command /regenrate; did you mean '/regenerate'?" in talk("/regenrate now")


def test_a_message_may_begin_with_a_slash_behind_a_space(assistant: Assistant, database: Database) -> None:
    engine = watched(assistant)
    Talk(engine, database)(" /etc is a folder")
    assert engine.seen == [[user("/etc is a folder")]]


def test_a_message_that_is_too_long_is_refused_and_the_session_goes_on(
    assistant: Assistant, database: Database
) -> None:
    shown = Talk(assistant.engine(), database)("x " * 400, "Hi")
    assert "there is room for 192: shorten it" in " ".join(shown.split()) and "Hello." in shown
    assert len(rows(database)) == 2, "it is not kept either"


def test_a_full_context_forgets_the_oldest_turns_and_says_so(assistant: Assistant, database: Database) -> None:
    engine = watched(assistant)
    talk = Talk(engine, database)
    assert "the oldest turns are forgotten" in talk(*["Hi"] * 12)
    assert max(map(len, engine.seen)) < 23 and engine.seen[-1][0]["role"] == "user"
    assert len(rows(database)) == len(talk.said) == 24, "by the model; the database keeps them"


def test_control_characters_never_reach_the_terminal(assistant: Assistant, database: Database) -> None:
    hostile = "\x1b]0;owned\x07[bold]plain[/bold]\x9b2J\r"

    class Hostile(Engine):
        def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
            yield TextDelta(hostile)
            raise KeyboardInterrupt

    talk = Talk(Hostile(assistant.model, assistant.tokenizer), database)
    shown = talk("Hi", f"/system {hostile}", f"/{hostile}") + talk("/probs", "/history", "/edit Hi", "/undo")
    assert not set(shown) & set("\x1b\x07\x9b\r") and shown.count("[bold]plain[/bold]") > 3


def test_a_cut_reply_says_which_setting_allows_more(assistant: Assistant, database: Database) -> None:
    assert "--max-tokens" in Talk(assistant.engine(), database, max_tokens=2)("Hi")


class TestAnotherAnswer:
    def test_regenerate_asks_the_same_with_another_seed_and_keeps_the_old_answer_as_a_branch(
        self, assistant: Assistant, database: Database
    ) -> None:
        engine = watched(assistant)
        talk = Talk(engine, database, temperature=0.5, seed=7)
        talk("Hi", "/regenerate")
        assert engine.seen == [[user("Hi")]] * 2 and engine.seeds == [7, 8]
        question, first, second = rows(database)
        assert first.parent_id == second.parent_id == question.id and first.finish_reason == second.finish_reason
        assert (first.sampling or {})["seed"] == 7 and (second.sampling or {})["seed"] == 8
        assert talk.rows == [question.id, second.id]

    def test_greedily_it_says_that_it_will_be_the_same(self, assistant: Assistant, database: Database) -> None:
        shown = Talk(assistant.engine(), database)("Hi", "/regenerate")
        assert "/set temperature" in shown and shown.count("Hello.") == 2

    def test_other_goes_through_all_answers_tool_calls_included(self, assistant: Assistant, database: Database) -> None:
        talk = Talk(assistant.engine(), database)
        talk("What is 12 times 7?", "/regenerate", "/regenerate")
        last = talk.rows
        for place in (1, 2, 3):
            shown = talk("/other")
            assert f"({place} of 3 answers)" in shown and "12 times 7 is 84." in shown and "calculator" in shown
            kept = [row.id for row in read_chat(database, 1)[1]]
            assert talk.rows == kept, "the next session goes on from there"
            assert (kept == last) == (place == 3), "after the last comes the first"

    def test_edit_offers_the_old_text_and_asks_the_new_one_in_its_place(
        self, assistant: Assistant, database: Database
    ) -> None:
        engine = watched(assistant)
        talk = Talk(engine, database)
        talk("Hi", "Greet", "/edit", "Greet the world")
        assert talk.keyboard.offered == ["Greet"]
        assert engine.seen[2] == [*engine.seen[1][:2], user("Greet the world")]
        assert "Greet" in [row.message["content"] for row in rows(database)], "the old one stays as a branch"

    @pytest.mark.parametrize("typed", ["", EOFError, KeyboardInterrupt])
    def test_an_edit_that_is_given_up_changes_nothing(
        self, assistant: Assistant, database: Database, typed: Typed
    ) -> None:
        talk = Talk(assistant.engine(), database)
        assert "nothing is changed" in talk("Hi", "/edit", typed)
        assert talk.said == ["Hi", "Hello."]

    def test_undo_takes_back_a_question_with_all_that_answered_it(
        self, assistant: Assistant, database: Database
    ) -> None:
        talk = Talk(assistant.engine(), database)
        assert "taken back: What is 12 times 7?" in talk("Hi", "What is 12 times 7?", "/undo")
        assert talk.said == ["Hi", "Hello."] and [row.id for row in read_chat(database, 1)[1]] == [1, 2]

    @pytest.mark.parametrize("command", ["/regenerate", "/edit", "/undo", "/probs", "/other", "/compare x"])
    def test_what_needs_a_question_says_so(self, assistant: Assistant, database: Database, command: str) -> None:
        assert "nothing has been asked yet" in Talk(assistant.engine(), database)(command)


class TestSettings:
    def test_a_system_message_opens_every_conversation(self, assistant: Assistant, database: Database) -> None:
        engine = watched(assistant)
        Talk(engine, database, system="Be brief.", max_tokens=5)("Hi", "/reset", "Hi")
        assert [seen[0] for seen in engine.seen] == [{"role": "system", "content": "Be brief."}] * 2

    def test_system_shows_it_sets_it_for_what_follows_and_takes_it_away(
        self, assistant: Assistant, database: Database
    ) -> None:
        engine = watched(assistant)
        shown = Talk(engine, database)("/system", "Hi", "/system Be brief.", "Hi", "/system off", "Hi")
        assert shown.count("no system message") == 2 and "system: Be brief." in shown
        assert [seen[0]["role"] for seen in engine.seen] == ["user", "system", "user"]
        assert [row.system for row in rows(database) if row.finish_reason] == [None, "Be brief.", None]

    def test_set_shows_and_changes_settings_and_refuses_what_cannot_be(
        self, assistant: Assistant, database: Database
    ) -> None:
        talk = Talk(assistant.engine(), database)
        assert "min_p" in talk("/set", "/set temperature 0.5", "/set max_tokens 7", "/set seed 123456789")
        changed = talk.session.sampling
        assert (changed.temperature, changed.max_tokens, changed.seed) == (0.5, 7, 123456789)
        for typed, message in {
            "tempreature 1": "did you mean 'temperature'?",
            "temperature hot": "temperature is a number, which 'hot' is not",
            "max_tokens 0.5": "max_tokens is a whole number",
            "top_p 2": "top_p is 2.0; it must be",
            "temperature nan": "temperature is nan",
            "temperature": "/set temperature VALUE",
        }.items():
            assert message in talk(f"/set {typed}")
        assert talk.session.sampling == changed

    def test_a_seed_that_is_set_is_that_of_the_next_reply(self, assistant: Assistant, database: Database) -> None:
        engine = watched(assistant)
        Talk(engine, database)("Hi", "/regenerate", "/set seed 40", "/regenerate", "/regenerate")
        assert engine.seeds == [0, 1, 40, 41]


class TestHistory:
    def test_a_chat_can_be_gone_on_with(self, assistant: Assistant, database: Database) -> None:
        Talk(assistant.engine(), database, system="Be brief.")("Hi")
        engine = watched(assistant)
        talk = Talk(engine, database)
        shown = talk("/history", "/open 1", "Hi again")
        assert "1  20" in shown and "runs/test/sft" in shown and "you> Hi" in shown and "system: Be brief." in shown
        system, first, *_, last = engine.seen[0]
        assert system["content"] == "Be brief." and first == user("Hi") and last == user("Hi again")
        assert len(engine.seen[0]) > 3 and len(latest_chats(database, 9)) == 1

    def test_another_model_that_goes_on_is_named(self, assistant: Assistant, database: Database) -> None:
        Talk(assistant.engine(), database)("Hi")
        talk = Talk(assistant.engine(), database)
        talk.session.speaker = replace(talk.session.speaker, name="runs/test/dpo")
        assert "(begun with runs/test/sft; runs/test/dpo goes on)" in talk("/open 1")

    def test_the_list_begins_with_the_chat_in_which_something_was_said_last(
        self, assistant: Assistant, database: Database
    ) -> None:
        Talk(assistant.engine(), database)("Hi", "/reset", "Greet the world", "/reset", "/open 1", "Hi")
        assert [(listed.chat.id, listed.first) for listed in latest_chats(database, 9)] == [
            (1, "Hi"),
            (2, "Greet the world"),
        ]

    def test_another_chat_is_sampled_with_seeds_that_were_not_used_yet(
        self, assistant: Assistant, database: Database
    ) -> None:
        Talk(assistant.engine(), database, temperature=1.0)("Hi", "/regenerate")
        engine = watched(assistant)
        Talk(engine, database, temperature=1.0)("/open 1", "/regenerate")
        assert engine.seeds == [2]

    @pytest.mark.parametrize("number", ["9", str(10**30), "x", ""])
    def test_a_chat_that_is_not_there_is_an_error(self, assistant: Assistant, database: Database, number: str) -> None:
        shown = Talk(assistant.engine(), database)(f"/open {number}", "Hi")
        assert ("there is no chat" in shown or "/open N" in shown) and "Hello." in shown

    def test_a_database_that_fails_is_named_and_the_chat_goes_on(
        self, assistant: Assistant, database: Database
    ) -> None:
        talk = Talk(assistant.engine(), database)
        talk("Hi")
        with database.session() as session:
            session.connection().exec_driver_sql("DROP TABLE chat_messages")
        shown = talk("What is 12 times 7?", "/help")
        assert "the database" in shown and "no such table" in shown and "/regenerate" in shown
        assert talk.said == ["Hi", "Hello."], "what was not saved was not asked"


class TestSave:
    def test_a_conversation_is_saved_as_sft_reads_it(
        self, assistant: Assistant, database: Database, tmp_path: Path
    ) -> None:
        talk = Talk(assistant.engine(), database)
        path = tmp_path / "new" / "chats.jsonl"
        assert "added to" in talk(
            "Two sums", "/system Be brief.", f"/save {path}", "/system off", "/reset", "Hi", f"/save {path}"
        )
        first, second = read_conversations([path])
        assert [message["role"] for message in first[:3]] == ["system", "user", "assistant"]
        assert first[2]["tool_calls"] and second == talk.session.messages

    def test_a_conversation_is_saved_to_be_read_and_no_file_is_overwritten(
        self, assistant: Assistant, database: Database, tmp_path: Path
    ) -> None:
        talk, path = Talk(assistant.engine(), database), tmp_path / "chat.md"
        assert "is there already" in " ".join(talk("Greet the world", f"/save {path}", f"/save {path}").split())
        assert "## user\n\nGreet the world\n" in path.read_text() and "Héllo 🌍, 你好!" in path.read_text()

    def test_what_cannot_be_saved_is_refused(self, assistant: Assistant, database: Database, tmp_path: Path) -> None:
        talk = Talk(assistant.engine(), database)
        for typed, message in {
            f"{tmp_path}/a.txt": "must end in .md (to read) or .jsonl (to train on)",
            f"{tmp_path}/a.md": "nothing to save yet",
            f"{tmp_path}/a.jsonl": "messages is empty",
            "": "/save FILE",
        }.items():
            assert message in " ".join(talk(f"/save {typed}").split())
        assert not list(tmp_path.glob("a.*"))
        talk("Hi")
        assert "cannot be written" in " ".join(talk("/save /proc/none/a.md", "/save /proc/none/a.jsonl").split())


class TestBaseModel:
    def test_each_text_is_a_document_of_its_own(self, assistant: Assistant, database: Database, tmp_path: Path) -> None:
        talk = Talk(assistant.engine(), database, assistant=False, max_tokens=3)
        shown = talk("12 times", "Hello", "/regenerate", "/probs", f"/save {tmp_path}/text.jsonl", "/system x")
        assert "This is a base model" in shown and "knows no system message" in shown and "instead" in shown
        written_on = continuation(assistant, "Hello", 3)
        assert talk.session.messages == [user("Hello"), written_on]
        assert [row.parent_id for row in rows(database)] == [None, 1, None, 3, 3], "two documents, three continuations"
        assert json.loads((tmp_path / "text.jsonl").read_text()) == {"text": "Hello" + written_on["content"]}
        written = talk.session.choices(1)
        talk.session.open(1)
        assert len(written) == 3 and talk.session.choices(1) == written

    def test_a_text_that_is_too_long_is_refused(self, assistant: Assistant, database: Database) -> None:
        shown = Talk(assistant.engine(), database, assistant=False)("x " * 400)
        assert "there is room for 255: shorten it" in " ".join(shown.split()) and not rows(database)
