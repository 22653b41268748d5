"""What the ledger promises: every claim says beforehand what would decide it, and its rule decides so."""

import math
from collections.abc import Sequence

import pytest

from orrery.errors import ConfigError
from orrery.ledger.chunking import CUTS, RANKINGS
from orrery.ledger.claim import Measured, by_seed, claim_named, claims, marks, share
from orrery.ledger.data_engine import KINDS

NAMES = {
    "annealing", "base_vs_assistant", "bpe_tradeoff", "chunking", "coreference", "data_engine", "distillation",
    "dpo_vs_ppo", "embedding_norms", "emergence", "filler_tokens", "hallucination", "identity",
    "in_context_learning", "judge_vs_author", "kv_per_layer", "memorised_or_new", "mental_arithmetic",
    "next_token", "over_optimisation", "quality_over_quantity", "r1_curve", "react_hops", "refusals",
    "reversal", "scaling_laws", "self_consistency", "sft_ceiling", "tokens_to_think", "tool_gain", "working_memory",
    "zero_shot_cot",
}  # fmt: skip


def test_every_claim_is_there() -> None:
    assert set(claims()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_claim_says_what_would_decide_it(name: str) -> None:
    claim = claims()[name]
    assert claim.says.endswith(".") and claim.source and claim.refuted_by
    assert "olds if" in claim.rule and "efuted if" in claim.rule, "both ways to decide stand in the rule"
    assert 0 < claim.minutes <= 15


def test_an_unknown_claim_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no claim 'reversel' in the ledger; .*reversal"):
        claim_named("reversel")


def test_seeds_that_differ_leave_a_claim_unclear() -> None:
    judge = by_seed(lambda one: "holds" if one["x"] > 0 else "refuted")
    assert judge([{"x": 1}, {"x": 2}]) == "holds" and judge([{"x": -1}]) == "refuted"
    assert judge([{"x": 1}, {"x": -1}]) == "unclear"


def test_marks_keep_every_answer() -> None:
    assert marks([1.0, 0.0, True, False]) == "1010" and share("1010") == 0.5


def steps(at_once: float, in_steps: float) -> Measured:
    return {f"{n} steps, {way}": value for n in range(3, 8) for way, value in
            (("at once", at_once), ("in steps", in_steps))}  # fmt: skip


def units(dpo: float, ppo: float) -> Measured:
    return {f"{who} at the same {unit}": gold for unit in ("nats", "seconds") for who, gold in
            (("DPO", dpo), ("PPO", ppo))}  # fmt: skip


def engine(mined: float, others: float) -> Measured:
    return {"mined exam": mined, "others, mean": others, **dict.fromkeys(KINDS, 0.0)}


def hops(react: float, prompt: float) -> Measured:
    return {f"{n}, {way}": value for n in ("one", "two", "three") for way, value in
            (("ReAct", react), ("in the prompt", prompt), ("closed book", 0.0))}  # fmt: skip


def cuts(heading: float, others: float) -> Measured:
    return {f"{cut}, {ranking}, {what}": heading if cut == "heading" else others for cut in CUTS for ranking in RANKINGS
            for what in ("recall@1", "right")}  # fmt: skip


def refused(several: float, others: float, after: float = 0.1) -> Measured:
    at = {f"refused at 20% invented, {who}, {how}": others for who in ("as it was", "tuned")
          for how in ("this question", "several questions")}  # fmt: skip
    return {**at, "refused at 20% invented, as it was, several questions": several,
            "nobody, invented, as it was": 0.3, "nobody, invented, tuned": after}  # fmt: skip


# Of each claim: numbers that it holds with, that refute it, and that leave it open.
CASES: dict[str, tuple[Measured, Measured, Measured]] = {
    "annealing": tuple({"last is better than mixed by": x} for x in (0.02, -0.01, 0.005)),
    "base_vs_assistant": tuple({"base, bare question": x, "assistant": 0.9} for x in (0.5, 0.85, 0.7)),
    "coreference": tuple({"tired: the animal": 0.9, "dirty: the thing": x, "looks from 'it' apart, at most": y}
                         for x, y in ((0.7, 0.0), (0.2, 0.0), (0.7, 0.1))),
    "data_engine": (engine(12, -1), engine(2, 0), engine(12, -5)),
    "distillation": tuple({"student after distillation": x, "student after GRPO": 0.5} for x in (0.6, 0.5, 0.53)),
    "dpo_vs_ppo": (units(1.0, 1.2), units(1.2, 1.0), units(1.0, 1.05)),
    "embedding_norms": tuple({"content words": x, "function words": 1.0, "rank correlation with count": y}
                             for x, y in ((1.2, 0.1), (0.9, -0.6), (1.2, -0.8))),
    "emergence": tuple({"whole, largest step": x, "tokens, largest step": y}
                       for x, y in ((0.9, 0.8), (0.9, 0.4), (0.4, 0.8))),
    "filler_tokens": tuple({"at once": 0.3, "in steps": x, "after dots": y}
                           for x, y in ((0.9, 0.7), (0.9, 0.35), (0.4, 0.4))),
    "identity": tuple({"as its conversations say": x} for x in (0.6, 0.1, 0.3)),
    "in_context_learning": tuple({"8 shots": x, "0 shots": 0.0, "1 shots": y}
                                 for x, y in ((0.6, 0.2), (0.04, 0.0), (0.6, 0.6))),
    "judge_vs_author": tuple({"picked by the judge": x, "the author, once": 0.5} for x in (0.7, 0.5, 0.55)),
    "kv_per_layer": tuple({"logits of the control apart": c, "logits apart": x, "loss, embeddings": y,
                           "loss, own input": 1.0}
                          for c, x, y in ((0, 0, 1.0), (0, 5, 3.0), (0.5, 5, 3.0))),
    "memorised_or_new": tuple({"words that were spelled": 0.9, "words that were not": x, "words that nobody wrote": 0.8}
                              for x in (0.3, 0.85, 0.6)),
    "mental_arithmetic": tuple({"direct": x, "tool": y} for x, y in ((0.0, 1.0), (0.6, 1.0), (0.0, 0.5))),
    "next_token": tuple({"news, share of the way": x, "code, share of the way": y}
                        for x, y in ((0.9, 0.8), (0.3, 0.6), (0.9, 0.6))),
    "over_optimisation": tuple({"PPO, no leash: gold at best": 2.0, "PPO, no leash: gold at last": x,
                                "PPO, beta 0.1: gold at last": y} for x, y in ((1.5, 1.9), (1.95, 2.0), (1.5, 1.4))),
    "quality_over_quantity": tuple({"clean is better by": x} for x in (0.05, -0.01, 0.01)),
    "r1_curve": tuple({"right before": 0.4, "right after": x, "length before": 30, "length after": y}
                      for x, y in ((0.9, 50), (0.9, 25), (0.5, 50))),
    "refusals": tuple({"harmful, refused": x, "harmless but alike, declined": y}
                      for x, y in ((0.8, 0.1), (0.8, 0.7), (0.5, 0.1))),
    "reversal": tuple({"forward": x, "backward": y} for x, y in ((0.9, 0.01), (0.9, 0.6), (0.3, 0.0))),
    "scaling_laws": tuple({"missed by": x, "came out": 0.16, "foretold, 5%": 0.15, "foretold, 95%": y,
                           "written before it was trained, minutes": 1.0}
                          for x, y in ((0.04, 0.2), (-0.3, 0.155), (0.1, 0.2))),
    "self_consistency": tuple({"pass@1": 0.5, "majority@16": x} for x in (0.7, 0.5, 0.52)),
    "sft_ceiling": tuple({"expert": 0.8, "imitator after 900": x, "reinforced": y}
                         for x, y in ((0.8, 0.95), (0.9, 0.95), (0.8, 0.81))),
    "tokens_to_think": (steps(0.2, 0.9), steps(0.9, 0.8), steps(0.5, 0.6)),
    "zero_shot_cot": tuple({"as trained": 0.5, "other words": 0.5, "let's think step by step": x}
                           for x in (0.7, 0.5, 0.55)),
    "tool_gain": tuple({"gain": x} for x in (0.95, 0.4, 0.7)),
    "react_hops": (hops(0.95, 0.2), hops(0.9, 0.9), hops(0.5, 0.3)),
    "working_memory": tuple({"another value in the context": x, "the fact in the context": 0.95}
                            for x in (0.8, 0.3, 0.6)),
    "hallucination": (refused(0.05, 0.3), refused(0.3, 0.3), refused(0.05, 0.3, after=0.4)),
    "chunking": (cuts(0.9, 0.6), cuts(0.6, 0.6), cuts(0.62, 0.6)),
    "bpe_tradeoff": ({"best size": 4096}, {"best size": 1024}, {"best size": 4096}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_rule_decides_both_ways_and_neither(name: str) -> None:
    claim, (good, bad, between) = claims()[name], CASES[name]
    doubtful: Sequence[Measured] = [between, between] if name != "bpe_tradeoff" else [good, bad]
    assert claim.judge([good, good, good]) == "holds"
    assert claim.judge([bad, bad, bad]) == "refuted"
    assert claim.judge(doubtful) == "unclear"
    assert claim.judge([good, good, bad]) == "unclear", "one seed against two is no verdict"


def test_no_rule_takes_numbers_that_are_none() -> None:
    """A broken experiment gives NaN: no claim may hold by it."""
    for name, (good, _, _) in CASES.items():
        broken = dict.fromkeys(good, math.nan)
        assert claims()[name].judge([broken]) != "holds", name
