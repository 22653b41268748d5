"""What a speedrun is asked (`speedrun.py`); a sweep varies these settings (`sweep.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orrery.data.world.world import WorldConfig
from orrery.post_training import PostTrainingConfig
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import RUNS
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig


@dataclass(frozen=True)
class SpeedrunConfig:
    """From nothing to an assistant in the minutes you have: a corpus, a tokenizer, a base model, an assistant that uses
    a calculator, exams against the truth, and a report.

    Example: orrery speedrun --minutes 10
    Example: orrery speedrun --full --minutes 25
    Example: orrery speedrun --recipe agent --minutes 15
    Example: orrery speedrun --minutes 5 --data notes/ --run mine
    """

    minutes: float = 10.0
    """How long it may take. Model, tokens and steps are fitted to it on this machine."""
    seed: int = 0
    """Decides the world, the first weights and the order of the text."""
    run: str = ""
    """Name of the run, a folder in runs/. Left out: speedrun, speedrun-2, …"""
    data: tuple[str, ...] = ()
    """Text to pretrain on instead of the embedded world: files (.txt .md .jsonl .parquet), folders, globs, hf:NAME."""
    full: bool = False
    """After tuning go on with a reward model, DPO, PPO and GRPO. They take near half of the minutes: give it 25."""
    agent: bool = False
    """Train an agent: it knows little, but searches, calculates, runs code and remembers. `--recipe agent` sets it."""
    resume: bool = False
    """Go on with a run that was stopped (the newest one, or --run NAME); its plan is kept."""
    vocab_size: int = 1024
    """Tokens of the vocabulary, special ones included."""
    context: int = 256
    """Longest sequence, in tokens."""
    width: int = 0
    """Width of the model, a multiple of 32; 0: fitted to the minutes. Set it together with layers."""
    layers: int = 0
    """Layers of the model; 0: fitted to the minutes."""
    pretrain_steps: int = 0
    """Optimizer steps of pretraining; 0: fitted to the minutes."""
    sft_steps: int = 0
    """Optimizer steps of tuning; 0: fitted to the minutes."""
    world: WorldConfig = field(default_factory=WorldConfig)
    documents: Mapping[str, float] = field(default_factory=dict)
    """Weight of each genre in the corpus; empty: the usual mix."""
    conversations: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of conversation in tuning; empty: the usual mix."""
    pretrain: TrainConfig = field(
        default_factory=lambda: TrainConfig(rows=8, optimizer=OptimizerConfig(lr=0.012, weight_decay=0.0))
    )
    """How pretraining goes; the plan sets its steps."""
    sft: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            rows=8,
            optimizer=OptimizerConfig(kind="adamw", lr=5e-4, weight_decay=0.0),
            schedule=ScheduleConfig(warmup_steps=20, warmdown_share=0.6),
        )
    )
    """How tuning goes; the plan sets its steps."""
    post: PostTrainingConfig = field(default_factory=PostTrainingConfig)
    """How the stages after tuning go, with --full; the minutes that are left set their steps."""
    root: Path = RUNS
    """The folder that holds the runs."""
