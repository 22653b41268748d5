"""The search as a person runs it: stopped, killed, gone on with, shared between processes; nothing twice, nothing lost.

Most tests put a stand-in for the speedrun, which takes a fraction of a second; the last one runs real ones.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from orrery.cli import main
from orrery.config import read_recipe
from orrery.data.world.conversations import DEFAULT_CONVERSATION_MIX
from orrery.database import URL_VARIABLE, open_database
from orrery.errors import ConfigError, RunError
from orrery.search import trials
from orrery.search.settings import SweepConfig
from orrery.search.trials import Trial
from orrery.speedrun import SpeedrunConfig
from orrery.sweep import SweepProgress, sweep
from orrery.training.events import read_events
from orrery.training.interrupt import TrainingInterrupted

# A speedrun in a tenth of a second, whose loss is least at lr 0.01 and lower with more steps. It counts its starts.
STAND_IN = """
import json, os, pathlib, sys, time, tomllib
recipe = tomllib.loads(pathlib.Path(sys.argv[sys.argv.index("--recipe") + 1]).read_text())
folder = pathlib.Path(recipe["root"]) / recipe["run"]
(folder / "lock").write_text(str(os.getpid()))
with (folder / "starts").open("a") as starts:
    starts.write("resumed\\n" if "--resume" in sys.argv else "new\\n")
(folder / "run.json").write_text("{}")
time.sleep(float(pathlib.Path("seconds").read_text()) if pathlib.Path("seconds").exists() else 0.05)
lr, steps = recipe["pretrain"]["optimizer"]["lr"], recipe["pretrain_steps"] or 1
if lr > 0.039:
    sys.exit("orrery: the loss is not finite")
bits = 1 + abs(lr - 0.01) + recipe["seed"] / 1e6 + 1 / steps
stages = {"base": {"bits_per_byte": bits, "floor_bits_per_byte": 0.5}}
report = {"wall_s": 0.1, "stages": stages, "exams": [{"stage": "sft", "exam": "reading", "score": lr}]}
(folder / "report.json").write_text(json.dumps(report))
(folder / "report.html").write_text("")
"""
LR = "pretrain.optimizer.lr=0.005..0.038:log"
BITS = "base.bits_per_byte"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with the stand-in for the speedrun."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(trials, "SPEEDRUN", (sys.executable, "-I", "-S", str(script)))
    monkeypatch.setattr("orrery.sweep.POLL_SECONDS", 0.02)
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows() -> list[Trial]:
    with open_database(Path("runs")) as database, database.session() as session:
        return list(session.scalars(select(Trial).order_by(Trial.id)))


def starts() -> dict[str, list[str]]:
    """Run directory → how each of its attempts began."""
    return {path.parent.name: path.read_text().split() for path in Path("runs").glob("sweep-*/*/starts")}


def start_sweep(*words: str) -> subprocess.Popen[bytes]:
    """`orrery sweep` in a process of its own, whose trials are what they are in this one."""
    program = f"from orrery.search import trials; trials.SPEEDRUN = {trials.SPEEDRUN!r}"
    program += "; from orrery.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", program, "sweep", *words], stderr=subprocess.DEVNULL)


def until(process: subprocess.Popen[bytes], holds: Callable[[], Any], seconds: float = 100) -> None:
    """Wait for something that ``process`` does; it is killed when that does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail("what was waited for did not come")
        time.sleep(0.02)


def test_random_search_runs_every_trial_once_and_ranks_them(place: Path) -> None:
    told: list[SweepProgress] = []
    config = SweepConfig("lr", vary=(LR,), trials=5, metric=BITS, seeds=(1000, 1001), parallel=3)
    result = sweep(config, told.append)
    assert Counter(row.status for row in rows()) == {"done": 10}
    assert set(map(tuple, starts().values())) == {("new",)} and len(starts()) == 10
    by_score = sorted(result.configurations, key=lambda one: abs(one.values["pretrain.optimizer.lr"] - 0.01))
    assert list(result.configurations) == by_score, "best first"
    best = result.configurations[0]
    assert best.score == pytest.approx(2 + abs(best.values["pretrain.optimizer.lr"] - 0.01) + 1000.5e-6)
    assert 1 < max(progress.running for progress in told) <= 3  # a trial may end before the third has begun
    assert (told[-1].done, told[-1].left, told[-1].seconds_left) == (10, 0, 0)
    recipe = read_recipe(result.recipe, SpeedrunConfig, "speedrun")
    assert recipe.pretrain.optimizer.lr == best.values["pretrain.optimizer.lr"] and recipe.seed == 0
    assert recipe.sft == SpeedrunConfig().sft, "what did not vary is as usual"
    trial = read_recipe(Path(best.folders[1]) / "recipe.toml", SpeedrunConfig, "speedrun")
    assert (trial.seed, trial.root, trial.pretrain) == (1001, Path("runs/sweep-lr"), recipe.pretrain)


