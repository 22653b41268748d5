"""Is it easier to judge than to write?

The assistant of a full speedrun solves sums many times. From its own right and wrong solutions a judge is made of the
same weights: a reward model that has seen which was which. Then the author writes 16 solutions to sums that neither was
trained on, and the judge picks one. As a judge that needs no training stands the author's own probability of each.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import dots
from orrery.models.scalar import load_scalar_model
from orrery.stages.compare import scores_of
from orrery.stages.from_world import sums
from orrery.stages.preferences import Ranking
from orrery.stages.reward import RewardConfig, reward
from orrery.stages.rollouts import Prompt, Rollouts, roll_out
from orrery.stages.verifiers import numeric

TRAINED, KEPT, SAMPLES = 400, 150, 16
STEPS = 150
AUTHOR, PICKED, LIKELIEST, ANY = "the author, once", "picked by the judge", "the author's likeliest", "any of 16"


def measure(lab: Lab) -> None:
    """A row for each sum: which solutions were right, what the judge thought of each, how likely each was."""
    author = lab.speedrun("grpo") / "sft"
    judge = load_scalar_model(train_judge(lab, author))
    problems = sums(KEPT, lab.seed, kept=True)
    written = solve(author, [problem.prompt for problem in problems], lab.seed)
    thought = scores_of(judge, written.rows()).view(KEPT, SAMPLES)
    likely = written.logprobs().sum(1).view(KEPT, SAMPLES)
    for number, (problem, texts) in enumerate(zip(problems, written.texts, strict=True)):
        lab.log(right=marks(numeric("", text, problem.truth) for text in texts),
                judged=[round(score, 2) for score in thought[number].tolist()],
                likely=[round(nats, 2) for nats in likely[number].tolist()])  # fmt: skip


def solve(author: Path, prompts: Sequence[Prompt], seed: int) -> Rollouts:
    """`SAMPLES` solutions of each, at temperature 1."""
    return roll_out(Engine.load(author, ()), prompts, SAMPLES, Sampling(1.0, max_tokens=160, seed=seed))


def train_judge(lab: Lab, author: Path) -> Path:
    """A reward model from pairs of the author's own solutions to other sums."""
    recipe = {"author": made_of(author), "problems": TRAINED, "samples": SAMPLES, "steps": STEPS}
    config = RewardConfig(seed=lab.seed)
    config = replace(config, train=replace(config.train, steps=STEPS))
    with lab.training("judge", recipe) as run:
        return reward(config, run, parent=author, rankings=own_pairs(author, lab.seed), resume="auto").folder


def own_pairs(author: Path, seed: int) -> list[Ranking]:
    """Of each sum that came out both ways as many pairs of a right and a wrong solution as can be had."""
    rng, problems = random.Random(seed), sums(TRAINED, seed)
    found = []
    for problem, texts in zip(problems, solve(author, [p.prompt for p in problems], seed).texts, strict=True):
        by_truth: dict[float, list[str]] = {0.0: [], 1.0: []}
        for text in dict.fromkeys(texts):
            by_truth[numeric("", text, problem.truth)].append(text)
        for pair in zip(*(rng.sample(by_truth[kind], len(by_truth[kind])) for kind in (1.0, 0.0)), strict=False):
            assert not isinstance(problem.prompt, str)
            found.append(Ranking(problem.prompt, [[{"role": "assistant", "content": text}] for text in pair]))
    return found


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares of sums right, by who chose; and of pairs of a right and a wrong solution those told apart."""

    def picked(row: Row, by: str) -> float:
        return float(row["right"][max(range(len(row[by])), key=row[by].__getitem__)])

    def told_apart(row: Row, by: str) -> list[bool]:
        good, bad = ([x for x, right in zip(row[by], row["right"], strict=True) if right == kind] for kind in "10")
        return [one > other for one in good for other in bad]

    told = {by: mean(pair for row in rows for pair in told_apart(row, by)) for by in ("judged", "likely")}
    return {
        AUTHOR: share("".join(row["right"] for row in rows)),
        PICKED: mean(picked(row, "judged") for row in rows),
        LIKELIEST: mean(picked(row, "likely") for row in rows),
        ANY: mean("1" in row["right"] for row in rows),
        "pairs told apart by the judge": told["judged"],
        "pairs told apart by likelihood": told["likely"],
    }


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one[PICKED] - one[AUTHOR]
    return "holds" if gain >= 0.1 else "refuted" if gain <= 0 else "unclear"


CLAIM = Claim(
    name="judge_vs_author",
    says="It is easier to judge than to write: a model tells good from bad better than it produces the good.",
    source="Karpathy, Deep Dive into LLMs (2025), on why feedback is ranked; Cobbe et al. 2021, arXiv 2110.14168",
    refuted_by="what a judge of the same size picks is right no more often than what the author writes at once",
    rule="Holds if in every seed the solution that the judge picks of 16 is right at least 10 points more often than a "
    "single one; refuted if it is no more often right. The author's own likeliest is shown.",
    minutes=1.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, (AUTHOR, PICKED, LIKELIEST, ANY), "share of sums right"),
)
