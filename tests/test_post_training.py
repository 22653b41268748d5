"""Post-training as a person meets it: a full speedrun, and each command by itself, one of them killed and resumed."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orrery.ledger import specialist
from orrery.ledger.claim import claims
from orrery.ledger.experiment import experiment
from orrery.ledger.lab import Lab
from orrery.training.events import read_events
from tests.typed import typed

# Steps and sizes are given, so that nothing depends on how fast the machine is: it is measured for a moment only. Of
# each exam a few questions are asked at each of the five stages: tests/test_speedrun.py takes whole ones.
LESS = (
    "from functools import partial; from orrery import plan, speedrun; plan.MEASURE_SECONDS = 0.1; "
    "speedrun.build_exams = partial(speedrun.build_exams, limit=8); from orrery.cli import main; main()"
)
ORRERY = [sys.executable, "-c", LESS]
# Little but sums and stories to talk about, so that even this model says a number now and then.
RECIPE = """
command = "speedrun"
minutes = 2
full = true
width = 32
layers = 2
vocab_size = 600
pretrain_steps = 60
sft_steps = 40
pretrain.rows = 4
sft.rows = 4
conversations = { chain = 1.0, story = 0.2, smalltalk = 0.1 }
post.steps = 3
post.wishes = 24
post.completions = 3
post.prompts = 40
post.problems = 60
post.compared = 16
post.reward.train.rows = 4
post.dpo.train.rows = 4
post.ppo.prompts = 8
post.ppo.max_tokens = 32
post.grpo.prompts = 8
post.grpo.max_tokens = 32
"""
MINE = """
def vowels(prompt, completion, truth):
    return sum(letter in "aeiou" for letter in completion) / 20
"""


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = typed(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def run_apart(*words: str, cwd: Path) -> None:
    """The same in a process of its own."""
    done = subprocess.run([*ORRERY, *words], cwd=cwd, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]


def numbers(folder: Path) -> list[tuple[int, float, float]]:
    return [
        (event["step"], event["values"]["loss"], event["values"].get("reward", 0.0))
        for event in read_events(folder)
        if event["kind"] == "metric" and "loss" in event["values"]
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a full speedrun of a very small model, problems and a reward function."""
    cwd = tmp_path_factory.mktemp("full")
    (cwd / "tiny.toml").write_text(RECIPE)
    (cwd / "mine.py").write_text(MINE)
    sums = [{"prompt": f"What is {a} + {b}?", "truth": a + b} for a in range(1, 8) for b in range(1, 8)]
    (cwd / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    run_apart("speedrun", "--recipe", "tiny.toml", cwd=cwd)
    yield cwd


def test_the_report_shows_all_stages_side_by_side(place: Path) -> None:
    folder = place / "runs/speedrun"
    report = json.loads((folder / "report.json").read_text())
    policies = [name for name in report["stages"] if name not in ("base", "reward")]
    assert policies[:3] == ["sft", "dpo", "ppo"] and {"base", "reward"} < set(report["stages"])
    alarms = [event["stage"] for event in read_events(folder) if event["kind"] == "alarm"]
    assert ("grpo" in policies) != ("grpo" in alarms and not (folder / "grpo").exists())
    assert [row["stage"] for row in report["compared"]] == policies
    first = report["compared"][0]
    assert abs(first["story_kl"]) < 1e-3 and abs(first["sum_kl"]) < 1e-3, "sft is what distance is measured from"
    for row in report["compared"]:
        assert sum(row["styles"].values()) == pytest.approx(1) and 0 <= row["sums"] <= 1 and row["gold_sd"] > 0
    assert {score["stage"] for score in report["exams"]} == {"base", *policies}
    page = (folder / "report.html").read_text()
    for shown in ("side by side", "hidden rubric (gold)", "beta log(p / p_ref)", "pairs in the right order"):
        assert shown in page


def test_a_finished_full_run_is_read_back(place: Path) -> None:
    events = (place / "runs/speedrun/events.jsonl").read_text()
    run("speedrun", "--resume", cwd=place)
    assert len((place / "runs/speedrun/events.jsonl").read_text()) - len(events) < 5_000, "nothing is trained again"


def test_each_stage_can_be_talked_to(place: Path) -> None:
    for stage in ("dpo", "ppo"):
        said = run("chat", "--model", f"runs/speedrun/{stage}", "--prompt", "Hello!", cwd=place).stdout
        assert said.endswith("\n")


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        ("reward", ["--data", "runs/speedrun/data/rankings.jsonl"], "held_out/accuracy"),
        ("dpo", ["--data", "runs/speedrun/data/rankings.jsonl", "--dpo.loss", "ipo"], "held_out/rewards/accuracies"),
        ("best-of-n", ["--reward", "mine.py:vowels", "--best-of-n.threshold", "0.05"], "held_out/vowels"),
        ("distill", ["--reward", "mine.py:vowels", "--distill.threshold", "0.05"], "held_out/vowels"),
    ],
)
def test_each_command_trains_and_says_what_it_reached(place: Path, command: str, words: list[str], says: str) -> None:
    sft = ["--model", "runs/speedrun/sft"]
    done = run(command, *sft, *words, "--run", f"{command}-1", "--steps", "2", cwd=place)
    assert says in done.stdout and "Next:  orrery" in done.stdout
    assert (place / "runs" / f"{command}-1" / command / "config.json").exists()


