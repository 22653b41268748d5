"""Conversations of tuning, read again while a policy learns from rewards, so that it forgets less:

    L = …  + gamma * mean over their trained tokens of  KL(parent, policy)

The parent is the policy as it began, and the divergence is of the whole distribution, so that nothing is pulled where
nothing has moved (Li and Hoiem 2016, arXiv 1606.09282, on the old task's own data). InstructGPT adds -log p(token) of
text of pretraining instead (arXiv 2203.02155, equation 2, "PPO-ptx"), whose gradient is noise from the first step on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from orrery.errors import DataError
from orrery.models.transformer import Transformer
from orrery.stages.conversations import Conversation
from orrery.stages.order import RandomOrder
from orrery.stages.rows import Rows, in_parts, padded, token_states
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render

B = TypeVar("B", bound=Rows)


class Replay:
    """Conversations that come along with every batch, ``rows`` at a time, each epoch in a new random order.

    Args:
        parent: a frozen copy of the policy as it began.

    Raises:
        DataError: none fits into the context.
    """

    def __init__(
        self, conversations: Sequence[Conversation], parent: Transformer, tokenizer: BPE, rows: int, seed: int
    ) -> None:
        context = parent.config.context
        rendered = [render(messages, tokenizer) for messages in conversations]
        self.rendered = [one for one in rendered if len(one.ids) <= context]
        if not self.rendered:
            raise DataError(f"none of the conversations to be read again fits into the context of {context} tokens")
        self.parent, self.rows, self.order = parent, rows, RandomOrder(len(self.rendered), seed)

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

    def divergence(self, policy: Transformer, states: Tensor, batch: Rows, replayed: Tensor, tokens: float) -> Tensor:
        """The batch's share of the mean KL(parent, policy), in nats, at the tokens that are read again.

        Args:
            states: the policy's before these tokens [n D].
            replayed: [R], the rows that they are in.
            tokens: what the mean is over; more than n where ``batch`` is a part of one.
        """
        if not len(states):
            return states.sum()  # a microbatch without any

        def score(ours: Tensor, theirs: Tensor) -> Tensor:
            policys = policy.unembed(ours).float().log_softmax(-1)
            parents = self.parent.unembed(theirs).float().log_softmax(-1)
            return F.kl_div(policys, parents, reduction="none", log_target=True).sum(1)

        with torch.no_grad():
            theirs, _ = token_states(self.parent.to(states.device), batch.ids[replayed], batch.trained[replayed])
        return in_parts(score, policy.config.vocab_size, states, theirs).sum() / tokens

    def state_dict(self) -> dict[str, int]:
        """The place in the data."""
        return self.order.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from there."""
        self.order.load_state_dict(state)