def test_a_finished_sweep_is_shown_again_and_may_grow(place: Path) -> None:
    config = SweepConfig("lr", vary=(LR,), trials=2, metric=BITS)
    first = sweep(config)
    assert sweep(config) == first and sweep(SweepConfig("lr")) == first, "with the whole command or its name alone"
    assert set(map(tuple, starts().values())) == {("new",)}
    grown = sweep(SweepConfig("lr", trials=4))
    assert len(grown.configurations) == 4 and len(starts()) == 4
    assert {one.number: one for one in first.configurations}.items() <= {
        one.number: one for one in grown.configurations
    }.items()


def test_halving_gives_the_best_more_steps(place: Path) -> None:
    result = sweep(
        SweepConfig("h", vary=(LR,), method="halving", trials=9, metric=BITS, pretrain_steps=40, sft_steps=20)
    )
    assert Counter(row.rung for row in rows()) == {0: 9, 1: 3, 2: 1}
    distance = {row.number: abs(row.values["pretrain.optimizer.lr"] - 0.01) for row in rows()}
    nearest = sorted(distance, key=lambda number: distance[number])
    assert {row.number for row in rows() if row.rung == 1} == set(nearest[:3])
    best = result.configurations[0]
    assert (best.number, best.rung, best.score) == (
        nearest[0],
        2,
        pytest.approx(1.001 + distance[nearest[0]] + 1 / 360),
    )
    recipe = read_recipe(result.recipe, SpeedrunConfig, "speedrun")
    assert (recipe.pretrain_steps, recipe.sft_steps) == (360, 180)


def test_one_weight_of_a_mix_varies_and_the_others_stay(place: Path) -> None:
    result = sweep(SweepConfig("mix", vary=("conversations.unknown=0.02..0.06",), trials=1, metric=BITS))
    mix = read_recipe(result.recipe, SpeedrunConfig, "speedrun").conversations
    assert {**mix, "unknown": 0} == {**DEFAULT_CONVERSATION_MIX, "unknown": 0}
    assert 0.02 <= mix["unknown"] <= 0.06


def test_a_failed_trial_is_recorded_and_the_others_go_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = sweep(SweepConfig("some", vary=("pretrain.optimizer.lr=0.01,0.04",), trials=2, metric=BITS))
    assert [one.score is None for one in result.configurations] == [False, True]
    failed = next(row for row in rows() if row.status == "failed")
    assert failed.error == "the loss is not finite" and failed.values == {"pretrain.optimizer.lr": 0.04}
    with pytest.raises(SystemExit):
        main(["sweep", "--name", "some"])
    assert "failed: the loss is not finite" in capsys.readouterr().out
    with pytest.raises(RunError, match="no configuration has a score; #0: the loss is not finite"):
        sweep(SweepConfig("all", vary=("pretrain.optimizer.lr=0.04,0.05",), trials=2, metric=BITS))
    with pytest.raises(RunError, match=r"the report has no base\.facts_head"):
        sweep(SweepConfig("unmeasured", vary=(LR,), trials=1))


