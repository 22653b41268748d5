"""Does a base model learn a task from examples in its prompt, and more from more of them?

Made-up words, which no document has, are mapped to others in three ways that no document shows, after 0 to 8 examples:

    first    glim tor: glim
    swap     glim tor: tor glim
    label    owl: vask, Norway: dreb      animals and countries, with two new labels in every prompt

Examples stand in a list as the documents have lists (a colon, commas), which decides; and, to show what the form does,
on lines of their own, with the colon or with an arrow that no document has. (The first run had only lines with arrows:
not one answer was right.)

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
from orrery.ledger.plots import Point, lines

MAPPINGS, SHOTS, QUESTIONS = ("first", "swap", "label"), (0, 1, 2, 4, 8), 200
FORMS = {"list": (":", ", "), "lines": (":", "\n"), "arrows": (" =>", "\n")}  # behind the word, between examples


def measure(lab: Lab) -> None:
    """A row for each mapping, form and number of examples."""
    engine, world = Engine.load(lab.model("base"), ()), World(lab.world)
    for mapping in lab.each(MAPPINGS, "mappings"):
        for form in FORMS:
            for shots in SHOTS:
                choice = Choice(lab.seed)  # the same words at every number of examples
                asked = [prompt(world, choice, mapping, shots, form) for _ in range(QUESTIONS)]
                ids = [[engine.tokenizer.eos_id, *engine.tokenizer.encode(text)] for text, _ in asked]
                said = [done.text.strip() for done in engine.generate(ids, Sampling(max_tokens=16))]
                right = marks(is_right(text, truth) for text, (_, truth) in zip(said, asked, strict=True))
                lab.log(mapping=mapping, form=form, shots=shots, right=right)
                if form == "list" and shots == max(SHOTS):
                    lab.show(asked[0][0], said[0], mapping=mapping)


def prompt(world: World, choice: Choice, mapping: str, shots: int, form: str = "list") -> tuple[str, str]:
    """Examples and a question, with its answer. The question and the labels do not depend on the number of examples."""
    sign, between = FORMS[form]
    labels = [made_up_word(choice) for _ in range(2)]
    pairs = [pair(world, choice, mapping, labels, number) for number in range(max(SHOTS) + 1)]
    question, truth = pairs[-1]
    examples = "".join(f"{word}{sign} {answer}{between}" for word, answer in pairs[len(pairs) - 1 - shots : -1])
    return f"{examples}{question}{sign}", truth


def is_right(said: str, truth: str) -> bool:
    """Whether a continuation begins with the answer, as whole words."""
    return said.startswith(truth) and not said[len(truth) : len(truth) + 1].isalnum()


def pair(world: World, choice: Choice, mapping: str, labels: Sequence[str], number: int) -> tuple[str, str]:
    """One example; of labels both come in turn, but for the last, which is either."""
    if mapping == "label":
        which = number % 2 if number < max(SHOTS) else choice.integer(0, 1)
        return world.draw(choice, ("animal", "country")[which]).name, labels[which]
    one, other = made_up_word(choice), made_up_word(choice)
    return f"{one} {other}", one if mapping == "first" else f"{other} {one}"


def summarise(rows: Sequence[Row]) -> Measured:
    """Share right by number of examples in a list, of each mapping and their mean; and the means in the other forms."""
    right = {(row["mapping"], row["form"], row["shots"]): share(row["right"]) for row in rows}
    found = {f"{name}, {shots} shots": right[name, "list", shots] for name in MAPPINGS for shots in SHOTS}
    for form in FORMS:
        before = "" if form == "list" else f"{form}, "
        found |= {f"{before}{shots} shots": mean(right[name, form, shots] for name in MAPPINGS) for shots in SHOTS}
    return found


def curves(rows: Sequence[Row]) -> dict[str, list[Point]]:
    """Each mapping's (examples, share right) in a list."""
    return {name: [(row["shots"], share(row["right"])) for row in rows
                   if row["mapping"] == name and row["form"] == "list"] for name in MAPPINGS}  # fmt: skip


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
    plot=lines(curves, "examples in the prompt", "share right"),
)
