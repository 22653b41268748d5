"""Documents and conversations made by several processes: those of one process, in order, from any place on."""

from collections.abc import Iterable

from orrery.data.documents import Document
from orrery.data.world import corpus as made_in_parallel
from orrery.data.world.conversations import conversations
from orrery.data.world.corpus import corpus, talk
from orrery.data.world.generate import documents
from orrery.data.world.world import World, WorldConfig

SMALL = WorldConfig(seed=3)
START = made_in_parallel.CHUNK - 7  # so that what follows crosses the border of the unstarted one's first task


def shown(of: Iterable[Document]) -> list[tuple[str, str, str, float | None]]:
    return [(one.id, one.genre, one.text, one.bits) for one in of]


def test_documents_from_a_start_are_a_slice_of_those_from_the_beginning() -> None:
    """Word for word and in order; and they end before they take more bytes than asked for."""
    whole = list(documents(World(SMALL), count=START + 40))
    size = sum(len(one.text.encode()) for one in whole)
    rest = sum(len(one.text.encode()) for one in whole[START:])
    unstarted, started = list(corpus(SMALL, size)), list(corpus(SMALL, rest, start=START))
    assert shown(unstarted) == shown(whole)
    assert len(started) == 40 and shown(started) == shown(unstarted[START:])
    assert {len(one.provenance) for one in started} == {0}
    assert shown(corpus(SMALL, rest - 1, start=START, workers=1)) == shown(started[:-1])
    assert list(corpus(SMALL, 0, workers=1)) == []


def test_a_mix_a_split_and_a_start_far_away_go_together() -> None:
    mix = {"copying": 2.0, "junk": 1.0}
    made = list(corpus(SMALL, 5000, mix, "validation", workers=1, start=10**9))
    expected = documents(World(SMALL), max_bytes=5000, mix=mix, split="validation", start=10**9)
    assert shown(made) == shown(expected)
    assert {one.genre for one in made} == {"copying", "junk"} and made[0].id == "world/validation/1000000000"


def test_talk_is_the_first_conversations_in_their_order() -> None:
    whole = [list(one.messages) for one in conversations(World(SMALL), START + 40)]
    assert talk(SMALL, START + 40) == whole
    mix = {"about": 1.0}
    some = [list(one.messages) for one in conversations(World(SMALL), 9, mix=mix)]
    assert talk(SMALL, 9, mix, workers=1) == some