def test_another_sweep_of_the_same_name_is_refused_and_says_what_differs(place: Path) -> None:
    config = SweepConfig("lr", vary=(LR,), trials=2, metric=BITS, pretrain_steps=40, sft_steps=20)
    first = sweep(config)
    for changes, message in [
        ({"vary": ("pretrain.optimizer.lr=0.005..0.02:log",)}, r"lr is 0\.005\.\.0\.038:log there and"),
        ({"vary": (LR, "sft.rows=4,8")}, r"vary\.sft\.rows is None there and 4,8 here"),
        ({"metric": "base.excess"}, "metric is base.bits_per_byte there and base.excess here"),
        ({"method": "halving", "trials": 9}, "method is random there and halving here"),
        ({"seeds": (1001,)}, "seeds is"),
        ({"pretrain_steps": 50}, r"fixed\.pretrain_steps is 40 there and 50 here"),
        ({"set": ("sft.rows=4",)}, r"fixed\.sft\.rows is 8 there and 4 here"),
        ({"vary": (), "set": ("sft.rows=4",)}, r"fixed\.sft\.rows is 8 there and 4 here"),
        ({"trials": 1}, "trials is 2 there and 1 here"),
    ]:  # fmt: skip
        changed: dict[str, Any] = {**vars(config), **changes}
        with pytest.raises(ConfigError, match=message):
            sweep(SweepConfig(**changed))
    assert sweep(config) == first and len(rows()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "a/b", "--vary", LR], "no name for a sweep"),
        (["--name", "x"], "there is no sweep 'x'"),
        (["--name", "x", "--vary", LR, "--seeds", "1000", "1"], "--seeds has 1; reports use the seeds 0, 1 and 2"),
        (["--name", "x", "--vary", LR, "--seeds", "1000", "1000"], "several different ones"),
        (["--name", "x", "--vary", "pretrain.optimizer.lrr=1,2"], "did you mean 'lr'?"),
        (["--name", "x", "--vary", LR, "--metric", "sft.readin"], "did you mean 'sft.reading'?"),
        (["--name", "x", "--vary", LR, "--trials", "-1"], "--trials is -1"),
        (["--name", "x", "--vary", LR, "--rungs", "3"], "--method halving with it"),
        (["--name", "x", "--vary", LR, "--method", "halving", "--trials", "8"], "needs at least 9"),
        (["--name", "x", "--vary", LR, "--method", "halving", "--sft-steps", "8"], "or neither"),
        (["--name", "x", "--vary", LR, "--minutes", "nan"], "--minutes is nan"),
        (["--name", "x", "--vary", LR, "--parallel", "-1"], "--parallel is -1"),
        (["--name", "x", "--vary", LR, "--recipe", "laptpo"], "did you mean 'laptop'?"),
        (["--name", "x", "--vary", LR, "--recipe", "shakespeare"], "recipe for `orrery pretrain`"),
        (["--name", "x", "--vary", LR, "--set", "pretrain.rows=0"], "rows is 0"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_leaves_nothing(
    words: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *words])
    said = capsys.readouterr().err.strip()
    assert ended.value.code == 2 and said.startswith("orrery: ") and message in said and "\n" not in said
    assert not Path("runs").exists()


def test_the_table_and_the_json_say_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "sweep",
        "--name",
        "lr",
        "--vary",
        LR,
        "--vary",
        "sft.rows=4,8",
        "--trials",
        "3",
        "--metric",
        "sft.reading",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--set", "vocab_size=600"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0 and "higher is better" in shown
    assert "orrery speedrun --recipe runs/sweep-lr/best.toml" in shown
    with pytest.raises(SystemExit):
        main(["sweep", "--name", "lr", "--json"])
    found = json.loads(capsys.readouterr().out)
    scores = [one["score"] for one in found["configurations"]]
    assert scores == sorted(scores, reverse=True) and f"{scores[0]:.4g}" in shown
    assert found["settings"]["fixed"]["vocab_size"] == 600 and found["settings"]["trials"] == 3


def test_a_stopped_sweep_asks_its_trials_to_stop_and_goes_on_later(place: Path) -> None:
    Path("seconds").write_text("60")
    config = SweepConfig("lr", vary=(LR,), trials=3, metric=BITS, parallel=2)

    def stop_when_two_run(progress: SweepProgress) -> None:
        if len(starts()) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted, match="go on with: orrery sweep --name lr$"):
        sweep(config, stop_when_two_run)
    assert [row.status for row in rows()] == ["waiting"] * 3 and not any(row.error for row in rows())
    Path("seconds").unlink()
    assert len(sweep(config).configurations) == 3
    assert sorted(starts().values()) == [["new"], ["new", "resumed"], ["new", "resumed"]]


