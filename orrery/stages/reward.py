"""The reward model: what people prefer, as a number.

A transformer whose head gives a score r(x, y) to prompt x and completion y, trained so that preferred completions score
higher (Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155, equation 1):

    L = - mean over pairs of  log sigma(r(x, y_better) - r(x, y_worse))

A ranking of K completions is K (K - 1) / 2 pairs, all in one batch element, each ranking counting alike: its
completions are read once, and no pair of them can be overfitted alone (section 3.5 there).

What is logged besides the loop's own metrics, of the batch and of held-out pairs (``held_out/…``)
    accuracy            share of pairs in the right order
    margin              mean difference of scores
    reward_mean         mean score
    calibration_error   mean gap between how sure it is of a pair and how often it is right (10 bins; held out only)
    gold_agreement      rank correlation with true scores, where the data has them (held out only)
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orrery.models.explain import flops_per_token
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.scalar import ScalarModel, load_scalar_model, save_scalar_model
from orrery.stages.order import RandomOrder, hold_out
from orrery.stages.preferences import RankedRows, Ranking, to_rows
from orrery.tokenizers.bpe import BPE
from orrery.training.loop import TrainResult, train
from orrery.training.optim import OptimizerConfig
from orrery.training.pace import fit_steps
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

BINS = 10


@dataclass(frozen=True)
class RewardConfig:
    """How a reward model is trained."""

    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=200,
            rows=16,
            optimizer=OptimizerConfig(kind="adamw", lr=3e-4, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=10, warmdown_share=0.5),
            evaluate_every=50,
        )
    )
    """``rows`` are rankings a step."""
    held_out: int = 500
    """Rankings kept for evaluation, at most a fifth."""
    seed: int = 0
    """Decides the order of the rankings."""


def pair_losses(scores: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of rankings [R K], best first -> (-log sigma(difference), difference, whether it is a pair), each [R P].

    P are the K (K - 1) / 2 pairs in order: (0, 1), (0, 2) …
    """
    better, worse = torch.triu_indices(scores.shape[1], scores.shape[1], 1, device=scores.device)
    differences = scores[:, better] - scores[:, worse]
    return -F.logsigmoid(differences), differences, valid[:, better] & valid[:, worse]


