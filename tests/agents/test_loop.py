"""The agent's loop: one for a model in the engine and for any other that can be begun, heard and told."""

import dataclasses

import pytest
import torch

from orrery.agents.loop import STOP, run_agent
from orrery.agents.models import LocalModel
from orrery.agents.steps import Action, FinalAnswer, Observation, Step, Task, Thought, from_json, shown, to_json
from orrery.errors import ConfigError, ContextFull, DataError
from orrery.inference.forward import Feed, Forward
from orrery.inference.sampling import Sampling
from orrery.inference.session import Session
from orrery.tools.calculator import CALCULATOR
from orrery.tools.final_answer import FINAL_ANSWER
from orrery.tools.registry import tool_from_function
from tests.agents.conftest import Scripted, calls, says
from tests.inference.assistant import ANSWERS, BROKEN, MALFORMED, Assistant, user

SUM = ("calculator", {"expression": "12*7"})


def local(assistant: Assistant, task: str) -> list[Step]:
    """The steps of the tiny assistant."""
    return list(run_agent(LocalModel(assistant.engine(), Sampling()), task, [CALCULATOR]))


def run(script: Scripted, *tools: object, **settings: object) -> list[Step]:
    """The steps of a script, without the task."""
    return list(run_agent(script, "Go", tools or [CALCULATOR], **settings))[1:]  # type: ignore[arg-type]


