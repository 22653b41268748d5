"""Steps of GRPO, DPO and SFT beside those of TRL's trainers: the same model, weights, data and optimizer.

    pip install trl -c constraints.txt
    python benchmarks/post_training.py                          # all three, best on an otherwise idle machine
    python benchmarks/post_training.py grpo --rounds 5 --steps 20

A random Qwen3 (4 layers, width 128, vocabulary 1,024) is written once; both sides load that folder. Each run is a
process of its own, so that its peak memory is its own. They take turns (A B A B …), and each round gives one ratio of
medians of seconds a step: from the end of a step to the end of the next, data and logging included, without the first
two. Threads are as many as cores; ours makes processes of them while it trains (`orrery.training.helpers`).

    grpo   16 prompts of 20 tokens, 8 completions of exactly 32 tokens each (no token may end one), one update a rollout
    dpo    32 pairs, 64 rows of 128 tokens; the reference's log-probabilities are computed before, on both sides
    sft    32 rows of 128 tokens, the answers trained on; one conversation a row, so that nobody pads

Both sides at their best: first each runs a few steps in bfloat16 (autocast, weights in float32) and in float32, and
the faster is taken. TRL's settings are its fastest on a CPU: no gradient checkpointing (it is on by default), the whole
batch at once, fused AdamW, no logging, generation with the cache that is its default (the static one was no faster,
continuous batching ten times slower). Left out: vLLM, which needs a GPU, and several processes, for which TRL needs a
launcher.
Memory is the peak of the process, libraries included, and what its helpers hold of their own.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

METHODS, SIDES, PRECISIONS = ("grpo", "dpo", "sft"), ("orrery", "trl"), ("bfloat16", "float32")
PROMPTS, GROUP, PROMPT_TOKENS, MAX_TOKENS = 16, 8, 20, 32
PAIRS, ROWS, ROW_TOKENS = 32, 32, 128
BATCHES = 4  # of distinct data; then the next epoch begins
WARM_UP = 2  # steps that do not count
LR, BETAS = 1e-5, (0.9, 0.99)


# What both sides are given


def prepare(folder: Path) -> None:
    """Write the model with its tokenizer, and task.json."""
    from orrery.models.hf import save_model
    from orrery.models.transformer import Transformer, TransformerConfig
    from orrery.tokenizers.bpe import BPE
    from orrery.tokenizers.chat import render

    rng = random.Random(0)
    letters = ("bcdfghklmnprst", "aeiou")
    words = ["".join(rng.choice(letters[i % 2]) for i in range(rng.randint(3, 8))) for _ in range(2000)]
    tokenizer = BPE.train([" ".join(rng.choices(words, k=40_000))], 1024)
    config = TransformerConfig(tokenizer.vocab_size, "qwen3", 128, 4, 4, 4, 32, 384, 256)
    assert config.vocab_size == 1024
    save_model(Transformer(config), folder / "model", tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])

    def text(tokens: int) -> str:
        while True:
            found = tokenizer.decode(tokenizer.encode(" ".join(rng.choices(words, k=tokens)))[:tokens])
            if len(tokenizer.encode(found)) == tokens:
                return found

    def conversation(user: str) -> list[dict[str, str]]:
        """Its last token but one is the end of the answer, number `ROW_TOKENS`."""
        header = render([{"role": "user", "content": user}], tokenizer, add_generation_prompt=True).ids
        spare = ROW_TOKENS - 1 - len(header)
        while True:
            found = [{"role": "user", "content": user}, {"role": "assistant", "content": text(spare)}]
            if len(render(found, tokenizer).ids) == ROW_TOKENS + 1:
                return found

    def as_text(messages: list[dict[str, str]]) -> tuple[str, str]:
        """(prompt, completion with its end), as TRL takes them; without the line break behind the end."""
        prompt = render(messages[:1], tokenizer, add_generation_prompt=True).ids
        return tokenizer.decode(prompt), tokenizer.decode(render(messages, tokenizer).ids[len(prompt) : -1])

    prompts = [text(PROMPT_TOKENS - 1) for _ in range(BATCHES * PROMPTS)]  # and the token that begins a document
    asked = [text(PROMPT_TOKENS) for _ in range(BATCHES * PAIRS)]
    conversations = [[conversation(user), conversation(user)] for user in asked]
    begin = tokenizer.decode([tokenizer.eos_id])
    special = [tokenizer.eos_id, tokenizer.im_start_id, tokenizer.im_end_id, tokenizer.pad_id]
    task = {
        "prompts": prompts,
        "prompts_as_text": [begin + prompt for prompt in prompts],
        "conversations": conversations,
        "conversations_as_text": [[as_text(messages) for messages in pair] for pair in conversations],
        "banned": special,
    }
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")


def reward(completion: str) -> float:
    """Something that differs within every group: how long the text is, of as many tokens."""
    return float(len(completion))


class Watch:
    """When steps began and ended, and the memory that they took."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self.parts: list[dict[str, float]] = []  # seconds of a step by what they went into, where a side tells
        self.memory = 0.0

    def step_ended(self, parts: dict[str, float]) -> None:
        """Take note; the time that this takes belongs to no step."""
        import psutil

        self.ended.append(time.perf_counter())
        self.parts.append(parts)
        helpers = sum(child.memory_full_info().uss for child in psutil.Process().children())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.memory = max(self.memory, (peak + helpers) / 2**20)
        self.began.append(time.perf_counter())

    def result(self) -> dict[str, Any]:
        """Medians over the steps that count."""
        seconds = [ended - began for began, ended in zip(self.began, self.ended[1:], strict=False)][WARM_UP - 1 :]
        parts = self.parts[WARM_UP:]
        return {
            "seconds": statistics.median(seconds),
            "memory": self.memory,
            "parts": {name: statistics.median(part[name] for part in parts) for name in parts[0]},
        }


