"""What the recipe for agents gives: speedruns of several seeds, their exams after tuning and after GRPO.

    python benchmarks/agent.py --seeds 0 1 2            # three quarters of an hour, on an idle machine

The runs are runs/agent-S; those that are there already are read. Prints Markdown: exams (mean over the seeds, in
brackets the lowest and highest), and what GRPO changed: right answers to questions of one to four searches at
temperature 1, and calls of tools, over the first and the last ten steps.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from speedrun import cell, over_seeds

from orrery.evals.report_plots import exam_rows
from orrery.training.events import read_events

ENDS = 10  # steps at either end


def run(seed: int) -> Path:
    """The folder of a run, which is made where it is missing."""
    folder = Path("runs") / f"agent-{seed}"
    if not (folder / "report.json").exists():
        resume = ["--resume"] if folder.exists() else ["--recipe", "agent", "--seed", str(seed)]
        command = ["speedrun", *resume, "--run", folder.name]
        print("orrery", *command, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "orrery", *command], check=True, stdout=subprocess.DEVNULL)
    return folder


def practice(folder: Path) -> list[float]:
    """Steps of GRPO; rewards and calls at its beginning and its end."""
    steps = [event["values"] for event in read_events(folder)
             if event["stage"] == "grpo" and "rewards/exact/mean" in event["values"]]  # fmt: skip
    ends = (steps[:ENDS], steps[-ENDS:])
    found = [mean(step[name] for step in end) for name in ("rewards/exact/mean", "completions/mean_calls")
             for end in ends]  # fmt: skip
    return [len(steps), *found]


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    folders = [run(seed) for seed in parser.parse_args().seeds]
    reports: list[dict[str, Any]] = [json.loads((one / "report.json").read_text(encoding="utf-8")) for one in folders]
    print("\n| exam | tuned | after GRPO | chance | n |\n|---|---:|---:|---:|---:|")
    for exam, stages in exam_rows(over_seeds(reports)):
        sat = stages["sft"]
        print(f"| `{exam}` | {cell(sat)} | {cell(stages.get('grpo'))} | {100 * sat.chance:.0f} | {sat.n} |")
    print("\n| seed | seconds | memory, MB | parameters | tokens | steps of GRPO | right | calls |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for folder, report in zip(folders, reports, strict=True):
        count, before, after, calls, calls_after = practice(folder)
        tokens = sum(stage["tokens"] for stage in report["stages"].values())
        print(
            f"| {report['seed']} | {report['wall_s']:.0f} | {report['peak_memory_mb']:,.0f} "
            f"| {report['stages']['base']['parameters']:,} | {tokens:,} | {count:.0f} | {100 * before:.0f}% → "
            f"{100 * after:.0f}% | {calls:.2f} → {calls_after:.2f} |"
        )


if __name__ == "__main__":
    main()
