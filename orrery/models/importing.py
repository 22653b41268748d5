"""Taking in a model that somebody else made: from a folder or from the Hugging Face hub.

    folder = download("HuggingFaceTB/SmolLM2-135M-Instruct")
    import_folder(folder, Path("models/SmolLM2-135M-Instruct"))

Its folder is left as it is: `hf.py` and `orrery.tokenizers.imported` read other people's files. Importing looks whether
they can be read at all, every tensor of the weights included, and refuses by name what cannot; then it puts the files
that count where they belong, as hard links where the disk allows it. `compare` holds the result against transformers.
"""

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from orrery.errors import CheckpointError, ConfigError, RunError
from orrery.files import folder_written_atomically
from orrery.models.hf import INDEX, WEIGHTS, load_model, load_tokenizer, save_model
from orrery.models.lora import load_adapter
from orrery.models.transformer import Transformer
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import Message

KEPT = ("*.safetensors", "*.json", "*.jinja", "merges.txt", "README.md", "LICENSE*")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TEXT = "The year 2024 has 366 days; 12  times 7 is 84.\n\n\tNaïve café, 中文, 🙂 and isn't it?"
_CONVERSATION: list[Message] = [
    {"role": "user", "content": "What is 12 times 7?"},
    {"role": "assistant", "content": "It is 84."},
    {"role": "user", "content": _TEXT},
]


def is_hub_id(source: str) -> bool:
    """Whether a source that is no folder has the form of a hub's id, OWNER/NAME."""
    return bool(_HUB_ID.fullmatch(source)) and not Path(source).exists()


def download(hub_id: str) -> Path:
    """The model's files from the hub, or from its cache -> their folder.

    Raises:
        ConfigError: huggingface-hub is not installed.
        CheckpointError: there is no such model, it wants a licence to be accepted, or the hub cannot be reached.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ConfigError(f"fetching {hub_id} needs huggingface-hub: pip install 'orrery[hub]'") from error
    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(KEPT), ignore_patterns=["*/*"]))
    except (OSError, ValueError) as error:  # all that the hub answers, and what the network does
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CheckpointError(
            f"cannot fetch {hub_id} ({first.rstrip('.')}): offline, give the path of a folder; one behind a licence "
            "wants `hf auth login` first"
        ) from error


def import_folder(source: Path, out: Path, *, chat_tokens: bool = False) -> None:
    """Put the model in ``source`` at ``out``.

    Args:
        chat_tokens: give a base model our chat template, and the tokens that it needs where it lacks them; their
            embeddings begin as the mean of all others.

    Raises:
        ConfigError: ``chat_tokens`` for a model that has a chat template.
        CheckpointError: ``source`` is no model that can be loaded, or tokenizer and model do not belong together.
        TokenizerError: its tokenizer is not byte-level BPE.
        RunError: ``out`` exists, or the disk is full.
    """
    if out.exists():
        raise RunError(f"{out} exists: choose another --out, or remove it")
    pickled = [path.name for path in source.glob("*.bin")] if source.is_dir() else []
    if pickled and not any((source / name).is_file() for name in (WEIGHTS, INDEX)):
        raise CheckpointError(
            f"{source} has pickled weights only ({pickled[0]}), which are programs and are not read: take a revision "
            "with model.safetensors, or save it with transformers' save_pretrained"
        )
    model, tokenizer = (
        load_model(source, dtype=torch.float32 if chat_tokens else torch.bfloat16),
        load_tokenizer(source),
    )
    if tokenizer.vocab_size > model.config.vocab_size:
        raise CheckpointError(
            f"{source}: the tokenizer has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: they "
            "do not belong together"
        )
    if chat_tokens:
        if tokenizer.end_of_turn_id >= 0:
            raise ConfigError(f"{source} knows turns already: leave out --chat-tokens")
        given = tokenizer.with_chat_tokens()
        model = with_rows(model, tokenizer.vocab_size, given.vocab_size)
        save_model(model, out, tokenizer=given, eos_ids=[given.eos_id])
        return
    with folder_written_atomically(out) as new:
        new.mkdir()
        for path in sorted({path for pattern in KEPT for path in source.glob(pattern)}):
            try:
                os.link(path.resolve(), new / path.name)
            except OSError:  # another disk, or one without links
                shutil.copy(path, new / path.name)


def merge_adapter(adapter: Path, base: Path, out: Path) -> None:
    """Write the model in ``base``, with the LoRA adapter merged into its weights, at ``out``.

    Raises:
        CheckpointError: one of them is missing or damaged, or they do not belong together.
        RunError: ``out`` exists, or the disk is full.
    """
    if out.exists():
        raise RunError(f"{out} exists: choose another --out, or remove it")
    model, tokenizer = load_model(base), load_tokenizer(base)
    load_adapter(model, adapter)
    save_model(model, out, tokenizer=tokenizer, eos_ids=tokenizer.stop_ids)


def with_rows(model: Transformer, old: int, new: int) -> Transformer:
    """The model for a vocabulary of `new` tokens: their rows of embeddings are the mean of those of the `old` ones.

    Rows that it has to spare are kept where they are not needed.
    """
    larger = Transformer(replace(model.config, vocab_size=max(new, model.config.vocab_size)))
    state = model.state_dict()
    for name in ("token_embedding.weight", "unembedding.weight"):
        if name in state:
            mean = state[name][:old].mean(0, keepdim=True)
            state[name] = torch.cat([state[name][:old], mean.expand(new - old, -1), state[name][new:]])
    larger.load_state_dict(state)
    return larger


@dataclass(frozen=True)
class Comparison:
    """How far the model is from transformers' reading of the same folder: the largest difference of a logit."""

    logits: float
    template: bool
    """Whether there was a chat template to compare."""


@torch.no_grad()
def compare(folder: Path) -> Comparison:
    """Compare logits, ids and the rendered chat template with transformers, in float32.

    Raises:
        ConfigError: transformers is not installed.
        CheckpointError: logits differ by more than 1e-3, or any id does.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
        from transformers.utils import logging
    except ImportError as error:
        raise ConfigError("--check compares with transformers: pip install transformers") from error
    logging.disable_progress_bar()
    tokenizer, model = load_tokenizer(folder), load_model(folder)
    # Some of transformers' classes split text by a pattern of their own, whatever tokenizer.json says.
    reader = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    theirs = reader.from_pretrained(folder)
    _same("ids of a text", tokenizer.encode(_TEXT), theirs.encode(_TEXT, add_special_tokens=False), tokenizer)
    template = tokenizer.end_of_turn_id >= 0 and theirs.chat_template is not None
    if template:
        rendered = render(_CONVERSATION, tokenizer, add_generation_prompt=True).ids
        given: Any = theirs.apply_chat_template(_CONVERSATION, add_generation_prompt=True, return_dict=True)
        _same("rendered conversation", rendered, given["input_ids"], tokenizer)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, tokenizer.vocab_size, (1, min(64, model.config.context)), generator=generator)
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    apart = (model(ids) - reference(ids).logits).abs().max().item()
    if not apart < 1e-3:
        raise CheckpointError(f"{folder}: logits differ from transformers' by up to {apart:g}")
    return Comparison(apart, template)


def _same(what: str, ours: list[int], theirs: list[int], tokenizer: BPE) -> None:
    if ours != theirs:
        place = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(map(len, (ours, theirs)))
        )
        seen = tokenizer.decode(ours[max(0, place - 5) : place + 5])
        raise CheckpointError(f"the {what} differ from transformers' at token {place}, about {seen!r}")
