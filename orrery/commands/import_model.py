"""`orrery import`: take in a model that somebody else made, from a folder or from the Hugging Face hub."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from orrery.errors import CheckpointError, ConfigError, OrreryError
from orrery.inference.speaker import is_assistant
from orrery.models.explain import explain, render
from orrery.models.hf import load_tokenizer
from orrery.models.hf_config import config_from_hf
from orrery.models.importing import compare, download, import_folder, is_hub_id, merge_adapter
from orrery.models.lora import CONFIG as ADAPTER


@dataclass(frozen=True)
class ImportCommand:
    """Take in a Qwen3, Llama 3, SmolLM2 or GPT-2, from a folder or by its id on the Hugging Face hub. Every stage that
    fine-tunes, and chat, eval and serve, then run on it. What cannot be read is refused with the reason.

    Example: orrery import HuggingFaceTB/SmolLM2-135M-Instruct --check
    Example: orrery import ../downloads/Qwen3-0.6B --out models/qwen
    Example: orrery import runs/tuned/sft/adapter --base models/qwen --out models/qwen-tuned
    """

    source: Annotated[str, tyro.conf.Positional]
    """A model folder, or OWNER/NAME on the hub; or the folder of a LoRA adapter, as PEFT has them."""
    base: Path | None = None
    """The model folder that an adapter belongs to; it is merged."""
    out: Path | None = None
    """Where it goes; models/NAME by default. Files are linked where they are on the same disk."""
    check: bool = False
    """Compare logits, ids and the chat template with transformers, which must be installed. Where they differ,
    nothing is kept."""
    chat_tokens: bool = False
    """Give a base model without a chat template ours, and the tokens it needs, so that it can be tuned to answer."""


def run_import(config: ImportCommand) -> Path:
    """Import, say what it is, and what can be done next. Raises what `orrery.models.importing` raises."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    out = config.out or Path("models") / Path(config.source).resolve().name
    if is_hub_id(config.source):
        source = download(config.source)
    else:
        source = Path(config.source)
        if not source.is_dir():
            raise CheckpointError(f"{source} is no folder, and no id of the form OWNER/NAME on the hub")
    adapter = (source / ADAPTER).is_file()
    if adapter != (config.base is not None):
        raise ConfigError(
            f"{source} is {'an adapter: give its model with' if adapter else 'no adapter: leave out'} --base"
        )
    if adapter and config.chat_tokens:
        raise ConfigError("--chat-tokens is for models: give it to the one of --base, before it is tuned")
    with errors.status(f"reading {source}"):
        if config.base is not None:
            merge_adapter(source, config.base, out)
        else:
            import_folder(source, out, chat_tokens=config.chat_tokens)
    tokenizer = load_tokenizer(out)
    console.print(render(explain(config_from_hf(out))))
    if config.check:
        try:
            with errors.status("comparing with transformers"):
                found = compare(out)
        except OrreryError:
            shutil.rmtree(out)
            raise
        parts = "logits, ids and chat template" if found.template else "logits and ids (it has no chat template)"
        console.print(f"\n{parts} equal transformers'; the largest difference of a logit is {found.logits:.1e}")
    console.print(
        f"\n{out}: {next_steps(out, is_assistant(out, tokenizer), tokenizer.end_of_turn_id >= 0)}", soft_wrap=True
    )
    return out


def next_steps(out: Path, assistant: bool, knows_turns: bool) -> str:
    """What it is, and which commands take it from here."""
    name = out.name
    if assistant:
        return (
            f"an assistant\nNext:  orrery chat --model {out}\n"
            f"       orrery sft --model {out} --data chats.jsonl --run {name}-tuned --sft.train.lora-rank 16"
        )
    if knows_turns:
        return f"a base model\nNext:  orrery sft --model {out} --data chats.jsonl --run {name}-tuned"
    return (
        f"a base model that knows no turns\nNext:  orrery chat --model {out}\n"
        "       to tune it to answer, import it with --chat-tokens"
    )