def test_two_processes_share_a_sweep(place: Path) -> None:
    config = SweepConfig("h", vary=(LR,), method="halving", trials=9, metric=BITS, parallel=2)
    found = []
    both = [threading.Thread(target=lambda: found.append(sweep(config))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert found[0] == found[1] and len(found) == 2
    assert len(rows()) == 13 and set(map(tuple, starts().values())) == {("new",)}


def test_a_killed_sweep_goes_on_and_no_trial_is_run_twice_or_lost(place: Path) -> None:
    Path("seconds").write_text("1.5")
    words = ["--name", "lr", "--vary", LR, "--trials", "6", "--metric", BITS, "--parallel", "2"]
    first = start_sweep(*words)
    until(first, lambda: len(starts()) == 2)
    first.kill()
    first.wait()
    assert Counter(row.status for row in rows()) == {"running": 2, "waiting": 4}
    Path("seconds").write_text("0.1")
    killed, outliving = sorted(row.folder for row in rows() if row.status == "running")
    os.kill(int(Path(killed, "lock").read_text()), signal.SIGKILL)
    result = sweep(SweepConfig("lr", parallel=2))
    assert len(result.configurations) == 6 and {row.status for row in rows()} == {"done"}
    begun = {f"runs/sweep-lr/{name}": attempts for name, attempts in starts().items()}
    assert begun.pop(killed) == ["new", "resumed"]
    assert begun.pop(outliving) == ["new"], "a run that outlived the sweep is waited for"
    assert list(begun.values()) == [["new"]] * 4


def test_a_trial_is_the_program_itself() -> None:
    program = trials.SPEEDRUN[:-1]
    assert "orrery" in subprocess.run([*program, "--version"], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_real_speedruns_are_killed_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    words = "the old ship sailed over the quiet sea while seven gulls followed it home".split()
    pages = [" ".join(words[(i * j + j) % len(words)] for j in range(40)) + "." for i in range(400)]
    Path("notes.txt").write_text("\n\n".join(pages))
    Path("tiny.toml").write_text(
        'command = "speedrun"\ndata = ["notes.txt"]\nvocab_size = 400\nwidth = 96\nlayers = 2\n'
        "[pretrain]\nrows = 4\ncheckpoint_every = 5\n[sft]\nrows = 4\n"
    )
    asked = ["--recipe", "tiny.toml", "--pretrain-steps", "30", "--sft-steps", "10", "--metric", BITS]
    asked += ["--vary", "pretrain.optimizer.lr=0.005..0.04:log", "--trials", "1", "--seeds", "1000"]
    measure_less = "from orrery import plan; plan.MEASURE_SECONDS = 0.1; from orrery.cli import main; main()"
    monkeypatch.setattr(trials, "SPEEDRUN", (sys.executable, "-c", measure_less, "speedrun"))
    first = start_sweep("--name", "tiny", *asked)
    folder = Path("runs/sweep-tiny/000-rung0-seed1000")
    until(first, lambda: list(folder.glob("checkpoints/base/step-*/config.json")))
    first.kill()
    first.wait()
    os.kill(int((folder / "lock").read_text()), signal.SIGKILL)
    assert not (folder / "base").exists(), "it was killed in the middle"
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--name", "tiny", "--json"])
    assert ended.value.code == 0
    (configuration,) = json.loads(capsys.readouterr().out)["configurations"]
    begun = [event["values"]["status"] for event in read_events(folder) if event["kind"] == "status"]
    assert begun.count("started") == 2 and "resumed" in begun, "base and sft are begun once, base gone on with once"
    report = json.loads((folder / "report.json").read_text())
    assert configuration["score"] == report["stages"]["base"]["bits_per_byte"] and report["seed"] == 1000
    (row,) = rows()
    assert row.status == "done" and row.seconds == report["wall_s"]
    best = read_recipe("runs/sweep-tiny/best.toml", SpeedrunConfig, "speedrun")
    assert best.data == ("notes.txt",) and best.pretrain.optimizer.lr == row.values["pretrain.optimizer.lr"]
    assert not list(Path("runs").glob("*/run.json")), "`orrery runs` lists runs, not the trials of sweeps"
