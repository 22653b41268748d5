"""Names for people, towns and companies: one generator for the known and the unknown.

All names of a kind come from one shuffled space, and only then is the space cut into partitions: ``known`` (the
entities of the world), ``fresh`` (throwaway characters of documents), ``sft`` and ``exam`` (names that the assistant
should say it does not know; the last stand nowhere in training). So nobody can tell known from unknown by letters.
The cut does not depend on how many names a world takes: a larger world keeps the names of a smaller one.

A person is "Given Family", two syllables each. The given names are shared by everybody; a *family name* belongs to
one partition, so an unknown person differs from every known one by a whole word. Towns and companies are one word.
Names are built from few syllables, so that a small vocabulary spells them in few tokens.
"""

import random
from typing import Literal

from orrery.data.world.choice import Choice
from orrery.data.world.facts import table
from orrery.errors import ConfigError

Partition = Literal["known", "fresh", "sft", "exam"]
# Where each partition starts and ends in the shuffled space.
_CUTS: dict[Partition, tuple[float, float]] = {
    "known": (0, 0.5),
    "fresh": (0.5, 0.75),
    "sft": (0.75, 0.875),
    "exam": (0.875, 1),
}
GIVEN_NAMES = 64
UNKNOWN_PER_FAMILY = 2

NAMED_KINDS = ("person", "town", "company")


def _space(row: str, rng: random.Random) -> list[str]:
    """Every first syllable of a row of ``syllables.csv`` with every last one, shuffled; no letter doubled between."""
    (parts,) = (parts for parts in table("syllables.csv") if parts["name"] == row)
    names = [a + b for a in parts["first"].split() for b in parts["last"].split() if a[-1] != b[0]]
    rng.shuffle(names)
    return names


class Names:
    """All names that a world of this seed can ever use."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"names {seed}")  # a string seeds by SHA-512, the same in every process
        spaces = {kind: _space(kind, rng) for kind in NAMED_KINDS}
        self.words: dict[str, dict[Partition, list[str]]] = {
            kind: {part: space[int(len(space) * low) : int(len(space) * high)] for part, (low, high) in _CUTS.items()}
            for kind, space in spaces.items()
        }
        self.given = _space("given", rng)[:GIVEN_NAMES]
        # Where each family starts in the list of given names; the next of that family takes the next given name.
        self._offset = {family: rng.randrange(GIVEN_NAMES) for family in spaces["person"]}

    def people(self, partition: Partition, count: int) -> list[str]:
        """The first ``count`` full names of a partition; families come back only when all were used once.

        Raises:
            ConfigError: more than there are.
        """
        families = self.words["person"][partition]
        if count > len(families) * GIVEN_NAMES:
            raise ConfigError(f"{count} people are too many; there are {len(families) * GIVEN_NAMES} names")
        chosen = []
        for i in range(count):
            family = families[i % len(families)]
            chosen.append(f"{self.given[(self._offset[family] + i // len(families)) % GIVEN_NAMES]} {family}")
        return chosen

    def places(self, kind: Literal["town", "company"], partition: Partition, count: int) -> list[str]:
        """The first ``count`` names of a partition of towns or companies.

        Raises:
            ConfigError: more than there are.
        """
        words = self.words[kind][partition]
        if count > len(words):
            raise ConfigError(f"{count} names of the kind '{kind}' are too many; there are {len(words)}")
        return words[:count]

    def unknown(self, kind: str, split: Literal["sft", "exam"]) -> list[str]:
        """Every name kept for questions that should be answered with "I do not know".

        Raises:
            ConfigError: the kind has no made-up names.
        """
        if kind == "person":
            return self.people(split, UNKNOWN_PER_FAMILY * len(self.words["person"][split]))
        if kind in ("town", "company"):
            return list(self.words[kind][split])
        raise ConfigError(f"no unknown names of the kind '{kind}'; there are some for: {', '.join(NAMED_KINDS)}")

    def fresh_person(self, choice: Choice) -> str:
        """A throwaway full name for a document: in no fact, and never asked about in an exam."""
        return f"{choice.pick(self.given)} {choice.pick(self.words['person']['fresh'])}"

    def fresh_town(self, choice: Choice) -> str:
        """A throwaway town for a document."""
        return choice.pick(self.words["town"]["fresh"])

    def fresh_company(self, choice: Choice) -> str:
        """A throwaway company for a document."""
        return choice.pick(self.words["company"]["fresh"])
