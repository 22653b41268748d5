"""The R1 curve: with nothing but a reward for right answers, does a model learn to think longer?

A specialist that has read sums answered at once, in steps, and in steps with a check, by an author who slips, is
trained by GRPO; the reward is 1 for a right answer and 0 for a wrong one. (DeepSeek-R1, arXiv 2501.12948, figures 2 and
3.) That answers grow does not show that checking was learnt, so checked answers are taken apart: how many wrong first
passes were mended by the second, and how many right ones were spoiled.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, FLOOR, MUTED, plain_axes
from orrery.ledger.claim import Claim, Measured, Row, Verdict, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.specialist import REINFORCED, Recipe, answered, problems, reinforced, specialist
from orrery.stages.compare import STYLES, style_of
from orrery.stages.verifiers import answer_number, numeric
from orrery.training.events import read_events

STEPS, QUESTIONS, SHOWN = 120, 400, 5


def measure(lab: Lab) -> None:
    """Answers before and after, and the curves between."""
    base = specialist(lab, Recipe())
    log_answers(lab, "before", base)
    after = reinforced(lab, base, STEPS).folder
    for event in read_events(after.parent):
        values = event["values"]
        if event["stage"] == REINFORCED and "reward" in values:
            shares = {style: values[f"rewards/{style}/mean"] for style in STYLES}
            lab.log(phase="curve", step=event["step"], right=values["reward"],
                    length=values["completions/mean_length"], **shares)  # fmt: skip
    log_answers(lab, "after", after)


def log_answers(lab: Lab, phase: str, folder: Path) -> None:
    """A row for each way of answering kept sums at temperature 1: all its answers, and their first passes."""
    asked = problems(QUESTIONS, 0, kept=True)
    written = list(zip(asked, answered(lab, folder, asked), strict=True))
    for style in STYLES:
        mine = [(problem.truth, one) for problem, one in written if style_of(one.text) == style]
        lab.log(phase=phase, way=style, lengths=[len(one.ids) for _, one in mine],
                right=marks(numeric("", one.text, truth) for truth, one in mine),
                first_right=marks(answer_number(one.text.split("Check:")[0]) == truth for truth, one in mine),
                )  # fmt: skip
    for problem, one in written[:SHOWN]:
        lab.show(problem.text, one.text, phase=phase)


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right, length in tokens, share and accuracy of each way, mended and spoiled, before and after."""
    found = {}
    for phase in ("before", "after"):
        ways = {row["way"]: row for row in rows if row["phase"] == phase}
        found[f"right {phase}"] = share("".join(row["right"] for row in ways.values()))
        found[f"length {phase}"] = mean(length for row in ways.values() for length in row["lengths"])
        for style, row in ways.items():
            found[f"{style} {phase}"] = len(row["right"]) / QUESTIONS
            if row["right"]:
                found[f"{style} right {phase}"] = share(row["right"])
        passes = list(zip(ways["checked"]["first_right"], ways["checked"]["right"], strict=True))
        wrong, right = (marks(last == "1" for first, last in passes if first == kind) for kind in "01")
        found[f"wrong first passes {phase}"], found[f"right first passes {phase}"] = len(wrong), len(right)
        if wrong:
            found[f"mended {phase}"] = share(wrong)
        if right:
            found[f"spoiled {phase}"] = 1 - share(right)
    return found


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    gains = [one["right after"] - one["right before"] for one in measured]
    growth = [one["length after"] / one["length before"] for one in measured]
    if min(gains) >= 0.2 and min(growth) >= 1.2:
        return "holds"
    return "refuted" if max(gains) < 0.05 or max(growth) < 1 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Share right, length, and shares of the ways, by step; a line a seed."""
    panels = (("share right", ("right",)), ("length, tokens", ("length",)), ("ways of answering", STYLES))
    for column, (title, names) in enumerate(panels):
        axes = plain_axes(figure.add_subplot(1, len(panels), column + 1))
        for seed, of_seed in enumerate(rows):
            curve = [row for row in of_seed if row["phase"] == "curve"]
            for name, colour in zip(names, (ACCENT, FLOOR, MUTED), strict=False):
                axes.plot([row["step"] for row in curve], [row[name] for row in curve], color=colour, linewidth=1,
                          label=None if seed else name)  # fmt: skip
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel("step")
        if len(names) > 1:
            axes.legend(frameon=False, fontsize=8)


CLAIM = Claim(
    name="r1_curve",
    says="Rewarded for right answers alone, a model learns by itself to answer at greater length, and is right more "
    "often.",
    source="DeepSeek-R1, arXiv 2501.12948, figures 2 and 3",
    refuted_by="accuracy does not rise, or rises while answers get shorter",
    rule="Holds if in every seed the share right at temperature 1 rises by at least 20 points and answers grow by at "
    "least a fifth; refuted if in none it rises by 5 points, or in none answers grow.",
    minutes=6,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
