"""`orrery …` in the process of the tests: a program of its own takes two seconds to start, most of them PyTorch's.

done = typed("runs", "speedrun", cwd=tmp_path)
assert done.returncode == 0 and "report.html" in done.stdout
"""

import io
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from orrery.cli import main


def typed(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` would say of it. An error that no person can mend comes through."""
    with (
        chdir(cwd), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors,
        pytest.raises(SystemExit) as ended,
    ):  # fmt: skip
        main(words)
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), errors.getvalue())
