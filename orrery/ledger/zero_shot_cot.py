"""Does "Let's think step by step" help a model that was not trained on it?

Sums of 3 to 7 steps are put to the assistant of a full speedrun: as its conversations ask them, with the famous words
behind, with other words of the same length behind, and with words that its conversations use for working in steps.
(Kojima et al. 2022, arXiv 2205.11916, who found it in models of 100 billion parameters and more.)
"""

from collections.abc import Sequence

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.stages.compare import style_of
from orrery.stages.from_world import sums
from orrery.stages.rollouts import roll_out
from orrery.stages.verifiers import numeric

QUESTIONS, SAMPLES = 200, 4
PLAIN, FAMOUS = "as trained", "let's think step by step"
PROMPTS = {
    PLAIN: "{}",
    FAMOUS: "{} Let's think step by step.",
    "other words": "{} Let's walk down by the lake.",
    "trained words": "{} Work it out step by step.",
}


def measure(lab: Lab) -> None:
    """A row for each prompt, with all samples."""
    problems, engine = sums(QUESTIONS, lab.seed, kept=True), Engine.load(lab.speedrun("grpo") / "sft", ())
    for name, form in lab.each(list(PROMPTS.items()), "prompts"):
        prompts = [[{"role": "user", "content": form.format(problem.text)}] for problem in problems]
        sampling = Sampling(1.0, max_tokens=160, seed=lab.seed)
        texts = roll_out(engine, prompts, SAMPLES, sampling).texts
        written = [(problem.truth, text) for problem, group in zip(problems, texts, strict=True) for text in group]
        lab.log(prompt=name, right=marks(numeric("", text, truth) for truth, text in written),
                in_steps=marks(style_of(text) != "direct" for _, text in written))  # fmt: skip


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right, and answered in steps, by prompt."""
    found = {}
    for row in rows:
        found[row["prompt"]] = share(row["right"])
        found[f"{row['prompt']}: in steps"] = share(row["in_steps"])
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one[FAMOUS] - max(one[PLAIN], one["other words"])
    return "holds" if gain >= 0.1 else "refuted" if gain <= 0.03 else "unclear"


CLAIM = Claim(
    name="zero_shot_cot",
    says='Adding "Let\'s think step by step" makes a model reason, without any training.',
    source="Kojima et al. 2022, arXiv 2205.11916",
    refuted_by="with the words it is right no more often than without, or than with others",
    rule="Holds if in every seed sums are right at least 10 points more often with the words than without and than "
    "with other words; refuted if at most 3 points. What the trained words do is shown.",
    minutes=0.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(PROMPTS), "share right at temperature 1"),
)
