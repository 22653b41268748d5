"""Does a base model learn a task from examples in its prompt, and more from more of them?

Made-up words, which no document has, are mapped to others in three ways that no document shows, after 0 to 8 examples:

    first    glim tor => glim
    swap     glim tor => tor glim
    label    owl => vask, Norway => dreb      animals and countries, with two new labels in every prompt

(Brown et al. 2020, Language Models are Few-Shot Learners, arXiv 2005.14165; Olsson et al. 2022, arXiv 2209.11895, for
how: heads that copy.)
"""

from collections.abc import Sequence
from statistics import mean

from orrery.data.world.choice import Choice
from orrery.data.world.genres.spelling import made_up_word
from orrery.data.world.world import World
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import lines

MAPPINGS, SHOTS, QUESTIONS = ("first", "swap", "label"), (0, 1, 2, 4, 8), 200


def measure(lab: Lab) -> None:
    """A row for each mapping and number of examples."""
    engine, world = Engine.load(lab.model("base"), ()), World(lab.world)
    for mapping in lab.each(MAPPINGS, "mappings"):
        for shots in SHOTS:
            choice = Choice(lab.seed)  # the same words at every number of examples
            asked = [prompt(world, choice, mapping, shots) for _ in range(QUESTIONS)]
            ids = [[engine.tokenizer.eos_id, *engine.tokenizer.encode(text)] for text, _ in asked]
            written = [done.text for done in engine.generate(ids, Sampling(max_tokens=16))]
            right = [text.split("\n")[0].strip() == truth for text, (_, truth) in zip(written, asked, strict=True)]
            lab.log(mapping=mapping, shots=shots, right=marks(right))
        lab.show(asked[0][0], written[0].split("\n")[0], mapping=mapping)


def prompt(world: World, choice: Choice, mapping: str, shots: int) -> tuple[str, str]:
    """Examples and a question, with its answer. The question and the labels do not depend on the number of examples."""
    labels = [made_up_word(choice) for _ in range(2)]
    pairs = [pair(world, choice, mapping, labels, number) for number in range(max(SHOTS) + 1)]
    question, truth = pairs[-1]
    examples = "".join(f"{word} => {answer}\n" for word, answer in pairs[len(pairs) - 1 - shots : -1])
    return f"{examples}{question} =>", truth


def pair(world: World, choice: Choice, mapping: str, labels: Sequence[str], number: int) -> tuple[str, str]:
    """One example; of labels both come in turn, but for the last, which is either."""
    if mapping == "label":
        which = number % 2 if number < max(SHOTS) else choice.integer(0, 1)
        return world.draw(choice, ("animal", "country")[which]).name, labels[which]
    one, other = made_up_word(choice), made_up_word(choice)
    return f"{one} {other}", one if mapping == "first" else f"{other} {one}"


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by number of examples: of each mapping, and their mean."""
    found = {f"{row['mapping']}, {row['shots']} shots": share(row["right"]) for row in rows}
    return found | {f"{shots} shots": mean(found[f"{name}, {shots} shots"] for name in MAPPINGS) for shots in SHOTS}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    learnt, more = one["8 shots"] - one["0 shots"], one["8 shots"] - one["1 shots"]
    if learnt >= 0.2 and more >= 0.1:
        return "holds"
    return "refuted" if learnt <= 0.05 else "unclear"


CLAIM = Claim(
    name="in_context_learning",
    says="A base model learns a new task from examples in its prompt, without any training, and the better the more "
    "there are.",
    source="Brown et al. 2020, arXiv 2005.14165, figure 1.2",
    refuted_by="eight examples of a mapping that no document has make it right no more often than none",
    rule="Holds if in every seed the mean of three mappings is right at least 20 points more often after eight "
    "examples than after none and at least 10 more than after one; refuted if at most 5 more than after none.",
    minutes=0.2,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=lines(lambda rows: {name: [(row["shots"], share(row["right"])) for row in rows if row["mapping"] == name]
                             for name in MAPPINGS}, "examples in the prompt", "share right"),
)  # fmt: skip
