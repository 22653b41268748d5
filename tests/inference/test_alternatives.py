"""What else a model could have written: the probabilities are those that the engine reports."""

import pytest
import torch

from orrery.errors import ContextFull
from orrery.inference import alternatives as module
from orrery.inference.alternatives import alternatives
from tests.inference.assistant import CONTEXT, Assistant


def test_they_are_the_probabilities_of_the_models_own_distribution(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSITIONS", 5)  # several pieces, the last of them shorter
    engine, ids = assistant.engine(), assistant.tokenizer.encode("What is 12 times 7? Hello, world.")
    choices = alternatives(engine, ids, top=3)
    assert len(choices) % 5 and [choice.id for choice in choices] == ids[1:]
    probabilities = torch.tensor([choice.probability for choice in choices])
    torch.testing.assert_close(probabilities.log(), engine.logprobs([ids])[0], atol=1e-4, rtol=0)
    with torch.no_grad():
        whole = engine.model(torch.tensor([ids]))[0, :-1].softmax(-1)
    for choice, row in zip(choices, whole, strict=True):
        best = row.topk(3)
        assert [id_ for id_, _ in choice.likeliest] == best.indices.tolist()
        assert [likely for _, likely in choice.likeliest] == pytest.approx(best.values.tolist(), rel=1e-4)


def test_more_are_not_shown_than_there_are(assistant: Assistant) -> None:
    (choice,) = alternatives(assistant.engine(), [1, 2], top=10_000)
    assert len(choice.likeliest) == assistant.tokenizer.vocab_size
    assert sum(likely for _, likely in choice.likeliest) == pytest.approx(1, abs=1e-4)


def test_a_text_longer_than_the_context_is_refused(assistant: Assistant) -> None:
    with pytest.raises(ContextFull, match=f"has {CONTEXT + 1} tokens"):
        alternatives(assistant.engine(), [1] * (CONTEXT + 1), top=1)
