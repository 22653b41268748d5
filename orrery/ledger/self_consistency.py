"""Is the answer that most samples agree on better than one sample?

One question is answered many times at temperature 1; the answers vote (Wang et al. 2022, arXiv 2203.11171). Beside it
the two bounds: how often one sample is right, and how often at least one of k is (Chen et al. 2021, arXiv 2107.03374,
equation 1, the unbiased estimate). The assistant of a full speedrun answers sums of digits of 3 to 7 steps.
"""

from collections import Counter
from collections.abc import Sequence
from math import comb
from statistics import mean

from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, FLOOR, MUTED, plain_axes
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, marks, share
from orrery.ledger.lab import Lab
from orrery.stages.from_world import sums
from orrery.stages.rollouts import roll_out
from orrery.stages.verifiers import answer_number, numeric

QUESTIONS, SAMPLES = 200, 32
SIZES = (1, 2, 4, 8, 16, 32)


def measure(lab: Lab) -> None:
    """A row for each question: what each sample said, and which were right."""
    problems = sums(QUESTIONS, lab.seed, kept=True)
    sampling = Sampling(1.0, max_tokens=160, seed=lab.seed)
    engine = Engine.load(lab.speedrun("grpo") / "sft", ())
    texts = roll_out(engine, [problem.prompt for problem in problems], SAMPLES, sampling).texts
    for problem, answers in zip(problems, texts, strict=True):
        lab.log(question=problem.text, truth=problem.truth, said=[answer_number(answer) for answer in answers],
                right=marks(numeric("", answer, problem.truth) for answer in answers))  # fmt: skip


def majority(said: Sequence[float | None], truth: float, size: int) -> float:
    """Of disjoint groups of ``size`` samples: the share whose commonest answer is right; ties go to the first."""
    groups = [said[i : i + size] for i in range(0, len(said), size)]
    won = [Counter(one for one in group if one is not None).most_common(1) for group in groups]
    return mean(float(bool(best) and best[0][0] == truth) for best in won)


def pass_at(right: int, n: int, k: int) -> float:
    """Chance that of k of n samples, ``right`` of which are right, at least one is.

    >>> pass_at(1, 4, 2)
    0.5
    """
    return 1 - comb(n - right, k) / comb(n, k)


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares of questions, by number of samples."""
    found = {"pass@1": share("".join(row["right"] for row in rows))}
    for size in SIZES[1:]:
        found[f"majority@{size}"] = mean(majority(row["said"], row["truth"], size) for row in rows)
        found[f"pass@{size}"] = mean(pass_at(row["right"].count("1"), len(row["right"]), size) for row in rows)
    return found


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    gains = [one["majority@16"] - one["pass@1"] for one in measured]
    if min(gains) >= 0.05:
        return "holds"
    return "refuted" if max(gains) <= 0 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Shares right against the number of samples, a line a seed."""
    axes = plain_axes(figure.add_subplot())
    for seed, of_seed in enumerate(rows):
        found = summarise(of_seed)
        for name, colour in (("pass", MUTED), ("majority", ACCENT)):
            values = [found[f"{name}@{size}"] if size > 1 else found["pass@1"] for size in SIZES]
            axes.plot(SIZES, values, color=colour, marker=".", label=None if seed else f"{name}@k")
        axes.axhline(found["pass@1"], color=FLOOR, linewidth=0.8, label=None if seed else "one sample")
    axes.set_xscale("log", base=2)
    axes.set_xticks(SIZES, SIZES)
    axes.set_xlabel("samples k")
    axes.set_ylabel("share of questions")
    axes.legend(frameon=False)


CLAIM = Claim(
    name="self_consistency",
    says="The answer that most of a model's samples agree on is right more often than a single one.",
    source="Wang et al. 2022, arXiv 2203.11171",
    refuted_by="16 votes are no better than one sample",
    rule="Holds if majority@16 is at least 5 points above pass@1 in every seed; refuted if it is above in none.",
    minutes=0.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
