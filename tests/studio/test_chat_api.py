"""Chats over HTTP: replies token by token, branches, and one database with `orrery chat`."""

import math
from pathlib import Path
from typing import Any

import pytest

from orrery.database import open_database
from orrery.inference.alternatives import alternatives
from orrery.inference.chat_session import ChatSession
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.speaker import Speaker
from orrery.tokenizers.chat import render
from tests.inference.assistant import user
from tests.server.running import eventually
from tests.studio.chats import ask, begin, branch, events, texts
from tests.studio.conftest import Studio

ENDLESS: dict[str, Any] = {"model": "slow/base", "sampling": {"max_tokens": 10_000}}


@pytest.fixture(scope="module")
def engine(runs: Path) -> Engine:
    """The same assistant, in this process."""
    return Engine.load(runs / "tiny" / "sft")


def test_a_reply_comes_token_by_token_with_its_tools_and_is_saved(studio: Studio, engine: Engine) -> None:
    chat = begin(studio)
    came = ask(studio, chat, "What is 12 times 7?", top=3)
    assert [event["type"] for event in (came[0], came[-1])] == ["question", "done"]
    turn = engine.turns([[user("What is 12 times 7?")]], Sampling(max_tokens=200))[0]
    tokens = [event for event in came if event["type"] == "token"]
    written = [id for id, mine in zip(turn.ids, turn.mask, strict=True) if mine]
    assert [token["id"] for token in tokens] == written
    logprobs = [logprob for logprob, mine in zip(turn.logprobs, turn.mask, strict=True) if mine]
    assert [token["logprob"] for token in tokens] == pytest.approx(logprobs, abs=1e-4)
    assert [event["text"] for event in came if event["type"] == "tool"] == ["84"]
    assert "".join(token["text"] for token in tokens if token["kind"] == "text") == "12 times 7 is 84."
    assert {token["kind"] for token in tokens} == {"call", "text", "end"}
    done = came[-1]
    assert (done["reason"], done["tokens"]) == ("stop", len(written))
    messages = done["chat"]["messages"]
    assert [message["id"] for message in messages[1:]] == done["saved"] and messages == branch(studio, chat)
    assert texts(messages) == ["What is 12 times 7?", "", "84", "12 times 7 is 84."]
    assert messages[1]["calls"] == [{"name": "calculator", "arguments": {"expression": "12*7"}}]


def test_characters_come_whole_and_alternatives_have_both_probabilities(studio: Studio) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.01}
    came = ask(studio, begin(studio), "Greet the world", sampling=sampling, top=4)
    tokens = [event for event in came if event["type"] == "token"]
    assert "".join(token["text"] for token in tokens[:-1]) == "Héllo 🌍, 你好!\nHow are you?"
    assert "�" not in str(came) and any(token["text"] == "" for token in tokens)
    for token in tokens:
        raw, shaped = ([math.exp(one[name]) for one in token["top"]] for name in ("logprob", "shaped"))
        assert len(raw) == 4 and raw == sorted(raw, reverse=True)
        # At half the temperature probabilities go as their squares.
        assert shaped[1] / shaped[0] == pytest.approx((raw[1] / raw[0]) ** 2, rel=1e-3)
        assert token["top"][0]["id"] == token["id"]


def test_an_edited_question_and_another_answer_are_branches_to_switch_between(studio: Studio) -> None:
    chat = begin(studio)
    first = ask(studio, chat, "Hi")[-1]["chat"]["messages"]
    second = ask(studio, chat, "Divide by zero", after=first[-1]["id"])[-1]["chat"]["messages"]
    assert texts(second)[:2] == ["Hi", "Hello."] and len(second) == 6
    edited = ask(studio, chat, "Two sums", after=first[-1]["id"])[-1]["chat"]["messages"]
    assert texts(edited)[2] == "Two sums"
    assert edited[2]["beside"] == [second[2]["id"], edited[2]["id"]]
    again = list(events(studio, f"/api/chats/{chat}/answer", model="tiny/sft", question=first[0]["id"]))
    assert again[-1]["chat"]["messages"][1]["beside"] == [first[1]["id"], again[-1]["saved"][0]]
    # A person who goes back to the first answer finds the conversation as it was left there, on its newest branch.
    back = studio.http.post(f"/api/chats/{chat}/head", json={"message": first[1]["id"]}).json()["messages"]
    assert back == branch(studio, chat) and texts(back) == texts(edited)
    back = studio.http.post(f"/api/chats/{chat}/head", json={"message": second[2]["id"]}).json()["messages"]
    assert texts(back) == texts(second)


def test_a_reply_goes_on_from_another_token_beside_the_first_one(studio: Studio, engine: Engine) -> None:
    chat, encode = begin(studio), engine.tokenizer.encode
    messages = ask(studio, chat, "What is 12 times 7?")[-1]["chat"]["messages"]
    chosen = encode("12 times 7 is 3")
    came = list(
        events(studio, f"/api/chats/{chat}/answer", model="tiny/sft", instead=messages[3]["id"], tokens=chosen, top=0)
    )
    tokens = [event for event in came if event["type"] == "token"]
    assert [token["id"] for token in tokens[: len(chosen)]] == chosen
    assert all(token["logprob"] is None for token in tokens[: len(chosen)])
    assert tokens[len(chosen)]["logprob"] is not None
    branched = came[-1]["chat"]["messages"]
    # What it had called before, and what it was told, it has in the new branch, too.
    assert texts(branched)[:3] == texts(messages)[:3] and texts(branched)[3].startswith("12 times 7 is 3")
    assert branched[1]["beside"] == [messages[1]["id"], branched[1]["id"]]
    alone = ask(studio, begin(studio), "Hi")[-1]["chat"]
    ended = list(
        events(
            studio, f"/api/chats/{alone['id']}/answer", model="tiny/sft", instead=alone["messages"][1]["id"],
            tokens=[*encode("Hel"), engine.tokenizer.im_end_id],
        )
    )  # fmt: skip
    assert (ended[-1]["reason"], ended[-1]["tokens"]) == ("stop", 0)
    assert texts(ended[-1]["chat"]["messages"]) == ["Hi", "Hel"]


