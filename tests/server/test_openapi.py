"""The published description is true: schemathesis makes requests from it, right and wrong ones, and checks the answers.

Its real command, over all operations. What it asks for must be answered with a declared status, of the declared type
and form; wrong requests must be refused; nothing may be a server's error, a dead engine (503) included.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.inference.assistant import user
from tests.server.running import Running

# Random names would end every request at 404: those that are texts become a model's, every other one in a path.
HOOKS = """
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = "sft"
    if len((case.path_parameters or {}).get("name", "")) % 2:
        case.path_parameters["name"] = "sft"
"""
# A request that the description allows can still be more than the model's context holds: refused, and rightly.
BEYOND = "positive_data_acceptance"
WRITING = ("POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings")


def schemathesis(server: Running, work: Path, examples: int, seed: int) -> dict[str, Any]:
    """Test every operation with its edge cases and with `examples` random requests -> the report."""
    (work / "hooks.py").write_text(HOOKS, encoding="utf-8")
    (work / "schemathesis.toml").write_text('hooks = "hooks.py"', encoding="utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--checks", "all", "--exclude-checks", BEYOND, "--mode", "all", "--phases", "coverage,fuzzing",
        "--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none",
        "--request-timeout", "60", "--continue-on-failure", "--no-color",
        "--report", "json", "--report-json-path", str(work / "report.json"),
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=work, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = json.loads((work / "report.json").read_text(encoding="utf-8"))
    return report


def check(server: Running, report: dict[str, Any]) -> None:
    """Everything was tested, in earnest, and the server is as it was before."""
    operations = report["operations"]
    assert operations["tested"] == operations["total"] == 7
    assert report["complete"] and not report["failures"] and not report["errors"]
    for operation in WRITING:
        rates = report["valid_rates"][operation].values()
        assert sum(rate["accepted"] for rate in rates) > 0, f"{operation}: no request was answered"
        assert sum(rate["rejected"] for rate in rates) > 0, f"{operation}: no request was refused"
    assert server.metric("orrery_engine_restarts_total") == 0
    answer = server.http.post("/v1/chat/completions", json={"model": "sft", "messages": [user("Hi")]}).json()
    assert answer["choices"][0]["message"]["content"] == "Hello."


def test_every_answer_is_as_the_published_description_says(server: Running, tmp_path: Path) -> None:
    report = schemathesis(server, tmp_path, examples=50, seed=1)
    assert report["test_cases"]["generated"] > 500
    check(server, report)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_more_answers_are_as_the_published_description_says(server: Running, tmp_path: Path, seed: int) -> None:
    check(server, schemathesis(server, tmp_path, examples=400, seed=seed))
