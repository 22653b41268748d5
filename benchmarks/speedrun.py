"""What the minutes give: speedruns of several seeds and budgets, one after the other, as the README's tables and plots.

    python benchmarks/speedrun.py --minutes 10 --seeds 0 1 2            # half an hour, on an idle machine
    python benchmarks/speedrun.py --minutes 2 5 10 20 60 --seeds 0      # what more minutes give

The runs are runs/minutes-M-seed-S; those that are there already are read, so the second command makes four new ones.
Prints Markdown. One budget: its exams over the seeds (mean, in brackets the lowest and highest), and docs/exams.svg.
Several: the assistant's exams against the minutes, and docs/minutes.svg.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.figure import Figure

from orrery.evals.report_plots import exam_figure, exam_rows
from orrery.evals.run import Score

DOCS = Path(__file__).parent.parent / "docs"
# Panels of docs/minutes.svg: title, and the assistant's exams in it.
PANELS = (
    ("facts", ("facts_head", "facts_torso", "facts_tail")),
    ("facts asked otherwise", ("facts_new_phrasing", "facts_real")),
    ("not known", ("unknown", "false_refusal")),
    ("a text", ("reading_one", "reading")),
    ("sums", ("arithmetic_tool", "arithmetic_direct")),
    ("letters", ("letters_spelled",)),
    ("harm", ("refusal", "refusal_lookalike")),
    ("itself", ("identity", "chat_form")),
)
COLOURS = ("#2563eb", "#d97706", "#059669")


def run(minutes: float, seed: int) -> dict[str, Any]:
    """The report of a speedrun, which is made where it is missing."""
    name = f"minutes-{minutes:g}-seed-{seed}"
    folder = Path("runs") / name
    if not (folder / "report.json").exists():
        resume = ["--resume"] if folder.exists() else []
        command = ["speedrun", "--minutes", f"{minutes:g}", "--seed", str(seed), "--run", name, *resume]
        print("orrery", *command, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "orrery", *command], check=True, stdout=subprocess.DEVNULL)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def over_seeds(reports: list[dict[str, Any]]) -> list[Score]:
    """Each exam's mean score; low and high are the lowest and highest, or a single run's interval."""
    first = [Score(**score) for score in reports[0]["exams"]]
    if len(reports) == 1:
        return first
    found = []
    for position, score in enumerate(first):
        values = [report["exams"][position]["score"] for report in reports]
        assert all(report["exams"][position]["exam"] == score.exam for report in reports)
        if score.score is not None:
            score = replace(score, score=mean(values), low=min(values), high=max(values))
        found.append(score)
    return found


def cell(score: Score | None) -> str:
    """A score in per cent."""
    if score is None or score.score is None or score.low is None or score.high is None:
        return "n/a"
    return f"{100 * score.score:.0f} ({100 * score.low:.0f}–{100 * score.high:.0f})"


def print_exams(reports: list[dict[str, Any]], scores: list[Score]) -> None:
    """Exams by stage, then what the runs were."""
    print("\n| exam | base | assistant | chance | n |\n|---|---:|---:|---:|---:|")
    for exam, stages in exam_rows(scores):
        most = max(
            stages.values(), key=lambda score: score.n
        )  # an exam that a stage does not sit has no questions there
        print(
            f"| `{exam}` | {cell(stages.get('base'))} | {cell(stages.get('sft'))} | {100 * most.chance:.0f} "
            f"| {most.n} |"
        )
    print("\n| seed | seconds | memory, MB | parameters | tokens | tokens/s | bits a byte | floor |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for report in reports:
        base = report["stages"]["base"]
        print(
            f"| {report['seed']} | {report['wall_s']:.0f} | {report['peak_memory_mb']:,.0f} | {base['parameters']:,} "
            f"| {base['tokens'] + report['stages']['sft']['tokens']:,} | {base['tokens_per_s']:,.0f} "
            f"| {base['bits_per_byte']:.3f} | {base['floor_bits_per_byte']:.3f} |"
        )
    print("\nBits per byte above the floor, by genre, mean over the seeds:", end=" ")
    excess = {
        genre: mean(_excess(report["stages"]["base"]["by_genre"][genre]) for report in reports)
        for genre in reports[0]["stages"]["base"]["by_genre"]
    }
    print(", ".join(f"{genre} {value:.2f}" for genre, value in sorted(excess.items(), key=lambda item: item[1])))


def _excess(genre: dict[str, float]) -> float:
    return genre["bits_per_byte"] - genre["floor_bits_per_byte"]


def print_minutes(by_minutes: dict[float, list[dict[str, Any]]], scores: dict[float, dict[str, Score]]) -> None:
    """The assistant's exams by minutes, then what the runs were."""
    head = " | ".join(f"{minutes:g} min" for minutes in by_minutes)
    print(f"\n| the assistant's | {head} |\n|---|{'---:|' * len(by_minutes)}")
    for exam in next(iter(scores.values())):
        found = [scores[minutes][exam].score for minutes in by_minutes]
        print(f"| `{exam}` | " + " | ".join("n/a" if value is None else f"{100 * value:.0f}" for value in found) + " |")
    rows = {
        "seconds": lambda report: f"{report['wall_s']:,.0f}",
        "layers × width": lambda report: f"{report['recipe']['plan']['layers']} × {report['recipe']['plan']['width']}",
        "parameters": lambda report: f"{report['stages']['base']['parameters'] / 1e6:.2f}M",
        "tokens": lambda report: f"{sum(stage['tokens'] for stage in report['stages'].values()) / 1e6:.1f}M",
        "bits above the floor": lambda report: f"{_excess(report['stages']['base']):.3f}",
    }
    for row, value in rows.items():
        print(f"| {row} | " + " | ".join(value(reports[0]) for reports in by_minutes.values()) + " |")


def plot_minutes(scores: dict[float, dict[str, Score]], path: Path) -> None:
    """The assistant's exams against the minutes, in small panels."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True)
    minutes = sorted(scores)
    for axes, (title, exams) in zip(panels.flat, PANELS, strict=True):
        for exam, colour in zip(exams, COLOURS, strict=False):
            found = [scores[m][exam].score for m in minutes]
            axes.plot(minutes, found, "o-", color=colour, markersize=3, linewidth=1.3, label=exam)
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xscale("log")
        axes.set_xticks(minutes, [f"{m:g}" for m in minutes])
        axes.minorticks_off()
        axes.set_ylim(-0.03, 1.03)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=6.5, frameon=False, loc="best")
    figure.supxlabel("minutes of orrery speedrun", fontsize=8)
    figure.supylabel("share of questions", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Run what is missing, then print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    asked = parser.parse_args()
    by_minutes = {minutes: [run(minutes, seed) for seed in asked.seeds] for minutes in asked.minutes}
    all_scores = {minutes: over_seeds(reports) for minutes, reports in by_minutes.items()}
    first = asked.minutes[0]
    if len(asked.minutes) == 1:
        print_exams(by_minutes[first], all_scores[first])
        spread = "lowest to highest seed" if len(asked.seeds) > 1 else "95% interval"
        exam_figure(all_scores[first], spread).savefig(DOCS / "exams.svg", metadata={"Date": None})
    else:
        of_assistant = {m: {s.exam: s for s in scores if s.stage == "sft"} for m, scores in all_scores.items()}
        print_minutes(by_minutes, of_assistant)
        plot_minutes(of_assistant, DOCS / "minutes.svg")


if __name__ == "__main__":
    main()
