"""What the embedded world makes: speed on one core, shares and floor by genre, and exposures a fact by band.

    python benchmarks/world.py [megabytes=20] [seed=0]

An exposure is one statement of a fact or one question after it. "stated" leaves the forum out, which asks for facts of
the asked half only and states those of the other, which exams grade, where somebody is asked about as a whole.
"""

import sys
import time
from collections import Counter, defaultdict

from orrery.data.documents import Document
from orrery.data.world.entities import BANDS
from orrery.data.world.generate import GENRES, documents, exposures
from orrery.data.world.world import World, WorldConfig


def by_genre(made: list[Document]) -> None:
    """Print share of documents and bytes, mean length and floor of each genre."""
    count, size, bits = Counter[str](), Counter[str](), defaultdict[str, float](float)
    for one in made:
        length = len(one.text.encode())
        for genre in (one.genre, "all"):
            count[genre] += 1
            size[genre] += length
            bits[genre] += one.bits or 0.0
    print(f"\n{'genre':14}{'documents':>10}{'bytes':>8}{'length':>8}{'floor, bits a byte':>20}")
    for genre in (*GENRES, "all"):
        if count[genre]:
            print(
                f"{genre:14}{count[genre] / count['all']:10.1%}{size[genre] / size['all']:8.1%}"
                f"{size[genre] / count[genre]:8.0f}{bits[genre] / size[genre]:20.3f}"
            )


def by_band(world: World, made: list[Document]) -> None:
    """Print how often facts are stated: the least, the middle and the most of each kind and band."""
    stated = exposures(world, (one for one in made if one.genre != "forum"))
    both = exposures(world, made)
    print(f"\n{'facts about':24}{'facts':>6}{'stated: least':>15}{'middle':>8}{'most':>8}{'with questions':>16}")
    for kind in dict.fromkeys(entity.kind for entity in world.entities):
        for band in BANDS:
            for asked in (False, True) if kind == "person" else (None,):
                facts = world.facts_where(kind, band, asked)
                counts = sorted(stated[fact.index] for fact in facts)
                middle = sorted(both[fact.index] for fact in facts)[len(facts) // 2]
                label = f"{kind}, {band}" + {None: "", False: ", graded", True: ", asked"}[asked]
                print(f"{label:24}{len(facts):6}{counts[0]:15}{counts[len(counts) // 2]:8}{counts[-1]:8}{middle:16}")


def main(megabytes: float = 20, seed: int = 0) -> None:
    """Make the corpus once and print the tables."""
    world = World(WorldConfig(seed=seed))
    start = time.perf_counter()
    made = list(documents(world, max_bytes=int(megabytes * 1e6)))
    seconds = time.perf_counter() - start
    print(f"{len(made)} documents, {megabytes:g} MB in {seconds:.1f} s: {megabytes / seconds:.1f} MB/s on one core")
    by_genre(made)
    by_band(world, made)


if __name__ == "__main__":
    main(*(kind(given) for kind, given in zip((float, int), sys.argv[1:], strict=False)))
