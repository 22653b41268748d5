"""Can a model be taught to say that it does not know, and what does that cost of what it knows?

An assistant is asked after facts that documents told it, often or seldom, and after names that nobody has. Where its
answer begins to give a value it may admit instead ("Mira Tolan was born in ... I don't know."); how likely it is to
admit is a score, and every threshold on it a point of a curve: invented answers about nobody against refusals of facts
that it knows. Three cures are compared:

    a threshold         decline where admitting is likelier than so
    several questions   the mean score of what else can be asked of the same name, not of this question alone
    tuning              as for Llama 3 (arXiv 2407.21783, section 4.3.6): probe what it knows by asking several times,
                        tune on answers to that and on admissions of the rest (`orrery probe`)
"""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import mean

import torch
from matplotlib.figure import Figure

from orrery.data.shards import TokenShards
from orrery.data.world.conversations import conversations
from orrery.data.world.entities import Fact, admit, fill
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.world import World
from orrery.evals.exams.checks import declines
from orrery.evals.report_plots import plain_axes
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import COLOURS
from orrery.stages.probe import KNOWN, Question, knowledge, shares_right, world_questions
from orrery.stages.sft import SFTConfig, sft
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.training.optim import OptimizerConfig
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

TUNED, CURED = "as it was", "tuned"
ONE, SEVERAL = "this question", "several questions"
SAMPLES = 5
PHRASINGS = 4  # of each question that is probed
NOBODY = 0.5  # of the questions probed are about names that nobody has
STEPS, ROWS = 120, 8
INVENTED = 0.2  # of the questions about nobody: where refusals are read off the curve
TOLD = (0, 60, 120, 240)  # how often a fact stood in the documents: at least so often
SHOWN = 3


@dataclass(frozen=True)
class Asked:
    """A question after a fact, of its entity or of nobody by another name."""

    fact: Fact
    name: str
    question: str


def measure(lab: Lab) -> None:
    """Rows of answers, and of scores, before and after tuning."""
    world, folder, text = World(lab.world), lab.model("sft"), lab.text()
    rng = random.Random(f"hallucination {lab.seed}")
    facts = [fact for fact in world.facts_where(asked=False, real=False) if not fact.relation.forward_only]
    spare = {kind: iter(world.unknown(kind, "exam")) for kind in NAMED_KINDS}
    nobody = {entity: next(spare[entity.kind]) for entity in dict.fromkeys(fact.entity for fact in facts)}
    known = [asked_of(fact, fact.entity.name, rng) for fact in facts]
    unknown = [asked_of(fact, nobody[fact.entity], rng) for fact in facts]
    told = times_told(facts, text.data, text.tokenizer)
    folders = {TUNED: folder, CURED: cured(lab, world, folder, text.data)}
    for who, model in folders.items():
        engine = Engine.load(model, ())
        answers = greedy(engine, [one.question for one in [*known, *unknown]])
        for least, below in zip(TOLD, [*TOLD[1:], float("inf")], strict=True):
            of_bin = [i for i, count in enumerate(told) if least <= count < below]
            lab.log(who=who, told=least, **judged([known[i] for i in of_bin], [answers[i] for i in of_bin]))
        lab.log(who=who, told=-1, **judged(unknown, answers[len(known) :], nobody=True))
        for one, answer in [*zip(known, answers, strict=False)][:SHOWN] + [
            *zip(unknown, answers[len(known) :], strict=True)
        ][:SHOWN]:
            lab.show(one.question, answer, who=who)
        right, scores = forced_right(engine, known), [score(engine, some) for some in (known, unknown)]
        means = [by_name(some, of_some) for some, of_some in zip((known, unknown), scores, strict=True)]
        for how, (of_known, of_nobody) in ((ONE, scores), (SEVERAL, means)):
            kept = [value for value, knows in zip(of_known, right, strict=True) if knows]
            lab.log(who=who, how=how, known=rounded(kept), nobody=rounded(of_nobody))


def asked_of(fact: Fact, name: str, rng: random.Random) -> Asked:
    """A question after the fact in a phrasing that training never had, with this name in it."""
    return Asked(fact, name, fill(rng.choice(fact.relation.exam_questions), name))


