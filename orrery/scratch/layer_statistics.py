"""What goes on inside a network while it trains: are its units awake, do gradients reach every layer, do weights move?

    with look(model) as seen:
        loss(model).backward()
    seen["hidden.tanh"]    # {"saturated": 0.12, "dead": 0.0, "activation": 0.6, "gradient": 0.002}

Healthy: few saturated or dead units, gradients of like size in all layers, and updates of about a thousandth of the
weights they change (Karpathy, "Building makemore part 3"; Glorot and Bengio 2010 for saturation).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Statistics = dict[str, dict[str, float]]
FLAT = 0.97  # a tanh beyond this, or a sigmoid as near to its ends, passes on less than 6% of the gradient


@contextmanager
def look(model: nn.Module) -> Iterator[Statistics]:
    """Watch every tanh, sigmoid and ReLU of the model during a forward and a backward pass.

    Yields:
        an empty dictionary, which has, once the block has ended, for each of them: ``saturated``, the share of outputs
        in the flat part (for ReLU: at 0); ``dead``, the share of units that were flat for every example; ``activation``
        and ``gradient``, the standard deviations of outputs and of their gradients.
    """
    seen: Statistics = {}
    outputs: dict[str, list[Tensor]] = {}
    gradients: dict[str, list[Tensor]] = {}
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Tanh | nn.Sigmoid | nn.ReLU):
            outputs[name], gradients[name] = [], []

            def keep(module: nn.Module, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
                outputs[name].append(output.detach().flatten(0, -2))
                if output.requires_grad:
                    output.register_hook(lambda gradient: gradients[name].append(gradient.flatten()))

            handles.append(module.register_forward_hook(keep))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
    for name, found in outputs.items():
        if found and gradients[name]:
            all_outputs = torch.cat(found)  # [examples, units]
            flat = _flat(model.get_submodule(name), all_outputs)
            seen[name] = {
                "saturated": flat.float().mean().item(),
                "dead": flat.all(0).float().mean().item(),
                "activation": all_outputs.std().item(),
                "gradient": torch.cat(gradients[name]).std().item(),
            }


def _flat(module: nn.Module, outputs: Tensor) -> Tensor:
    if isinstance(module, nn.ReLU):
        return outputs == 0
    if isinstance(module, nn.Sigmoid):
        outputs = outputs * 2 - 1
    return outputs.abs() > FLAT


def updates(model: nn.Module, before: Mapping[str, Tensor]) -> Statistics:
    """For each matrix: the standard deviations of its gradient and of its last step over that of its numbers before."""
    seen = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and parameter.grad is not None:
            size = before[name].std().item()
            step = (parameter.detach() - before[name]).std().item()
            seen[name] = {"gradient": parameter.grad.std().item() / size, "update": step / size}
    return seen
