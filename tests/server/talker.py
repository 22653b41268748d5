"""The tiny assistant with a longer context, in which it also knows a tool that is described to it."""

from dataclasses import replace
from typing import Any

from orrery.models.transformer import Transformer
from orrery.tokenizers.chat import render
from tests.inference.assistant import ANSWERS, Assistant, broken_call, learn, train_assistant, user

CONTEXT = 1024
DESCRIBED = ("Hi", "What is 12 times 7?", "Two sums")  # questions that it answers with the tool described, too
SUM: Any = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Calculate.",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
    },
}


def train_talker() -> Assistant:
    """The assistant of `tests.inference`, trained on."""
    small = train_assistant()
    model = Transformer(replace(small.model.config, context=CONTEXT))
    model.load_state_dict(small.model.state_dict())
    examples = [render([user(question), *answer], small.tokenizer) for question, answer in ANSWERS.items()]
    examples += [render([user(question), *ANSWERS[question]], small.tokenizer, tools=[SUM]) for question in DESCRIBED]
    learn(model, [*((example.ids, example.mask) for example in examples), broken_call(small.tokenizer)])
    return Assistant(model, small.tokenizer)
