"""The searches of chapters A and B: rules behind a table, and one task as rules, weights and a prompt."""

import pytest
import torch

from orrery.errors import ConfigError
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.program_search import SearchRequest, expressions, program_search
from orrery.server.studio.sims.three_softwares import (
    Learner,
    SoftwareRequest,
    by_rules,
    questions,
    read_rules,
    relations,
    three_softwares,
)
from orrery.tokenizers.bpe import BPE


@pytest.mark.parametrize(
    "law", [lambda x: 2 * x + 1, lambda x: x * x, lambda x: x * (x + 1) // 2, lambda x: x % 3 + 10]
)
def test_the_shortest_rule_through_five_rows_says_what_comes_next(law) -> None:  # type: ignore[no-untyped-def]
    x, beyond = [1, 2, 3, 4, 5], [6, 7, 8]
    answer = program_search(SearchRequest(x, [law(one) for one in x], beyond))
    assert answer.rules[0].next == [law(one) for one in beyond]
    for rule in answer.rules:
        assert [eval(rule.text, {"x": one}) for one in (*x, *beyond)] == [*map(law, x), *rule.next]


def test_two_rows_leave_several_rules_that_part_ways() -> None:
    rules = program_search(SearchRequest([1, 2], [1, 4], [3, 4, 20])).rules
    assert rules[0].text == "x * x" and len({tuple(rule.next) for rule in rules}) == len(rules) > 1


def test_a_table_without_a_short_rule_has_none_and_what_cannot_be_is_refused() -> None:
    answer = program_search(SearchRequest([1, 2, 3, 4, 5], [3, 1, 4, 1, 5], [6]))
    assert answer.rules == [] and answer.size == 7 and answer.tried > 5_000
    for asked in (SearchRequest([], [], [1]), SearchRequest([1], [1, 2], [3]), SearchRequest([1], [10**12], [2])):
        with pytest.raises(ConfigError):
            program_search(asked)


def test_no_two_expressions_say_the_same() -> None:
    values = [value for size, _, value in expressions((5, 7, 12)) if size <= 3]
    assert len(values) == len(set(values)) > 40


def test_rules_are_tried_in_their_order_and_a_wrong_one_is_named() -> None:
    classes = [relation.key for relation in relations()]
    rules = read_rules("job: trade, work\n\nemployer: work for", classes)
    assert by_rules("Who does Ada work for?", rules) == "job" and by_rules("Who is Ada?", rules) == ""
    with pytest.raises(ConfigError, match="'jobs: work' is no rule"):
        read_rules("jobs: work", classes)


def test_the_weights_learn_and_what_is_counted_was_not_among_the_examples() -> None:
    known, held_out = questions()
    assert not {text for text, _, _ in known} & {text for text, _, _ in held_out} and len(held_out) == 30
    right = []
    for count in (6, 59):
        learner = Learner([text for text, _, _ in known[:count]], [truth for _, truth, _ in known[:count]], 6)
        said = learner.classify([text for text, _, _ in held_out])
        right.append(sum(a == truth for a, (_, truth, _) in zip(said, held_out, strict=True)))
    assert right == [13, 30], "as chapter B says"


def test_the_prompt_takes_the_beginning_that_the_model_finds_likeliest() -> None:
    tokenizer = BPE.from_tokens([])
    config = TransformerConfig(
        tokenizer.vocab_size, width=32, layers=1, heads=2, kv_heads=1, head_width=16, mlp_width=32, context=128
    )
    read = Loaded(Transformer(config, torch.Generator().manual_seed(0)).eval(), tokenizer)
    answer = three_softwares(SoftwareRequest("m", "job: job", 6), read)
    assert {one.prompt for one in answer.questions} <= set(answer.classes)
    assert answer.prompt.startswith("Q: ") and len(answer.examples) == 6
    assert set(answer.learnt) == set(answer.classes)
    with pytest.raises(ConfigError, match="5 examples"):
        three_softwares(SoftwareRequest("m", "", 5), read)