def test_a_stopped_reply_keeps_its_text_and_the_engine_is_free(studio: Studio, slow: None) -> None:
    chat, seen = begin(studio, "slow/base"), 0
    for event in events(studio, f"/api/chats/{chat}/ask", text="The", **ENDLESS):
        seen += event["type"] == "token"
        if seen == 5 and event["type"] == "token":
            stopped = studio.http.post(f"/api/chats/{chat}/stop").json()
    assert event["reason"] == "stopped" and stopped["messages"] == event["chat"]["messages"]
    assert stopped["messages"][-1]["finish_reason"] == "stopped" and stopped["messages"][-1]["content"]
    assert studio.metric("orrery_requests_running") == 0


def test_a_page_that_goes_away_leaves_what_was_said(studio: Studio, slow: None) -> None:
    chat = begin(studio, "slow/base")
    stream = events(studio, f"/api/chats/{chat}/ask", text="The", **ENDLESS)
    assert [next(stream)["type"] for _ in range(4)] == ["question", "token", "token", "token"]
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: len(branch(studio, chat)) == 2, "the reply is saved")
    assert branch(studio, chat)[1]["finish_reason"] == "stopped"
    eventually(lambda: studio.metric("orrery_requests_running") == 0, "nothing is written")


def test_a_saved_message_is_scored_as_the_model_finds_it(studio: Studio, engine: Engine) -> None:
    chat = begin(studio)
    messages = ask(studio, chat, "What is 12 times 7?")[-1]["chat"]["messages"]
    found = studio.http.get(f"/api/chats/{chat}/tokens/{messages[3]['id']}?top=3").json()
    turn = engine.turns([[user("What is 12 times 7?")]], Sampling(max_tokens=200))[0]
    prompt = render([user("What is 12 times 7?")], engine.tokenizer, add_generation_prompt=True).ids
    choices = alternatives(engine, [*prompt, *turn.ids], 3)[-len(found["tokens"]) :]
    assert [token["id"] for token in found["tokens"]] == [choice.id for choice in choices]
    probabilities = [math.exp(token["logprob"]) for token in found["tokens"]]
    assert probabilities == pytest.approx([choice.probability for choice in choices], abs=1e-4)
    likeliest = [[one["id"] for one in token["top"]] for token in found["tokens"]]
    assert likeliest == [[id for id, _ in choice.likeliest] for choice in choices]


def test_the_terminal_and_the_studio_go_on_with_each_others_chats(studio: Studio, runs: Path) -> None:
    chat = begin(studio)
    ask(studio, chat, "Hi", system=None)
    with open_database(runs) as database:
        session = ChatSession(Speaker.load(runs / "tiny" / "sft"), database, Sampling(max_tokens=100))
        session.open(chat)
        assert session.begun_with == str(runs / "tiny" / "sft")
        session.ask("Two sums", lambda event: None)
        said = [str(message["content"]) for message in session.messages]
    messages = branch(studio, chat)
    assert texts(messages) == said and said[:3] == ["Hi", "Hello.", "Two sums"]
    assert {message["model"] for message in messages if message["role"] == "assistant"} == {"tiny/sft"}
    assert chat in [one["id"] for one in studio.http.get("/api/chats").json()]


def test_a_deleted_chat_is_gone(studio: Studio) -> None:
    chat = begin(studio)
    first = ask(studio, chat, "Hi")[-1]["chat"]["messages"]
    ask(studio, chat, "Hi", after=first[-1]["id"])
    assert studio.http.delete(f"/api/chats/{chat}").status_code == 204
    assert studio.http.get(f"/api/chats/{chat}").status_code == 422
    assert chat not in [one["id"] for one in studio.http.get("/api/chats").json()]


def test_what_cannot_be_is_refused_and_changes_nothing(studio: Studio, slow: None) -> None:
    chat = begin(studio)
    messages = ask(studio, chat, "Hi")[-1]["chat"]["messages"]

    def status(path: str, **body: Any) -> int:
        return int(studio.http.post(path, json={"model": "tiny/sft"} | body).status_code)

    asking, answering = f"/api/chats/{chat}/ask", f"/api/chats/{chat}/answer"
    assert status(asking, text="Hi", model="tiny/none") == 404
    assert status("/api/chats/999999/ask", text="Hi") == 422
    assert status(asking, text="") == 422
    assert status(asking, text="much " * 3000) == 422
    assert status(asking, text="Hi", after=10**9) == 422
    assert status(asking, text="Hi", sampling={"temperature": -1}) == 422
    assert status(asking, text="Hi", sampling={"heat": 1}) == 422
    assert status(answering) == 422
    assert status(answering, instead=messages[0]["id"]) == 422
    assert status(answering, instead=messages[1]["id"], tokens=[10**6]) == 422
    assert branch(studio, chat) == messages
    stream = events(studio, asking, **ENDLESS, text="The")
    next(stream)
    assert status(asking, text="Hi") == 409
    studio.http.post(f"/api/chats/{chat}/stop")
