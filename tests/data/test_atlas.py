"""Small worlds for agents: new names every time, pages of five lines, chains that lead where they say."""

import re
from pathlib import Path

import pytest

from orrery.agents.index import Index, IndexSettings
from orrery.agents.library import Library
from orrery.data.world.atlas import FILES, LINES, RELATIONS, Atlas, Chain, look_up, misspelt
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import AGENT_MIX, Conversation, conversations, python
from orrery.data.world.splits import exam_name
from orrery.data.world.world import World
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import validate_messages
from orrery.tools.calculator import CALCULATOR
from orrery.tools.python import PYTHON
from orrery.tools.registry import call_tool
from tests.tools.isolation import isolated

NAMES = re.compile(r"\b[A-Z][a-z]+\b|\b[a-z]+er\b")


@pytest.fixture(scope="module")
def spoken() -> list[Conversation]:
    return list(conversations(World(), 6000, mix=AGENT_MIX))


def chains(count: int, hops: int, kept: bool = False) -> list[Chain]:
    return [Atlas(Choice(number), kept).chain(hops) for number in range(count)]


@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_a_chain_leads_from_page_to_page(hops: int) -> None:
    for chain in chains(300, hops):
        assert len(chain.pages) == len(chain.relations) == hops
        for value, following in zip(chain.values, chain.pages[1:], strict=False):
            assert value == following.title
        for page in chain.pages:
            assert len(page.values) == LINES and set(page.values) <= set(RELATIONS[page.kind])
        assert len(set(chain.names)) == hops
        assert chain.words.count("the ") >= hops and chain.words.endswith(chain.names[0])
        assert chain.values[-1] in chain.answer and chain.names[-1] in chain.answer


def test_no_name_of_the_exams_is_ever_trained_on(spoken: list[Conversation]) -> None:
    kept = {word for chain in chains(2000, 2, kept=True) for name in chain.names for word in name.split()}
    assert all(exam_name(word.removesuffix("er")) or exam_name(word) for word in kept - {"Works"})
    read = "\n".join(str(one.messages) for one in spoken if one.kind in ("search", "compared", "page", "memory"))
    assert not {word for word in NAMES.findall(read) if word in kept and word != "Works"}


def test_names_are_hardly_ever_met_twice() -> None:
    titles = [name for chain in chains(3000, 2) for name in chain.names if " " in name and "Works" not in name]
    assert len(set(titles)) > 0.99 * len(titles)


def test_a_misspelt_name_is_another_that_is_like_it() -> None:
    for number in range(500):
        name = Atlas(Choice(number)).name("person")
        wrong = misspelt(Choice(number), name)
        assert wrong != name and wrong.count(" ") == 1 and abs(len(wrong) - len(name)) <= 1


def test_conversations_of_agents_are_valid_and_every_call_is_answered_by_the_tool_itself(
    spoken: list[Conversation],
) -> None:
    kinds = {one.kind for one in spoken}
    assert kinds == set(AGENT_MIX) and sum(AGENT_MIX.values()) == pytest.approx(1)
    for number, one in enumerate(spoken):
        validate_messages(list(one.messages), f"conversation {number}", training=True)
        assert one.messages[-1]["role"] == "assistant" and one.messages[-1].get("weight", 1)
        for said, told in zip(one.messages, one.messages[1:], strict=False):
            for call in said.get("tool_calls", ()):
                assert told["role"] == "tool"
                if call["function"]["name"] == "calculator":
                    assert told["content"] == call_tool([CALCULATOR], **call["function"])


def test_a_searcher_asks_for_the_names_on_the_way_and_ends_with_the_answer(spoken: list[Conversation]) -> None:
    ways = set()
    for one in (one for one in spoken if one.kind == "search"):
        calls = [m for m in one.messages if m.get("tool_calls")]
        queries = [m["tool_calls"][0]["function"]["arguments"]["query"] for m in calls]
        way = one.provenance["way"]
        ways.add(way)
        if way == "nobody":
            assert one.messages[-1]["content"] == f"I found nothing about {queries[0]}."
            continue
        names = list(one.provenance["queries"])
        on_the_way = list(dict.fromkeys(queries)) if way == "twice" else queries[-len(names) :]
        assert on_the_way == names and one.messages[-1]["content"].endswith(f" {one.provenance['value']}.")
        assert len(queries) == len(names) + (way != "right")
        # Only a search for something else is not trained on.
        assert [m.get("weight", 1) for m in calls] == [0 if way == "wrong" else 1] + [1] * (len(calls) - 1)
    assert ways == {"right", "misspelt", "busy", "wrong", "nobody", "twice"}


@isolated
def test_what_python_is_said_to_print_it_prints() -> None:
    seen = set()
    for number in range(40):
        job = python.drawn(Choice(number))
        assert call_tool([PYTHON], "python", {"code": job.code}) == job.printed
        if job.tried not in seen and len(seen) < 6:
            seen.add(job.tried)
            failed = call_tool([PYTHON], "python", {"code": job.tried})
            assert failed.startswith(python.FAILED) and failed.endswith(job.error)


def test_a_mistake_is_read_but_not_learnt(spoken: list[Conversation]) -> None:
    wrong = next(one for one in spoken if one.provenance.get("way") == "wrong")
    tokenizer = BPE.train([str(one.messages) for one in spoken[:200]], 400)
    right = [{key: value for key, value in message.items() if key != "weight"} for message in wrong.messages]
    masked, whole = render(list(wrong.messages), tokenizer), render(right, tokenizer)
    assert masked.ids == whole.ids
    dropped = [a and not b for a, b in zip(whole.mask, masked.mask, strict=True)]
    assert "search" in tokenizer.decode([i for i, gone in zip(masked.ids, dropped, strict=True) if gone])
    assert sum(masked.mask) + sum(dropped) == sum(whole.mask) and any(masked.mask)


def test_the_search_that_trains_says_what_the_search_of_files_says(tmp_path: Path) -> None:
    """`look_up`, in conversations and exams, and `Library.search` over an index of the same pages."""
    pages = {page.title: page for chain in chains(30, 3) for page in chain.pages}
    for kind, file in FILES.items():
        (tmp_path / file).write_text("\n".join(page.markdown for page in pages.values() if page.kind == kind))
    with Index(tmp_path / "index.db", IndexSettings()) as index:
        index.update([tmp_path])
        library = Library(index)
        for title in pages:
            assert library.search(title) == look_up(title, pages)
        for nothing in ("Qqqqqq", misspelt(Choice(3), next(iter(pages)))):
            assert library.search(nothing) == look_up(nothing, pages)
