"""When a policy goes wrong, say so: each alarm once when it begins, and again only after it was over.

entropy or KL running away · hardly any group to learn from · groups without a reward · completions cut off · engine and
trainer apart
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orrery.training.machine import Precision

EQUAL, CUT_OFF = 0.8, 0.3  # shares of groups and of completions
UNEQUAL = 0.4  # share of equal groups at which that alarm is over: it goes up and down from rollout to rollout
FAR = 1.0  # nats a token
NARROW, WIDE = 0.1, 3.0  # entropy over what it was at first
# Engine against trainer, by the precision that is trained in: the metric that tells, and where rounding has ended. What
# speedrun models of 0.5M to 2.6M parameters measured: in float32 3e-5 at most; in bfloat16 single tokens are up to 0.6
# apart and so tell nothing, their mean is 0.02 at most.
APART: Mapping[Precision, tuple[str, float]] = {
    "float32": ("logprob_difference", 1e-3),
    "bfloat16": ("logprob_difference/mean", 0.05),
}


@dataclass
class PolicyAlarms:
    """What was alarmed about and is not over; ``precision`` is that of training."""

    precision: Precision = "float32"
    ringing: set[str] = field(default_factory=set)
    first_entropy: float = 0.0

    def look(self, metrics: Mapping[str, float], problem: str = "") -> tuple[str, ...]:
        """The messages that are new with these metrics; ``problem`` is why groups had no reward."""
        if not self.first_entropy and math.isfinite(metrics["entropy"]):
            self.first_entropy = metrics["entropy"]
        entropy, first = metrics["entropy"], self.first_entropy
        equal, cut_off = metrics.get("frac_reward_zero_std", 0.0), metrics["completions/clipped_ratio"]
        kl, dropped = metrics.get("kl", 0.0), metrics.get("groups_dropped", 0.0)
        telling, limit = APART[self.precision]
        apart = metrics.get(telling, 0.0)
        found = {
            "equal": (
                equal > (UNEQUAL if "equal" in self.ringing else EQUAL),
                f"{equal:.0%} of groups got equal rewards: there is little to learn from",
            ),
            "cut off": (cut_off > CUT_OFF, f"{cut_off:.0%} of completions ran out of tokens: raise max_tokens"),
            "far": (kl > FAR, f"the policy is {kl:.1f} nats a token from its reference"),
            "narrow": (entropy < NARROW * first, f"entropy fell from {first:.2f} to {entropy:.2f}: it hardly varies"),
            "wide": (
                entropy > max(WIDE * first, 1.0),
                f"entropy rose from {first:.2f} to {entropy:.2f}: it falls apart",
            ),
            "dropped": (
                dropped > 0,
                f"{dropped:.0f} groups had a reward that is no number and were dropped: {problem}",
            ),
            "apart": (apart > limit, f"engine and trainer differ by {apart:.1e} in log-probability ({telling})"),
            "broken": (not all(map(math.isfinite, metrics.values())), "a metric is not a finite number"),
        }
        now = {name for name, (wrong, _) in found.items() if wrong}
        new = now - self.ringing
        self.ringing = now
        return tuple(found[name][1] for name in found if name in new)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"ringing": sorted(self.ringing), "first_entropy": self.first_entropy}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.ringing, self.first_entropy = set(state["ringing"]), state["first_entropy"]