def test_grpo_zero_goes_on_from_a_base_model(place: Path) -> None:
    words = ["--data", "sums.jsonl", "--reward", "mine.py:vowels", "--grpo.prompts", "4", "--steps", "2"]
    run("grpo-zero", "--model", "runs/speedrun/base", *words, "--run", "zero", cwd=place)
    sample = next(event for event in read_events(place / "runs/zero") if event["kind"] == "sample")
    assert sample["values"]["prompt"].startswith("What is"), "plain text, no conversation"


def test_minutes_become_steps_once(place: Path) -> None:
    words = ["--data", "sums.jsonl", "--reward", "mine.py:vowels", "--grpo.prompts", "4", "--minutes", "0.05"]
    run("grpo", "--model", "runs/speedrun/sft", *words, "--run", "short", cwd=place)
    steps = json.loads((place / "runs/short/run.json").read_text())["steps/grpo"]
    assert steps >= 1 and numbers(place / "runs/short")[-1][0] == steps


@pytest.mark.parametrize("command", ["ppo", pytest.param("grpo", marks=pytest.mark.slow)])
def test_kill_9_and_resume_give_the_very_numbers(place: Path, command: str) -> None:
    words = [command, "--model", "runs/speedrun/sft", "--steps", "8"]
    if command == "ppo":
        words += ["--reward-model", "runs/speedrun/reward", "--ppo.prompts", "8", "--ppo.max-tokens", "24"]
    else:
        words += ["--data", "sums.jsonl", "--reward", "mine.py:vowels", "--grpo.prompts", "4", "--grpo.kl", "0.05",
                  "--grpo.updates", "2", "--grpo.max-tokens", "24"]  # fmt: skip
    words += [f"--{command}.train.checkpoint-every", "1"]
    process = subprocess.Popen([*ORRERY, *words, "--run", f"{command}-killed"], cwd=place, stderr=subprocess.DEVNULL)
    checkpoints, deadline = place / "runs" / f"{command}-killed" / "checkpoints", time.monotonic() + 120
    while not list(checkpoints.glob(f"{command}/step-*3/config.json")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (place / "runs" / f"{command}-killed" / command).exists(), "it was killed in the middle"
    refused = typed(*words, "--run", f"{command}-killed", cwd=place)
    assert refused.returncode == 2 and "already has a stage" in refused.stderr
    run_apart(*words, "--run", f"{command}-killed", "--resume", "auto", cwd=place)
    run(*words, "--run", f"{command}-whole", cwd=place)
    assert numbers(place / "runs" / f"{command}-killed") == numbers(place / "runs" / f"{command}-whole")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grpo", "--model", "runs/speedrun/sft", "--grpo.group", "1"], "needs at least one other"),
        (["grpo", "--model", "nowhere"], "nowhere"),
        (["grpo", "--model", "runs/speedrun/sft", "--reward", "numerc"], "did you mean 'numeric'?"),
        (["grpo", "--model", "runs/speedrun/sft", "--data", "mine.py"], "mine.py line 2: not JSON"),
        (["grpo", "--model", "runs/speedrun/sft", "--grpo.max-tokens", "250"], "exceeds the model's context of 256"),
        (["ppo", "--model", "runs/speedrun/sft", "--reward-model", "runs/speedrun/base"], "orrery reward"),
        (["dpo", "--model", "runs/speedrun/sft", "--dpo.beta", "0"], "beta is 0"),
        (["reward", "--model", "runs/speedrun/sft", "--data", "none.jsonl"], "no such file: none.jsonl"),
        (["distill", "--model", "runs/speedrun/sft", "--minutes", "-1"], "--minutes is -1"),
        (
            ["best-of-n", "--model", "runs/speedrun/sft", "--steps", "5", "--minutes", "1"],
            "either --minutes or --steps",
        ),
    ],
)
def test_bad_input_gets_one_clear_line_and_leaves_nothing(place: Path, words: list[str], message: str) -> None:
    refused = typed(*words, "--run", "bad", cwd=place)
    said = refused.stderr
    assert refused.returncode == 2 and message in said and len(said.strip().splitlines()) == 1
    assert not (place / "runs/bad").exists()


