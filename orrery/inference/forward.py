"""One pass of the model over tokens of many rows: a few tokens of a prompt here, the next token of a reply there.

    logits = Forward(model, slots=8, length=256)([Feed(0, 0, prompt), Feed(3, 41, [token])])      # 2 V

Every row has a slot of the cache. What a pass is fed is written there and sees what stands before it. On a CPU the
compiled kernel (kernel.py) takes all of it at once, token by token; a row's result is then the same, bit for bit,
in any company. Elsewhere PyTorch runs rows of one token together, and longer ones padded to the longest.

    F feeds   T tokens of the longest   N tokens of all   M tokens whose logits are wanted   V vocabulary   L layers
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from orrery.inference.kernel import Kernel
from orrery.models.transformer import KVCache, Transformer

PREFILL_TOKENS = 8192  # that PyTorch is given at once, padding included: bounds the memory of a pass
LITTLE = 1024  # tokens of padding that cost less than a pass of their own


@dataclass(frozen=True)
class Feed:
    """Tokens of the row in `slot`, of which `start` are held; logits are wanted of the last, of all, or of none."""

    slot: int
    start: int
    ids: Sequence[int]
    wants: str = "last"

    @property
    def wanted(self) -> range:
        """Which of its tokens' logits are wanted."""
        return range({"none": len(self.ids), "last": len(self.ids) - 1, "all": 0}[self.wants], len(self.ids))


class Forward:
    """A model with a cache of `slots` rows of `length` tokens."""

    def __init__(self, model: Transformer, slots: int, length: int) -> None:
        weight = model.token_embedding.weight
        self.model, self.length = model, length
        self.cache = KVCache(model.config, slots, length, dtype=weight.dtype, device=weight.device)
        self.kernel = Kernel.of(model, self.cache)

    @torch.inference_mode()
    def __call__(self, feeds: Sequence[Feed]) -> Tensor:
        """Run the feeds, each of another slot -> logits in their order [M V], float32."""
        if self.kernel is None:
            return self.by_torch(feeds)
        ids: list[int] = []
        slots: list[int] = []
        positions: list[int] = []
        wanted: list[int] = []
        for feed in feeds:
            wanted += [len(ids) + place for place in feed.wanted]
            slots += [feed.slot] * len(feed.ids)
            positions += range(feed.start, feed.start + len(feed.ids))
            ids += feed.ids
        return self.kernel.forward(ids, slots, positions, wanted)

    def by_torch(self, feeds: Sequence[Feed]) -> Tensor:
        """The same by the model's own operations: feeds of like length together."""
        order = sorted(range(len(feeds)), key=lambda i: len(feeds[i].ids))
        found: dict[int, Tensor] = {}
        while order:
            count, real = 1, len(feeds[order[0]].ids)
            for i in order[1:]:  # as long as padding makes the pass no more than twice as large, or little
                real += len(feeds[i].ids)
                if len(feeds[i].ids) * (count + 1) > min(PREFILL_TOKENS, 2 * real + LITTLE):
                    break
                count += 1
            group, order = order[:count], order[count:]
            found |= zip(group, self.padded([feeds[i] for i in group]), strict=True)
        return torch.cat([found[i] for i in range(len(feeds))])

    def padded(self, feeds: Sequence[Feed]) -> list[Tensor]:
        """One pass over feeds that are padded to the longest -> the logits that each wants [… V]."""
        device, longest = self.cache.keys.device, max(len(feed.ids) for feed in feeds)
        used = min(self.length, max(feed.start for feed in feeds) + longest)
        ids = torch.tensor([[*feed.ids, *[0] * (longest - len(feed.ids))] for feed in feeds], device=device)  # F T
        starts = torch.tensor([feed.start for feed in feeds], device=device)  # F
        # Padding lies behind a row's last token, where nothing looks before it is overwritten. The cache's last place
        # is never fed (a row stops when it is full), so padding that would lie beyond the end may go there.
        positions = (starts[:, None] + torch.arange(longest, device=device)).clamp(max=self.length - 1)  # F T
        slots = torch.tensor([feed.slot for feed in feeds], device=device)  # F
        cache = copy.copy(self.cache)
        whole = [feed.slot for feed in feeds] == list(range(len(feeds)))
        which = slice(len(feeds)) if whole else slots  # a view of the first slots, or a copy of some
        cache.keys, cache.values = self.cache.keys[:, which, :, :used], self.cache.values[:, which, :, :used]
        hidden = self.model.hidden(ids, positions=positions, cache=cache)  # F T D
        if not whole:
            real = torch.arange(longest, device=device) < torch.tensor([[len(f.ids)] for f in feeds], device=device)
            rows, places = real.nonzero(as_tuple=True)  # N each
            at = positions[rows, places]  # N
            self.cache.keys[:, slots[rows], :, at] = cache.keys[:, rows, :, at]
            self.cache.values[:, slots[rows], :, at] = cache.values[:, rows, :, at]
        wanted = [hidden[row, list(feed.wanted)] for row, feed in enumerate(feeds)]  # … D each
        return list(self.model.unembed(torch.cat(wanted)).float().split([len(feed.wanted) for feed in feeds]))

    def copy_prefix(self, source: int, slots: Sequence[int], length: int) -> None:
        """Give the rows in `slots` the first `length` tokens of the row in another."""
        for cached in (self.cache.keys, self.cache.values):  # L R K S C
            cached[:, list(slots), :, :length] = cached[:, source : source + 1, :, :length]
