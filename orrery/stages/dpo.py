"""DPO: preferences without a reward model and without sampling, as one classification loss.

For a prompt x with a better completion y_w and a worse one y_l:

    h = log p(y_w | x) / p_ref(y_w | x)  -  log p(y_l | x) / p_ref(y_l | x)
    sigmoid   L = - log sigma(beta h)                      (Rafailov et al. 2023, arXiv 2305.18290, equation 7)
    ipo       L = (h' - 1 / (2 beta))^2                    (Azar et al. 2023, arXiv 2310.12036, equation 17)

where h' has mean log-probabilities a token instead of sums, as the authors' code has. ``nll`` adds the loss of ordinary
SFT on y_w (Pang et al. 2024, arXiv 2404.19733), which keeps its probability from falling.

The reference is the model as it began; its log-probabilities are computed once. Both log p(y_w) and log p(y_l) often
fall while their difference grows: the loss asks for the difference alone. They are logged apart.

What is logged besides the loop's own metrics, of the batch and of held-out pairs (``held_out/…``)
    rewards/chosen, rewards/rejected    beta log p / p_ref: the reward that the policy implies
    rewards/margins, rewards/accuracies their difference, and how often it is positive
    logps/chosen, logps/rejected        mean log-probability of whole completions
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.errors import ConfigError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer, save_model
from orrery.models.transformer import Transformer
from orrery.stages.order import RandomOrder, hold_out
from orrery.stages.preferences import RankedRows, Ranking, to_rows
from orrery.stages.rows import Rows, spread, token_logprobs
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

CHOSEN, REJECTED = 0, 1
SOME = 128  # pairs of an evaluation on the way


@dataclass(frozen=True)
class DPOConfig:
    """How a policy learns from pairs."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=150,
            rows=32,
            optimizer=OptimizerConfig(kind="adamw", lr=6e-5, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.5),
            evaluate_every=50,
        )
    )
    """``rows`` are pairs a step."""
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    beta: float = 0.1
    """How much a log-ratio counts; the smaller, the further the policy may go from the reference."""
    nll: float = 0.0
    """Weight of the ordinary loss on the chosen completion."""
    held_out: int = 500
    """Preferences kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the pairs."""

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise ConfigError(f"beta is {self.beta}; it must be above 0")
        if self.nll < 0:
            raise ConfigError(f"nll is {self.nll}; it cannot be negative")


@dataclass(frozen=True)
class PairBatch(RankedRows):
    """Pairs [R 2 T], chosen first, with the reference's log-probability of each whole completion [R 2]."""

    reference: Tensor


def dpo_losses(logps: Tensor, reference: Tensor, lengths: Tensor, loss: str, beta: float) -> Tensor:
    """Loss of each pair: log-probabilities of policy and reference [R 2], trained tokens [R 2] -> [R]."""
    ratios = logps - reference
    if loss == "ipo":
        ratios = ratios / lengths
        return (ratios[:, CHOSEN] - ratios[:, REJECTED] - 1 / (2 * beta)).square()
    return -F.logsigmoid(beta * (ratios[:, CHOSEN] - ratios[:, REJECTED]))


def completion_logprobs(model: Transformer, rows: Rows) -> Tensor:
    """Log-probability of each whole completion: rows [R K T] -> [R K]."""
    ids, trained = rows.ids.flatten(0, 1), rows.trained.flatten(0, 1)
    return spread(token_logprobs(model, ids, trained), trained).sum(1).view(rows.lengths.shape)


class DPOStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "dpo"

    def __init__(
        self, config: DPOConfig, policy: Transformer, tokenizer: BPE, rankings: Sequence[Ranking],
        held_out: Sequence[Ranking], card: str,
    ) -> None:  # fmt: skip
        self.config, self.policy, self.tokenizer, self.card = config, policy, tokenizer, card
        self.models: Mapping[str, nn.Module] = {"policy": policy}
        self.pairs = Pairs(policy, to_rows(rankings, tokenizer, policy.config.context))
        self.held_out = Pairs(policy, to_rows(held_out, tokenizer, policy.config.context)) if held_out else None
        self.asked = [list(ranking.prompt) for ranking in (held_out or rankings)[:3]]
        self.order = RandomOrder(self.pairs.count, config.seed)
        self.engine = Engine(policy, tokenizer)
        self.flops_per_token = flops_per_token(policy.config, policy.config.context)
        first = math.log(2) if config.loss == "sigmoid" else 1 / (4 * config.beta**2)
        self.first_loss = (first * 0.95, first * 1.05 + config.nll * 20)  # the policy is the reference: h is 0
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[PairBatch]:
        """Pairs, each epoch in a new random order."""
        if state is not None:
            self.order.load_state_dict(state["order"])
        while True:
            yield self.pairs.take(torch.tensor(self.order.next(self.config.train.rows)))

    def denominators(self, batch: PairBatch) -> dict[str, float]:
        """Pairs of the batch, and the chosen completions' tokens."""
        return {"pairs": batch.rows, "chosen_tokens": int(batch.trained[:, CHOSEN].sum())}

    def loss(
        self, models: Mapping[str, nn.Module], batch: PairBatch, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formulas above."""
        config, pairs = self.config, denominators["pairs"]
        logps = completion_logprobs(self.policy, batch)
        lengths = batch.trained.sum(-1)
        loss = dpo_losses(logps, batch.reference, lengths, config.loss, config.beta).sum() / pairs
        if config.nll:
            loss = loss - config.nll * logps[:, CHOSEN].sum() / denominators["chosen_tokens"]
        return loss, {name: value / pairs for name, value in self.sums(logps.detach(), batch.reference).items()}

    def sums(self, logps: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """What is logged, added up over pairs."""
        rewards = self.config.beta * (logps - reference)
        margins = rewards[:, CHOSEN] - rewards[:, REJECTED]
        return {
            "rewards/chosen": rewards[:, CHOSEN].sum(),
            "rewards/rejected": rewards[:, REJECTED].sum(),
            "rewards/margins": margins.sum(),
            "rewards/accuracies": (margins > 0).float().sum(),
            "logps/chosen": logps[:, CHOSEN].sum(),
            "logps/rejected": logps[:, REJECTED].sum(),
        }

    def evaluate(self, full: bool) -> dict[str, float]:
        """The same on held-out pairs."""
        if self.held_out is None:
            return {}
        count = self.held_out.count if full else min(SOME, self.held_out.count)
        parts = self.held_out.take(torch.arange(count)).split(32)
        sums = [self.sums(_logprobs(self.policy, part), part.reference) for part in parts]
        return {f"held_out/{name}": sum(part[name].item() for part in sums) / count for name in sums[0]}

    def samples(self) -> list[dict[str, Any]]:
        """What the policy answers now to a few prompts."""
        replies = self.engine.chat(self.asked, Sampling(max_tokens=64))
        return [
            {
                "prompt": str(asked[-1]["content"]),
                "text": " ".join(str(m.get("content") or "") for m in reply),
                "chat": True,
            }
            for asked, reply in zip(self.asked, replies, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The place in the data; what the reference thinks of it is computed from the parent again."""
        return {"order": self.order.state_dict()}

    def save(self, folder: Path) -> None:
        """A model like its parent."""
        save_model(self.policy, folder, tokenizer=self.tokenizer, eos_ids=self.engine.stops, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.policy.load_state_dict(load_model(folder).state_dict())


class Pairs:
    """All pairs of some rankings, each completion held once, with the reference's log-probability of it."""

    def __init__(self, reference: Transformer, rankings: RankedRows) -> None:
        self.rankings = rankings
        self.reference = torch.cat([_logprobs(reference, part) for part in rankings.split(32)])  # R K
        better, worse = torch.triu_indices(rankings.ids.shape[1], rankings.ids.shape[1], 1)
        ranking, pair = (rankings.valid[:, better] & rankings.valid[:, worse]).nonzero(as_tuple=True)
        self.places = torch.stack([ranking, better[pair], worse[pair]], 1)  # P 3: ranking, better, worse completion
        self.count = len(self.places)

    def take(self, pairs: Tensor) -> PairBatch:
        """The pairs of these indices."""
        which = (self.places[pairs, :1], self.places[pairs, 1:])
        of = self.rankings
        batch = PairBatch(of.ids[which], of.trained[which], of.lengths[which], of.valid[which], self.reference[which])
        return batch.take(torch.arange(batch.rows))  # as wide as the longest of them


@torch.no_grad()
def _logprobs(model: Transformer, rows: RankedRows) -> Tensor:
    return completion_logprobs(model, rows.to(model.token_embedding.weight.device)).cpu()


def dpo(
    config: DPOConfig,
    run: Run,
    *,
    parent: Path,
    rankings: Sequence[Ranking],
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train the model in ``parent`` on preferences -> runs/NAME/dpo/, a Hugging Face folder.

    Raises:
        CheckpointError: ``parent`` is no model folder.
        DataError: a preference that does not fit the context.
        And what `orrery.training.loop.train` raises.
    """
    held_out, kept = hold_out(rankings, config.held_out)
    card = f"Trained with Orrery by DPO (run {run.name}) on {len(rankings):,} preferences.\n"
    tokenizer = load_tokenizer(parent)

    def build() -> DPOStage:
        return DPOStage(config, load_model(parent), tokenizer, kept, held_out, card)

    steps = fit_steps(config.train, minutes, run, DPOStage.name, build)
    return train(build(), steps, run, resume=resume)