def times_told(facts: Sequence[Fact], documents: TokenShards, tokenizer: BPE) -> list[int]:
    """How many sentences of the documents give each fact: name and value stand in them."""
    values: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, fact in enumerate(facts):
        values[fact.entity.name].append((index, fact.value))
    named = re.compile("|".join(map(re.escape, values)))
    counts = [0] * len(facts)
    for number in range(len(documents)):
        for sentence in re.split(r"(?<=[.!?])\s|\n", tokenizer.decode(documents.document(number).tolist())):
            for name in set(named.findall(sentence)):
                for index, value in values[name]:
                    counts[index] += value in sentence
    return counts


def cured(lab: Lab, world: World, folder: Path, documents: TokenShards) -> Path:
    """The model after probing and tuning -> its folder."""
    train = TrainConfig(
        steps=STEPS, rows=ROWS, optimizer=OptimizerConfig(kind="adamw", lr=3e-4, weight_decay=0.0),
        schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.6), evaluate_every=0, sample_every=0,
    )  # fmt: skip
    recipe = {"parent": made_of(folder), "steps": STEPS, "rows": ROWS, "phrasings": PHRASINGS, "nobody": NOBODY}
    with lab.training("cured", recipe) as run:
        engine = Engine.load(folder)
        questions: list[Question] = []
        for phrasing in range(PHRASINGS):
            questions += world_questions(world, NOBODY, seed=lab.seed * 1000 + phrasing)
        shares = shares_right(engine, questions, SAMPLES, lab.seed)
        probed = knowledge(questions, shares)
        spoken = [list(one.messages) for one in conversations(world, len(probed))]
        result = sft(SFTConfig(train, seed=lab.seed), run, parent=folder, conversations=[*probed, *spoken], held_out=[],
                     documents=documents, resume="auto")  # fmt: skip
    known = [right >= KNOWN for question, right in zip(questions, shares, strict=True) if question.truth is not None]
    lab.log(probed=len(questions), known=mean(known), conversations=len(probed))
    return result.folder


def greedy(engine: Engine, questions: Sequence[str]) -> list[str]:
    """What it says to each."""
    asked = [[{"role": "user", "content": question}] for question in questions]
    return [str(messages[-1]["content"]) for messages in engine.chat(asked, Sampling(max_tokens=32))]


def judged(some: Sequence[Asked], answers: Sequence[str], nobody: bool = False) -> dict[str, str]:
    """Which answers are right, declined, or neither: invented."""
    declined = [declines(answer) for answer in answers]
    right = [
        not nobody and not no and one.fact.value in answer
        for one, answer, no in zip(some, answers, declined, strict=True)
    ]
    invented = [not yes and not no for yes, no in zip(right, declined, strict=True)]
    return {"right": marks(right), "declined": marks(declined), "invented": marks(invented)}


def begun(engine: Engine, one: Asked) -> list[int]:
    """The conversation up to where the value would stand, and the first token of the admission in its place."""
    asked = {"role": "user", "content": one.question}
    admission, answer = admit(one.fact.relation, one.name), fill(one.fact.relation.templates[0], one.name, "Zzz")
    ids, other = (
        render([asked, {"role": "assistant", "content": text}], engine.tokenizer).ids for text in (admission, answer)
    )
    apart = next(place for place, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b)
    return ids[: apart + 1]


def score(engine: Engine, some: Sequence[Asked]) -> list[float]:
    """The log-odds of admitting where the value would stand."""
    logprobs = [float(values[-1]) for values in engine.logprobs([begun(engine, one) for one in some])]
    return [value - log(max(1e-9, -torch.expm1(torch.tensor(value)).item())) for value in logprobs]


def by_name(some: Sequence[Asked], scores: Sequence[float]) -> list[float]:
    """For each question the mean score of all questions after its name."""
    of_name: dict[str, list[float]] = defaultdict(list)
    for one, value in zip(some, scores, strict=True):
        of_name[one.name].append(value)
    return [mean(of_name[one.name]) for one in some]


