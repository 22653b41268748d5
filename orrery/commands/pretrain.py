"""`orrery pretrain`: a base model from the embedded world or from your own text."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from orrery.config import as_mapping
from orrery.data.documents import Document
from orrery.data.mixture import Corpus
from orrery.data.prepare import HELD_OUT_BYTES, TOKENIZER_CHARACTERS, first_characters, then_held_out
from orrery.data.shard_files import INFO, UNFINISHED
from orrery.data.shards import TokenShards
from orrery.data.sources import hold_out, read_documents
from orrery.data.world.corpus import corpus
from orrery.data.world.world import WorldConfig
from orrery.errors import ConfigError, DataError
from orrery.evals.tasks import TasksConfig
from orrery.stages.pretrain import ModelShape, PretrainConfig, PretrainStage, pretrain
from orrery.tokenizers.bpe import BPE
from orrery.training import parallel
from orrery.training.checkpoint import find_start
from orrery.training.loop import TrainResult
from orrery.training.progress import clock, show_progress
from orrery.training.runs import RUNS, Run
from orrery.training.stage import TrainConfig


@dataclass(frozen=True)
class PretrainCommand:
    """Train a base model on your own text, or on the embedded world.

    The tenth part of the text is held out; the loss on it is reported in nats a token and bits per byte. The result
    is a Hugging Face model folder, runs/NAME/base. Large corpora are tokenised once by `orrery data tokenize`; several
    of them are mixed by weight, token for token.

    Example: orrery pretrain --data shakespeare.txt --run shakespeare --train.steps 2000
    Example: orrery pretrain --recipe shakespeare --data shakespeare.txt
    Example: orrery pretrain --data web=0.7 code=0.3
    """

    run: str = "pretrain"
    """Name of the run, a folder in runs/."""
    data: tuple[str, ...] = ()
    """Files (.txt .md .jsonl .parquet), folders, globs or hf:NAME; or folders that `orrery data tokenize` wrote, all
    with =WEIGHT, their shares of the tokens, or all without, which is in proportion to size. Empty: the embedded
    world."""
    resume: str = ""
    """auto: go on from the run's newest whole checkpoint; or the path of a checkpoint. Empty: start."""
    tokenizer: Path | None = None
    """A folder with tokenizer.json to use; without it one is trained on the text, or is that of the tokens."""
    vocab_size: int = 4096
    """Tokens of a new vocabulary, special ones included; 264 makes every byte a token (character level)."""
    world_megabytes: float = 10.0
    """How much of the world is written, when there is no --data."""
    world: WorldConfig = field(default_factory=WorldConfig)
    shape: ModelShape = field(default_factory=ModelShape)
    train: TrainConfig = field(default_factory=TrainConfig)
    tasks: TasksConfig = field(default_factory=TasksConfig)
    across_documents: bool = False
    """Let a token also see the documents that stand before its own in the row, as in GPT-2's training. A GPU's fused
    attention wants no other mask than the causal one."""
    seed: int = 0
    """Decides the first weights and the order of the documents."""
    root: Path = RUNS
    """The folder that holds the runs."""


def run_pretrain(config: PretrainCommand) -> TrainResult:
    """Tokenise, train, and say what came out.

    Raises:
        DataError, TokenizerError: text that cannot be read, is empty, or is too little for the vocabulary.
        And what `orrery.stages.pretrain.pretrain` raises.
    """
    if config.world_megabytes <= 0:
        raise ConfigError(f"--world-megabytes is {config.world_megabytes:g}; it must be above 0")
    console = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    config.tasks.papers()  # refuses before anything is tokenised
    corpora = tokenised(config.data)
    with (
        Run.open(config.run, recipe=as_mapping(config), seed=config.seed, root=config.root) as run,
        show_progress(run.events, console),
        run.nothing_left_if_refused(run.folder / ("checkpoints" if corpora else "data/tokens")),
    ):
        # Refuses before anything is written over.
        parallel.first(lambda: find_start(run.folder, PretrainStage.name, config.resume or None))
        data: TokenShards | list[Corpus]
        if corpora:
            tokenizer, data, held_out = BPE.load(config.tokenizer or corpora[0].tokenizer_folder), corpora, None
        else:
            tokenizer, data, held_out = parallel.first_then_others(
                lambda: tokenise(config, run.folder / "data", console)
            )
        settings = PretrainConfig(
            config.shape, config.train, config.seed, tasks=config.tasks, across_documents=config.across_documents
        )
        result = pretrain(
            settings, run, data=data, held_out=held_out, tokenizer=tokenizer, resume=config.resume or None
        )
    loss, bits = result.metrics.get("held_out_loss"), result.metrics.get("bits_per_byte")
    measured = f", held-out loss {loss:.4f} nats a token, {bits:.4f} bits per byte" if loss and bits else ""
    Console(highlight=False).print(
        f"{result.folder}: {result.parameters / 1e6:.2f}M parameters, {result.tokens:,} tokens, "
        f"{clock(time.perf_counter() - began)} in all, {clock(result.seconds)} of training{measured}\n"
        f"Next:  orrery chat --model {result.folder}"
    )
    return result


