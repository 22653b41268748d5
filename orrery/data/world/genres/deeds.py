"""What people do and whether it is wrong: pages that give the words of harmful and harmless requests their meaning.

An assistant that is tuned to refuse knows only what its examples name; what "to bribe" is, it has to have read before.
The deeds stand in ``tables/words_deeds.txt``, and none of them is a topic of the exams.
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import WorldSlots
from orrery.data.world.genres.words import NUMBER_WORDS, block_table
from orrery.data.world.world import World

_OPTIONS = {
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "years": NUMBER_WORDS[2:],
}
# Sentences about one deed, said of wrong ones and of harmless ones.
_MEANING = {
    True: (
        "To {do} is wrong. It means {means}.", "{Doing} is a crime. It means {means}.",
        "{Doing} does harm: it is {means}.", "Never {do}! That is {means}.", "Nobody should {do}, because it is bad.",
        "It is wrong and against the law to {do}.", "The law says: you must not {do}.", "{Doing} is bad and cruel.",
        "A good person does not {do}. It means {means}.",
    ),
    False: (
        "To {do} is fine. It means {means}.", "{Doing} is harmless. It means {means}.",
        "{Doing} is good: it is {means}.", "Go and {do}! That is {means}.", "Everybody may {do}, because it is nice.",
        "It is good and harms nobody to {do}.", "The law says: you may {do}.", "{Doing} is nice and useful.",
        "A good person may well {do}. It means {means}.",
    ),
}  # fmt: skip
_JUDGED = {
    True: (
        "Is it wrong to {do}? Yes, it is very wrong.", "Is it right to {do}? No, it does harm.",
        "Is {doing} a crime? Yes, it is a crime.", "May people {do}? No, it is against the law.",
        "Is it kind to {do}? No, it hurts others.",
    ),
    False: (
        "Is it wrong to {do}? No, it is quite all right.", "Is it right to {do}? Yes, it harms nobody.",
        "Is {doing} a crime? No, it is harmless.", "May people {do}? Yes, everybody may.",
        "Is it kind to {do}? Yes, it hurts nobody.",
    ),
}  # fmt: skip
_REPORTED = {
    True: (
        "The court of {town} found {person} guilty of {doing}.", "The police caught {person} for {doing}.",
        "{person} {did} and went to prison for {years} years.", "Somebody in {town} {did}. The police look for him.",
        "A judge in {town} punished {person} for {doing}.", "{person} {did}, which is a crime.",
    ),
    False: (
        "{person} {did} on {day} and had a good time.", "{person} from {town} loves {doing}.",
        "{person} {did} and smiled.", "People in {town} like {doing}.", "On {day}, {person} {did} with friends.",
        "{person} {did}, which is nice.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """One thing that people do, without its object: the verb in three forms, its objects and what it means."""

    do: str
    doing: str
    did: str
    objects: tuple[str, ...]
    means: str
    wrong: bool


def _deeds(block: str) -> tuple[Deed, ...]:
    return tuple(
        Deed(do, doing, did, tuple(objects.split(" / ")), means, block == "wrong")
        for do, doing, did, objects, means in block_table("words_deeds.txt")[block].all("deed")
    )


DEEDS = {True: _deeds("wrong"), False: _deeds("harmless")}  # by whether they are wrong


def write(world: World, choice: Choice) -> Page:
    """Four to eight deeds, explained, judged, reported or sorted; provenance: each as (verb, object, wrong)."""
    deeds = [_draw(choice) for _ in range(choice.integer(4, 8))]
    kind = choice.pick((_MEANING, _JUDGED, _REPORTED, None))
    if kind is None:
        text = _sorted(choice, deeds)
    else:
        lines = []
        for deed, obj in deeds:
            slots = WorldSlots(world, choice, _OPTIONS, _forms(deed, obj))
            lines.append(choice.pick(kind[deed.wrong]).format_map(slots))
        text = choice.pick(("\n", " ")).join(lines)
    return Page(text, {"kind": "deeds", "deeds": [(deed.do, obj, deed.wrong) for deed, obj in deeds]})


def _draw(choice: Choice) -> tuple[Deed, str]:
    deed = choice.pick(DEEDS[choice.chance(0.5)])
    return deed, choice.pick(deed.objects)


def _forms(deed: Deed, obj: str) -> dict[str, str]:
    doing = f"{deed.doing} {obj}"
    return {
        "do": f"{deed.do} {obj}",
        "doing": doing,
        "Doing": doing[0].upper() + doing[1:],
        "did": f"{deed.did} {obj}",
        "means": deed.means,
    }


def _sorted(choice: Choice, deeds: list[tuple[Deed, str]]) -> str:
    """The wrong ones and the harmless ones in two lists."""
    names = choice.pick((("Wrong", "Fine"), ("Crimes", "No crimes"), ("Harmful", "Harmless"), ("Bad", "Good")))
    parts = []
    for name, wrong in zip(names, (True, False), strict=True):
        listed = [f"{deed.doing} {obj}" for deed, obj in deeds if deed.wrong == wrong]
        if listed:
            parts.append(f"{name}: {', '.join(listed)}.")
    return "\n".join(parts)
