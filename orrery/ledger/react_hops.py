"""Does searching step by step find what a search for the question does not?

Questions of one, two and three steps about small worlds that nobody has read. The agent answers in four ways:

    closed book     it may not call: what it says at once
    thinking        it may not call, but is begun with the thought that it would have after its first search
    in the prompt   the page that BM25 finds for the question stands before it
    ReAct           it searches, reads, searches for what it has read of

"Thinking" is chain of thought without anything to look at; how often it alone is right is counted.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import torch

from orrery.agents.bm25 import Postings
from orrery.data.world.atlas import Chain
from orrery.data.world.conversations.page import EXAM_ASK
from orrery.data.world.conversations.search import sentence
from orrery.evals.exams.agent import AtlasTools, fresh_chains
from orrery.evals.exams.checks import CHECKS
from orrery.evals.exams.exam import Item, Reply, rng_for
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import dots
from orrery.tokenizers.chat import Message, render
from orrery.tokenizers.special import TOOL_CALL

QUESTIONS = 100
PAGES = 1  # in the prompt: as many of five lines as the agent was trained to read there
SHOWN = 2
HOPS = {"one": 1, "two": 2, "three": 3}
WAYS = ("closed book", "thinking", "in the prompt", "ReAct")


def measure(lab: Lab) -> None:
    """A row for each number of steps and way: which answers are right."""
    library = AtlasTools({}, [])
    asked = {
        name: fresh_chains(rng_for(f"react {hops}", lab.world.seed), library, hops, QUESTIONS)
        for name, hops in HOPS.items()
    }
    engine = Engine.load(lab.agent(), library.tools())
    silent = silent_engine(lab.agent())
    postings = Postings()
    for page in library.pages.values():
        postings.add(f"{page.title}\n{page.text}")
    pages = list(library.pages.values())
    for name, chains in asked.items():
        questions = [sentence(random.Random(chain.words).choice(EXAM_ASK), chain.words) for chain in chains]
        found = [[pages[number] for number, _ in postings.rank(question.rstrip("?."), PAGES)] for question in questions]
        prompts = ["\n\n".join(f"{p.title}\n{p.text}" for p in some) for some in found]
        replies = {
            "closed book": answered(silent, questions),
            "thinking": thought(silent, questions, chains),
            "in the prompt": answered(silent, [f"{text}\n\n{q}" for text, q in zip(prompts, questions, strict=True)]),
            "ReAct": answered(engine, questions),
        }
        for way, texts in replies.items():
            right = [correct(chain, text) for chain, text in zip(chains, texts, strict=True)]
            lab.log(steps=name, way=way, right=marks(right))
            for question, text in list(zip(questions, texts, strict=True))[:SHOWN]:
                lab.show(question, text, way=way, steps=name)
        have = [chain.pages[-1] in some for chain, some in zip(chains, found, strict=True)]
        lab.log(steps=name, way="the page with the answer was found", right=marks(have))


def silent_engine(folder: Path) -> Engine:
    """An engine that cannot call tools."""
    engine = Engine.load(folder, ())
    engine.banned = torch.cat([engine.banned, torch.tensor([engine.tokenizer.id_of(TOOL_CALL)])])
    return engine


def answered(engine: Engine, questions: Sequence[str]) -> list[str]:
    """The last thing that is said to each."""
    asked = [[{"role": "user", "content": question}] for question in questions]
    return [str(messages[-1]["content"]) for messages in engine.chat(asked, Sampling(max_tokens=200))]


def thought(engine: Engine, questions: Sequence[str], chains: Sequence[Chain]) -> list[str]:
    """What is said after a thought begun: the first relation of the way, to be filled in from nothing."""
    prompts = []
    for question, chain in zip(questions, chains, strict=True):
        asked: list[Message] = [{"role": "user", "content": question}]
        begun = engine.tokenizer.encode(f"{chain.relations[0]}:")
        prompts.append([*render(asked, engine.tokenizer, add_generation_prompt=True).ids, *begun])
    return [one.text.strip() for one in engine.generate(prompts, Sampling(max_tokens=60))]


def correct(chain: Chain, text: str) -> bool:
    """As the exams judge it: the value, and no other of its page."""
    others = tuple(value for value in chain.pages[-1].values.values() if value != chain.values[-1])
    item = Item("react_hops", chain.names[0], "value", answers=(chain.values[-1],), others=others)
    return CHECKS["value"](item, Reply(text))


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by steps and way; how often thinking alone was right where ReAct was not."""
    found: dict[str, float] = {}
    for name in HOPS:
        right = {row["way"]: row["right"] for row in rows if row["steps"] == name}
        found |= {f"{name}, {way}": share(marked) for way, marked in right.items()}
        alone = [
            thinking == "1" and react == "0" for thinking, react in zip(right["thinking"], right["ReAct"], strict=True)
        ]
        found[f"{name}, thinking alone wins"] = sum(alone) / len(alone)
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    apart = min(one[f"{name}, ReAct"] - one[f"{name}, in the prompt"] for name in ("two", "three"))
    if apart >= 0.3 and one["one, ReAct"] - one["one, closed book"] >= 0.5:
        return "holds"
    return "refuted" if apart <= 0.05 else "unclear"


CLAIM = Claim(
    name="react_hops",
    says="Searching step by step answers questions that take several steps; one search for the question does not.",
    source="Yao et al. 2022 (ReAct), arXiv 2210.03629, section 3; Press et al. 2022 (self-ask), arXiv 2210.03350",
    refuted_by="pages found once, by the question, serve as well for two and three steps",
    rule="Holds if in every seed ReAct is at least 30 points above pages in the prompt for both two and three steps, "
    "and 50 above the closed book for one; refuted if it is at most 5 above pages in the prompt for one of them.",
    minutes=1,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(f"{name}, {way}" for name in HOPS for way in WAYS), "share of questions right"),
)
