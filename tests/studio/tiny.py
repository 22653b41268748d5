"""A folder of runs as the studio finds it: one tiny run, with a base model of a few steps, and an assistant; and a
microGPT of names."""

import shutil
from pathlib import Path

import torch

from orrery.commands.pretrain import PretrainCommand, run_pretrain
from orrery.data.names import OUR_NAMES
from orrery.data.world.world import WorldConfig
from orrery.models.hf import load_tokenizer, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.scratch.microgpt import MicroGPT
from orrery.stages.microgpt import train_microgpt
from orrery.stages.pretrain import ModelShape
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig
from tests.server.talker import train_talker

STEPS, MICRO_STEPS = 30, 200


def make_runs(root: Path) -> Path:
    """Train `root`/tiny: `base`, by pretraining on a little of the world, and `sft`, which knows some answers.

    And `root`/micro: microGPT after 0, 50, 100, 150 and 200 steps.
    """
    with Run.open("micro", recipe={}, root=root) as run:
        train_microgpt(MicroGPT(OUR_NAMES.read_text().split(), steps=MICRO_STEPS), run, snapshot_every=50)
    torch.manual_seed(0)
    run_pretrain(
        PretrainCommand(
            run="tiny",
            vocab_size=400,
            world_megabytes=0.2,
            world=WorldConfig(),
            shape=ModelShape(width=32, layers=2, context=128),
            train=TrainConfig(rows=4, steps=STEPS),
            root=root,
        )
    )
    talker = train_talker()
    ends = [talker.tokenizer.eos_id, talker.tokenizer.im_end_id]
    save_model(talker.model, root / "tiny" / "sft", tokenizer=talker.tokenizer, eos_ids=ends)
    return root


def make_slow(root: Path) -> None:
    """Write `root`/slow/base: random weights, four million of them, that hardly ever end a text."""
    tokenizer = load_tokenizer(root / "tiny" / "base")
    shape = TransformerConfig(tokenizer.vocab_size, width=256, layers=6, kv_heads=1, mlp_width=768, context=16_384)
    model = Transformer(shape)
    with torch.no_grad():  # an end of text that is never the likeliest
        model.token_embedding.weight[[tokenizer.eos_id, tokenizer.im_end_id]] = 0
    save_model(model, root / "slow" / "base", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
    shutil.copy(root / "tiny" / "run.json", root / "slow" / "run.json")
