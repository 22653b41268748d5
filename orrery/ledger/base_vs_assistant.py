"""Does a base model answer questions?

It is said to be a simulator of internet documents that goes on with a question as a document would, and that tuning
makes an assistant of it. The same questions about facts that both models read are put to the base as bare text, to the
base as the last line of a page of questions and answers (a prompt can make an assistant of it), and to the assistant.

A speedrun's base has read pages of questions and answers, and conversations, though none that asks for these facts.
What else such a page does is in the share of continuations that go on after the answer, with the next question.
"""

from collections.abc import Sequence

from orrery.data.world.world import World
from orrery.evals.exams import Exam, Reply, build_exams
from orrery.evals.exams.checks import first_line
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.exams import SHOWN, score, sit
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.stages.rollouts import prompt_ids, words_of

EXAM = "facts_head"
BARE, PAGE, ASSISTANT = "base, bare question", "base, page of questions", "assistant"


def measure(lab: Lab) -> None:
    """The questions in three ways."""
    (exam,) = (exam for exam in build_exams(World(lab.world)) if exam.name == EXAM)
    base = Engine.load(lab.model("base"))
    log_continuations(lab, BARE, base, exam, "{}")
    log_continuations(lab, PAGE, base, exam, "Q: {}\nA:")
    sit(lab, ASSISTANT, Engine.load(lab.model("sft")), [exam])


def log_continuations(lab: Lab, who: str, base: Engine, exam: Exam, form: str) -> None:
    """A question is answered right if the first line that follows names the value and asks nothing."""
    asked = [form.format(words_of(item.messages or ())) for item in exam.items]
    prompts = [prompt_ids(text, base.tokenizer) for text in asked]
    written = base.generate(prompts, Sampling(max_tokens=exam.max_tokens))
    right = [first_line(item, Reply(one.text)) for item, one in zip(exam.items, written, strict=True)]
    lab.log(who=who, exam=EXAM, right=marks(right), goes_on=marks("\n" in one.text.strip() for one in written))
    for text, one in zip(asked[:SHOWN], written, strict=False):
        lab.show(text, one.text, who=who)


def summarise(rows: Sequence[Row]) -> Measured:
    """Shares right, and of the base's continuations those that do not end with the answer."""
    found = {who: score(rows, EXAM, who) for who in (BARE, PAGE, ASSISTANT)}
    return found | {f"{row['who']}: goes on": share(row["goes_on"]) for row in rows if row["who"] != ASSISTANT}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    gain = one[ASSISTANT] - one[BARE]
    return "holds" if gain >= 0.3 else "refuted" if gain <= 0.1 else "unclear"


CLAIM = Claim(
    name="base_vs_assistant",
    says="A base model does not answer questions, it continues documents; tuning makes an assistant of it.",
    source="Karpathy, Deep Dive into LLMs (2025); Ouyang et al. 2022, arXiv 2203.02155",
    refuted_by="the base answers bare questions nearly as often as the assistant",
    rule="Holds if in every seed the assistant is right at least 30 points more often than the base that is given the "
    "bare question; refuted if at most 10. The page of questions is shown and decides nothing.",
    minutes=0.2,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, (BARE, PAGE, ASSISTANT), "share of questions right"),
)
