"""`orrery export gguf`: hand a model to llama.cpp, LM Studio and their kin."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from orrery.models.gguf import WeightType, export_gguf


@dataclass(frozen=True)
class ExportGGUFCommand:
    """Write a model folder (Qwen3, Llama or GPT-2) as one GGUF file, tokenizer and chat template included, for
    llama.cpp, LM Studio and their kin.

    Example: orrery export gguf --model runs/speedrun/sft
    Example: orrery export gguf --model runs/speedrun/sft --type q8_0 --out sft.gguf
    """

    model: Path
    """The model folder."""
    out: Path | None = None
    """The file to write; without it, one beside the folder, named after it and the type: runs/speedrun/sft-f16.gguf."""
    type: WeightType = "f16"
    """How weights are stored. f32: exactly, for comparisons; f16: half the size; bf16: the same size with fewer digits,
    for weights too large for f16; q8_0: about a quarter of the size, less exact."""


def run_export_gguf(config: ExportGGUFCommand) -> Path:
    """Write the file and say where it is. Raises what `export_gguf` raises."""
    folder = config.model.resolve()
    out = config.out or config.model.parent / f"{folder.name}-{config.type}.gguf"
    columns = TextColumn("writing"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        export_gguf(
            config.model, out, config.type,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    print(f"{out}: {out.stat().st_size / 1e6:,.1f} MB\ntry: llama-cli --model {out}")
    return out