class TestInTheEngine:
    def test_a_call_an_observation_an_answer(self, assistant: Assistant) -> None:
        assert local(assistant, "What is 12 times 7?") == [
            Task("What is 12 times 7?"),
            Action("calculator", {"expression": "12*7"}),
            Observation("84"),
            FinalAnswer("12 times 7 is 84."),
        ]

    def test_one_call_after_another(self, assistant: Assistant) -> None:
        steps = local(assistant, "Step by step")
        assert [
            type(step).__name__ for step in steps
        ] == "Task Action Observation Action Observation FinalAnswer".split()
        assert steps[-1] == FinalAnswer("It is 100.")

    def test_several_calls_and_words_in_one_message(self, assistant: Assistant) -> None:
        steps = local(assistant, "Two sums")
        assert steps[1] == Thought("Let me see.")
        assert steps[2:6] == [
            Action("calculator", {"expression": "1+2"}),
            Observation("3"),
            Action("calculator", {"expression": "3+4"}),
            Observation("7"),
        ]

    def test_no_call_where_none_is_needed(self, assistant: Assistant) -> None:
        assert local(assistant, "Hi") == [Task("Hi"), FinalAnswer("Hello.")]

    @pytest.mark.parametrize(
        ("task", "observed"),
        [
            ("Divide by zero", "error: division by zero"),
            ("Ask the moon", "error: there is no tool 'moon'; there is calculator"),
            (BROKEN, MALFORMED),
        ],
    )
    def test_what_goes_wrong_is_an_observation_that_it_reacts_to(
        self, assistant: Assistant, task: str, observed: str
    ) -> None:
        steps = local(assistant, task)
        assert steps[-2] == Observation(observed)
        assert steps[-1] == FinalAnswer(
            {"Divide by zero": "That has no answer.", "Ask the moon": "There is no moon."}.get(task, "I give up.")
        )

    @pytest.mark.parametrize("question", ANSWERS)
    def test_says_what_the_batched_engine_says(self, assistant: Assistant, question: str) -> None:
        [expected] = assistant.engine().chat([[user(question)]], Sampling())
        assert local(assistant, question)[-1] == FinalAnswer(expected[-1]["content"])

    def test_computes_only_what_is_new(self, assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a tool's answer generation goes on in the same cache: the conversation so far is not read again."""
        session = Session(assistant.engine(), [user("What is 12 times 7?")], Sampling())
        session.write()
        fed: list[int] = []
        forward = Forward.__call__

        def counting(self: Forward, feeds: list[Feed]) -> torch.Tensor:
            fed.append(sum(len(feed.ids) for feed in feeds))
            return forward(self, feeds)

        monkeypatch.setattr(Forward, "__call__", counting)
        session.feed([{"role": "tool", "content": "84"}])
        session.write()
        assert fed[0] < 30 and set(fed[1:]) == {1}

    def test_a_message_that_grows_too_long_is_cut_and_says_so(self, assistant: Assistant) -> None:
        steps = list(run_agent(LocalModel(assistant.engine(), Sampling(max_tokens=3)), "Greet the world", []))
        assert isinstance(steps[-1], FinalAnswer) and "cut" in steps[-1].forced

    def test_a_full_context_ends_in_an_answer_that_says_so(self, assistant: Assistant) -> None:
        def lecture(expression: str) -> str:
            """Say a lot."""
            return "word " * 400

        tool = tool_from_function(lecture)
        talker = LocalModel(assistant.engine(), Sampling())
        steps = list(run_agent(talker, "What is 12 times 7?", [dataclasses.replace(tool, name="calculator")]))
        assert isinstance(steps[-1], FinalAnswer) and "context of 256 tokens is full" in steps[-1].forced

    def test_a_task_longer_than_the_context_is_an_error(self, assistant: Assistant) -> None:
        with pytest.raises(ContextFull, match="256"):
            local(assistant, "word " * 400)

    def test_a_model_that_must_not_call_cannot(self, assistant: Assistant) -> None:
        said = Session(assistant.engine(), [user("What is 12 times 7?")], Sampling()).write(may_call=False)
        assert "tool_calls" not in said.message and not said.malformed

    def test_tools_can_be_described_to_models_of_others(self, assistant: Assistant) -> None:
        plain = LocalModel(assistant.engine(), Sampling())
        told = LocalModel(assistant.engine(), Sampling(), describe=True)
        plain.begin([user("Hi")], [CALCULATOR])
        with pytest.raises(ContextFull):  # the schema alone is longer than this tiny context: it is there
            told.begin([user("Hi")], [CALCULATOR])


class TestTheEnd:
    def test_final_answer_ends_a_run(self) -> None:
        steps = run(Scripted(calls(("final_answer", {"answer": "42"}))), FINAL_ANSWER)
        assert steps == [Action("final_answer", {"answer": "42"}), FinalAnswer("42")]

    def test_final_answer_with_wrong_arguments_is_told_so(self) -> None:
        script = Scripted(calls(("final_answer", {"text": "42"})), says("42"))
        steps = run(script, FINAL_ANSWER)
        assert steps[1] == Observation("error: final_answer: the argument 'answer' is missing")
        assert steps[-1] == FinalAnswer("42")

    def test_the_step_limit_forces_an_answer_that_says_so(self) -> None:
        script = Scripted(calls(("calculator", {"expression": "1"})), calls(SUM), says("It is 84, I think."))
        steps = run(script, max_steps=2)
        assert steps[-1] == FinalAnswer("It is 84, I think.", "forced: the steps that it may make are used up")
        assert script.told[-1] == [f"84\n{STOP}"]
        assert script.may_call == [True, True, False]

    def test_a_loop_is_broken_at_the_third_time(self) -> None:
        script = Scripted(*[calls(SUM)] * 3, says(""))
        steps = run(script)
        assert steps[-1] == FinalAnswer("", "no answer: it made the same call 3 times")
        assert len([step for step in steps if isinstance(step, Action)]) == 3

    def test_different_calls_are_no_loop(self) -> None:
        script = Scripted(*[calls(("calculator", {"expression": str(n)})) for n in range(6)], says("done"))
        assert run(script)[-1] == FinalAnswer("done")

    def test_reasoning_is_a_thought(self) -> None:
        assert run(Scripted(says("84", reasoning_content="I know this."))) == [
            Thought("I know this."),
            FinalAnswer("84"),
        ]

    def test_at_least_one_step(self) -> None:
        with pytest.raises(ConfigError, match="--max-steps"):
            run(Scripted(), max_steps=0)

    def test_earlier_messages_come_first(self) -> None:
        script = Scripted(says("Ada"))
        list(
            run_agent(
                script, "What is my name?", [], history=[user("I am Ada."), {"role": "assistant", "content": "Hi"}]
            )
        )
        assert [message["content"] for message in script.messages] == ["I am Ada.", "Hi", "What is my name?"]


class TestAPersonWhoIsAsked:
    def test_may_let_it_be(self) -> None:
        asked: list[Action] = []

        def approve(action: Action) -> Action:
            asked.append(action)
            return action

        assert run(Scripted(calls(SUM), says("84")), approve=approve)[1] == Observation("84")
        assert asked == [Action(*SUM)]

    def test_may_refuse_it(self) -> None:
        steps = run(Scripted(calls(SUM), says("Then not.")), approve=lambda action: "too dear")
        assert steps[1] == Observation("error: the user refused this call: too dear")

    def test_may_refuse_without_a_reason(self) -> None:
        steps = run(Scripted(calls(SUM), says("Then not.")), approve=lambda action: "")
        assert steps[1] == Observation("error: the user refused this call")

    def test_may_edit_it_and_the_model_is_told(self) -> None:
        script = Scripted(calls(SUM), says("ok"))
        steps = run(script, approve=lambda action: Action("calculator", {"expression": "12*8"}))
        assert steps[1] == Observation('(the user changed the call to {"expression": "12*8"})\n96')


class TestSteps:
    STEPS: tuple[Step, ...] = (
        Task("Sum"),
        Thought("Hm."),
        Action("calculator", {"expression": "1+1"}),
        Action("calculator", "no object"),
        Observation("2"),
        FinalAnswer("2", "forced: why"),
    )

    @pytest.mark.parametrize("step", STEPS)
    def test_survive_as_json(self, step: Step) -> None:
        assert from_json(to_json(step)) == step

    @pytest.mark.parametrize("values", [{"kind": "Dream", "text": "x"}, {"text": "x"}, {"kind": "Task"}])
    def test_what_is_no_step_is_refused(self, values: dict[str, str]) -> None:
        with pytest.raises(DataError, match="no step"):
            from_json(values)

    def test_are_shown_with_their_kind(self) -> None:
        assert shown(self.STEPS[2]).plain == "Action       calculator(expression='1+1')"
        assert shown(self.STEPS[5]).plain == "Answer       2\n             (forced: why)"

    def test_do_not_steer_the_terminal(self) -> None:
        assert "\x1b" not in shown(Observation("\x1b[2Jgone")).plain