class RewardStage:
    """See `orrery.training.stage.Stage` for what each part is for."""

    name = "reward"

    def __init__(
        self, config: RewardConfig, model: ScalarModel, tokenizer: BPE, rankings: Sequence[Ranking],
        held_out: Sequence[Ranking], card: str,
    ) -> None:  # fmt: skip
        self.config, self.model, self.tokenizer, self.card = config, model, tokenizer, card
        self.models: Mapping[str, nn.Module] = {"reward": model}
        context = model.body.config.context
        self.rows = to_rows(rankings, tokenizer, context)
        self.held_out_rankings = held_out
        self.held_out = to_rows(held_out, tokenizer, context) if held_out else None
        self.order = RandomOrder(len(rankings), config.seed)
        self.flops_per_token = flops_per_token(model.body.config, context)
        self.first_loss = (math.log(2) - 0.1, math.log(2) + 0.1)  # nearly: every pair is a toss-up
        self.warnings: Sequence[str] = ()

    def batches(self, state: Mapping[str, Any] | None) -> Iterator[RankedRows]:
        """Rankings, each epoch in a new random order."""
        if state is not None:
            self.order.load_state_dict(state["order"])
        while True:
            yield self.rows.take(torch.tensor(self.order.next(self.config.train.rows)))

    def denominators(self, batch: RankedRows) -> dict[str, float]:
        """Rankings of the batch."""
        return {"rankings": batch.rows}

    def loss(
        self, models: Mapping[str, nn.Module], batch: RankedRows, denominators: Mapping[str, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula above."""
        scores = self.score(batch)
        losses, differences, pairs = pair_losses(scores, batch.valid)
        weights = pairs / pairs.sum(1, keepdim=True) / denominators["rankings"]  # R P
        with torch.no_grad():
            metrics = {
                "accuracy": ((differences > 0) * weights).sum(),
                "margin": (differences * weights).sum(),
                "reward_mean": (scores * batch.valid / batch.valid.sum(1, keepdim=True)).sum()
                / denominators["rankings"],
            }
        return (losses * weights).sum(), metrics

    def score(self, rows: RankedRows) -> Tensor:
        """Scores [R K] of all completions."""
        return self.model.score(rows.ids.flatten(0, 1), rows.lengths.flatten()).view(rows.lengths.shape)

    def evaluate(self, full: bool) -> dict[str, float]:
        """On held-out rankings."""
        if self.held_out is None:
            return {}
        rows = self.held_out if full else self.held_out.take(torch.arange(min(100, self.held_out.rows)))
        device = next(self.model.parameters()).device
        scores = torch.cat([self.score(part.to(device)).cpu() for part in rows.split(self.config.train.rows)])
        losses, differences, pairs = pair_losses(scores, rows.valid)
        found = {
            "held_out/loss": losses[pairs].mean().item(),
            "held_out/accuracy": (differences[pairs] > 0).float().mean().item(),
            "held_out/margin": differences[pairs].mean().item(),
            "held_out/calibration_error": calibration_error(differences[pairs]),
        }
        gold = [ranking.gold for ranking in self.held_out_rankings[: rows.rows]]
        if all(scores_of is not None for scores_of in gold):
            truth = torch.cat([torch.tensor(scores_of) for scores_of in gold if scores_of is not None])
            found["held_out/gold_agreement"] = rank_correlation(scores[rows.valid], truth)
        return found

    def samples(self) -> list[dict[str, Any]]:
        """The scores of one held-out ranking's completions."""
        if self.held_out is None:
            return []
        device = next(self.model.parameters()).device
        scores = self.score(self.held_out.take(torch.tensor([0])).to(device))[0].tolist()
        ranking = self.held_out_rankings[0]
        texts = [" ".join(str(m.get("content") or "") for m in one) for one in ranking.completions]
        prompt = str(ranking.prompt[-1]["content"])
        return [
            {"prompt": prompt, "text": f" [{score:+.2f}] {text}"} for score, text in zip(scores, texts, strict=False)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The place in the data."""
        return {"order": self.order.state_dict()}

    def save(self, folder: Path) -> None:
        """A sequence classifier with one label."""
        save_scalar_model(self.model, folder, tokenizer=self.tokenizer, card=self.card)

    def load(self, folder: Path) -> None:
        """Take over the weights of a checkpoint."""
        self.model.load_state_dict(load_scalar_model(folder).state_dict())


def calibration_error(differences: Tensor) -> float:
    """Of pairs in order of preference [P]: expected calibration error of sigma(difference) (arXiv 1706.04599, eq. 3).

    A pair counts as a prediction that its likelier side wins, sure to sigma(|difference|).
    """
    sure, right = differences.abs().sigmoid(), (differences > 0).float()
    bins = ((sure - 0.5) * 2 * BINS).long().clamp(max=BINS - 1)
    gaps = [(sure[bins == i].sum() - right[bins == i].sum()).abs() for i in range(BINS)]
    return (torch.stack(gaps).sum() / len(differences)).item()


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's rho of two lists of numbers; ties get the mean of their ranks."""

    def ranks(values: Tensor) -> Tensor:
        _, place, counts = values.unique(return_inverse=True, return_counts=True)
        ends = counts.cumsum(0).float()
        return (ends - (counts - 1) / 2)[place]

    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


def reward(
    config: RewardConfig,
    run: Run,
    *,
    parent: Path,
    rankings: Sequence[Ranking],
    minutes: float = 0.0,
    resume: str | Path | None = None,
) -> TrainResult:
    """Train a reward model from the model in ``parent`` -> runs/NAME/reward/.

    Raises:
        CheckpointError: ``parent`` is no model folder.
        DataError: a preference that does not fit the context.
        And what `orrery.training.loop.train` raises.
    """
    held_out, kept = hold_out(rankings, config.held_out)
    card = f"A reward model trained with Orrery (run {run.name}) on {len(rankings):,} rankings.\n"
    tokenizer = load_tokenizer(parent)

    def build() -> RewardStage:
        generator = torch.Generator().manual_seed(config.seed)
        model = ScalarModel.from_parent(load_model(parent), generator)
        return RewardStage(config, model, tokenizer, kept, held_out, card)

    steps = fit_steps(config.train, minutes, run, RewardStage.name, build)
    return train(build(), steps, run, resume=resume)
