"""ReAct as text: what a model writes is read as thoughts, calls and answers."""

from collections.abc import Sequence

import pytest

from orrery.agents.loop import run_agent
from orrery.agents.react import ReActModel
from orrery.agents.steps import Action, FinalAnswer, Observation, Task, Thought
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import tool_from_function

FACTS = {"birthplace of Ivo Lund": "Ivo Lund was born in Tarn.", "elevation of Tarn": "Tarn lies at 412 metres."}


def search(query: str) -> str:
    """Search the encyclopedia."""
    return FACTS.get(query, "nothing found")


TOOLS = [CALCULATOR, tool_from_function(search)]


class Writer:
    """A language model's place: goes on with each text as its script says, and keeps what it was given."""

    def __init__(self, *script: str) -> None:
        self.script = list(script)
        self.given: list[str] = []

    def __call__(self, text: str, stops: Sequence[str]) -> str:
        self.given.append(text)
        return self.script.pop(0)


def test_two_hops() -> None:
    writer = Writer(
        'Thought: I need his birthplace.\nAction: search[{"query": "birthplace of Ivo Lund"}]\n',
        "Thought: Now how high Tarn is.\nAction: search[elevation of Tarn]\nObservation: I make this up.",
        "Thought: I know the answer.\nAnswer: 412 metres\n\nQuestion: another one",
    )
    steps = list(run_agent(ReActModel(writer), "How high is Ivo Lund's birthplace?", TOOLS))
    assert steps == [
        Task("How high is Ivo Lund's birthplace?"),
        Thought("I need his birthplace."),
        Action("search", {"query": "birthplace of Ivo Lund"}),
        Observation("Ivo Lund was born in Tarn."),
        Thought("Now how high Tarn is."),
        Action("search", {"query": "elevation of Tarn"}),
        Observation("Tarn lies at 412 metres."),
        Thought("I know the answer."),
        FinalAnswer("412 metres"),
    ]
    assert writer.given[-1].endswith("Action: search[elevation of Tarn]\nObservation: Tarn lies at 412 metres.\n"), (
        "what the model made up is not in its text"
    )


def test_the_prompt_lists_the_tools_and_shows_each_at_work() -> None:
    writer = Writer("Answer: 1")
    list(run_agent(ReActModel(writer), "One?", TOOLS))
    assert 'search[{"query": "…"}]: Search the encyclopedia.' in writer.given[0]
    assert writer.given[0].count("Observation:") == 3  # the calculator's example, and two searches
    assert writer.given[0].endswith("Question: One?\n")


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ('Action: calculator[{"expression": "2*[3]"}]', Action("calculator", {"expression": "2*[3]"})),
        ("Action: calculator[2*3]", Action("calculator", {"expression": "2*3"})),
        ('Action: calculator["2*3"]', Action("calculator", {"expression": "2*3"})),
        ("Action: calculator[6]", Action("calculator", {"expression": "6"})),
        ("Action: nothing[x]", Action("nothing", "x")),
    ],
)
def test_calls_are_read_in_any_of_their_forms(written: str, action: Action) -> None:
    steps = list(run_agent(ReActModel(Writer(written, "Answer: x")), "Go", TOOLS))
    assert steps[1] == action


def test_what_is_neither_call_nor_answer_is_told_the_form() -> None:
    steps = list(run_agent(ReActModel(Writer("I wonder.", "Final Answer: yes")), "Go", TOOLS))
    assert steps[1] == Thought("I wonder.")
    assert isinstance(steps[2], Observation) and steps[2].text.startswith("error: write")
    assert steps[-1] == FinalAnswer("yes")


def test_a_forced_answer_is_asked_for() -> None:
    writer = Writer("Action: calculator[1]", " 1\nQuestion: more")
    steps = list(run_agent(ReActModel(writer), "Go", TOOLS, max_steps=1))
    assert writer.given[-1].endswith("give your answer now\nAnswer:")
    assert steps[-1] == FinalAnswer("1", "forced: the steps that it may make are used up")
