"""Processes that torchrun starts train as one would, and go on from each other's checkpoints."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from parallel_job import job_config, train_one
from toy_stage import ToyStage

from orrery.errors import ConfigError
from orrery.models.hf import load_model
from orrery.training import parallel
from orrery.training.events import read_events
from orrery.training.optim import orthogonal
from orrery.training.runs import Run
from tests.typed import typed

JOB = Path(__file__).parent / "parallel_job.py"
STEPS = 8  # of `parallel_job`
# Muon makes matrices orthogonal in bfloat16, which turns roundings of a gradient, as any other order of adding brings
# them, into differences a thousand times as large; in one process too, when a batch is split.
CLOSE, MUON_CLOSE = 1e-5, 5e-3


def torchrun(processes: int, *words: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--standalone", *words]


def run_job(root: Path, processes: int, trainings: Sequence[dict[str, Any]]) -> str:
    """What it says on standard error; it fails where one is killed."""
    command = torchrun(processes, str(JOB), str(root), json.dumps(trainings))
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert (done.returncode != 0) == any("killed" in training for training in trainings), done.stderr
    assert done.stdout == ""
    return done.stderr


def numbers(folder: Path) -> dict[tuple[str, int, str], float]:
    """All that a run logged and that does not depend on the clock, by stage, step and name."""
    timed = ("tokens_per_s", "matmul_share", "seconds_left", "time/")
    events = [event for event in read_events(folder) if event["kind"] == "metric"]
    return {
        (event["stage"], event["step"], name): value
        for event in events
        for name, value in event["values"].items()
        if not name.startswith(timed)
    }


def largest_difference(one: Path, other: Path) -> float:
    """The largest relative difference between numbers of two runs, which log the same."""
    ours, theirs = numbers(one), numbers(other)
    assert ours.keys() == theirs.keys() and len(ours) > 6 * STEPS
    return max(abs(ours[key] - theirs[key]) / max(1.0, abs(theirs[key])) for key in ours)


def processes_of(folder: Path) -> list[int]:
    """How many processes trained, attempt by attempt."""
    return [e["values"]["processes"] for e in read_events(folder) if "processes" in e["values"]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one process and of two, some of them stopped by one number and gone on with by the other."""
    root = tmp_path_factory.mktemp("parallel")
    muon = {"optimizer": "muon"}
    alone: dict[str, dict[str, Any]] = {"adamw": {}, "muon": muon, "uneven": {"rows": 5}, "one-row": {"rows": 1}}
    alone["lora"] = {"lora_rank": 2}
    for name, settings in alone.items():
        train_one(root, name, settings)
    train_one(root, "1-to-2", {}, stopped=4)
    fsdp = {"parallel": "fsdp"}
    two = [
        {"name": "ddp", "settings": {"snapshot_every": 4}},
        {"name": "fsdp", "settings": {**fsdp, "snapshot_every": 4}},
        {"name": "ddp-muon", "settings": muon},
        {"name": "fsdp-muon", "settings": {**muon, **fsdp}},
        {"name": "ddp-uneven", "settings": {"rows": 5, "micro_rows": 1}},
        {"name": "fsdp-uneven", "settings": {**fsdp, "rows": 5, "micro_rows": 2, "activation_checkpointing": True}},
        {"name": "ddp-one-row", "settings": {"rows": 1}},
        {"name": "fsdp-one-row", "settings": {**fsdp, "rows": 1}},
        {"name": "ddp-lora", "settings": {"lora_rank": 2}},
        {"name": "1-to-2", "settings": fsdp, "resume": "auto"},
        *({"name": f"2-to-{other}", "settings": fsdp, "stopped": 4} for other in ("1", "ddp", "3")),
        {"name": "2-to-ddp", "settings": {}, "resume": "auto"},
        {"name": "killed", "settings": fsdp, "killed": 5},
    ]
    (root / "two.txt").write_text(run_job(root, 2, two))
    for name in ("2-to-1", "killed"):
        train_one(root, name, {}, resume="auto")
    return root


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_log_the_numbers_of_one(runs: Path, how: str) -> None:
    assert largest_difference(runs / how, runs / "adamw") < CLOSE
    assert processes_of(runs / how) == [2]


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_with_muon_too_but_for_what_its_bfloat16_makes_of_roundings(runs: Path, how: str) -> None:
    ours, one = numbers(runs / f"{how}-muon"), numbers(runs / "muon")
    assert largest_difference(runs / f"{how}-muon", runs / "muon") < MUON_CLOSE
    assert all(ours["toy", step, "loss"] == pytest.approx(one["toy", step, "loss"], abs=CLOSE) for step in (1, 2))


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_rows_need_not_be_a_multiple_of_processes_and_microbatches_add_up(runs: Path, how: str) -> None:
    assert largest_difference(runs / f"{how}-uneven", runs / "uneven") < CLOSE


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_a_process_without_a_row_takes_part_with_nothing(runs: Path, how: str) -> None:
    assert largest_difference(runs / f"{how}-one-row", runs / "one-row") < CLOSE