def forced_right(engine: Engine, some: Sequence[Asked]) -> list[bool]:
    """Whether the value is right that it gives when it may not admit: whether it knows the fact."""
    prompts = [begun(engine, one) for one in some]
    forced = Engine(engine.model, engine.tokenizer, ())
    forced.banned = torch.cat([forced.banned, torch.tensor(sorted({prompt[-1] for prompt in prompts}))])
    written = forced.generate([prompt[:-1] for prompt in prompts], Sampling(max_tokens=16))
    return [done.text.strip().startswith(one.fact.value) for done, one in zip(written, some, strict=True)]


def rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 3) for value in values]


def curve(known: Sequence[float], nobody: Sequence[float]) -> list[tuple[float, float]]:
    """(invented about nobody, refused of what is known) at every threshold, from never declining on.

    Where nothing is known, all of it counts as refused.
    """
    points = [(1.0, 0.0)]
    for threshold in sorted(nobody, reverse=True):  # decline where the score is at least this
        invented = mean(value < threshold for value in nobody)
        points.append((invented, mean(value >= threshold for value in known) if known else 1.0))
    return points


def refused_at(known: Sequence[float], nobody: Sequence[float], invented: float = INVENTED) -> float:
    """The fewest refusals of known facts at which at most so many answers about nobody are invented."""
    return min(refused for made_up, refused in curve(known, nobody) if made_up <= invented)


def told_words(least: int) -> str:
    """A bin of how often facts were told.

    >>> told_words(0), told_words(240)
    ('told 0 to 59 times', 'told 240 times or more')
    """
    above = [start for start in TOLD if start > least]
    return f"told {least} to {above[0] - 1} times" if above else f"told {least} times or more"


def summarise(rows: Sequence[Row]) -> Measured:
    """Answers before and after by how often a fact was told; and the refusals at INVENTED on each curve."""
    found: dict[str, float] = {}
    for row in rows:
        if "told" in row and row["right"]:
            what = "nobody" if row["told"] < 0 else told_words(row["told"])
            for kind in ("right", "declined", "invented")[row["told"] < 0 :]:
                found[f"{what}, {kind}, {row['who']}"] = share(row[kind])
        elif "how" in row:
            at = refused_at(row["known"], row["nobody"])
            found[f"refused at {INVENTED:.0%} invented, {row['who']}, {row['how']}"] = at
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    cures = [one[f"refused at 20% invented, {who}, {how}"] for who, how in
             ((TUNED, SEVERAL), (CURED, ONE), (CURED, SEVERAL))]  # fmt: skip
    best = min(cures)
    if best <= 0.1 and one[f"nobody, invented, {CURED}"] < one[f"nobody, invented, {TUNED}"]:
        return "holds"
    return "refuted" if best > 0.2 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """The curves of all seeds, one panel."""
    axes = plain_axes(figure.add_subplot())
    for seed, of_seed in enumerate(rows):
        drawn = [row for row in of_seed if "how" in row]
        for row, colour in zip(drawn, COLOURS, strict=False):
            points = curve(row["known"], row["nobody"])
            axes.plot([x for x, _ in points], [y for _, y in points], color=colour, linewidth=1.2,
                      label=None if seed else f"{row['who']}, {row['how']}")  # fmt: skip
    axes.axvline(INVENTED, color="#9ca3af", linewidth=0.8)
    axes.axhline(0.1, color="#9ca3af", linewidth=0.8)
    axes.set_xlim(0, 0.6)
    axes.set_ylim(0, 0.5)
    axes.set_xlabel("invented answers about names that nobody has")
    axes.set_ylabel("refused facts that it knows")
    axes.legend(frameon=False, fontsize=8)


CLAIM = Claim(
    name="hallucination",
    says="A model can be taught to admit what it does not know at little cost to what it knows.",
    source="Llama Team 2024, arXiv 2407.21783, section 4.3.6; Kadavath et al. 2022, arXiv 2207.05221",
    refuted_by="whatever is done, a fifth of what it knows is refused when a fifth about nobody is still invented",
    rule="Holds if in every seed tuning lowers the share of invented answers about nobody, and with it, or by several "
    "questions after the same name, at most 10% of known facts are refused where 20% about nobody are invented; "
    "refuted if more than 20% are.",
    minutes=4,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
