"""Conversations of tuning, read again while a policy learns from rewards, so that it forgets less:

    L = …  - gamma * mean over their trained tokens of  log p(token)

(Ouyang et al. 2022, arXiv 2203.02155, equation 2, the last term, there with text of pretraining: "PPO-ptx".)
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from orrery.errors import DataError
from orrery.stages.conversations import Conversation
from orrery.stages.order import RandomOrder
from orrery.stages.rows import Rows, padded
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render

B = TypeVar("B", bound=Rows)


class Replay:
    """Conversations that come along with every batch, ``rows`` at a time, each epoch in a new random order.

    Raises:
        DataError: none fits into the context.
    """

    def __init__(
        self, conversations: Sequence[Conversation], tokenizer: BPE, context: int, rows: int, seed: int
    ) -> None:
        rendered = [render(messages, tokenizer) for messages in conversations]
        self.rendered = [one for one in rendered if len(one.ids) <= context]
        if not self.rendered:
            raise DataError(f"none of the conversations to be read again fits into the context of {context} tokens")
        self.rows, self.order = rows, RandomOrder(len(self.rendered), seed)

    def join(self, batch: B) -> B:
        """The batch with the next conversations after it; they are ``replayed``, and 0 in what else it has."""
        some = [self.rendered[i] for i in self.order.next(self.rows)]
        ids, trained = padded([one.ids for one in some]), padded([one.mask for one in some], torch.bool)
        given = {
            "ids": ids,
            "trained": trained,
            "lengths": torch.tensor([len(one.ids) for one in some]),
            "replayed": torch.ones(len(some), dtype=torch.bool),
        }
        width, old = max(ids.shape[1], batch.ids.shape[1]), batch.ids.shape[1]
        joined: dict[str, Any] = {}
        for name, value in batch.tensors().items():
            added = given.get(name, torch.zeros(len(some), *value.shape[1:], dtype=value.dtype))
            if value.ndim == 2 and value.shape[1] == old:
                value, added = (F.pad(each, (0, width - each.shape[1])) for each in (value, added))
            joined[name] = torch.cat([value, added])
        return batch.with_tensors(joined)

    def state_dict(self) -> dict[str, int]:
        """The place in the data."""
        return self.order.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from there."""
        self.order.load_state_dict(state)