def test_adapters_are_trained_together(runs: Path) -> None:
    assert largest_difference(runs / "ddp-lora", runs / "lora") < CLOSE


@pytest.mark.parametrize(("name", "processes"), [("1-to-2", [1, 2]), ("2-to-1", [2, 1])])
def test_one_process_goes_on_from_a_checkpoint_of_two_and_two_from_one(
    runs: Path, name: str, processes: list[int]
) -> None:
    assert largest_difference(runs / name, runs / "adamw") < CLOSE
    assert processes_of(runs / name) == processes


@pytest.mark.slow
def test_three_processes_go_on_from_a_checkpoint_of_two(runs: Path) -> None:
    run_job(runs, 3, [{"name": "2-to-3", "settings": {"parallel": "fsdp"}, "resume": "auto"}])
    assert largest_difference(runs / "2-to-3", runs / "adamw") < CLOSE
    assert processes_of(runs / "2-to-3") == [2, 3]


def test_ddp_goes_on_from_a_checkpoint_of_fsdp(runs: Path) -> None:
    assert largest_difference(runs / "2-to-ddp", runs / "adamw") < CLOSE


def test_models_are_saved_whole_and_nothing_is_left_behind(runs: Path) -> None:
    one = load_model(runs / "adamw" / "toy").state_dict()
    for name in ("ddp", "fsdp", "2-to-1", "killed"):
        ours = load_model(runs / name / "toy").state_dict()
        assert all(torch.allclose(ours[key], one[key], atol=1e-5) for key in one)
        assert not (runs / name / "checkpoints" / "toy").exists()
    snapshots = [load_model(runs / "fsdp" / "snapshots" / "toy" / f"step-{step:06}") for step in (0, 4)]
    assert torch.equal(snapshots[0].token_embedding.weight, ToyStage(job_config()).model.token_embedding.weight)
    assert not torch.equal(snapshots[0].token_embedding.weight, snapshots[1].token_embedding.weight)
    assert not list(runs.rglob("*partial*"))


def test_activation_checkpointing_changes_no_bit(tmp_path: Path) -> None:
    for name, again in (("kept", False), ("again", True)):
        train_one(tmp_path, name, {"activation_checkpointing": again, "precision": "bfloat16"})
    assert numbers(tmp_path / "kept") == numbers(tmp_path / "again")


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (8, 8)])
def test_the_step_along_an_update_is_that_of_muon(shape: tuple[int, int]) -> None:
    update = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight = torch.nn.Parameter(torch.ones(shape))
    weight.grad = update.clone()
    torch.optim.Muon([weight], lr=0.1, weight_decay=0.0, momentum=0.0, nesterov=False).step()
    torch.testing.assert_close(1 - 0.1 * orthogonal(update), weight.detach())


def test_stages_that_sample_while_they_train_cannot_be_sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Samples(ToyStage):
        name = "grpo"

    monkeypatch.setattr(parallel, "join", lambda: None)
    config = job_config(parallel="fsdp")
    with pytest.raises(ConfigError, match="ddp"):
        parallel.Parallel(Samples(config), config, torch.device("cpu"), torch.no_grad)


