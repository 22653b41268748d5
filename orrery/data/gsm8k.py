r"""GSM8K's form: word problems with worked solutions, calculator marks and a marked answer.

    {"question": "Natalia sold clips to 48 …", "answer": "She sold 48/2 = <<48/2=24>>24 in May.\n… \n#### 72"}

(Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems, arXiv 2110.14168.) Between << and >> stands what is
to be calculated and what comes out; there a calculator was called while the model wrote. Here a mark becomes a call.
"""

import math
import re
from typing import Any

from orrery.errors import ToolError
from orrery.tokenizers.messages import Message
from orrery.tools.calculator import CALCULATOR, calculate

_MARK = re.compile(r"<<([^<>=]+)=([^<>]+)>>")
_ANSWER = re.compile(r"^####[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def is_gsm8k(row: Any) -> bool:
    """Whether a line of JSON has this form."""
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("question", "answer"))


def truth_of(answer: str) -> str | None:
    """The marked answer; None where there is none.

    >>> truth_of("He has 4+3 = <<4+3=7>>7.\\n#### 7")
    '7'
    """
    found = _ANSWER.findall(answer)
    return found[-1] if found else None


def conversation(question: str, answer: str) -> list[Message]:
    """The solution as an assistant says it who calls the calculator wherever there is a mark.

    A mark whose result the calculator does not confirm (roundings, slips) is left out, as text goes on without it.

    >>> [message["role"] for message in conversation("?", "4+3 = <<4+3=7>>7.\\n#### 7")]
    ['user', 'assistant', 'tool', 'assistant']
    """
    messages: list[Message] = [{"role": "user", "content": question}]
    said, place = "", 0
    for mark in _MARK.finditer(answer):
        said, place = said + answer[place : mark.start()], mark.end()
        result = _confirmed(mark[1], mark[2])
        if result is not None:
            call = {"type": "function", "function": {"name": CALCULATOR.name, "arguments": {"expression": mark[1]}}}
            messages.append({"role": "assistant", "content": said, "tool_calls": [call]})
            messages.append({"role": "tool", "content": result})
            said = ""
    messages.append({"role": "assistant", "content": said + answer[place:]})
    return messages


def _confirmed(expression: str, result: str) -> str | None:
    """What the calculator makes of the expression, if it is the result."""
    try:
        found = calculate(expression)
        return found if math.isclose(float(found), float(result), rel_tol=1e-9) else None
    except (ToolError, ValueError):
        return None
