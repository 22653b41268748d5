"""The agent's loop: the model speaks; where it calls tools they are run and it is told; until it answers.

    task → [thought] → action → observation → [thought] → action → observation → … → final answer

    for step in run_agent(LocalModel(engine, sampling), "What is 323 times 458?", [CALCULATOR]):
        print(shown(step))

The same loop runs a model of ours, a model behind a server, and one that only knows ReAct as text (models.py,
react.py). Whatever goes wrong with a call becomes an observation that the model can react to. What does not end is
ended: at the step limit, at the third time of one and the same call, or with a full context the model is asked once
more, with no tools, and its answer says that it was forced.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from orrery.agents.models import AgentModel
from orrery.agents.steps import Action, FinalAnswer, Observation, Step, Task, Thought
from orrery.errors import ConfigError, ContextFull
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool, call_tool

MAX_STEPS = 8  # messages of the model
REPEATS = 3  # the same call that often is a loop
FINAL_ANSWER = "final_answer"
STOP = "error: no more calls: give your answer now"

# What a person says to a call: the call itself or another one in its place, or why it must not be.
Approve = Callable[[Action], Action | str]


def run_agent(
    model: AgentModel,
    task: str,
    tools: Sequence[Tool],
    *,
    history: Sequence[Message] = (),
    max_steps: int = MAX_STEPS,
    approve: Approve = lambda action: action,
) -> Iterator[Step]:
    """Run until the final answer, yielding each step as it is made; the last is a FinalAnswer.

    Args:
        history: messages that came before the task.
        max_steps: messages of the model before it is made to answer.
        approve: asked before each call, but that of `final_answer`.

    Raises:
        ConfigError: fewer than one step.
        ContextFull: the task alone does not fit.
        InferenceError: a server fails.
    """
    if max_steps < 1:
        raise ConfigError(f"--max-steps is {max_steps}: an agent needs at least one")
    yield Task(task)
    model.begin([*history, {"role": "user", "content": task}], tools)
    try:
        yield from _until_answered(model, tools, max_steps, approve)
    except ContextFull as error:
        yield FinalAnswer("", f"no answer: {error}")


def _until_answered(model: AgentModel, tools: Sequence[Tool], max_steps: int, approve: Approve) -> Iterator[Step]:
    offered = [tool.name for tool in tools]
    seen: Counter[str] = Counter()
    forced = ""
    while not forced:
        said = model.say()
        calls = [Action(**call["function"]) for call in said.message.get("tool_calls", [])]
        yield from thoughts(said.message, speaks=bool(calls or said.malformed))
        if not calls and not said.malformed:
            yield FinalAnswer(said.message["content"], "its message was cut: it grew too long" if said.cut else "")
            return
        observations = [said.malformed] if said.malformed else []
        for action in calls:
            yield action
            if FINAL_ANSWER in offered and (answer := final_answer(action)) is not None:
                yield FinalAnswer(answer)
                return
            seen[json.dumps([action.name, action.arguments], sort_keys=True)] += 1
            observations.append(observe(tools, action, approve))
            yield Observation(observations[-1])
        if said.malformed:
            yield Observation(said.malformed)
        max_steps -= 1
        if not max_steps:
            forced = "the steps that it may make are used up"
        elif seen and max(seen.values()) >= REPEATS:
            forced = f"it made the same call {REPEATS} times"
        model.tell([*observations[:-1], f"{observations[-1]}\n{STOP}"] if forced else observations)
    said = model.say(may_call=False)
    yield from thoughts(said.message, speaks=False)
    text = said.message["content"].strip()
    yield FinalAnswer(text, f"forced: {forced}" if text else f"no answer: {forced}")


def thoughts(message: Message, speaks: bool) -> Iterator[Thought]:
    """What the model reasoned; and what it said, where that is not yet its answer."""
    if reasoning := message.get("reasoning_content"):
        yield Thought(reasoning)
    if speaks and message["content"].strip():
        yield Thought(message["content"].strip())


def final_answer(action: Action) -> str | None:
    """What `final_answer` is called with; None for other tools, and where it is called wrongly."""
    right = action.name == FINAL_ANSWER and isinstance(action.arguments, dict)
    answer = action.arguments.get("answer") if right else None
    return answer if isinstance(answer, str) else None


def observe(tools: Sequence[Tool], action: Action, approve: Approve) -> str:
    """What the model is told of its call, after a person has had a say."""
    decided = approve(action)
    if isinstance(decided, str):
        return f"error: the user refused this call: {decided}" if decided else "error: the user refused this call"
    result = call_tool(tools, decided.name, decided.arguments)
    if decided == action:
        return result
    return f"(the user changed the call to {json.dumps(decided.arguments, ensure_ascii=False)})\n{result}"