# The ledger's claims that train or sample much, made small: constants of their modules.
CLAIMS: dict[str, dict[str, Any]] = {
    "annealing": {"GOOD_BYTES": 60_000, "OTHER_BYTES": 60_000, "STEPS": 3},
    "bpe_tradeoff": {"SIZES": (320, 512), "BYTES": 200_000, "STEPS_AT_1024": 3},
    "data_engine": {"STEPS": 2, "CONVERSATIONS": 200, "ADDED": 50},
    "distillation": {"STEPS": 2, "QUESTIONS": 10},
    "dpo_vs_ppo": {"DPO_STEPS": (2, 3), "PPO_STEPS": (2, 3), "PROMPTS": 300},
    "emergence": {"SIZES": ((32, 1), (32, 2)), "STEPS": 5, "QUESTIONS": 10},
    "filler_tokens": {"STEPS": 5, "QUESTIONS": 10},
    "judge_vs_author": {"TRAINED": 20, "KEPT": 10, "STEPS": 2},
    "over_optimisation": {"RANKINGS": 20, "REWARD_STEPS": 2, "STEPS": 4, "EVERY": 2, "PROMPTS": 300, "WISHES": 2,
                          "MOST": 4, "SIZES": (1, 2, 4)},
    "quality_over_quantity": {"BYTES": 60_000, "STEPS": 3},
    "self_consistency": {"QUESTIONS": 5},
    "sft_ceiling": {"STEPS": (3, 120), "RL_STEPS": 2, "QUESTIONS": 10},
    "tokens_to_think": {"QUESTIONS": 5},
    "zero_shot_cot": {"QUESTIONS": 5},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_claim_that_trains_or_samples(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"orrery.ledger.{name}")
    for constant, value in CLAIMS[name].items():
        monkeypatch.setattr(module, constant, value)
    # Quick to learn, so that a sum comes out right now and then and GRPO has something to learn from.
    trained_on = specialist.trained_on

    def small(lab: Lab, name: str, recipe: Any, write: Any, steps: int, width: int, layers: int) -> Path:
        return trained_on(lab, name, recipe, write, min(steps, 120), 32, 1)

    monkeypatch.setattr(specialist, "DOCUMENTS", 3_000)
    monkeypatch.setattr(specialist, "trained_on", small)
    monkeypatch.setattr(module, "trained_on", small, raising=False)
    finding = experiment(claims()[name], [0], place / "runs", Console(quiet=True))
    assert finding.verdict in ("holds", "refuted", "unclear") and finding.measured["0"]
