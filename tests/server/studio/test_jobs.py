"""Trainings that the studio starts: processes of their own, which can be steered, stopped, resumed and found again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orrery.cli import COMMANDS
from orrery.server.errors import Problem
from orrery.server.studio.forms import Forms
from orrery.server.studio.holder import holder
from orrery.server.studio.jobs import Jobs
from orrery.training.events import FILE, read_events
from orrery.training.runs import Run
from tests.server.running import alive, eventually

TINY: dict[str, Any] = {
    "vocab_size": 264,
    "shape": {"width": 32, "layers": 1, "heads": 1, "kv_heads": 1, "context": 64},
    "train": {"steps": 4000, "rows": 2, "evaluate_every": 0, "sample_every": 0},
}


def forms() -> Forms:
    return Forms(COMMANDS)


def statuses(folder: Path) -> list[str]:
    events = read_events(folder) if (folder / FILE).exists() else []
    return [event["values"]["status"] for event in events if event["kind"] == "status"]


def steps(folder: Path) -> int:
    events = read_events(folder) if (folder / FILE).exists() else []
    return max((event["step"] for event in events), default=0)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Wait for what a test has started and a studio has not asked for since: other tests look for what is left over."""
    before = {child.pid for child in psutil.Process().children()}
    yield
    for child in psutil.Process().children():
        if child.pid not in before:
            child.wait(60)


def test_a_training_is_started_steered_stopped_and_resumed_and_another_studio_finds_it(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one two three four five six seven eight nine ten\n" * 400)
    root = tmp_path / "runs"
    first = Jobs(root, forms())
    job = first.start("pretrain", {**TINY, "data": [str(text)], "run": "a"})
    assert job.running and job.run == "a"
    with pytest.raises(Problem, match="is being written") as refused:
        first.start("pretrain", {**TINY, "run": "a"})
    assert refused.value.status == 409
    eventually(lambda: steps(root / "a") > 3, "it trains")
    later = Jobs(root, forms())  # of a studio that was started after the first one was stopped
    (found,) = later.jobs()
    assert found.running and found.id == job.id
    pid = holder(root / "a")
    assert pid is not None and later.process_of("a") == pid
    later.learning_rate("a", 0.5)
    eventually(lambda: "controlled" in statuses(root / "a"), "it is told")
    later.stop("a")
    eventually(lambda: not alive(pid) or not first.jobs()[0].running, "it ends")
    assert {"stopped", "interrupted"} & set(statuses(root / "a")) and holder(root / "a") is None
    assert not later.jobs()[0].running
    with pytest.raises(Problem, match="nothing writes"):
        later.stop("a")
    with pytest.raises(Problem, match="nothing writes"):
        later.learning_rate("a", 1.0)
    before = steps(root / "a")
    again = later.resume("a")
    eventually(lambda: "resumed" in statuses(root / "a") and steps(root / "a") > before, "it goes on")
    later.stop("a", at_once=True)
    eventually(lambda: not later.jobs()[0].running, "it ends at once")
    assert later.job(later.records()[0]).id == again.id
    assert any("step" in line for line in later.lines(job.id))


def test_what_a_command_refuses_is_told_with_the_job(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs", forms())
    started = jobs.start("pretrain", {**TINY, "data": ["nowhere.txt"]})
    assert started.run == "pretrain" and jobs.free_name("pretrain") == "pretrain-2"
    eventually(lambda: not jobs.jobs()[0].running, "it ends")
    (job,) = jobs.jobs()
    assert job.code == 2 and "nowhere.txt" in job.error


def test_names_of_models_become_their_folders_and_the_recipe_is_kept(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a" / "sft").mkdir(parents=True)
    (tmp_path / "a" / "sft" / "config.json").write_text("{}")
    jobs = Jobs(tmp_path, forms())
    monkeypatch.setattr("sys.executable", "/bin/true")
    job = jobs.start("dpo", {"model": "a/sft"})
    recipe = (jobs.folder / f"{job.id}.toml").read_text()
    assert 'command = "dpo"' in recipe and json.dumps(str(tmp_path / "a" / "sft")) in recipe
    assert f"root = {json.dumps(str(tmp_path))}" in recipe


def test_a_sample_is_made_where_there_is_no_run_yet(tmp_path: Path, monkeypatch: Any) -> None:
    jobs = Jobs(tmp_path / "new", forms())
    monkeypatch.setattr("sys.executable", "/bin/true")
    started = [(job.command, job.run) for job in jobs.start_samples()]
    assert started == [("microgpt", "microgpt"), ("speedrun", "sample")]
    with Run.open("a", recipe={}, root=tmp_path / "new"):
        assert jobs.start_samples() == []


def test_only_what_the_studio_knows_can_be_resumed(tmp_path: Path) -> None:
    with Run.open("b", recipe={}, root=tmp_path):
        pass
    record = json.loads((tmp_path / "b" / "run.json").read_text())
    (tmp_path / "b" / "run.json").write_text(json.dumps({**record, "asked": ["sweep", "--name", "x"]}))
    with pytest.raises(Problem, match="cannot go on"):
        Jobs(tmp_path, forms()).resume("b")


def test_a_lock_that_nobody_holds_is_no_writer(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with Run.open("a", recipe={}, root=tmp_path):
        assert holder(tmp_path / "a") is not None
    assert holder(tmp_path / "a") is None  # this process lives, and has let go
    (tmp_path / "a" / "lock").write_text("999999999")
    assert holder(tmp_path / "a") is None


def test_a_name_that_leads_out_of_the_folder_of_runs_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs", forms())
    with pytest.raises(Problem, match="no name for a run") as refused:
        jobs.start("pretrain", {**TINY, "run": "../a"})
    assert (refused.value.status, refused.value.param, jobs.jobs()) == (422, "run", [])