# Orrery


def run_orrery(method: str, precision: Any, folder: Path, steps: int) -> dict[str, Any]:
    """So many steps of a stage, by the loop that all stages share."""
    import torch

    from orrery.models.hf import load_model, load_tokenizer
    from orrery.stages.dpo import DPOConfig, DPOStage
    from orrery.stages.grpo import GRPOConfig, GRPOStage
    from orrery.stages.preferences import Ranking
    from orrery.stages.problems import Problem
    from orrery.stages.rewards import Reward
    from orrery.stages.sft import SFTConfig, SFTStage
    from orrery.training.loop import train
    from orrery.training.optim import OptimizerConfig
    from orrery.training.runs import Run
    from orrery.training.schedule import ScheduleConfig
    from orrery.training.stage import Stage, TrainConfig

    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    model, tokenizer = load_model(folder / "model"), load_tokenizer(folder / "model")
    rows = {"grpo": PROMPTS * GROUP, "dpo": PAIRS, "sft": ROWS}[method]
    training = TrainConfig(
        steps=steps, rows=rows, precision=precision, device="cpu",
        optimizer=OptimizerConfig(kind="adamw", lr=LR, betas=BETAS, weight_decay=0.0),
        schedule=ScheduleConfig(kind="constant", warmup_steps=0),
        layers_every=steps + 1, evaluate_every=0, sample_every=0, checkpoint_seconds=0,
    )  # fmt: skip
    stage: Stage
    if method == "grpo":
        config = GRPOConfig(training, PROMPTS, GROUP, MAX_TOKENS, mask_truncated=False)
        problems = [Problem(prompt, None) for prompt in task["prompts"]]
        rewards = [Reward("length", lambda prompt, completion, truth: reward(completion), 1.0)]
        stage = GRPOStage("grpo", config, model, tokenizer, problems, [], rewards, tools=(), card="")
        stage.engine.banned = torch.tensor(task["banned"])
    elif method == "dpo":
        rankings = [Ranking(pair[0][:1], [messages[1:] for messages in pair]) for pair in task["conversations"]]
        stage = DPOStage(DPOConfig(training), model, tokenizer, rankings, [], "")
    else:
        conversations = [pair[0] for pair in task["conversations"]]
        stage = SFTStage(SFTConfig(training, context=ROW_TOKENS), model, tokenizer, conversations, [], None, "")

    watch = Watch()

    def listen(event: dict[str, Any]) -> None:
        values = event["values"]
        if "grad_norm" not in values:  # not the report of a step
            return
        check(method, values["tokens"] / event["step"], values["supervised_tokens"])
        watch.step_ended({name: values[name] for name in ("time/sampling", "time/scoring") if name in values})

    with tempfile.TemporaryDirectory() as root, Run.open("benchmark", recipe={}, root=Path(root)) as run:
        run.events.listeners.append(listen)
        train(stage, training, run)
    return watch.result()


