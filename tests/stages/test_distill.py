"""Distillation: the loss is Hinton's, a student of half the size learns, and what cannot be compared is refused."""

import math
import random
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from copying_task import LENGTH, LETTERS, policy, problems, share_copied, tokenizer
from resuming import assert_resumed_is_whole

from orrery.errors import CheckpointError, ConfigError, NothingToLearn
from orrery.inference.sampling import Sampling
from orrery.models.hf import load_model, save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.stages import distill as module
from orrery.stages.distill import DistillConfig, DistillStage, distill, half_of
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import roll_out
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import TOOL_CALL
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.optim import OptimizerConfig
from orrery.training.runs import Run
from orrery.training.schedule import ScheduleConfig
from orrery.training.stage import TrainConfig

COPIED = Reward("copied", share_copied, 1.0)


@lru_cache
def teacher() -> Transformer:
    """The sloppy copier after a few steps on copies without slips: it makes few."""
    model, rng, eos = policy(), random.Random(7), tokenizer().eos_id
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(40):
        texts = ["".join(rng.choices(LETTERS, k=LENGTH)) for _ in range(32)]
        ids = torch.tensor([[eos, *tokenizer().encode(f"{text}>{text}"), eos] for text in texts])
        loss = F.cross_entropy(model(ids[:, :-1])[:, LENGTH + 1 :].flatten(0, 1), ids[:, LENGTH + 2 :].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.zero_grad()
    return model


def config(steps: int = 4, **changes: Any) -> DistillConfig:
    training = TrainConfig(
        steps=steps, rows=32, precision="float32", device="cpu", evaluate_every=0, sample_every=0, checkpoint_seconds=0,
        optimizer=OptimizerConfig(kind="adamw", lr=1e-2, weight_decay=0.0), schedule=ScheduleConfig(warmup_steps=2),
    )  # fmt: skip
    return DistillConfig(**{"train": training, "problems": 32, "max_tokens": 8, **changes})


def stage(settings: DistillConfig | None = None, rewards: list[Reward] | None = None) -> DistillStage:
    given = problems(1000)
    student = half_of(teacher(), 0)
    return DistillStage(
        settings or config(), student, teacher(), tokenizer(), given[100:], given[:100], rewards or [COPIED], ""
    )


def gradients(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


def values_of(folder: Path, name: str) -> list[float]:
    return [event["values"][name] for event in read_events(folder) if name in event["values"]]


def test_what_is_learnt_is_what_the_teacher_wrote_and_got_right() -> None:
    made = stage()
    batch = made.next_traces()
    chosen = [made.problems[i] for i in stage().order.next(32)]
    written = roll_out(made.teaching, [p.prompt for p in chosen], 1, Sampling(1.0, max_tokens=8, seed=0)).texts
    right = [f"{p.prompt}{texts[0]}" for p, texts in zip(chosen, written, strict=True) if texts[0] == p.truth]
    rows = zip(batch.ids, batch.lengths, strict=True)
    assert [tokenizer().decode(ids[:length].tolist(), skip_special=True) for ids, length in rows] == right
    assert batch.metrics["kept"] == len(right) / 32 and 0 < len(right) < 32
    assert not batch.trained[:, : LENGTH + 2].any(), "the prompt is not"


@pytest.mark.parametrize(("share", "temperature"), [(0.5, 2.0), (0.3, 1.0), (1.0, 3.0), (0.0, 2.0)])
def test_the_loss_is_the_formula_and_so_is_its_gradient(share: float, temperature: float) -> None:
    """(1 - a) (-log p) + a T^2 KL(teacher || student), both at temperature T; token by token in float64."""
    made = stage(config(logits=share, temperature=temperature))
    batch = made.next_traces()
    loss, metrics = made.loss(made.models, batch, made.denominators(batch))
    loss.backward()
    student, other = half_of(teacher(), 0).double(), Transformer(teacher().config).double()
    other.load_state_dict(teacher().state_dict())
    nats, kl, same, tokens = torch.zeros(3, dtype=torch.float64).unbind() + (0,)
    for ids, own, length in zip(batch.ids, batch.trained, batch.lengths.tolist(), strict=True):
        ours, theirs = student(ids[None, :length])[0], other(ids[None, :length])[0].detach()
        for place in range(1, length):
            if own[place]:
                p, q = (theirs[place - 1] / temperature).softmax(0), (ours[place - 1] / temperature).softmax(0)
                kl = kl + temperature**2 * (p * (p.log() - q.log())).sum()
                nats = nats - ours[place - 1].softmax(0)[ids[place]].log()
                same = same + (ours[place - 1].argmax() == theirs[place - 1].argmax())
                tokens += 1
    expected = ((1 - share) * nats + share * kl) / tokens
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert metrics["traces"].item() == pytest.approx((nats / tokens).item(), rel=1e-5)
    assert metrics["logits"].item() == pytest.approx((kl / tokens).item(), rel=1e-5)
    assert metrics["agreement"].item() == pytest.approx((same / tokens).item())
    torch.testing.assert_close(gradients(made.student).double(), gradients(student), rtol=1e-3, atol=1e-5)
    assert all(weight.grad is None and not weight.requires_grad for weight in made.teacher.parameters())


def test_k_microbatches_are_one_batch_and_so_are_k_parts_of_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage()
    batch = made.next_traces()
    totals = made.denominators(batch)
    assert len(batch.split(5)) > 3

    def run(parts: list[Any]) -> tuple[float, torch.Tensor]:
        made.student.zero_grad()
        losses = [made.loss(made.models, part, totals)[0] for part in parts]
        sum(losses).backward()  # type: ignore[union-attr]
        return sum(loss.item() for loss in losses), gradients(made.student)

    whole, parts = run([batch]), run(list(batch.split(5)))
    monkeypatch.setattr(module, "LOGITS", 7 * made.student.config.vocab_size)
    in_parts = run([batch])
    for other in (parts, in_parts):
        assert whole[0] == pytest.approx(other[0], abs=1e-5)
        torch.testing.assert_close(whole[1], other[1], rtol=1e-3, atol=1e-5)


def test_a_student_that_is_the_teacher_has_nothing_to_learn_from_its_distribution() -> None:
    made = DistillStage(
        config(logits=1.0), policy(), policy(), tokenizer(), problems(200), [], [Reward("any", lambda *g: 1.0, 1.0)], ""
    )
    batch = made.next_traces()
    loss, metrics = made.loss(made.models, batch, made.denominators(batch))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5) and metrics["agreement"].item() == pytest.approx(1)
    assert gradients(made.student).abs().max() < 1e-4


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_student_of_half_the_size_learns(tmp_path: Path, share: float) -> None:
    settings = config(80, logits=share)
    made = stage(settings)
    assert made.student.num_parameters() < teacher().num_parameters() / 3
    before = {name: weight.clone() for name, weight in teacher().state_dict().items()}
    assert made.evaluate(full=True)["held_out/copied"] < 0.1
    with Run.open("small", recipe={}, root=tmp_path) as run:
        result = train(made, settings.train, run)
    assert result.metrics["held_out/copied"] > 0.4
    agreement, traces, logits = (values_of(tmp_path / "small", name) for name in ("agreement", "traces", "logits"))
    assert agreement[0] < 0.1 and sum(agreement[-10:]) / 10 > 0.5
    assert traces[0] == pytest.approx(math.log(264), abs=0.3) and traces[-1] < 1.5
    assert logits[-1] < logits[0] / 4
    for name, weight in teacher().state_dict().items():
        assert torch.equal(weight, before[name]), "the teacher stays as it is"


def test_a_resumed_run_is_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    settings = config(6)
    assert_resumed_is_whole(tmp_path, lambda: stage(settings), settings.train)


def test_dropped_solutions_raise_an_alarm_that_says_why(tmp_path: Path) -> None:
    def sometimes(prompt: str, completion: str, truth: Any) -> float:
        return 1.0 if truth[0] != LETTERS[0] else {}["colour"]

    settings = config(2)
    with Run.open("dropping", recipe={}, root=tmp_path) as run:
        train(stage(settings, [Reward("mine", sometimes, 1.0)]), settings.train, run)
    alarms = [event["values"]["message"] for event in read_events(tmp_path / "dropping") if event["kind"] == "alarm"]
    assert len([message for message in alarms if "'mine' raised KeyError('colour')" in message]) == 1


def test_a_teacher_that_gets_nothing_right_ends_the_run() -> None:
    never = Reward("never", lambda prompt, completion, truth: 0.0, 1.0)
    with pytest.raises(NothingToLearn, match="the teacher solved none of 160 problems: it has nothing to teach"):
        stage(config(problems=8), [never]).next_traces()


def test_one_problem_at_a_time_will_do() -> None:
    made = stage(config(problems=1), [Reward("any", lambda *given: 1.0, 1.0)])
    assert made.next_traces().rows == 1


def test_traces_longer_than_the_students_context_are_left_out() -> None:
    """Answers of tools, here that there is no such call, can make them so. The teacher can do nothing but call."""
    shape = replace(policy().config, width=16, layers=1, heads=1, kv_heads=1, copying_heads=False, context=512)
    caller = Transformer(shape)
    states = torch.eye(3, 16)
    with torch.no_grad():
        for name, weight in caller.named_parameters():
            if "norm" not in name:
                weight.zero_()
        newline, call = tokenizer().encode("\n")[0], tokenizer().id_of(TOOL_CALL)
        caller.token_embedding.weight[newline], caller.token_embedding.weight[call] = states[0], states[1]
        caller.unembedding.weight[call], caller.unembedding.weight[tokenizer().im_end_id] = 9 * states[0], 9 * states[1]
    student = Transformer(replace(shape, context=64))
    asked = [{"role": "user", "content": "abcda>"}]
    given, rewards = [Problem(asked, "")], [Reward("any", lambda *given: 1.0, 1.0)]
    made = DistillStage(config(problems=2), student, caller, tokenizer(), given, [], rewards, "")
    rows = roll_out(made.teaching, [asked], 1, Sampling(1.0, max_tokens=8, seed=0)).rows()
    assert rows.lengths.item() > 64
    with pytest.raises(NothingToLearn):
        made.next_traces()


# Folders


def save(model: Transformer, folder: Path, named: BPE | None = None) -> Path:
    save_model(model, folder, tokenizer=named or tokenizer(), eos_ids=[tokenizer().eos_id])
    return folder


def test_from_a_teachers_folder_to_a_students(tmp_path: Path) -> None:
    large = save(teacher(), tmp_path / "large")
    settings = config(2, problems=8, train=replace(config(2).train, sample_every=1))
    with Run.open("fresh", recipe={}, root=tmp_path) as run:
        result = distill(settings, run, teacher=large, student=None, problems=problems(60), rewards=[COPIED])
    assert result.folder == tmp_path / "fresh" / "distill"
    assert load_model(result.folder).config.width == teacher().config.width // 2
    logged = {n for event in read_events(tmp_path / "fresh") if event["kind"] == "metric" for n in event["values"]}
    assert {"traces", "logits", "agreement", "kept", "reward", "completions/mean_length", "held_out/copied"} <= logged
    with Run.open("given", recipe={}, root=tmp_path) as run:
        again = distill(settings, run, teacher=large, student=result.folder, problems=problems(60), rewards=[COPIED])
    assert load_model(again.folder).config == load_model(result.folder).config


def test_a_student_with_another_tokenizer_or_vocabulary_is_refused(tmp_path: Path) -> None:
    large = save(teacher(), tmp_path / "large")
    wider = Transformer(replace(half_of(teacher(), 0).config, vocab_size=266))
    odd = save(wider, tmp_path / "odd", BPE.train(["dcba dcba dcba"] * 3, 266))
    padded = save(wider, tmp_path / "padded")
    for student, message in (
        (odd, "odd has another tokenizer than .*large"),
        (padded, "266 logits and the teacher 264"),
    ):
        with (
            Run.open(f"{student.name}-run", recipe={}, root=tmp_path) as run,
            pytest.raises(CheckpointError, match=message),
        ):
            distill(config(), run, teacher=large, student=student, problems=problems(60), rewards=[COPIED])


def shaped(
    width: int, layers: int, heads: int, kv_heads: int, head_width: int, kind: Any = "qwen3"
) -> TransformerConfig:
    return TransformerConfig(64, kind, width, layers, heads, kv_heads, head_width, mlp_width=96, context=32)


SHAPES = {
    "qwen3": shaped(64, 4, 4, 2, 16),
    "halves that do not divide": shaped(80, 5, 10, 5, 16),
    "wide heads": shaped(32, 4, 4, 4, 32),
    "llama": shaped(64, 4, 4, 4, 16, "llama"),
    "gpt2": shaped(48, 6, 6, 6, 8, "gpt2"),
    "gpt2 of odd heads": shaped(40, 4, 5, 5, 8, "gpt2"),
    "as small as can be": shaped(16, 1, 1, 1, 16),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_half_of_any_shape_is_a_model(shape: str) -> None:
    large = Transformer(SHAPES[shape])
    small = half_of(large, 3)
    assert small(torch.arange(6)[None]).isfinite().all()
    assert small.config.layers == max(1, large.config.layers // 2)
    assert small.config.heads == max(1, large.config.heads // 2)
    assert small.config.architecture == large.config.architecture and small.config.context == large.config.context
    assert shape == "as small as can be" or small.num_parameters() < 0.6 * large.num_parameters()
    assert torch.equal(small.token_embedding.weight, half_of(large, 3).token_embedding.weight)
    assert not torch.equal(small.token_embedding.weight, half_of(large, 4).token_embedding.weight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"logits": 1.5}, "logits is 1.5"), ({"logits": -0.1}, "logits is -0.1"), ({"problems": 0}, "problems is 0"),
     ({"temperature": 0.0}, "temperature is 0"), ({"temperature": math.nan}, "temperature is nan"),
     ({"max_tokens": 0}, "max_tokens is 0")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)
