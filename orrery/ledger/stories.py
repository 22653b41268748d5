"""How good a policy's stories are, and how far it has gone from where it began."""

from dataclasses import dataclass
from pathlib import Path

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.lab import Lab
from orrery.models.hf import load_model
from orrery.models.scalar import ScalarModel
from orrery.stages.compare import STORY_TOKENS, kl_from, scores_of
from orrery.stages.from_world import COMPARED, gold_score, wishes
from orrery.stages.rollouts import roll_out

WISHES = 250  # that no stage was trained on


@dataclass(frozen=True)
class Stories:
    """Means over stories at temperature 1: the hidden rubric's score, the reward model's, and nats from the parent."""

    gold: float
    proxy: float
    kl: float


def stories_of(lab: Lab, policy: Path, parent: Path, judge: ScalarModel) -> Stories:
    """Of one story for each of `WISHES` wishes."""
    asked = wishes(lab.world, WISHES, COMPARED)
    written = roll_out(Engine.load(policy), asked, 1, Sampling(1.0, max_tokens=STORY_TOKENS, seed=lab.seed))
    gold = [gold_score(wish, texts[0]) for wish, texts in zip(asked, written.texts, strict=True)]
    proxy = scores_of(judge, written.rows()).mean().item()
    return Stories(sum(gold) / len(gold), proxy, kl_from(load_model(parent), written))
