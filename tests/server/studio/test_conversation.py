"""What simulation 16 shows: the tokens and the mask of training, and the log-probabilities of the engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from orrery.data.world.conversations import KINDS
from orrery.errors import ConfigError, DataError
from orrery.inference.engine import Engine
from orrery.server.studio.sims.conversation import ConversationRequest, SampleRequest, conversation, sample
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import validate_messages
from orrery.tokenizers.special import RESERVED
from tests.server.studio.small import small

READ = small()
USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "the Ann"}


def seen(*messages: Mapping[str, Any]) -> Any:
    return conversation(ConversationRequest("any", messages), READ)


def test_ids_and_mask_are_what_training_renders_and_log_probabilities_what_the_engine_computes() -> None:
    answer, rendered = seen(USER, SAID), render([USER, SAID], READ.tokenizer)
    assert (answer.ids, answer.mask) == (rendered.ids, rendered.mask)
    expected = Engine(READ.model, READ.tokenizer).logprobs([rendered.ids])[0].tolist()
    np.testing.assert_allclose(answer.logprobs[1:], expected, atol=1e-5)
    assert answer.logprobs[0] == 0
    trained = [one for one, kept in zip(answer.logprobs, rendered.mask, strict=True) if kept]
    assert answer.trained == len(trained) == sum(rendered.mask) > 0
    assert answer.loss == pytest.approx(-np.mean(trained), abs=1e-5)


def test_turns_begin_where_messages_do_and_chips_hold_every_token() -> None:
    answer = seen({"role": "system", "content": "é"}, USER, SAID)
    assert [turn.role for turn in answer.turns] == ["system", "user", "assistant"]
    assert [turn.first for turn in answer.turns] == [
        i for i, id_ in enumerate(answer.ids) if id_ == READ.tokenizer.im_start_id
    ]
    assert sum(turn.count for turn in answer.turns) == sum(chip.count for chip in answer.chips) == len(answer.ids)
    assert ("é", 2) in [(chip.shown, chip.count) for chip in answer.chips]


def test_a_message_of_weight_zero_is_only_read() -> None:
    answer = seen(USER, {**SAID, "weight": 0})
    assert (answer.trained, answer.loss, any(answer.mask)) == (0, None, False)


def test_hostile_text_opens_no_turn_and_is_counted() -> None:
    answer = seen({"role": "user", "content": RESERVED[1]}, {**SAID, "content": RESERVED[4]})
    assert answer.neutralised == 2
    assert [turn.role for turn in answer.turns] == ["user", "assistant"]
    placed = [id_ for id_, reserved in zip(answer.ids, answer.reserved, strict=True) if reserved]
    names = [READ.tokenizer.decode([id_]) for id_ in placed]
    assert names == ["<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>"]


def test_what_is_no_conversation_or_too_long_is_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match=r"messages\[0\].role is 'king'"):
        seen({"role": "king", "content": "Hi"})
    with pytest.raises(DataError, match="no tool call before it"):
        seen(USER, {"role": "tool", "content": "4"})
    with pytest.raises(ConfigError, match="the model reads 64"):
        seen({"role": "user", "content": "x" * 100})
    with pytest.raises(DataError, match="shorten it"):
        seen({"role": "user", "content": "x" * 20_000})


def test_every_kind_of_the_world_gives_a_conversation_and_others_are_named() -> None:
    for kind in KINDS:
        answer = sample(SampleRequest(kind, 5))
        validate_messages(answer.messages, kind, training=True)
        assert answer.kinds == list(KINDS) and answer == sample(SampleRequest(kind, 5))
    with pytest.raises(ConfigError, match="calculator"):
        sample(SampleRequest("calculater"))