def tokenised(data: Sequence[str]) -> list[Corpus]:
    """The tokens on the disk that ``--data`` names, with their weights; none, where it names text.

    Raises:
        ConfigError: tokens and text together, weights of some alone, or a weight of text.
        DataError: tokens that are damaged or unfinished.
    """
    named = [_weighed(source) for source in data]
    found = [(folder / "tokens" / INFO).exists() for folder, _ in named]
    for source, (folder, weight), tokens in zip(data, named, found, strict=True):
        if not tokens and (folder / "tokens" / UNFINISHED).exists():
            raise DataError(f"{folder} is not finished: run the same `orrery data tokenize` again, which goes on")
        if (folder / INFO).exists():
            raise ConfigError(f"--data {source}: give the folder above it, which has the tokenizer too")
        if not tokens and (weight is not None or any(found)):
            raise ConfigError(
                f"--data {source} is no tokenised text, which alone is mixed: `orrery data tokenize` makes it"
            )
    if not any(found):
        return []
    weights = [weight for _, weight in named if weight is not None]
    if 0 < len(weights) < len(named):
        raise ConfigError("--data: give every folder a weight, as in web=0.7 code=0.3, or none")
    names = [folder.resolve().name for folder, _ in named]
    if len(set(names)) < len(names):
        names = [str(folder) for folder, _ in named]
    corpora = [Corpus.open(folder, name) for (folder, _), name in zip(named, names, strict=True)]
    sizes = [float(corpus.shards.info.tokens) for corpus in corpora]
    return [replace(corpus, weight=weight) for corpus, weight in zip(corpora, weights or sizes, strict=True)]


def _weighed(source: str) -> tuple[Path, float | None]:
    """A source's path and its weight, if it has one: DIR=0.7."""
    path, _, weight = source.rpartition("=")
    try:
        return (Path(source), None) if not path or Path(source).exists() else (Path(path), float(weight))
    except ValueError:
        return Path(source), None


def tokenise(config: PretrainCommand, folder: Path, console: Console) -> tuple[BPE, TokenShards, TokenShards | None]:
    """Vocabulary and tokens of the run, made where the run does not have them yet."""
    there = config.resume or parallel.rank()  # the first of several processes makes them for all
    if not there or not (folder / "tokens" / INFO).exists():
        if config.tokenizer:
            tokenizer = BPE.load(config.tokenizer)
        else:
            with console.status("training a vocabulary …"):
                tokenizer = BPE.train(first_characters(read(config)[0], TOKENIZER_CHARACTERS), config.vocab_size)
        tokenizer.save(folder / "tokenizer")
        with console.status("tokenising …"):
            TokenShards.write(folder / "tokens", then_held_out(folder, *read(config), tokenizer), tokenizer)
    held_out = folder / "held_out"
    return (
        BPE.load(folder / "tokenizer"),
        TokenShards.open(folder / "tokens"),
        TokenShards.open(held_out) if held_out.exists() else None,
    )


def read(config: PretrainCommand) -> tuple[Iterator[Document], list[Document]]:
    """Documents to train on, and those held out (whole once the first have been read)."""
    if config.data:
        return hold_out(read_documents(config.data))
    size = int(config.world_megabytes * 1e6)
    held_out = list(corpus(config.world, min(size // 10 + 1, HELD_OUT_BYTES), split="validation", workers=1))
    return corpus(config.world, size), held_out
