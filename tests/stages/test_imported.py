"""Fine-tuning takes other people's models as they are, whole or by adapters, and leaves folders that stay theirs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from orrery.inference.engine import Engine, Sampling
from orrery.inference.row import Written
from orrery.inference.speaker import Speaker
from orrery.inference.turns import Reply
from orrery.models.hf import load_model, load_tokenizer
from orrery.stages.best_of_n import BestOfNConfig, best_of_n
from orrery.stages.distill import DistillConfig, distill
from orrery.stages.dpo import DPOConfig, dpo
from orrery.stages.grpo import GRPOConfig, grpo
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.preferences import Ranking
from orrery.stages.problems import Problem
from orrery.stages.reward import RewardConfig, reward
from orrery.stages.rewards import Reward
from orrery.stages.sft import SFTConfig, sft
from orrery.tokenizers.chat import render
from orrery.training.events import read_events
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig
from tests.imported import imported

ASKED = [[{"role": "user", "content": text}] for text in ("What is 12 times 7?", "Hello!", "3 + 4", "Who are you?")]
TALK = [[*asked, {"role": "assistant", "content": "It is 84."}] for asked in ASKED]
RANKINGS = [Ranking(asked, [[{"role": "assistant", "content": text}] for text in ("84", "no")]) for asked in ASKED]
PROBLEMS = [Problem(asked, "84") for asked in ASKED]
TRAIN = TrainConfig(steps=1, rows=4, precision="float32", device="cpu", evaluate_every=0, sample_every=0)
LORA = TrainConfig(
    steps=2, rows=4, precision="float32", device="cpu", evaluate_every=0, sample_every=0, lora_rank=2, lora_alpha=4
)  # fmt: skip


def length(prompt: str, completion: str, truth: Any) -> float:
    """Nothing is known yet, but some completions are longer."""
    return float(len(completion))


@pytest.mark.parametrize("family", ["qwen3", "llama", "smollm2"])
def test_a_tuned_model_keeps_its_template_tokens_and_generation_settings(family: str, tmp_path: Path) -> None:
    with Run.open("one", recipe={}, root=tmp_path) as run:
        folder = sft(SFTConfig(TRAIN), run, parent=imported(family), conversations=TALK).folder
    before, after = (PreTrainedTokenizerFast.from_pretrained(at) for at in (imported(family), folder))
    given = after.apply_chat_template(TALK[0], return_dict=True)["input_ids"]
    assert given == before.apply_chat_template(TALK[0], return_dict=True)["input_ids"]
    assert given == render(TALK[0], load_tokenizer(folder)).ids
    before, after = (json.loads((at / "generation_config.json").read_text()) for at in (imported(family), folder))
    assert set(after.pop("eos_token_id")) >= set(before.pop("eos_token_id"))
    assert before.items() <= after.items()
    model, ids = load_model(folder), torch.tensor([given])
    assert not torch.equal(model(ids), load_model(imported(family))(ids))
    with torch.no_grad():
        reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        torch.testing.assert_close(model(ids), reference(ids).logits, atol=1e-5, rtol=1e-5)


def test_every_stage_trains_a_llama_by_adapters(tmp_path: Path) -> None:
    parent = imported("llama")
    with Run.open("all", recipe={}, root=tmp_path) as run:
        judge = reward(RewardConfig(LORA), run, parent=parent, rankings=RANKINGS)
        rewards = [Reward("length", length, 1.0)]
        made = [
            sft(SFTConfig(LORA), run, parent=parent, conversations=TALK),
            dpo(DPOConfig(LORA), run, parent=parent, rankings=RANKINGS),
            ppo(PPOConfig(LORA, prompts=4, max_tokens=8), run, parent=parent, reward_model=judge.folder, prompts=ASKED),
            grpo(GRPOConfig(LORA, prompts=2, group=4, max_tokens=8, mask_truncated=False, kl=0.1), run, parent=parent,
                 problems=PROBLEMS, rewards=rewards, conversations=TALK),
            best_of_n(BestOfNConfig(LORA, problems=4, n=2, threshold=0.0, max_tokens=8), run, parent=parent,
                      problems=PROBLEMS, rewards=rewards),
            distill(DistillConfig(LORA, problems=4, threshold=0.0, max_tokens=8), run, teacher=parent, student=parent,
                    problems=PROBLEMS, rewards=rewards),
        ]  # fmt: skip
        events = read_events(run.folder)
    base = dict(load_model(parent).named_parameters())
    for result in made:
        for name, weight in load_model(result.folder).named_parameters():
            adapted = name.startswith("blocks.") and weight.dim() == 2
            assert torch.equal(weight, base[name]) != adapted, (result.folder, name)
        assert (result.folder / "adapter" / "adapter_config.json").is_file()
    assert (tmp_path / "all" / "ppo" / "trainer" / "adapters" / "critic" / "adapter_model.safetensors").is_file()
    apart = [event["values"]["logprob_difference"] for event in events if "logprob_difference" in event["values"]]
    assert len(apart) >= 4 and max(apart) < 1e-4  # what the engine samples from is what is trained


def test_an_imported_assistant_answers_in_its_own_template() -> None:
    for family in ("qwen3", "llama", "smollm2"):
        speaker = Speaker.load(imported(family))
        tokenizer = speaker.engine.tokenizer
        assert speaker.assistant
        turn = speaker.reply(ASKED[0], Sampling(max_tokens=12, temperature=1.0, seed=1))
        oracle = PreTrainedTokenizerFast.from_pretrained(imported(family))
        prompt = oracle.apply_chat_template(ASKED[0], add_generation_prompt=True, return_dict=True)["input_ids"]
        assert speaker.prompt(ASKED[0]) == prompt
        assert not set(turn.ids) & set(tokenizer.never_written)
        (logprobs,) = speaker.engine.logprobs([prompt + turn.ids])
        torch.testing.assert_close(logprobs[-len(turn.ids) :], torch.tensor(turn.logprobs), atol=1e-4, rtol=1e-4)
        assert turn.messages[0]["content"] == tokenizer.decode(turn.ids[: -1 if turn.finish_reason == "stop" else None])


def test_a_qwen3_that_calls_a_tool_gets_the_answer_as_its_template_has_it() -> None:
    engine = Engine.load(imported("qwen3"))
    tokenizer = engine.tokenizer
    call = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "12*7"}}}
    said = [*ASKED[0], {"role": "assistant", "content": "", "tool_calls": [call]}]
    rendered = render(said, tokenizer)
    written = [id_ for id_, trained in zip(rendered.ids, rendered.mask, strict=True) if trained]
    reply = Reply(tokenizer, engine.tools)
    feed = reply.wrote(Written(written, [0.0] * len(written), True), room=200)
    whole = render([*said, {"role": "tool", "content": "84"}], tokenizer, add_generation_prompt=True).ids
    assert reply.messages[1]["content"] == "84"
    assert whole[-len(feed) :] == feed and whole[-len(feed) - 1] == tokenizer.end_of_turn_id
