"""The loss of DPO for one pair of completions."""

from types import ModuleType

import torch

from orrery.stages.dpo import dpo_losses

TITLE = "The loss of a pair"
TASK = """Write `dpo_loss`: the loss of a pair of completions from four log-probabilities of whole completions, two
under the policy and two under the reference. It is -log sigma(beta h), where h is the log-ratio of the chosen
completion less that of the rejected one. Large margins of either sign must not overflow: the loss of a pair that is
hopelessly wrong is large, not infinite. The check compares with the function that `orrery dpo` trains with."""
STARTER = '''
import math


def dpo_loss(chosen: float, rejected: float, ref_chosen: float, ref_rejected: float, beta: float) -> float:
    """The loss of one pair; arguments are log-probabilities, the last two of the reference."""
    raise NotImplementedError
'''
SOLUTION = '''
import math


def dpo_loss(chosen: float, rejected: float, ref_chosen: float, ref_rejected: float, beta: float) -> float:
    """The loss of one pair; arguments are log-probabilities, the last two of the reference."""
    z = beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
    return max(0.0, -z) + math.log1p(math.exp(-abs(z)))
'''


def check(answer: ModuleType) -> None:
    """Pairs near and far against `dpo_losses`."""
    pairs = [
        (-40.0, -40.0, -40.0, -40.0, 0.1), (-38.5, -45.0, -40.0, -41.0, 0.1), (-45.0, -38.5, -41.0, -40.0, 0.5),
        (-10.0, -9000.0, -10.0, -10.0, 1.0), (-9000.0, -10.0, -10.0, -10.0, 1.0),
    ]  # fmt: skip
    for chosen, rejected, ref_chosen, ref_rejected, beta in pairs:
        logps = torch.tensor([[chosen, rejected]], dtype=torch.float64)
        reference = torch.tensor([[ref_chosen, ref_rejected]], dtype=torch.float64)
        right = dpo_losses(logps, reference, torch.ones_like(logps), "sigmoid", beta).item()
        found = answer.dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta)
        assert found is not None, "dpo_loss gives nothing back"
        assert abs(found - right) <= 1e-9 * max(1.0, right), (
            f"policy {chosen}, {rejected}, reference {ref_chosen}, {ref_rejected}, beta {beta}: "
            f"the loss is {right:.6g}; you have {found:.6g}"
        )
