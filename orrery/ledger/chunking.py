"""How should texts be cut, and what should find the pieces?

The pages of an atlas stand in Markdown files, some hundred of them under headings. They are cut in three ways into
chunks of a few dozen words, and searched by words, by vectors (an embedder tuned on these files), and by both. A chunk
is right when the line that answers stands in it and whose line that is. Then the agent answers from the best chunk.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from orrery.agents.chunking import Strategy
from orrery.agents.index import Hit, Index, IndexSettings, Ranking
from orrery.agents.library import bare
from orrery.data.world.atlas import FILES, Atlas, Chain
from orrery.data.world.choice import Choice
from orrery.data.world.conversations.page import EXAM_ASK
from orrery.data.world.conversations.search import sentence
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import dots
from orrery.ledger.react_hops import answered, correct, silent_engine
from orrery.stages.contrastive import ContrastiveConfig, contrastive, read_passages
from orrery.training.optim import OptimizerConfig
from orrery.training.stage import TrainConfig

QUESTIONS = 150
SIZE, OVERLAP = 24, 6  # words of a chunk, and of one that the next begins with: a page has about fifteen
CUTS: tuple[Strategy, ...] = ("fixed", "sentence", "heading")
RANKINGS: tuple[Ranking, ...] = ("bm25", "embedding", "hybrid")
RECALL = (1, 3)
STEPS = 150  # of the embedder
SHOWN = 1


def measure(lab: Lab) -> None:
    """A row for each way of cutting and ranking: at which place the right chunk came, and which answers are right."""
    atlas = Atlas(Choice(lab.seed), kept=True)
    chains = [atlas.chain(1) for _ in range(QUESTIONS)]
    rng = random.Random(f"chunking {lab.seed}")
    questions = [sentence(rng.choice(EXAM_ASK), chain.words) for chain in chains]
    engine = silent_engine(lab.agent())
    with TemporaryDirectory() as place:
        folder = Path(place) / "atlas"
        folder.mkdir()
        for kind, file in FILES.items():
            pages = [chain.pages[0] for chain in chains if chain.pages[0].kind == kind]
            (folder / file).write_text("\n".join(page.markdown for page in pages), encoding="utf-8")
        embedder = tuned(lab, folder)
        for cut in CUTS:
            settings = IndexSettings(cut, SIZE, OVERLAP, str(embedder))
            with Index(Path(place) / f"{cut}.db", settings) as index:
                index.update([folder])
                for ranking in RANKINGS:
                    found = [index.search(chain.words, max(RECALL), ranking) for chain in chains]
                    places = [place_of(chain, hits) for chain, hits in zip(chains, found, strict=True)]
                    texts = [shown(hits[0]) if hits else "" for hits in found]
                    asked = [f"{text}\n\n{question}" for text, question in zip(texts, questions, strict=True)]
                    said = answered(engine, asked)
                    right = marks(correct(chain, text) for chain, text in zip(chains, said, strict=True))
                    lab.log(cut=cut, ranking=ranking, places=places, right=right)
                    for one, text in list(zip(asked, said, strict=True))[:SHOWN]:
                        lab.show(one, text, cut=cut, ranking=ranking)


def tuned(lab: Lab, folder: Path) -> Path:
    """An embedder made of the agent, tuned on the files."""
    train = TrainConfig(steps=STEPS, rows=4, optimizer=OptimizerConfig(kind="adamw", lr=5e-4, weight_decay=0.0),
                        evaluate_every=0)  # fmt: skip
    recipe = {"parent": made_of(lab.agent()), "steps": STEPS, "questions": QUESTIONS}
    with lab.training("embedder", recipe) as run:
        passages = [text for text in read_passages([folder]) for _ in range(2)]
        settings = ContrastiveConfig(train, seed=lab.seed)
        return contrastive(settings, run, parent=lab.agent(), passages=passages, resume="auto").folder


def shown(hit: Hit) -> str:
    """A chunk as the agent is given it: under its title, where it has one."""
    return f"{hit.title}\n{bare(hit)}" if hit.title else hit.text


def place_of(chain: Chain, hits: Sequence[Hit]) -> int:
    """The place, from 1, of the first chunk with the line that answers and the name whose line it is; 0: none."""
    line = f"{chain.relations[0]}: {chain.values[0]}"
    for place, hit in enumerate(hits, 1):
        text = shown(hit)
        if line in text.splitlines() and chain.names[0] in text.partition(line)[0]:
            return place
    return 0


def summarise(rows: Sequence[Row]) -> Measured:
    """Recall at 1 and 3, and share of right answers, by way of cutting and ranking."""
    found: dict[str, float] = {}
    for row in rows:
        way = f"{row['cut']}, {row['ranking']}"
        for most in RECALL:
            found[f"{way}, recall@{most}"] = sum(0 < place <= most for place in row["places"]) / len(row["places"])
        found[f"{way}, right"] = share(row["right"])
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""

    def ahead(what: str) -> float:
        best = {cut: max(one[f"{cut}, {ranking}, {what}"] for ranking in RANKINGS) for cut in CUTS}
        return best["heading"] - max(best["fixed"], best["sentence"])

    if ahead("recall@1") >= 0.05 and ahead("right") >= 0.05:
        return "holds"
    return "refuted" if ahead("recall@1") <= 0 else "unclear"


CLAIM = Claim(
    name="chunking",
    says="Texts should be cut where they are divided: chunks that keep to a heading and carry it are found and "
    "answered from best.",
    source="Anthropic 2024, Introducing Contextual Retrieval; LangChain's and LlamaIndex's Markdown splitters",
    refuted_by="windows of so many words, or sentences, find the answer first as often",
    rule="Of each way of cutting the best of three rankings counts. Holds if in every seed chunks by headings are at "
    "least 5 points ahead in recall@1 and in right answers; refuted if they are not ahead in recall@1.",
    minutes=1.5,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=dots(summarise, tuple(f"{cut}, {ranking}, {what}" for cut in CUTS for ranking in RANKINGS
                               for what in ("recall@1", "right")), "share of questions"),
)  # fmt: skip
