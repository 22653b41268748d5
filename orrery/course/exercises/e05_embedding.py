"""From a name to the vectors that microGPT computes with."""

from types import ModuleType

from orrery.scratch.microgpt import MicroGPT, add

TITLE = "From a name to vectors"
TASK = """A model has a row of numbers for each token and one for each position. What it computes with at a position is
their sum. Write `embed`, which takes a name, the list of known characters, and the two tables, and gives one row for
each position: the mark BOS, whose number is the one behind the last character's, comes first, then the name's
characters. The check compares with what microGPT adds up for several names."""
STARTER = '''
def embed(name: str, characters: list[str], token: list[list[float]], position: list[list[float]]) -> list[list[float]]:
    """One row for BOS and one for each character: the token's row plus the position's, number by number.

    characters  the known characters, in the order of their numbers
    token       a row for each character, and a last one for BOS
    position    a row for each position, from the first
    """
    raise NotImplementedError
'''
SOLUTION = '''
def embed(name: str, characters: list[str], token: list[list[float]], position: list[list[float]]) -> list[list[float]]:
    """One row for BOS and one for each character: the token's row plus the position's, number by number."""
    tokens = [len(characters), *(characters.index(character) for character in name)]
    return [[a + b for a, b in zip(token[number], position[place])] for place, number in enumerate(tokens)]
'''


def check(answer: ModuleType) -> None:
    """Several names against microGPT's own sums."""
    model = MicroGPT(["emma", "olivia", "ava", "noah", "quentin"], steps=1, seed=5)
    tables = {name: [[v.data for v in row] for row in model.weights[name]] for name in ("token", "position")}
    for name in ("ava", "noah", "quentin", ""):
        found = answer.embed(name, model.characters.characters, tables["token"], tables["position"])
        tokens = [model.characters.bos, *model.characters.encode(name)]
        assert len(found) == len(tokens), (
            f"{name!r} with BOS before it has {len(tokens)} positions; you gave {len(found)} rows"
        )
        for place, number in enumerate(tokens):
            right = [v.data for v in add(model.weights["token"][number], model.weights["position"][place])]
            assert len(found[place]) == len(right), f"a row has {len(right)} numbers, not {len(found[place])}"
            near = all(abs(a - b) < 1e-9 for a, b in zip(found[place], right, strict=True))
            what = "BOS" if place == 0 else repr(name[place - 1])
            assert near, f"the row of {what} at position {place} of {name!r} is not the sum of the two rows"
