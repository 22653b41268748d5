"""Running Python code for a model: `sandbox.py` builds the walls, this is what the model sees of it.

>>> from orrery.tools.sandbox import sandbox_missing
>>> sandbox_missing() or run_python("sum(n * n for n in range(10))")
'285'
"""

import dataclasses

from orrery.errors import ToolError
from orrery.tools.registry import tool_from_function
from orrery.tools.sandbox import run


def run_python(code: str) -> str:
    """Run Python code and return what it prints, and the value of its last line.

    It has the standard library, 10 seconds, no network and no files but what it writes into /tmp itself; each call
    begins anew. Raises ToolError, with what was printed so far, when it fails or is stopped.

    Args:
        code: for example "print(sorted('orrery'))"
    """
    ran = run(code)
    printed = ran.output.rstrip()
    if ran.failure is None:
        return printed or "(it printed nothing)"
    raise ToolError(f"{ran.failure}\n{printed}" if printed else ran.failure)


PYTHON = dataclasses.replace(tool_from_function(run_python), name="python")
