"""A small model: better taught by a larger one, or by reinforcement learning of its own?

A student that has read sums (2 layers of width 64) goes on in two ways in the same time: by GRPO on right answers, and
by learning what a larger model (4 layers of 128), which went through GRPO, writes when it is right. (DeepSeek-R1, arXiv
2501.12948, section 4.1.)
"""

from collections.abc import Sequence

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, share
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import dots
from orrery.ledger.r1_curve import STEPS
from orrery.ledger.specialist import MAX_TOKENS, Recipe, problems, reinforced, right_of, specialist
from orrery.stages.distill import DistillConfig, distill
from orrery.stages.rewards import rewards_from

STUDENT = Recipe(width=64, layers=2)
QUESTIONS = 400
WHO = ("student", "teacher", "student after GRPO", "student after distillation")


def measure(lab: Lab) -> None:
    """A row for each of the four."""
    teacher = reinforced(lab, specialist(lab, Recipe()), STEPS).folder
    student = specialist(lab, STUDENT)
    own = reinforced(lab, student, STEPS)
    config = DistillConfig(problems=32, max_tokens=MAX_TOKENS, seed=lab.seed)
    recipe = {"teacher": made_of(teacher), "student": made_of(student), "seconds": round(own.seconds)}
    with lab.training("sums-distilled", recipe) as run:
        taught = distill(config, run, teacher=teacher, student=student, problems=problems(5_000, lab.seed),
                         rewards=rewards_from(["numeric"]), minutes=own.seconds / 60, resume="auto")  # fmt: skip
    lab.log(who="time", grpo=own.seconds, distillation=taught.seconds)
    asked = problems(QUESTIONS, 0, kept=True)
    for who, folder in zip(WHO, (student, teacher, own.folder, taught.folder), strict=True):
        lab.log(who=who, right=right_of(lab, folder, asked), greedy=right_of(lab, folder, asked, 0.0))


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right, and the seconds of the two ways."""
    by = {row["who"]: row for row in rows}
    found = {who: share(by[who]["right"]) for who in WHO} | {f"{who}, greedy": share(by[who]["greedy"]) for who in WHO}
    return {**found, "seconds of GRPO": by["time"]["grpo"], "seconds of distillation": by["time"]["distillation"]}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one["student after distillation"] - one["student after GRPO"]
    return "holds" if gain >= 0.05 else "refuted" if gain <= 0 else "unclear"


CLAIM = Claim(
    name="distillation",
    says="A small model learns more from the solutions of a larger one than from reinforcement learning of its own.",
    source="DeepSeek-R1, arXiv 2501.12948, section 4.1",
    refuted_by="after as much time the student that went through GRPO is right as often",
    rule="Holds if in every seed the distilled student is right at least 5 points more often at temperature 1 than the "
    "one after GRPO, which took as long; refuted if it is not more often right. The teacher's time is not counted.",
    minutes=8,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, WHO, "share right at temperature 1"),
)