def test_a_killed_process_ends_the_job_and_the_run_goes_on_with_the_same_losses(runs: Path) -> None:
    errors = (runs / "two.txt").read_text()
    assert "RunError: rank 0: another process of this job has ended" in errors and "--resume auto" in errors
    [resumed] = [e for e in read_events(runs / "killed") if e["values"].get("status") == "resumed"]
    assert resumed["values"]["from_step"] == 3, "it was killed in step 6, so steps 4 and 5 were done again"
    assert processes_of(runs / "killed") == [2, 1]
    assert largest_difference(runs / "killed", runs / "adamw") < CLOSE


def test_a_command_that_is_one_process_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = typed("runs", cwd=tmp_path)
    assert done.returncode == 2 and "torchrun is for pretrain, sft" in done.stderr


def test_the_other_processes_follow_a_run_without_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open("one", recipe={"a": 1}, root=tmp_path) as run:
        monkeypatch.setattr(parallel, "everyone", lambda value: [value])
        monkeypatch.setenv("RANK", "1")
        with Run.open("one", recipe={"a": 2}, root=tmp_path) as follower:
            assert follower.record == run.record and not follower.new
            follower.note(more=1)
            follower.events.append("metric", "base", 1, {"loss": 1.0})
    assert read_events(run.folder) == [] and "more" not in json.loads((run.folder / "run.json").read_text())


TEXT = "The orrery turns. Mars is red, and Venus is bright; nobody lives there. "
SMALL = (
    "--shape.layers 2 --shape.width 32 --shape.heads 2 --shape.kv-heads 1 --shape.head-width 16 --shape.mlp-width 64 "
    "--shape.context 64 --vocab-size 300 --train.rows 4 --train.precision float32 --train.optimizer.kind adamw"
).split()


@pytest.mark.slow
def test_stages_one_after_the_other_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("".join(TEXT + str(i) for i in range(400)))
    chat = {"messages": [{"role": "user", "content": "Mars?"}, {"role": "assistant", "content": "It is red."}]}
    (tmp_path / "chats.jsonl").write_text("\n".join(json.dumps(chat) for _ in range(30)))
    train = ["--sft.train.steps", "10", "--sft.train.precision", "float32", "--sft.train.rows", "3"]
    pretrain = ["pretrain", "--data", "text.txt", *SMALL, "--train.steps", "10"]
    sft = ["sft", "--data", "chats.jsonl", *train]
    (tmp_path / "sums.jsonl").write_text("\n".join(json.dumps({"prompt": f"{i} =", "truth": "7"}) for i in range(9)))
    (tmp_path / "mine.py").write_text(
        "def vowels(prompt, text, truth):\n    return sum(c in 'aeiou' for c in text) / 9"
    )
    grpo = ["grpo-zero", "--data", "sums.jsonl", "--reward", "mine.py:vowels", "--steps", "4", "--grpo.prompts", "3"]
    grpo += ["--grpo.group", "3", "--grpo.max-tokens", "12", "--grpo.train.precision", "float32"]
    model = ["--model", "runs/two/base"]
    stages = [pretrain, [*sft, *model, "--sft.train.parallel", "fsdp"], [*grpo, *model]]
    for words in stages:
        command = torchrun(2, "-m", "--", "orrery", *words, "--run", "two")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Next:  orrery chat") == 1
    for words in stages:
        assert typed(*words, "--run", "one", cwd=tmp_path).returncode == 0
    assert largest_difference(tmp_path / "runs" / "two", tmp_path / "runs" / "one") < CLOSE


@pytest.mark.slow
def test_a_signal_to_torchrun_stops_all_with_a_checkpoint(tmp_path: Path) -> None:
    trainings = [{"name": "long", "settings": {"steps": 5000, "checkpoint_every": 0}}]
    events = tmp_path / "long" / "events.jsonl"
    with subprocess.Popen(torchrun(2, str(JOB), str(tmp_path), json.dumps(trainings)), stderr=subprocess.PIPE) as job:
        while job.poll() is None and not (events.exists() and events.read_text().count('"loss"') > 12):
            time.sleep(0.01)
        ranks = psutil.Process(job.pid).children()
        job.terminate()
        job.communicate(timeout=120)
    assert not any(one.is_running() for one in ranks)
    assert read_events(tmp_path / "long")[-1]["values"]["status"] == "interrupted"
    assert len(list((tmp_path / "long" / "checkpoints" / "toy").iterdir())) == 1
