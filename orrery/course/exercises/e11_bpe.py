"""Encoding a word with the merges of byte-pair encoding."""

import random
from types import ModuleType

from orrery.tokenizers.bpe import encode_reference
from orrery.tokenizers.train import train_tokens

TITLE = "Encode a word"
TASK = """Write `encode`: a word begins as its bytes; of all neighbours whose bytes together are a token, the pair of
the lowest rank is joined, the leftmost where it stands more than once; and so on until no pair is a token. What comes
back are the ranks of the parts. The check compares with the package's encoder on words of many kinds, and one catches
those who always join the longest token first."""
STARTER = '''
def encode(word: bytes, ranks: dict[bytes, int]) -> list[int]:
    """The ranks of the tokens that a word is merged to.

    ranks  the bytes of each token -> its rank; all 256 single bytes are among them
    """
    raise NotImplementedError
'''
SOLUTION = '''
def encode(word: bytes, ranks: dict[bytes, int]) -> list[int]:
    """The ranks of the tokens that a word is merged to."""
    parts = [bytes([byte]) for byte in word]
    while True:
        pairs = [(ranks[a + b], i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in ranks]
        if not pairs:
            return [ranks[part] for part in parts]
        _, place = min(pairs)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
'''
_COUNTS = {" low": 5, " lower": 2, " newest": 6, " widest": 3, " slower": 4, "aaaa": 3, "été": 2}


def check(answer: ModuleType) -> None:
    """Words that were learnt, new ones, others of random letters, and one in which the longest token is a trap."""
    tokens = train_tokens(_COUNTS, 40)
    ranks = {token: rank for rank, token in enumerate([*(bytes([byte]) for byte in range(256)), *tokens])}
    rng = random.Random(11)
    made_up = ["".join(rng.choices("lowerstnid ", k=rng.randrange(1, 9))).strip() for _ in range(60)]
    trap = {bytes([byte]): byte for byte in range(256)} | {b"bc": 256, b"ab": 257, b"abd": 258}
    for word, table in [*((word, ranks) for word in [*_COUNTS, "lowest", "aaaaa", "é", "x", *made_up]), ("abc", trap)]:
        found, right = answer.encode(word.encode(), table), encode_reference(word, table, pattern=r"(?s).+")
        assert found is not None, "encode gives nothing back"
        names = {rank: token for token, rank in table.items()}
        said = " ".join(repr(names[rank]) if rank in names else f"{rank}, which is no rank" for rank in found)
        assert list(found) == right, f"{word!r} is {' '.join(repr(names[rank]) for rank in right)}; you gave {said}"
