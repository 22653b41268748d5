"""What post-training gives: full speedruns of several seeds, one after the other, as the README's tables and plot.

    python benchmarks/full.py --seeds 0 1 2        # 75 minutes, on an idle machine

The runs are runs/full-seed-S; those that are there already are read. Prints Markdown: the stages side by side over the
seeds (mean, in brackets the lowest and highest), what each changed in the assistant's exams, and seconds and steps of
each stage; and draws docs/post-training.svg, the curves of GRPO, PPO and DPO.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.figure import Figure

from orrery.evals.exams import LOWER_IS_BETTER
from orrery.evals.report_plots import FLOOR, plain_axes
from orrery.training.events import read_events

DOCS = Path(__file__).parent.parent / "docs"
COLOURS = ("#2563eb", "#059669", "#7c3aed")  # seeds
# Panels of the plot: stage, metric, title.
PANELS = (
    ("grpo", "reward", "GRPO: share of sums right"),
    ("grpo", "completions/mean_length", "GRPO: length of an answer, tokens"),
    ("ppo", "objective/scores", "PPO: reward model's score"),
    ("ppo", "objective/kl", "PPO: KL to the assistant, nats a story"),
    ("dpo", "rewards/chosen", "DPO: beta log(p / p_ref), chosen"),
    ("dpo", "rewards/rejected", "DPO: the same, rejected"),
)
RUNNING = 0.9  # weight of the past in the smoothed curves


def run(seed: int, minutes: float) -> dict[str, Any]:
    """The report of a full speedrun, which is made where it is missing."""
    folder = Path("runs") / f"full-seed-{seed}"
    if not (folder / "report.json").exists():
        resume = ["--resume"] if folder.exists() else []
        command = [
            "speedrun",
            "--full",
            "--minutes",
            f"{minutes:g}",
            "--seed",
            str(seed),
            "--run",
            folder.name,
            *resume,
        ]
        print("orrery", *command, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "orrery", *command], check=True, stdout=subprocess.DEVNULL)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def spread(values: Sequence[float], digits: int = 0, scale: float = 100) -> str:
    """Mean, lowest and highest; a single value as it is."""
    if len(values) == 1:
        return f"{scale * values[0]:.{digits}f}"
    shown = [f"{scale * value:.{digits}f}" for value in (mean(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]}–{shown[2]})"


def print_stages(reports: Sequence[dict[str, Any]]) -> None:
    """The stages side by side."""
    print(
        "| stage | gold | gain, sd of sft | reward model | KL, nats | sums right, % | tokens | at once/steps/checked |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for position, row in enumerate(reports[0]["compared"]):
        rows = [report["compared"][position] for report in reports]
        firsts = [report["compared"][0] for report in reports]
        gains = [(row["gold"] - first["gold"]) / first["gold_sd"] for row, first in zip(rows, firsts, strict=True)]
        kl = "sum_kl" if row["stage"] == "grpo" else "story_kl"
        ways = " / ".join(f"{100 * mean(row['styles'][way] for row in rows):.0f}" for way in row["styles"])
        cells = (
            spread([row["gold"] for row in rows], 2, 1),
            spread(gains, 2, 1),
            spread([row["score"] for row in rows], 2, 1),
            spread([row[kl] for row in rows], 1, 1),
            spread([row["sums"] for row in rows]),
            spread([row["sum_length"] for row in rows], 0, 1),
            ways,
        )
        print(f"| {row['stage']} |", " | ".join(cells), "|")


def print_exams(reports: Sequence[dict[str, Any]]) -> None:
    """What each stage changed in the assistant's exams, in points; positive is better."""
    stages = [row["stage"] for row in reports[0]["compared"]][1:]
    scores = [{(s["stage"], s["exam"]): s["score"] for s in report["exams"]} for report in reports]
    print("\n| exam | sft |", " | ".join(stages), "|")
    print("|---|---:|", "---:|" * len(stages), sep="")
    for exam in dict.fromkeys(s["exam"] for s in reports[0]["exams"]):
        sign = -1 if exam in LOWER_IS_BETTER else 1
        cells = [f"{100 * mean(of['sft', exam] for of in scores):.0f}"]
        for stage in stages:
            changes = [100 * sign * (of[stage, exam] - of["sft", exam]) for of in scores]
            wide = f" ({min(changes):+.0f} to {max(changes):+.0f})" if len(changes) > 1 else ""
            cells.append(f"{mean(changes):+.0f}{wide}")
        print(f"| `{exam}` |", " | ".join(cells), "|")


def print_cost(reports: Sequence[dict[str, Any]]) -> None:
    """Seconds of each run and stage."""
    print("\nWall seconds:", *(f"{report['wall_s']:.0f}" for report in reports))
    print("Peak memory, MB:", *(f"{report['peak_memory_mb']:.0f}" for report in reports))
    for stage in reports[0]["stages"]:
        print(
            f"{stage}:",
            *(f"{report['stages'][stage]['wall_s']:.0f} s" for report in reports if stage in report["stages"]),
        )


def plot(seeds: Sequence[int], path: Path) -> None:
    """The curves of each seed, smoothed; PPO's gold score on held-out wishes as dots."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    for place, (stage, metric, title) in enumerate(PANELS, 1):
        axes = plain_axes(figure.add_subplot(2, 3, place))
        for seed, colour in zip(seeds, COLOURS, strict=False):
            logged = [e for e in read_events(Path("runs") / f"full-seed-{seed}") if e["stage"] == stage]
            points = [(e["step"], e["values"][metric]) for e in logged if metric in e["values"]]
            smooth, past = [], points[0][1]
            for _, value in points:
                past = RUNNING * past + (1 - RUNNING) * value
                smooth.append(past)
            axes.plot([step for step, _ in points], smooth, color=colour, linewidth=1.4, label=f"seed {seed}")
            gold = [(e["step"], e["values"]["held_out/gold"]) for e in logged if "held_out/gold" in e["values"]]
            if gold and metric == "objective/scores":
                axes.plot(*zip(*gold, strict=True), ".", color=FLOOR, markersize=5,
                          label="gold, held out" if seed == seeds[0] else None)  # fmt: skip
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel("step", fontsize=8)
        if place in (1, 3):
            axes.legend(fontsize=7, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read the command line, run, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=25)
    asked = parser.parse_args()
    reports = [run(seed, asked.minutes) for seed in asked.seeds]
    print_stages(reports)
    print_exams(reports)
    print_cost(reports)
    plot(asked.seeds, DOCS / "post-training.svg")


if __name__ == "__main__":
    main()