def check(method: str, tokens: float, supervised: float) -> None:
    """Refuse to compare what is not the same: tokens of a step, and tokens that are trained on."""
    rows = {"grpo": PROMPTS * GROUP, "dpo": 2 * PAIRS, "sft": ROWS}[method]
    expected = rows * (PROMPT_TOKENS + MAX_TOKENS if method == "grpo" else ROW_TOKENS)
    assert tokens == expected, f"{tokens} tokens a step, not {expected}"
    assert method != "grpo" or supervised == rows * MAX_TOKENS, f"{supervised} tokens were written"


# TRL


def run_trl(method: str, precision: str, folder: Path, steps: int) -> dict[str, Any]:
    """So many steps of one of its trainers."""
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    common = {
        "output_dir": str(folder / "trl"), "use_cpu": True, "bf16": precision == "bfloat16",
        "gradient_checkpointing": False, "max_steps": steps, "optim": "adamw_torch_fused", "learning_rate": LR,
        "lr_scheduler_type": "constant", "adam_beta1": BETAS[0], "adam_beta2": BETAS[1], "max_grad_norm": 1.0,
        "logging_strategy": "no", "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }  # fmt: skip
    model = str(folder / "model")
    if method == "grpo":
        args = GRPOConfig(
            **common, per_device_train_batch_size=PROMPTS * GROUP, num_generations=GROUP,
            max_completion_length=MAX_TOKENS, generation_kwargs={"suppress_tokens": task["banned"]},
        )  # fmt: skip
        data = Dataset.from_list([{"prompt": prompt} for prompt in task["prompts_as_text"]])

        def rewards(completions: list[str], **columns: Any) -> list[float]:
            return [reward(completion) for completion in completions]

        trainer = GRPOTrainer(model, rewards, args, data, processing_class=tokenizer)
    else:
        tokenizer.eos_token = "<|im_end|>"  # completions end with it; otherwise TRL adds another end
        pairs = task["conversations_as_text"]
        if method == "dpo":
            args = DPOConfig(**common, per_device_train_batch_size=PAIRS, precompute_ref_log_probs=True)
            rows = [{"prompt": one[0], "chosen": one[1], "rejected": other[1]} for one, other in pairs]
            trainer = DPOTrainer(model, None, args, None, Dataset.from_list(rows), processing_class=tokenizer)
        else:
            args = SFTConfig(**common, per_device_train_batch_size=ROWS)
            rows = [{"prompt": one[0], "completion": one[1]} for one, _ in pairs]
            trainer = SFTTrainer(model, args, None, Dataset.from_list(rows), processing_class=tokenizer)

    watch, compute_loss = Watch(), trainer.compute_loss

    def checked(model: Any, inputs: dict[str, Any], *words: Any, **named: Any) -> Any:
        if method == "grpo":
            trained = inputs["completion_mask"]
            check(method, float(inputs["prompt_mask"].sum() + trained.sum()), float(trained.sum()))
        else:
            check(method, float(inputs["attention_mask"].sum() if "attention_mask" in inputs else
                                inputs["input_ids"].numel()), 0)  # fmt: skip
        return compute_loss(model, inputs, *words, **named)

    class Listener(TrainerCallback):
        def on_step_end(self, *words: Any, **named: Any) -> None:
            watch.step_ended({})

    trainer.compute_loss = checked
    trainer.add_callback(Listener())
    trainer.train()
    return watch.result()


# The comparison


def measure(side: str, method: str, precision: str, folder: Path, steps: int) -> dict[str, Any]:
    """One run, in a process of its own."""
    command = [sys.executable, __file__, method, "--steps", str(steps), "--run", side, precision, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    print(f"{method} {side:8} {precision:9} {found['seconds']:.4f} s  {found['memory']:,.0f} MiB", file=sys.stderr)
    return found


def compare(method: str, folder: Path, rounds: int, steps: int) -> tuple[str, str]:
    """A line of the table, and what else is to be said."""
    tried = {side: {p: measure(side, method, p, folder, WARM_UP + 3)["seconds"] for p in PRECISIONS} for side in SIDES}
    best = {side: min(seconds, key=lambda p: seconds[p]) for side, seconds in tried.items()}
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            found[side].append(measure(side, method, best[side], folder, steps))
    seconds = {side: [each["seconds"] for each in found[side]] for side in SIDES}
    ratios = sorted(theirs / ours for ours, theirs in zip(*seconds.values(), strict=True))
    ours, theirs = (f"{statistics.median(seconds[side]):.3f} ({best[side]})" for side in SIDES)
    memory = " | ".join(f"{max(each['memory'] for each in found[side]):,.0f}" for side in SIDES)
    line = (
        f"| {method} | {ours} | {theirs} | {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) "
        f"| {memory} |"
    )
    each = (f"{side} {p} {value:.3f}" for side in SIDES for p, value in tried[side].items())
    notes = [f"Tried for {method}, seconds: {', '.join(each)}."]
    if method == "grpo":
        notes.append(split(found["orrery"], statistics.median(seconds["orrery"])))
    return line, "\n\n".join(notes)


def split(found: list[dict[str, Any]], whole: float) -> str:
    """What our step of GRPO spends its time on."""
    medians = {name: statistics.median(each["parts"][name] for each in found) for name in found[0]["parts"]}
    sampling, scoring = medians["time/sampling"], medians["time/scoring"]
    parts = {"sampling": sampling, "scoring": scoring, "training": whole - sampling - scoring}
    return "Our GRPO step: " + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in parts.items()) + "."


def main() -> None:
    """Measure what was asked for, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", choices=[*METHODS, []], help="all of them where none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help=f"of each run; the first {WARM_UP} do not count")
    parser.add_argument("--run", nargs=3, metavar=("SIDE", "PRECISION", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.steps <= WARM_UP:
        parser.error(f"--steps is {asked.steps}; the first {WARM_UP} do not count")
    if asked.run:
        side, precision, folder = asked.run
        run: Callable[..., dict[str, Any]] = {"orrery": run_orrery, "trl": run_trl}[side]
        found = run(asked.methods[0], precision, Path(folder), asked.steps)
        (Path(folder) / "result.json").write_text(json.dumps(found), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        lines, notes = zip(*(compare(m, Path(folder), asked.rounds, asked.steps) for m in asked.methods or METHODS),
                           strict=True)  # fmt: skip
    print("| step | Orrery, s | TRL, s | TRL / Orrery | Orrery, MiB | TRL, MiB |\n|---|---:|---:|---:|---:|---:|")
    print("\n".join(lines), *notes, machine(), sep="\n\n")


def machine() -> str:
    """What it was measured on and with."""
    from importlib.metadata import version

    from orrery.training.machine import hardware

    found = hardware()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl"))
    return f"{found['processor']}, {found['cores']} cores, {found['threads']} threads; {versions}."


if __name__ == "__main__":
    main()
