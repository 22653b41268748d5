"""An embedder: a language model tuned so that its mean hidden states say what a text is about.

From every passage two spans are cut at random. They belong together, and neither belongs to the spans of the other
passages in its block; the vector of one should find the other among them (InfoNCE; van den Oord et al. 2018, arXiv
1807.03748, equation 4; independent cropping and both directions as in Contriever, arXiv 2112.09118, section 3.1):

    L = - mean over i of  log  exp(a_i . b_i / t) / sum over j of exp(a_i . b_j / t)          and the same from b to a

a_i, b_i are vectors of length 1, t the temperature, and j goes over the block. A block is a row of a batch: its
passages are compared with each other and with no others, so a batch can be cut by rows like any other.

What is logged besides the loop's own metrics, of the batch and of held-out passages (``held_out/…``)
    accuracy    share of spans that find their sibling first
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.agents.chunking import chunks, strategy_for
from orrery.agents.documents import read_text, text_files
from orrery.agents.embeddings import mean_states
from orrery.errors import ConfigError, DataError
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer
from orrery.stages.order import RandomOrder
from orrery.stages.rows import Rows, padded
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

SHORTEST = 12  # tokens of a passage that two spans can be cut from
HELD_OUT = 10  # every tenth passage is for evaluation


@dataclass(frozen=True)
class ContrastiveConfig:
    """How an embedder is tuned."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=200,
            rows=4,
            optimizer=OptimizerConfig(kind="adamw", lr=5e-4, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.5),
            evaluate_every=50,
        )
    )
    """``rows`` are blocks a step."""
    block: int = 16
    """Passages of a block."""
    span: int = 48
    """Most tokens of a span."""
    temperature: float = 0.05
    """t."""
    seed: int = 0
    """Decides the order of the passages and where they are cut."""

    def __post_init__(self) -> None:
        if self.block < 2 or self.span < SHORTEST // 2 or self.temperature <= 0:
            raise ConfigError(f"a block of at least 2, spans of at least {SHORTEST // 2}, a temperature above 0")


def read_passages(paths: Sequence[Path]) -> list[str]:
    """The chunks, as `orrery index` would cut them, of files and folders.

    Raises:
        DataError: a path does not exist, or a file that was named is no text.
    """
    found = []
    for path in text_files(list(paths)):
        try:
            text = read_text(path)
        except DataError:
            if path in paths:
                raise
            continue  # a folder may hold all sorts of things
        found += [text[chunk.start : chunk.stop] for chunk in chunks(text, strategy_for(path.name))]
    return found


