"""A transformer that says one number a position instead of logits: reward models and critics.

    model = ScalarModel.from_parent(load_model(Path("runs/speedrun/sft")))
    model(ids)                      # [B T]
    save_scalar_model(model, folder, tokenizer)

The folder is a Hugging Face sequence classifier with one label (Qwen3ForSequenceClassification and its like), so
`AutoModelForSequenceClassification` gives the same score: that of the last token.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from orrery.errors import CheckpointError
from orrery.files import folder_written_atomically
from orrery.models.config import TransformerConfig
from orrery.models.hf import WEIGHTS, from_hf, padding_id, read_weights, save_model, to_hf, write_json
from orrery.models.hf_config import SCORE_CLASSES, config_from_hf
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE

HEAD = "score.weight"  # as transformers calls it
README = (  # what the model card of a language model says, and what one of a reward model does
    ("AutoModelForCausalLM", "AutoModelForSequenceClassification"),
    ("pipeline_tag: text-generation", "pipeline_tag: text-classification"),
    ("# A language model made with Orrery", "# A reward model made with Orrery"),
)


class ScalarModel(nn.Module):
    """A transformer without its unembedding, and a head of one output, drawn from ``generator``.

    The head begins with a standard deviation of 1/sqrt(D + 1) (Stiennon et al. 2020, arXiv 2009.01325, appendix B.1).
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.body = Transformer(replace(config, tied=True))  # tied: no unembedding of its own
        self.head = nn.Linear(config.width, 1, bias=False)
        nn.init.normal_(self.head.weight, std=(config.width + 1) ** -0.5, generator=generator)

    @classmethod
    def from_parent(cls, parent: Transformer, generator: torch.Generator) -> Self:
        """The parent's body, copied, and a new head."""
        model = cls(parent.config, generator).to(parent.token_embedding.weight.device)
        state = {name: weight for name, weight in parent.state_dict().items() if name != "unembedding.weight"}
        model.body.load_state_dict(state)
        return model

    def forward(self, ids: Tensor) -> Tensor:
        """ids [B T] -> a number after each of them [B T]; the head counts in float32 whatever the body does."""
        return (self.body.hidden(ids).float() * self.head.weight[0]).sum(-1)

    def score(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The number after the last token of each row: ids [B T], lengths [B] -> [B]."""
        last = (lengths - 1).clamp(min=0)
        return self(ids).gather(1, last[:, None])[:, 0]


def save_scalar_model(model: ScalarModel, folder: Path, *, tokenizer: BPE, card: str = "") -> None:
    """Write a Hugging Face folder, whole or not at all."""
    with folder_written_atomically(folder) as new:
        save_model(model.body, new, tokenizer=tokenizer, card=card)
        save_file({**to_hf(model.body), HEAD: model.head.weight.detach()}, new / WEIGHTS, metadata={"format": "pt"})
        config = json.loads((new / "config.json").read_text(encoding="utf-8"))
        config["architectures"] = [SCORE_CLASSES[config["model_type"]]]
        config |= {"num_labels": 1, "id2label": {"0": "score"}, "label2id": {"score": 0}}
        config["pad_token_id"] = padding_id(tokenizer)  # transformers looks for the last token that is none
        write_json(new / "config.json", config)
        described = (new / "README.md").read_text(encoding="utf-8")
        for of_text, of_scores in README:
            described = described.replace(of_text, of_scores)
        (new / "README.md").write_text(described, encoding="utf-8")


def load_scalar_model(folder: Path) -> ScalarModel:
    """Read what `save_scalar_model` wrote.

    Raises:
        CheckpointError: no folder, no model, or one without a head of one score.
    """
    if not folder.is_dir():
        raise CheckpointError(f"no model at {folder}")
    weights = read_weights(folder)
    if HEAD not in weights:
        raise CheckpointError(f"{folder} is no reward model: it has no {HEAD}; make one with `orrery reward`")
    model = ScalarModel(config_from_hf(folder, SCORE_CLASSES))
    head = weights.pop(HEAD)
    if head.shape != model.head.weight.shape:
        raise CheckpointError(f"{folder}: {HEAD} is {list(head.shape)}, not {list(model.head.weight.shape)}: one score")
    model.body.load_state_dict(from_hf(model.body, weights, folder))
    with torch.no_grad():
        model.head.weight.copy_(head)
    return model
