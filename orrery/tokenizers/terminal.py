"""Training and inspecting a tokenizer with something to look at: what `orrery tokenizer` shows."""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.inspect import Inspection
from orrery.tokenizers.special import RESERVED

_SHADES = ("on #26415e", "on #5e3b26", "on #2f5e26", "on #5e264f")  # neighbours must differ, nothing more
_ROWS = 64  # pieces listed one by one


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, out: Path, *, workers: int | None = None, console: Console | None = None
) -> BPE:
    """Train a vocabulary, show how far it is, write it to the folder ``out``, and say what came out.

    Args:
        texts: documents; read once.
        console: where to show it; the standard output when None.

    Raises:
        TokenizerError, DataError: as `BPE.train`. Nothing is written then.
        RunError: the disk is full.
    """
    console = console or Console()
    begin = time.perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn(),
        console=console, transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("counting words", total=None, done="")

        def show(kind: str, done: int) -> None:
            if kind == "characters":
                progress.update(task, done=f"{done / 1e6:,.0f} million characters")
            else:
                total = vocab_size - 256 - len(RESERVED)
                progress.update(task, description="merging", total=total, completed=done, done=f"{done:,} merges")

        tokenizer = BPE.train(texts, vocab_size, workers, on_progress=show)
    tokenizer.save(out)
    seconds = time.perf_counter() - begin
    console.print(f"{tokenizer.vocab_size:,} tokens learned in {seconds:.1f} s and written to {out}", highlight=False)
    console.print(
        f'try: orrery tokenizer inspect --tokenizer {out} --text "12345 strawberries"', highlight=False, soft_wrap=True
    )
    return tokenizer


def inspection_table(inspection: Inspection) -> RenderableType:
    """An inspection for the terminal: the text in its pieces, a table of them, compression, scripts, warnings."""
    pieces = inspection.pieces
    line = Text()
    for index, piece in enumerate(pieces):
        line.append(piece.shown, style=_SHADES[index % len(_SHADES)])
        if b"\n" in piece.raw:
            line.append("\n")
    table = Table("", "id", "bytes", "text", box=None, header_style="bold", pad_edge=False)
    for index, piece in enumerate(pieces[:_ROWS]):
        table.add_row(str(index), str(piece.id), piece.raw.hex(" "), Text(piece.shown))
    parts: list[RenderableType] = [line, Text(), table]
    if len(pieces) > _ROWS:
        parts.append(Text(f"… and {len(pieces) - _ROWS:,} more"))
    parts.append(
        Text(
            f"\n{inspection.characters:,} characters, {inspection.bytes:,} bytes, {len(pieces):,} tokens: "
            f"{inspection.bytes_per_token:.2f} bytes a token"
        )
    )
    if inspection.scripts:
        scripts = Table("script", "letters", "tokens a letter", "times Latin", box=None, header_style="bold")
        for cost in inspection.scripts:
            row = (str(cost.letters), f"{cost.tokens_per_letter:.2f}", f"{cost.times_latin:.1f}")
            scripts.add_row(cost.script, *row)
        parts += [Text(), scripts]
    parts += [Text(), *(Text.assemble(("! ", "bold yellow"), warning) for warning in inspection.warnings)]
    return Group(*parts)
