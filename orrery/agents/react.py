"""ReAct as text, for models that were never trained to call tools: prompted by examples, read by its words.

    Question: What is 323 times 458?
    Thought: I need to multiply. The calculator does that exactly.
    Action: calculator[{"expression": "323*458"}]
    Observation: 147934
    Thought: I know the answer.
    Answer: 147934

(Yao et al., arXiv 2210.03629, appendix C; its Finish[…] is our Answer.) The model is given the text so far and goes on
until it would write an observation itself; what it wrote is read as a message with a call in it, so that the same loop
serves it (loop.py).
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from orrery.inference.sampling import before
from orrery.inference.session import Said
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool

# text so far, texts at which to stop -> what follows
Complete = Callable[[str, Sequence[str]], str]

INSTRUCTIONS = """\
Answer questions step by step. In each step write a Thought and then either an Action, which calls one of these tools, \
or the Answer.

{tools}

"""
# An example for each tool that is there, so that the model sees the form of its calls and of a chain of two.
EXAMPLES = {
    "calculator": """\
Question: A box holds 36 pens. How many pens are in 48 boxes?
Thought: I have to multiply 36 by 48.
Action: calculator[{"expression": "36*48"}]
Observation: 1728
Thought: I know the answer.
Answer: 1728
""",
    "search": """\
Question: How high is the town in which Ada Corvin was born?
Thought: I have to find out where Ada Corvin was born.
Action: search[{"query": "birthplace of Ada Corvin"}]
Observation: Ada Corvin was born in Belmar.
Thought: Now I need the elevation of Belmar.
Action: search[{"query": "elevation of Belmar"}]
Observation: Belmar lies 740 metres above the sea.
Thought: I know the answer.
Answer: 740 metres
""",
    "python": """\
Question: How many vowels are in "orrery"?
Thought: I count them with code.
Action: python[{"code": "sum(c in 'aeiou' for c in 'orrery')"}]
Observation: 2
Thought: I know the answer.
Answer: 2
""",
}
STOPS = ("\nObservation:", "\nQuestion:")
FORM = 'error: write "Action: tool[{"argument": value}]" or "Answer: …"'

_ACTION = re.compile(r"^Action:[ \t]*(\w+)[ \t]*\[(.*)\]", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"^(?:Final )?Answer:[ \t]*(.*)", re.MULTILINE | re.DOTALL)


class ReActModel:
    """Any model that goes on with a text, as one that calls tools."""

    def __init__(self, complete: Complete) -> None:
        self.complete = complete

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """Write the instructions, the examples and the questions so far."""
        self.tools = {tool.name: tool for tool in tools}
        listed = "\n".join(f"{tool.name}[{_form(tool)}]: {tool.description}" for tool in tools)
        self.text = INSTRUCTIONS.format(tools=listed)
        self.text += "".join(f"{EXAMPLES[name]}\n" for name in self.tools if name in EXAMPLES)
        for message in messages:
            if message["role"] == "user":
                self.text += f"Question: {message['content']}\n"
            elif message["role"] == "assistant":
                self.text += f"Answer: {message['content']}\n\n"
            else:
                self.text += f"{message['content']}\n\n"

    def say(self, may_call: bool = True) -> Said:
        """Let it go on, and read what it wrote."""
        if not may_call:
            self.text += "Answer:"
        written = before(self.complete(self.text, STOPS), STOPS)  # not every server minds them
        self.text += written.rstrip() + "\n"
        if not may_call:
            return Said({"role": "assistant", "content": written.strip().split("\n")[0]})
        return self.read(written.strip())

    def tell(self, observations: Sequence[str]) -> None:
        """Write what the call returned."""
        for text in observations:
            self.text += f"Observation: {text}\n"

    def read(self, written: str) -> Said:
        """The message that a piece of text is: a call, an answer, or neither."""
        action, answer = _ACTION.search(written), _ANSWER.search(written)
        if answer and not (action and action.start() < answer.start()):
            message: Message = {"role": "assistant", "content": answer[1].strip()}
            if thought := _thought(written[: answer.start()]):
                message["reasoning_content"] = thought
            return Said(message)
        if action is None:
            return Said({"role": "assistant", "content": _thought(written)}, malformed=FORM)
        call = {"name": action[1], "arguments": self.arguments(action[1], action[2].strip())}
        message = {"role": "assistant", "content": _thought(written[: action.start()])}
        message["tool_calls"] = [{"type": "function", "function": call}]
        return Said(message)

    def arguments(self, name: str, text: str) -> Any:
        """What stands in the brackets: a JSON object, or the one argument as it is (`search[Ada Corvin]`)."""
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            read = text
        needed = self.tools[name].parameters["required"] if name in self.tools else []
        if isinstance(read, dict) or len(needed) != 1:
            return read
        wants_text = self.tools[name].parameters["properties"][needed[0]]["type"] == "string"
        return {needed[0]: text.strip("\"'") if wants_text else read}


def _form(tool: Tool) -> str:
    """The arguments of a tool, as an action shows them."""
    return json.dumps({name: "…" for name in tool.parameters["properties"]}, ensure_ascii=False)


def _thought(text: str) -> str:
    """A thought without its label."""
    return text.strip().removeprefix("Thought:").strip()
