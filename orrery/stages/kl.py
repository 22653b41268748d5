"""How far a policy is from its reference: estimators of KL(policy || reference) from tokens that the policy wrote.

With d = log policy - log reference of a token (Schulman 2020, http://joschu.net/blog/kl-approx.html):

    kl_k1   d               unbiased, of either sign; InstructGPT puts it into the reward
    kl_k2   d^2 / 2         biased, never negative
    kl_k3   e^-d + d - 1    unbiased, never negative; GRPO puts it into the loss

An estimate from few tokens can be negative with k1: that is noise, not an error.
"""

from torch import Tensor


def kl_k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    """d, elementwise."""
    return logprobs - reference


def kl_k2(logprobs: Tensor, reference: Tensor) -> Tensor:
    """d^2 / 2, elementwise."""
    return (logprobs - reference).square() / 2


def kl_k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    """e^-d + d - 1, elementwise; d is kept within 20, against overflow."""
    d = (logprobs - reference).clamp(-20, 20)
    return (-d).exp() + d - 1
