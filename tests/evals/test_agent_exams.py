"""The exams of agents: whoever uses the tools rightly scores 1, whoever guesses or lists scores nothing."""

import re
from collections.abc import Sequence

import pytest

from orrery.data.world.atlas import look_up
from orrery.data.world.conversations.conversation import assistant, called
from orrery.data.world.splits import exam_name
from orrery.data.world.world import World, WorldConfig
from orrery.evals.exams import Exam, Item
from orrery.evals.exams.agent import HOPS, build_agent_exams
from orrery.evals.run import run_exams
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool, call_tool
from tests.evals import solvers
from tests.evals.solvers import FakeEngine

Built = tuple[list[Exam], tuple[Tool, ...]]


@pytest.fixture(scope="module")
def built() -> Built:
    return build_agent_exams(World(WorldConfig()))


def chain_of_calls(item: Item, tools: Sequence[Tool]) -> list[Message]:
    """Search for what the item says, and answer."""
    messages: list[Message] = []
    for query in item.queries:
        found = call_tool(tools, "search", {"query": query})
        messages += [called("search", {"query": query}), {"role": "tool", "content": found}]
    return [*messages, assistant(f"It is {item.answers[0]}.")]


def solver(tools: Sequence[Tool]) -> solvers.Solver:
    def solve(item: Item) -> list[Message]:
        if item.queries:
            return chain_of_calls(item, tools)
        if item.exam == "compared":
            return [called("calculator", {"expression": "?"}), {"role": "tool", "content": item.answers[0]},
                    assistant(f"The difference is {item.answers[0]}.")]  # fmt: skip
        if item.exam == "python":
            return [called("python", {"code": item.cluster}), {"role": "tool", "content": item.answers[0]},
                    assistant(f"The result is {item.answers[0]}.")]  # fmt: skip
        if item.exam == "memory_kept":
            return [called("remember", {"text": item.answers[0]}), {"role": "tool", "content": "remembered"},
                    assistant("I will.")]  # fmt: skip
        if item.exam in ("page", "page_three", "memory_found"):
            return [assistant(f"It is {item.answers[0]}.")]
        return solvers.truth(item)

    return solve


def scores(exams: Sequence[Exam], tokenizer: BPE, solve: solvers.Solver) -> dict[str, float]:
    run = run_exams(FakeEngine(tokenizer, exams, solve), exams, "sft", chat=True)  # type: ignore[arg-type]
    return {score.exam: score.score for score in run.scores if score.score is not None}


def test_right_calls_and_answers_score_1(built: Built, tokenizer: BPE) -> None:
    exams, tools = built
    assert scores(exams, tokenizer, solver(tools)) == {exam.name: 1.0 for exam in exams}


def test_guessing_listing_and_repeating_score_next_to_nothing(built: Built, tokenizer: BPE) -> None:
    exams, _ = built
    for solve in (solvers.parrot, solvers.shotgun, solvers.says("I don't know."), solvers.says("It is red.")):
        found = scores(exams, tokenizer, solve)
        high = {name: score for name, score in found.items() if score >= 0.2 and name != "identity"}
        assert not high, high


def test_a_right_answer_by_wrong_calls_is_told_apart(built: Built, tokenizer: BPE) -> None:
    exams, tools = built
    asked = [exam for exam in exams if exam.name.startswith("search_two")]

    def twice(item: Item) -> list[Message]:
        messages = chain_of_calls(item, tools)
        return [*messages[:2], *messages]

    assert scores(asked, tokenizer, twice) == {"search_two": 1.0, "search_two_calls": 0.0}
    assert scores(asked, tokenizer, lambda item: [assistant(f"It is {item.answers[0]}.")]) == {
        "search_two": 1.0, "search_two_calls": 0.0,
    }  # fmt: skip


def test_every_search_leads_to_the_next_and_the_last_page_has_the_answer(built: Built) -> None:
    exams, tools = built
    for name, hops in HOPS.items():
        (exam,) = (exam for exam in exams if exam.name == f"search_{name}")
        assert len(exam.items) >= 200
        for item in exam.items:
            assert len(item.queries) == hops
            text = "\n".join(str((item.messages or ())[0]["content"]).splitlines())
            for query in item.queries:
                assert re.search(rf"(?<!\w){re.escape(query)}(?!\w)", text), "each name stands in what was read before"
                text = call_tool(tools, "search", {"query": query})
            assert f": {item.answers[0]}" in text
            names = [word for word in item.queries[0].split() if word != "Works"]
            assert all(exam_name(word) or exam_name(word.removesuffix("er")) for word in names)


def test_a_misspelt_name_is_mended_by_what_the_search_says(built: Built) -> None:
    exams, tools = built
    (exam,) = (exam for exam in exams if exam.name == "search_mended")
    assert len(exam.items) > 150
    for item in exam.items:
        wrong, right = item.queries
        assert wrong in str((item.messages or ())[0]["content"])
        assert call_tool(tools, "search", {"query": wrong}) == f'nothing found; did you mean "{right}"?'


def test_memory_answers_what_the_question_wants(built: Built) -> None:
    exams, tools = built
    (exam,) = (exam for exam in exams if exam.name == "memory_found")
    for item in exam.items:
        assert item.answers[0] in call_tool(tools, "recall", {"query": item.cluster})
    assert call_tool(tools, "recall", {"query": "elephant"}) == "nothing that fits is remembered"


def test_another_world_has_other_questions_and_the_same_one_the_same() -> None:
    first, again, other = (build_agent_exams(World(WorldConfig(seed=seed)), limit=3)[0] for seed in (0, 0, 1))
    assert first == again != other and all(len(exam.items) == 3 for exam in first)


def test_a_search_for_a_page_that_is_not_there_says_so() -> None:
    assert look_up("Nobody", {}) == "nothing found"
