"""Stages side by side: what each does with the same held-out wishes and sums, at temperature 1.

gold        the hidden rubric's mean score of stories, and how it varies; what no stage has seen
score       what the reward model thinks of the same stories
sums        share of sums with 3 to 7 steps that are right, and how they were answered:
            at once, in steps, or in steps with a second pass (shares and accuracy of each)
kl          nats a completion from the first stage's distribution (`kl_k1`), on stories and on sums
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from orrery.data.world.world import WorldConfig
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model
from orrery.models.scalar import ScalarModel
from orrery.models.transformer import Transformer
from orrery.stages.from_world import COMPARED, gold_score, sums, wishes
from orrery.stages.kl import kl_k1
from orrery.stages.rollouts import Rollouts, roll_out
from orrery.stages.rows import Rows, frozen_logprobs
from orrery.stages.verifiers import numeric

STORY_TOKENS, SUM_TOKENS = 128, 160
STYLES = ("direct", "worked", "checked")


@dataclass(frozen=True)
class Compared:
    """One stage's figures; shares are between 0 and 1, lengths in tokens."""

    stage: str
    gold: float
    gold_sd: float
    score: float
    story_length: float
    story_kl: float
    sums: float
    sum_length: float
    sum_kl: float
    styles: Mapping[str, float]
    """Share of each way to answer a sum."""
    accuracies: Mapping[str, float]
    """How often each was right; a way that did not occur is left out."""


def compare(folders: Mapping[str, Path], reward_model: ScalarModel, world: WorldConfig, count: int) -> list[Compared]:
    """The figures of each stage's model; the first one is what KL is measured from.

    Args:
        folders: stage → its model folder.
        count: of wishes, and of sums.
    """
    reference = load_model(next(iter(folders.values())))
    asked, problems = wishes(world, count, COMPARED), sums(count, 0, kept=True)
    found = []
    for stage, folder in folders.items():
        engine = Engine.load(folder)
        stories = roll_out(engine, asked, 1, Sampling(1.0, max_tokens=STORY_TOKENS))
        answers = roll_out(engine, [problem.prompt for problem in problems], 1, Sampling(1.0, max_tokens=SUM_TOKENS))
        gold = torch.tensor([gold_score(wish, text[0]) for wish, text in zip(asked, stories.texts, strict=True)])
        right = torch.tensor([numeric("", text[0], p.truth) for p, text in zip(problems, answers.texts, strict=True)])
        styles = [style_of(text[0]) for text in answers.texts]
        of = {style: torch.tensor([each == style for each in styles]) for style in STYLES}
        rows = stories.rows()
        found.append(
            Compared(
                stage=stage,
                gold=gold.mean().item(),
                gold_sd=gold.std().item(),
                score=scores_of(reward_model, rows).mean().item(),
                story_length=stories.metrics()["completions/mean_length"],
                story_kl=kl_from(reference, stories),
                sums=right.mean().item(),
                sum_length=answers.metrics()["completions/mean_length"],
                sum_kl=kl_from(reference, answers),
                styles={style: chosen.float().mean().item() for style, chosen in of.items()},
                accuracies={style: right[chosen].mean().item() for style, chosen in of.items() if chosen.any()},
            )
        )
    return found


def style_of(answer: str) -> str:
    """How a sum was answered.

    >>> style_of("The answer is 7."), style_of("4 + 3 = 7. The answer is 7.")
    ('direct', 'worked')
    """
    if "Check:" in answer:
        return "checked"
    return "worked" if "=" in answer else "direct"


@torch.no_grad()
def scores_of(reward_model: ScalarModel, rows: Rows) -> torch.Tensor:
    """What a reward model thinks of completions [R]."""
    return torch.cat([reward_model.score(part.ids, part.lengths) for part in rows.split(64)])


def kl_from(reference: Transformer, rollouts: Rollouts) -> float:
    """Nats a completion from a reference's distribution."""
    rows = rollouts.rows()
    return kl_k1(rollouts.logprobs(), frozen_logprobs(reference, rows)).sum().item() / rows.rows
