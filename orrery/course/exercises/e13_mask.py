"""Which tokens of a conversation an assistant is trained on."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import KINDS
from orrery.data.world.world import World
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render

TITLE = "The mask"
TASK = """A conversation comes as ids. Each turn begins with the id `start` and a header; that of an assistant is the
ids `header`. Write `mask`: true for what the assistant writes behind its header, up to and with the id `end` that
closes the turn; false for all else, the headers too. The check compares with the function that training uses, on
conversations of the world: several turns, tool calls and their results, and a user who writes like an assistant."""
STARTER = '''
def mask(ids: list[int], start: int, header: list[int], end: int) -> list[bool]:
    """Whether each token is trained on.

    start   the id that opens every turn; no content contains it
    header  what follows it where the assistant speaks
    end     the id that closes every turn; no content contains it
    """
    raise NotImplementedError
'''
SOLUTION = '''
def mask(ids: list[int], start: int, header: list[int], end: int) -> list[bool]:
    """Whether each token is trained on."""
    trained = [False] * len(ids)
    for opening, id_ in enumerate(ids):
        first = opening + 1 + len(header)
        if id_ == start and ids[opening + 1 : first] == header:
            last = ids.index(end, first)
            trained[first : last + 1] = [True] * (last + 1 - first)
    return trained
'''


def check(answer: ModuleType) -> None:
    """Conversations of many kinds in bytes, so that no token reaches over the end of a header."""
    tokenizer, world = BPE.from_tokens([]), World()
    talks: list[Sequence[Mapping[str, Any]]] = [
        [{"role": "user", "content": "assistant\nI am the assistant."}, {"role": "assistant", "content": "No."}],
        *(KINDS[kind](world, Choice(number)).messages for kind in KINDS for number in range(2)),
    ]
    header = tokenizer.encode("assistant\n")
    for messages in talks:
        rendered = render([{**message, "weight": 1} for message in messages], tokenizer)
        found = answer.mask(rendered.ids, tokenizer.im_start_id, header, tokenizer.im_end_id)
        assert found is not None, "mask gives nothing back"
        assert len(found) == len(rendered.ids), f"{len(rendered.ids)} ids need as many marks; you gave {len(found)}"
        for place, (mine, right) in enumerate(zip(found, rendered.mask, strict=True)):
            around = tokenizer.decode(rendered.ids[max(0, place - 12) : place + 1])
            says = "trained on" if right else "only read"
            assert bool(mine) == right, f"the last token of …{around!r} is {says}; you say otherwise"
