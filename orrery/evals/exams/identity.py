"""Who are you? In phrasings that tuning never used, by what is asked: name, maker, being no human, abilities."""

from dataclasses import dataclass

from orrery.data.world.conversations.conversation import OPENINGS
from orrery.data.world.world import World
from orrery.evals.exams.exam import Exam, Item, asked, rng_for

ASKED_EACH = 5  # times each question is put, alone and with different openings


@dataclass(frozen=True)
class Aspect:
    """One thing that is asked: a right reply has one of ``right`` and none of ``wrong`` (see ``checks.identity``)."""

    questions: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...] = ()


ASPECTS = {
    "name": Aspect(
        (
            "What do people call you?", "Under what name do you go?", "How should I call you?", "Say your name.",
            "Give me your name.", "What is this program called?", "Whom do I have the pleasure to talk to?",
            "Which assistant is this?", "Introduce yourself, please.", "And you are?", "What sort of thing are you?",
            "Would you tell me who you are?",
        ),
        ("Orrery",),
    ),
    "maker": Aspect(
        (
            "Who created you?", "By whom were you made?", "Who is behind you?", "What made you?", "Who wrote you?",
            "Where did you get your training?", "Who taught you to speak?", "What is your origin?",
            "Which program trained you?", "How did you come to be?",
        ),
        ("Orrery program", "trained by Orrery", "made by Orrery"),
    ),
    "human": Aspect(
        (
            "Are you a human being?", "Is there a real human behind this?", "Are you alive?", "Do you breathe?",
            "Are you flesh and blood?", "Do you have a heart?", "Do you have a face?", "Do you get hungry?",
            "Do you have children?", "Could I shake your hand?",
        ),
        ("No,", "I am a computer program", "not a human", "not human"),
        ("Yes",),
    ),
    "abilities": Aspect(
        (
            "What are your skills?", "What tasks can you do?", "What are your talents?", "In what ways can you help?",
            "What could you do for me?", "What is it that you can do?", "For what can I use you?", "What is your use?",
            "List what you can do.", "How are you useful?",
        ),
        ("answer questions", "sums", "spell words", "tell short stories"),
    ),
}  # fmt: skip


def build(world: World) -> list[Exam]:
    """The exam, chat only."""
    rng = rng_for("identity", world.config.seed)
    items = []
    for name, aspect in ASPECTS.items():
        for question in aspect.questions:
            openings = [opening for opening in OPENINGS if not opening.startswith("{}")]
            for opening in ("{}", *rng.sample(openings, ASKED_EACH - 1)):
                messages = asked(opening.replace("{}", question))
                items.append(
                    Item(
                        "identity",
                        question,
                        "identity",
                        messages,
                        answers=aspect.right,
                        others=aspect.wrong,
                        labels={"aspect": name},
                    )
                )
    about = "who the assistant is, in phrasings that tuning never used"
    return [Exam("identity", about, tuple(items), stage="chat", by="aspect")]
