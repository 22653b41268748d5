"""From what a model wrote to what it is told: the calls in it are found, run and answered."""

from types import ModuleType

from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.parse import parse_assistant
from orrery.tools.registry import call_tool, tool_from_function

TITLE = "Run the call"
TASK = """Write `observe`: find every <tool_call>…</tool_call> in what a model wrote, read the JSON in it, call the
tool of its "name" with its "arguments" as keywords, and give the results as texts, in their order. A model writes
these calls, so anything may be wrong: no JSON, no such tool, an exception in the tool. Each of them becomes a text
that begins with "error: ", for the model to read; nothing may be raised. The check compares with the package's parser
and registry."""
STARTER = '''
import json
import re
from collections.abc import Callable


def observe(written: str, tools: dict[str, Callable[..., str]]) -> list[str]:
    """What each call in `written` returned. `tools`: name -> function."""
    raise NotImplementedError
'''
SOLUTION = '''
import json
import re
from collections.abc import Callable


def observe(written: str, tools: dict[str, Callable[..., str]]) -> list[str]:
    """What each call in `written` returned. `tools`: name -> function."""
    found = []
    for text in re.findall(r"<tool_call>(.*?)</tool_call>", written, re.DOTALL):
        try:
            call = json.loads(text)
            found.append(tools[call["name"]](**call["arguments"]))
        except Exception as error:
            found.append(f"error: {error!r}")
    return found
'''


def double(number: int) -> str:
    """Twice a number.

    Args:
        number: what is doubled
    """
    return str(2 * number)


def divide(by: int) -> str:
    """Twelve by a number.

    Args:
        by: what it is divided by
    """
    return str(12 // by)


def check(answer: ModuleType) -> None:
    """Calls that are right, wrong in every way, and none."""
    functions = {"double": double, "divide": divide}
    tools = [tool_from_function(function) for function in functions.values()]
    first = '<tool_call>{"name": "double", "arguments": {"number": 21}}</tool_call>'
    second = '<tool_call>\n{"name": "divide", "arguments": {"by": 4}}\n</tool_call>'
    for written in ("It is 42.", first, f"Let me see.{first}{second}"):
        calls = parse_assistant(written, BPE.from_tokens([])).get("tool_calls", [])
        right = [call_tool(tools, **call["function"]) for call in calls]
        assert answer.observe(written, functions) == right, (
            f"{written!r}: the observations are {right}; you have {answer.observe(written, functions)}"
        )
    wrong = ["{no json", '{"name": "triple", "arguments": {}}', '{"name": "divide", "arguments": {"by": 0}}', "[1, 2]"]
    for inside in wrong:
        found = answer.observe(f"<tool_call>{inside}</tool_call>", functions)
        assert len(found) == 1 and str(found[0]).startswith("error: "), (
            f"a call with {inside} must become one text that begins with 'error: '; you have {found}"
        )
    broken = f"<tool_call>{wrong[0]}</tool_call>{first}"
    found = answer.observe(broken, functions)
    assert len(found) == 2 and str(found[0]).startswith("error: ") and found[1] == "42", (
        f"{broken!r}: an error, and then '42', for the second call is sound; you have {found}"
    )
