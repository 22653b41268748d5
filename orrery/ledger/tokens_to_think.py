"""Does a model need tokens to think?

Two tasks, each answered at once and in steps by one and the same model. Sums of 3 to 7 digits: the assistant of a full
speedrun answers them in either way by chance, so its samples at temperature 1 are sorted by how they were answered. And
letters of a word: counted at once, and after spelling it (the strawberry question).
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, MUTED, plain_axes
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, marks, share
from orrery.ledger.exams import log_exams, score
from orrery.ledger.lab import Lab
from orrery.stages.compare import STYLES, style_of
from orrery.stages.from_world import sums
from orrery.stages.rollouts import roll_out
from orrery.stages.verifiers import numeric

QUESTIONS, SAMPLES = 250, 16
STEPS = range(3, 8)
LETTERS = ("letters_direct", "letters_spelled")


def measure(lab: Lab) -> None:
    """A row for each number of steps and way of answering, then the two exams on letters."""
    problems = sums(QUESTIONS, lab.seed, kept=True)
    sampling = Sampling(1.0, max_tokens=160, seed=lab.seed)
    engine = Engine.load(lab.speedrun("grpo") / "sft", ())
    texts = roll_out(engine, [problem.prompt for problem in problems], SAMPLES, sampling).texts
    right: dict[tuple[int, str], list[float]] = {(steps, way): [] for steps in STEPS for way in STYLES}
    for problem, answers in zip(problems, texts, strict=True):
        steps = sum(problem.text.count(sign) for sign in "+-")
        for answer in answers:
            right[steps, style_of(answer)].append(numeric("", answer, problem.truth))
    for (steps, way), values in right.items():
        lab.log(who="sums", steps=steps, way=way, right=marks(values))
    log_exams(lab, "sft", LETTERS)


def accuracy(rows: Sequence[Row], steps: int, ways: Sequence[str]) -> float | None:
    """Share right of the samples of so many steps that were answered in one of these ways; None where none was."""
    right = [row["right"] for row in rows if row["who"] == "sums" and row["steps"] == steps and row["way"] in ways]
    return share("".join(right)) if any(right) else None


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right by way and number of steps."""
    found = {}
    for steps in STEPS:
        for name, ways in (("at once", ("direct",)), ("in steps", ("worked", "checked"))):
            share_right = accuracy(rows, steps, ways)
            if share_right is not None:
                found[f"{steps} steps, {name}"] = share_right
    return {**found, **{name: score(rows, name) for name in LETTERS}}


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    gains = []
    for one in measured:
        both = [(one.get(f"{steps} steps, at once"), one.get(f"{steps} steps, in steps")) for steps in STEPS]
        gains += [worked - direct for direct, worked in both if direct is not None and worked is not None]
    if gains and min(gains) >= 0.2:
        return "holds"
    return "refuted" if gains and max(gains) <= 0 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Share right by number of steps, a line a seed."""
    axes = plain_axes(figure.add_subplot())
    for seed, of_seed in enumerate(rows):
        for name, ways, colour in (("at once", ("direct",), MUTED), ("in steps", ("worked", "checked"), ACCENT)):
            axes.plot(STEPS, [accuracy(of_seed, steps, ways) for steps in STEPS], color=colour, marker=".",
                      label=None if seed else name)  # fmt: skip
    axes.set_xticks(STEPS)
    axes.set_xlabel("steps of the sum")
    axes.set_ylabel("share right")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)


CLAIM = Claim(
    name="tokens_to_think",
    says="A model needs tokens to think: what it cannot say at once it can work out.",
    source="Karpathy, Deep Dive into LLMs (2025); Wei et al. 2022, arXiv 2201.11903",
    refuted_by="answers in steps are right no more often than answers at once",
    rule="Holds if, at every number of steps and in every seed, sums answered in steps are right at least 20 points "
    "more often than sums answered at once; refuted if nowhere more often. Letters are shown and decide nothing.",
    minutes=1,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
