"""Rollouts in which the policy calls a tool: what the tool answered is read by the policy and never trained on."""

import pytest
import torch

from orrery.errors import ConfigError
from orrery.inference.sampling import Sampling
from orrery.stages.from_world import lookups
from orrery.stages.grpo import GRPOBatch, GRPOConfig, GRPOStage
from orrery.stages.problems import Problem
from orrery.stages.rewards import rewards_from
from orrery.stages.rollouts import Rollouts, Written, roll_out
from orrery.stages.rows import token_logprobs
from orrery.tokenizers.chat import render
from orrery.tools.calculator import CALCULATOR
from orrery.tools.registry import Tool, call_tool
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


def test_every_call_costs_and_the_shorter_way_gets_the_advantage(assistant: Assistant) -> None:
    """All are right; some called once, some twice: without a cost nothing is learnt, with one the fewer calls win."""
    problems = [Problem([user("x")], "7")]
    group = [Written([1], [2, 3], [True, True], [0.0, 0.0], "7", True, calls) for calls in (1, 2, 1, 2)]

    def scored(cost: float) -> GRPOBatch | None:
        config = GRPOConfig(TrainConfig(rows=4, precision="float32", device="cpu"), prompts=1, group=4, call_cost=cost)
        stage = GRPOStage("grpo", config, assistant.model, assistant.tokenizer, problems, [], rewards_from(["exact"]),
                          (CALCULATOR,), "")  # fmt: skip
        return stage.score(problems, Rollouts([group]))

    assert scored(0.0) is None
    batch = scored(0.05)
    assert batch is not None and batch.metrics["completions/mean_calls"] == 1.5 and batch.metrics["reward"] == 1.0
    assert (batch.advantages > 0).tolist() == [True, False, True, False]
    with pytest.raises(ConfigError, match="call_cost"):
        GRPOConfig(call_cost=-0.1)


def test_questions_for_agents_are_answered_by_their_tools() -> None:
    problems, tools = lookups(40, seed=3)
    again, _ = lookups(40, seed=3)
    other, _ = lookups(40, seed=4)
    assert [p.text for p in problems] == [p.text for p in again] != [p.text for p in other]
    assert {tool.name for tool in tools} >= {"search", "calculator"}
    for problem in problems:
        name = str(problem.truth).partition(" of ")[2].partition(" is ")[0].removeprefix("the ")
        value = str(problem.truth).rpartition(" is ")[2].removesuffix(".")
        assert f": {value}" in call_tool(tools, "search", {"query": name})
