"""The recipe for agents end to end: trained, examined by a few questions, asked over files of one's own."""

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest

from orrery import plan, speedrun
from orrery.evals.exams.agent import build_agent_exams
from orrery.training.events import read_events
from tests.typed import typed

TINY = [
    "--minutes", "2", "--width", "32", "--layers", "2", "--pretrain-steps", "30", "--sft-steps", "10", "--post.steps",
    "2", "--pretrain.rows", "4", "--sft.rows", "4", "--post.grpo.prompts", "2", "--post.grpo.max-tokens", "40",
]  # fmt: skip


def run(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = typed(*words, cwd=cwd)
    assert done.returncode == code, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a very small agent."""
    cwd = tmp_path_factory.mktemp("agent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MEASURE_SECONDS", 0.1)
        patch.setattr(speedrun, "build_agent_exams", partial(build_agent_exams, limit=8))
        run("speedrun", "--recipe", "agent", *TINY, "--run", "agent", cwd=cwd)
    return cwd


def test_it_is_examined_in_what_agents_do(place: Path) -> None:
    report = json.loads((place / "runs/agent/report.json").read_text())
    sat = {row["exam"]: row for row in report["exams"] if row["stage"] == "sft"}
    assert {"search_two", "search_two_calls", "compared", "python", "memory_found", "page_three"} <= set(sat)
    assert "facts_head" not in sat and all(0 <= row["score"] <= 1 for row in sat.values())
    assert report["recipe"]["agent"] and report["recipe"]["context"] == 512
    alarms = [event["values"]["message"] for event in read_events(place / "runs/agent") if event["kind"] == "alarm"]
    trained = (place / "runs/agent/grpo/config.json").exists()
    assert trained or any("nothing to learn from" in alarm for alarm in alarms), "it is practised, or said why not"


def test_its_exams_can_be_taken_again(place: Path) -> None:
    taken = json.loads(run("eval", "--model", "runs/agent/sft", "--json", "--limit", "2", cwd=place).stdout)
    assert [row["exam"] for row in taken["exams"]][:2] == ["search_one", "search_one_calls"]


def test_an_atlas_is_written_indexed_and_asked_about(place: Path) -> None:
    told = run("data", "atlas", "--out", "atlas", "--count", "6", cwd=place).stdout
    asked = [json.loads(line) for line in (place / "atlas-questions.jsonl").read_text().splitlines()]
    assert len(asked) == 6 and asked[0]["question"] in told and {row["hops"] for row in asked} == {1, 2, 3}
    run("index", "atlas", "--index", "atlas.db", cwd=place)
    done = run("agent", asked[1]["question"], "--model", "runs/agent/sft", "--tools", "search", "--index", "atlas.db",
               "--max-steps", "2", "--max-tokens", "20", cwd=place)  # fmt: skip
    assert asked[1]["question"] in done.stdout and "orrery agent --replay 1" in done.stdout


def test_conversations_with_tools_described_can_be_tuned_on(place: Path) -> None:
    run("data", "world", "--out", "described.jsonl", "--count", "40", "--conversations", "--agent", "--describe",
        cwd=place)  # fmt: skip
    rows = [json.loads(line) for line in (place / "described.jsonl").read_text().splitlines()]
    assert all(row["tools"] for row in rows)
    run("sft", "--model", "runs/agent/sft", "--data", "described.jsonl", "--run", "described", "--sft.train.steps", "2",
        "--sft.train.rows", "2", cwd=place)  # fmt: skip
    assert (place / "runs/described/sft/model.safetensors").exists()


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    told = run("speedrun", "--recipe", "agent", "--full", cwd=tmp_path, code=2).stderr
    assert "--agent is a recipe of its own" in " ".join(told.split())
    told = run("grpo", "--model", "x", "--agent", "--data", "y.jsonl", cwd=tmp_path, code=2).stderr
    assert "--agent brings its own questions" in " ".join(told.split())
    told = run("data", "world", "--out", "x.jsonl", "--agent", cwd=tmp_path, code=2).stderr
    assert "--agent with --conversations" in " ".join(told.split())
