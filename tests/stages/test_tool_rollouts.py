"""Rollouts in which the policy calls a tool: what the tool answered is read by the policy and never trained on."""

import pytest
import torch

from orrery.inference.sampling import Sampling
from orrery.stages.grpo import GRPOConfig, GRPOStage
from orrery.stages.problems import Problem
from orrery.stages.rewards import rewards_from
from orrery.stages.rollouts import roll_out
from orrery.stages.rows import token_logprobs
from orrery.tokenizers.chat import render
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool
from orrery.training.stage import TrainConfig
from tests.inference.assistant import ANSWERS, Assistant, train_assistant, user

ASKED = ["What is 12 times 7?", "Step by step"]
SAMPLING = Sampling(1.0, max_tokens=80, seed=3)


@pytest.fixture(scope="module")
def assistant() -> Assistant:
    return train_assistant()


def test_all_that_tools_answer_is_left_out_of_training(assistant: Assistant) -> None:
    rollouts = roll_out(assistant.engine(tools=[CALCULATOR]), [[user(text)] for text in ASKED], 8, SAMPLING)
    asked = [(question, one) for question, group in zip(ASKED, rollouts.written, strict=True) for one in group]
    known = 0
    for question, one in asked:
        whole = render([user(question), *ANSWERS[question]], assistant.tokenizer)
        ids, trained = one.prompt_ids + one.ids, [False] * len(one.prompt_ids) + one.trained
        if ids == whole.ids[: len(ids)]:  # sampled as it was learnt, as nearly all are
            assert trained == whole.mask[: len(ids)]
            known += 1
    assert known > len(asked) / 2
    rows = rollouts.rows()
    fed = rows.ids[~rows.trained & (torch.arange(rows.ids.shape[1]) < rows.lengths[:, None])].tolist()
    assert "<|im_start|>tool\n84<|im_end|>" in assistant.tokenizer.decode(fed)


def test_engine_and_trainer_agree_on_every_token_after_a_tool_answered(assistant: Assistant) -> None:
    rollouts = roll_out(assistant.engine(tools=[CALCULATOR]), [[user(text)] for text in ASKED], 8, SAMPLING)
    rows = rollouts.rows()
    with torch.no_grad():
        ours = token_logprobs(assistant.model, rows.ids, rows.trained)
    assert (ours - rollouts.logprobs()[rows.trained]).abs().max() < 1e-4


def test_a_policy_with_tools_learns_from_its_own_words_alone(assistant: Assistant) -> None:
    config = GRPOConfig(TrainConfig(rows=16, precision="float32", device="cpu"), prompts=2, group=8, max_tokens=80)
    problems = [Problem([user("What is 12 times 7?")], 84), Problem([user("Step by step")], 100)]
    rewards = rewards_from(["numeric"])

    def stage(*tools: Tool) -> GRPOStage:
        return GRPOStage("grpo", config, assistant.model, assistant.tokenizer, problems, [], rewards, tools, "")

    with_tools = stage(CALCULATOR)
    rollouts = roll_out(with_tools.engine, [p.prompt for p in problems], 8, SAMPLING)
    assert sum(rewards[0](p.text, text, p.truth) for p, group in zip(problems, rollouts.texts, strict=True)
               for text in group) > 8  # fmt: skip
    rows = rollouts.rows()
    assert rows.supervised == sum(sum(one.trained) for group in rollouts.written for one in group)
    without = roll_out(stage().engine, [p.prompt for p in problems], 8, SAMPLING).rows()
    fed = assistant.tokenizer.decode(without.ids[~without.trained].tolist())
    assert "there is no tool" in fed and "84" not in fed
