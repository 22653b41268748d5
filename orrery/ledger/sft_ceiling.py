"""Does imitation stop at the expert, and reinforcement learning go past it?

An expert works sums out in steps and slips in one step of twenty, so that about a fifth of its answers are wrong. A
model learns to imitate it for longer and longer; then the last one goes on by GRPO with a reward for right answers.
(AlphaGo Zero, Silver et al. 2017, figure 3, shows the same of Go: supervised play levels off, self-play passes it.)
Accuracy is at temperature 1, where a model imitates the slips too; greedy answers, which leave them out, are shown.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, FLOOR, MUTED, plain_axes
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.specialist import Recipe, answer, draw, problems, reinforced, right_of, specialist
from orrery.stages.verifiers import numeric

EXPERT = Recipe(direct=0.0, worked=1.0, slips=0.05)
STEPS, RL_STEPS, QUESTIONS = (225, 450, 900), 120, 400


def measure(lab: Lab) -> None:
    """The expert's own accuracy, the imitators', and that of the one that went on."""
    rng = random.Random(lab.seed)
    drawn = [draw(rng, kept=True) for _ in range(2_000)]
    lab.log(who="expert", steps=0, right=marks(numeric("", answer(terms, "worked", EXPERT.slips, rng), sum(terms))
                                               for terms in drawn))  # fmt: skip
    for steps in STEPS:
        folder = specialist(lab, replace(EXPERT, steps=steps))
        log_answers(lab, "imitator", steps, folder)
    log_answers(lab, "reinforced", RL_STEPS, reinforced(lab, folder, RL_STEPS).folder)


def log_answers(lab: Lab, who: str, steps: int, folder: Path) -> None:
    """Kept sums, at temperature 1 and greedily."""
    asked = problems(QUESTIONS, 0, kept=True)
    lab.log(who=who, steps=steps, right=right_of(lab, folder, asked, 1.0), greedy=right_of(lab, folder, asked, 0.0))


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right."""
    found = {}
    for row in rows:
        name = f"imitator after {row['steps']}" if row["who"] == "imitator" else row["who"]
        found[name] = share(row["right"])
        if "greedy" in row:
            found[f"{name}, greedy"] = share(row["greedy"])
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    imitator = one[f"imitator after {STEPS[-1]}"]
    if imitator > one["expert"] + 0.05:
        return "refuted"
    return "holds" if one["reinforced"] >= one["expert"] + 0.05 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Share right against steps of imitation, then of reinforcement; a line a seed."""
    axes = plain_axes(figure.add_subplot())
    for seed, of_seed in enumerate(rows):
        found = summarise(of_seed)
        values = [found[f"imitator after {steps}"] for steps in STEPS]
        axes.plot(STEPS, values, color=MUTED, marker=".", label=None if seed else "imitation")
        axes.plot((STEPS[-1], STEPS[-1] + RL_STEPS), (values[-1], found["reinforced"]), color=ACCENT, marker=".",
                  label=None if seed else "then GRPO")  # fmt: skip
        axes.axhline(found["expert"], color=FLOOR, linewidth=0.8, label=None if seed else "the expert")
    axes.set_xlabel("steps")
    axes.set_ylabel("share right at temperature 1")
    axes.legend(frameon=False)


CLAIM = Claim(
    name="sft_ceiling",
    says="Imitation levels off at the expert's accuracy; reinforcement learning from there goes past it.",
    source="Silver et al. 2017 (AlphaGo Zero), figure 3; Karpathy, Deep Dive into LLMs (2025)",
    refuted_by="the imitator is better than its expert, or reinforcement does not get past the expert",
    rule="Holds if in every seed the longest trained imitator is at most 5 points above the expert at temperature 1 "
    "and the reinforced one at least 5 above; refuted if the imitator is more than 5 above.",
    minutes=10,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
