"""LoRA: tuning a model by small matrices beside its own, which stay as they are (Hu et al. 2021, arXiv 2106.09685).

Every matrix W of attention and MLP [O I] gets two narrow ones, of rank r (equation 3 of the paper):

    h = W x + (alpha / r) B A x          A [r I] random, B [O r] zero: the model begins as it was

Only A and B are trained. Where our matrix is several of Hugging Face's joined along its rows, as queries, keys and
values are, each has an A and a B of its own, so that adapters are those of PEFT, which has the same folder.

    adapters = LoRA(model, rank=16, alpha=32)        # the model is frozen from now on
    …                                                # an optimizer changes adapters.parameters()
    adapters.merge()                                 # the model's weights are W + (alpha / r) B A
    save_adapter(adapters, folder); load_adapter(model, folder)

The model computes with merged weights all the time: whoever samples from it or saves it sees an ordinary model. So does
training; only the gradients are LoRA's, taken at each matrix from its input and the gradient of its output:

    dA = alpha/r (dh B)^T x        dB = alpha/r dh^T (A x)        never the large dW

That takes a second copy of the matrices, W as it was; gradients and optimizer state, three times as much, it spares.

Left out: dropout, rsLoRA, DoRA, adapters of embeddings.

    O outputs   I inputs   r rank   P parts of a joined matrix   N tokens
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from orrery.errors import CheckpointError
from orrery.models.hf import name_table, part_sizes, write_json
from orrery.models.hf_config import read_json
from orrery.models.transformer import Transformer

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."  # what PEFT puts before the names of the model it wraps
# What of PEFT's settings changes what an adapter does, with the values under which it does what ours does.
_ALLOWED: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",), "bias": ("none",), "use_rslora": (False,), "use_dora": (False,), "lora_bias": (False,),
    "modules_to_save": (None, []), "rank_pattern": (None, {}), "alpha_pattern": (None, {}),
    "trainable_token_indices": (None,), "layer_replication": (None,), "target_parameters": (None, []),
}  # fmt: skip


class Adapter(nn.Module):
    """A and B of one matrix; of a joined one those of all parts, one below the other: a [P r I], b [O r]."""

    def __init__(self, matrix: nn.Linear, parts: Sequence[str], rows: Sequence[int], rank: int, scale: float) -> None:
        super().__init__()
        weight = matrix.weight
        self.parts, self.rows, self.rank, self.scale = parts, list(rows), rank, scale
        self.a = nn.Parameter(weight.new_zeros(len(parts) * rank, weight.shape[1]))
        self.b = nn.Parameter(weight.new_zeros(len(weight), rank))
        self._matrix, self._base = (matrix,), weight.detach().clone()  # not registered: the model has them
        matrix.register_forward_hook(self._seen)

    @torch.no_grad()
    def merge(self) -> None:
        """Make the matrix W + scale B A, in its place."""
        added = [b @ a for b, a in zip(self.b.split(self.rows), self.a.split(self.rank), strict=True)]  # [O I] in parts
        self._matrix[0].weight.copy_(torch.add(self._base, torch.cat(added), alpha=self.scale))

    def tensors(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Name, A [r I] and B [O r] of each part."""
        yield from zip(self.parts, self.a.split(self.rank), self.b.split(self.rows), strict=True)

    def _seen(self, matrix: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor | None:
        if not torch.is_grad_enabled():
            return None
        result: Tensor = _Attach.apply(output, inputs[0], self.a, self.b, self)
        return result


class _Attach(torch.autograd.Function):
    """A matrix's output, unchanged; what comes back to it goes on to A and B too."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, x: Tensor, a: Tensor, b: Tensor, adapter: Adapter) -> Tensor:
        ctx.save_for_backward(x, a, b)
        ctx.adapter = adapter
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        x, a, b = ctx.saved_tensors
        rows, rank, scale = ctx.adapter.rows, ctx.adapter.rank, ctx.adapter.scale
        (gradient,) = gradients
        flat = gradient.flatten(0, -2)  # N O
        x = x.flatten(0, -2).to(flat.dtype)  # N I
        inside = (x @ a.to(flat.dtype).t()).split(rank, dim=1)  # N r, P times
        back = flat.split(rows, dim=1)  # N O in parts
        narrow = [part @ one for part, one in zip(back, b.to(flat.dtype).split(rows), strict=True)]  # N r, P times
        to_a = torch.cat(narrow, 1).t() @ x  # Pr I
        to_b = torch.cat([part.t() @ one for part, one in zip(back, inside, strict=True)])  # O r
        return gradient, None, scale * to_a.to(a.dtype), scale * to_b.to(b.dtype), None


class LoRA(nn.Module):
    """Adapters of all matrices in the blocks of a transformer, which is frozen.

    A is drawn as PEFT draws it, uniformly within 1/sqrt(I) (Kaiming's with a slope of sqrt(5)), from ``generator`` or
    seed 0.
    """

    def __init__(self, model: Transformer, rank: int, alpha: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.rank, self.alpha, self.architecture = rank, alpha, model.config.architecture
        model.requires_grad_(False)
        modules = dict(model.named_modules())
        self.blocks = nn.ModuleDict({str(layer): nn.ModuleDict() for layer in range(model.config.layers)})
        for name, parts in name_table(model):
            matrix = modules[name.rpartition(".")[0]]
            if name.startswith("blocks.") and isinstance(matrix, nn.Linear) and name.endswith("weight"):
                _, layer, *place, _ = name.split(".")
                rows = part_sizes(model.config, parts, len(matrix.weight))
                names = [part.removesuffix(".weight") for part in parts]
                block = self.blocks[layer]
                assert isinstance(block, nn.ModuleDict)
                block["_".join(place)] = Adapter(matrix, names, rows, rank, alpha / rank)
        generator = generator or torch.Generator().manual_seed(0)
        with torch.no_grad():
            for adapter in self.each():
                bound = 1 / math.sqrt(adapter.a.shape[1])
                adapter.a.copy_(torch.empty(adapter.a.shape).uniform_(-bound, bound, generator=generator))

    def each(self) -> Iterator[Adapter]:
        """The adapters, matrix by matrix."""
        yield from (module for module in self.modules() if isinstance(module, Adapter))

    def merge(self) -> None:
        """Bring the model's weights up to what the adapters are now; after every step of an optimizer."""
        for adapter in self.each():
            adapter.merge()


def save_adapter(adapters: LoRA, folder: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` into ``folder``, as PEFT has them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for adapter in adapters.each():
        for name, a, b in adapter.tensors():
            tensors[f"{PREFIX}{name}.lora_A.weight"] = a.detach().clone()
            tensors[f"{PREFIX}{name}.lora_B.weight"] = b.detach().clone()
    targets = sorted({name.rpartition(".")[2] for adapter in adapters.each() for name in adapter.parts})
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(
        folder / CONFIG,
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": None,
            "r": adapters.rank,
            "lora_alpha": adapters.alpha,
            "lora_dropout": 0.0,
            "target_modules": targets,
            "bias": "none",
            "fan_in_fan_out": adapters.architecture == "gpt2",  # its matrices keep inputs first
            "inference_mode": True,
        },
    )


def load_adapter(model: Transformer, folder: Path) -> LoRA:
    """Put the adapter in ``folder``, ours or PEFT's, on ``model`` and merge it. Matrices that it leaves out stay as
    they are.

    Raises:
        CheckpointError: no adapter there, one of another kind, or one of another model.
    """
    config = read_json(folder / CONFIG)
    for name, allowed in _ALLOWED.items():
        if config.get(name, allowed[0]) not in allowed:
            raise CheckpointError(f"{folder / CONFIG}: {name} is {config[name]!r}, which cannot be done here")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise CheckpointError(f"{folder / CONFIG} is damaged: r is {rank!r} and lora_alpha {alpha!r}")
    adapters = LoRA(model, rank, alpha)
    read_adapter(adapters, folder)
    return adapters


@torch.no_grad()
def read_adapter(adapters: LoRA, folder: Path) -> None:
    """Take over A and B from ``folder``, and merge.

    Raises:
        CheckpointError: they are missing, damaged or of another model.
    """
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error
    for adapter in adapters.each():
        for name, a, b in adapter.tensors():
            for letter, ours in (("A", a), ("B", b)):
                theirs = tensors.pop(f"{PREFIX}{name}.lora_{letter}.weight", None)
                if theirs is None:
                    ours.zero_()
                elif theirs.shape == ours.shape:
                    ours.copy_(theirs)
                else:
                    raise CheckpointError(f"{path}: {name} is {list(theirs.shape)}, not {list(ours.shape)}")
    if tensors:
        raise CheckpointError(f"{path} holds {min(tensors)}, for which this model has no place")
    adapters.merge()