def info_nce(a: Tensor, b: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Vectors of siblings [R B D] of length 1 -> (losses of both directions [R 2 B], whether the sibling is first)."""
    scores = a @ b.mT / temperature  # R B B
    both = torch.stack([scores, scores.mT], 1)  # R 2 B B
    own = torch.arange(a.shape[1], device=a.device)
    losses = -both.log_softmax(-1)[..., own, own]
    return losses, both.argmax(-1) == own


class ContrastiveStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "embedder"
    warnings: Sequence[str] = ()

    def __init__(
        self, config: ContrastiveConfig, model: Transformer, tokenizer: BPE, passages: Sequence[str], card: str
    ) -> None:
        self.config, self.model, self.tokenizer, self.card = config, model, tokenizer, card
        self.models: Mapping[str, nn.Module] = {"model": model}
        context = model.config.context
        ids = [self.tokenizer.encode(text)[:context] for text in passages]
        ids = [one for one in ids if len(one) >= SHORTEST]
        self.held_out, self.ids = ids[::HELD_OUT], [one for i, one in enumerate(ids) if i % HELD_OUT]
        if len(self.ids) < config.block:
            raise DataError(
                f"{len(self.ids)} passages of {SHORTEST} tokens or more are too few: there must be {config.block}, one "
                "block, besides those held out"
            )
        self.order = RandomOrder(len(self.ids), config.seed)
        self.flops_per_token = flops_per_token(model.config, config.span)
        self.first_loss = (0.0, torch.tensor(float(config.block)).log().item() + 1)

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[Rows]:
        """Blocks of spans; where they are cut follows from the seed and from how many were given."""
        if state is not None:
            self.order.load_state_dict(state["order"])
        while True:
            count = self.config.train.rows * self.config.block
            seed = self.config.seed * 1_000_003 + self.order.given
            yield self.blocks([self.ids[i] for i in self.order.next(count)], seed)

    def blocks(self, passages: Sequence[Sequence[int]], seed: int) -> Rows:
        """Two spans of each passage, as rows: ids [R 2 B T] and lengths [R 2 B]."""
        generator = torch.Generator().manual_seed(seed)
        spans = [[self.span(one, generator) for one in passages] for _ in range(2)]
        block, width = self.config.block, self.config.span + 1
        flat = padded([one + [0] * (width - len(one)) for side in spans for one in side])  # 2 R·B T
        lengths = torch.tensor([len(one) for side in spans for one in side])
        rows = len(passages) // block
        ids = flat.view(2, rows, block, width).transpose(0, 1).contiguous()
        counts = lengths.view(2, rows, block).transpose(0, 1).contiguous()
        return Rows(ids, torch.arange(width) < counts[..., None], counts)

    def span(self, passage: Sequence[int], generator: torch.Generator) -> list[int]:
        """Between a third and all of a passage, behind the token that begins a text."""
        most = min(len(passage), self.config.span)
        length = int(torch.randint(max(SHORTEST // 2, most // 3), most + 1, (), generator=generator))
        start = int(torch.randint(len(passage) - length + 1, (), generator=generator))
        return [self.tokenizer.begin_id, *passage[start : start + length]]

    def denominators(self, batch: Rows) -> dict[str, float]:
        """Spans of the batch."""
        return {"spans": batch.lengths.numel()}

    def loss(
        self, models: Mapping[str, nn.Module], batch: Rows, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above."""
        losses, found = self.compare(batch)
        return losses.sum() / denominators["spans"], {"accuracy": found.sum().detach() / denominators["spans"]}

    def compare(self, batch: Rows) -> tuple[Tensor, Tensor]:
        """Losses and whether the sibling came first [R 2 B]."""
        states = mean_states(self.model, batch.ids.flatten(0, 2), batch.lengths.flatten())  # R·2·B D
        vectors = F.normalize(states, dim=-1).view(*batch.lengths.shape, -1)  # R 2 B D
        return info_nce(vectors[:, 0], vectors[:, 1], self.config.temperature)

    @torch.no_grad()
    def evaluate(self, full: bool) -> dict[str, float]:
        """On held-out passages, in whole blocks; nothing where they do not fill one."""
        whole = len(self.held_out) // self.config.block * self.config.block
        if not whole:
            return {}
        batch = self.blocks(self.held_out[:whole], -1).to(next(self.model.parameters()).device)
        parts = [self.compare(part) for part in batch.split(self.config.train.rows)]
        losses, found = (torch.cat(values) for values in zip(*parts, strict=True))
        return {"held_out/loss": losses.mean().item(), "held_out/accuracy": found.float().mean().item()}

    def samples(self) -> list[dict[str, Any]]:
        """It writes nothing."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """The place in the data."""
        return {"order": self.order.state_dict()}

    def save(self, folder: Path) -> None:
        """A model like its parent, whose hidden states have changed."""
        save_model(self.model, folder, tokenizer=self.tokenizer, eos_ids=[self.tokenizer.eos_id], card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.model.load_state_dict(load_model(folder).state_dict())


def contrastive(
    config: ContrastiveConfig,
    run: Run,
    *,
    parent: Path,
    passages: Sequence[str],
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Tune the model in ``parent`` on passages -> runs/NAME/embedder/, for `orrery index --embedder`.

    Raises:
        CheckpointError: ``parent`` is no model folder.
        DataError: too few passages.
        And what `orrery.training.loop.train` raises.
    """
    card = f"An embedder tuned with Orrery (run {run.name}) on {len(passages):,} passages.\n"
    tokenizer = load_tokenizer(parent)

    def build() -> ContrastiveStage:
        return ContrastiveStage(config, load_model(parent), tokenizer, passages, card)

    steps = fit_steps(config.train, minutes, run, ContrastiveStage.name, build)
    return train(build(), steps, run, resume=resume)
