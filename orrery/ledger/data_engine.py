"""The data engine: find what the model fails at, add data for it, train again. What does it win, what does it cost?

The base of a speedrun is tuned for a fixed number of steps and examined; the exam with the most failures for which
conversations can be made says which kind to add. Then the base is tuned anew for as many steps with those among the
others. (Karpathy 2020, AI for Full-Self Driving, on the data engine.)
"""

from collections.abc import Sequence
from pathlib import Path

from orrery.data.world.corpus import talk
from orrery.data.world.world import World
from orrery.evals.exams import LOWER_IS_BETTER, build_exams
from orrery.evals.run import Score
from orrery.inference.engine import Engine
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.exams import score, sit
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import dots
from orrery.stages.conversations import Conversation
from orrery.stages.sft import SFTConfig, sft
from orrery.training.optim import OptimizerConfig
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

# Exams, and the kind of conversations that is about the same.
KINDS = {
    "facts_new_phrasing": "facts", "arithmetic_direct": "direct", "arithmetic_worked": "worked",
    "arithmetic_tool": "calculator", "letters_direct": "letters", "letters_spelled": "letters", "reading": "reading",
    "refusal": "refusal", "refusal_lookalike": "lookalike", "identity": "identity",
}  # fmt: skip
STEPS, CONVERSATIONS, ADDED = 400, 12_000, 4_000
BEFORE, AFTER = "before", "after"


def measure(lab: Lab) -> None:
    """Both models' exams, and what was added."""
    usual = talk(lab.world, CONVERSATIONS)
    exams = [exam for exam in build_exams(World(lab.world)) if exam.name in KINDS]
    before = sit(lab, BEFORE, Engine.load(tuned(lab, "", usual)), exams)
    worst = max(before.scores, key=failures).exam
    lab.log(who="engine", mined=worst, added=KINDS[worst])
    more = talk(lab.world, ADDED, {KINDS[worst]: 1.0})
    sit(lab, AFTER, Engine.load(tuned(lab, KINDS[worst], usual + more)), exams)


def failures(of: Score) -> float:
    """The share of an exam's questions that went wrong; in some exams what is counted is the failure."""
    right = of.score or 0.0
    return right if of.exam in LOWER_IS_BETTER else 1 - right


def tuned(lab: Lab, added: str, conversations: Sequence[Conversation]) -> Path:
    """The assistant that these conversations make."""
    base = lab.model("base")
    train = TrainConfig(
        steps=STEPS, rows=8, evaluate_every=0, sample_every=0,
        optimizer=OptimizerConfig(kind="adamw", lr=5e-4, weight_decay=0.0),
        schedule=ScheduleConfig(warmup_steps=20, warmdown_share=0.6),
    )  # fmt: skip
    with lab.training("engine", {"base": made_of(base), "added": added, "steps": STEPS, "more": ADDED}) as run:
        return sft(SFTConfig(train, seed=lab.seed), run, parent=base, conversations=conversations, held_out=[],
                   documents=lab.text().data, resume="auto").folder  # fmt: skip


def summarise(rows: Sequence[Row]) -> Measured:
    """Changes of the exams in points, positive being better: of the one mined, and of those of other kinds."""
    (engine,) = (row for row in rows if row["who"] == "engine")
    changes = {}
    for exam in KINDS:
        sign = -1 if exam in LOWER_IS_BETTER else 1
        changes[exam] = 100 * sign * (score(rows, exam, AFTER) - score(rows, exam, BEFORE))
    others = [change for exam, change in changes.items() if KINDS[exam] != engine["added"]]
    found = {"mined exam": changes[engine["mined"]], "others, mean": sum(others) / len(others),
             "others, worst": min(others)}  # fmt: skip
    return found | changes


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["mined exam"] >= 10 and one["others, mean"] >= -2:
        return "holds"
    return "refuted" if one["mined exam"] < 3 else "unclear"


CLAIM = Claim(
    name="data_engine",
    says="Find what a model fails at, add data of that kind, train again: it gets better there at no cost elsewhere.",
    source="Karpathy 2020, AI for Full-Self Driving, on the data engine",
    refuted_by="more data of the kind does not help, or costs as much elsewhere",
    rule="Holds if in every seed the exam with the most failures rises by at least 10 points and the mean of the exams "
    "of other kinds falls by at most 2; refuted if it rises by less than 3.",
    minutes=3,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, ("mined exam", "others, mean", "others, worst", *KINDS), "points gained"),
)
