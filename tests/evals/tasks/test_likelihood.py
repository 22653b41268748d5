"""Log-likelihoods of continuations: those of one plain pass over each text, however prompts are shared and cut."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from orrery.errors import ContextFull, InferenceError
from orrery.evals.tasks import likelihood
from orrery.evals.tasks.candidate import Local, Prompted
from orrery.evals.tasks.likelihood import Pair, fit, log_likelihoods
from orrery.inference.engine import Engine
from orrery.models.hf import load_model, load_tokenizer
from orrery.models.transformer import Transformer


def plain(engine: Engine, prompt: list[int], continuation: list[int]) -> torch.Tensor:
    """Oracle: one text, one pass without a cache."""
    ids = torch.tensor([prompt + continuation])
    with torch.no_grad():
        logprobs = engine.model(ids[:, :-1])[0].float().log_softmax(-1)
    return logprobs.gather(1, ids[0, 1:, None])[-len(continuation) :, 0]


def texts(engine: Engine) -> list[tuple[list[int], list[int]]]:
    """Prompts with one to five continuations; some fill the context, or with their last token go one over it."""
    generator, pairs = random.Random(0), []
    for length in (1, 2, 30, 60, 90, 95, 96):
        prompt = [generator.randrange(300) for _ in range(length)]
        for _ in range(generator.randint(1, 5)):
            size = generator.randint(1, engine.context + 1 - length)
            pairs.append((prompt, [generator.randrange(300) for _ in range(size)]))
    assert max(len(prompt) + len(continuation) for prompt, continuation in pairs) == engine.context + 1
    return pairs


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("logits", [likelihood.LOGITS, 1])
def test_they_are_those_of_a_plain_pass(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, kernel: bool, logits: int
) -> None:
    monkeypatch.setattr(likelihood, "LOGITS", logits)  # 1: token by token
    if not kernel:
        monkeypatch.setenv("ORRERY_KERNEL", "0")
    pairs = texts(engine)
    for found, (prompt, continuation) in zip(log_likelihoods(engine.model, pairs), pairs, strict=True):
        torch.testing.assert_close(found, plain(engine, prompt, continuation), atol=1e-4, rtol=0)


def test_a_batch_takes_what_a_pass_and_the_cache_may_take(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [*texts(engine), *(([5], [number] * 40) for number in range(20))]  # a corpus: all go on from one token
    whole = log_likelihoods(engine.model, pairs)
    told: list[tuple[int, int]] = []
    sizes: list[tuple[int, int]] = []  # rows, and tokens of all

    def score(model: Transformer, batch: list[likelihood._Group], pairs: list[Pair]) -> dict[int, torch.Tensor]:
        rows = sum(len(group.pairs) for group in batch)
        sizes.append((rows, rows * max(group.total for group in batch)))
        return scored(model, batch, pairs)

    scored = likelihood._score
    monkeypatch.setattr(likelihood, "_score", score)
    monkeypatch.setattr(likelihood, "PREFILL_TOKENS", 300)
    few = log_likelihoods(engine.model, pairs, lambda done, total: told.append((done, total)))
    for one, other in zip(whole, few, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    assert all(tokens <= 300 for _, tokens in sizes) and max(rows for rows, _ in sizes) > 3
    assert len(told) == len(sizes) and told[-1] == (len(pairs), len(pairs))


def test_what_does_not_fit_is_cut_on_the_left_or_refused(engine: Engine) -> None:
    assert fit([1, 2, 3, 4], [5, 6], 5) == ([1, 2, 3, 4], [5, 6])
    assert fit([1, 2, 3, 4], [5, 6], 3) == ([3, 4], [5, 6])
    with pytest.raises(ContextFull, match="a continuation of 4 tokens is too long: the model's context is 3"):
        fit([1], [2, 3, 4, 5], 3)
    pair: Pair = ([1] * 96, [2, 3])
    with pytest.raises(ContextFull, match="text 2 of 2 has 98 tokens"):
        log_likelihoods(engine.model, [([1], [2]), pair])
    with pytest.raises(InferenceError, match="text 1 of 1 has no tokens before or behind"):
        log_likelihoods(engine.model, [([1], [])])


def test_a_texts_tokens_are_those_behind_the_prompts_and_spaces_belong_to_it(engine: Engine) -> None:
    """The rule of lm_eval: the text is encoded with its prompt, and begins behind as many tokens as that has alone."""
    tokenizer, local = engine.tokenizer, Local(engine)
    [[joined], [moved]] = local.scores(
        [Prompted("The cat", (" sits slowly",)), Prompted("The cat ", ("sits slowly",))], lambda done, total: None
    )
    expected = plain(engine, tokenizer.encode("The cat"), tokenizer.encode(" sits slowly"))
    assert joined == moved and joined.tokens == len(expected)
    assert joined.nats == pytest.approx(expected.sum().item(), abs=1e-4)


def test_a_document_begins_where_asked_or_where_there_is_no_prompt(engine: Engine) -> None:
    tokenizer, asked = engine.tokenizer, [Prompted("The", (" cat",)), Prompted("", ("The cat",))]
    [[without], [empty]] = Local(engine).scores(asked, lambda done, total: None)
    [[begun], [same]] = Local(engine, begin=True).scores(asked, lambda done, total: None)
    the, cat = tokenizer.encode("The"), tokenizer.encode(" cat")
    assert without.nats == pytest.approx(plain(engine, the, cat).sum().item(), abs=1e-4)
    assert begun.nats == pytest.approx(plain(engine, [tokenizer.eos_id, *the], cat).sum().item(), abs=1e-4)
    assert empty == same and empty.tokens == len(the + cat)
    assert empty.nats == pytest.approx(plain(engine, [tokenizer.eos_id], the + cat).sum().item(), abs=1e-4)


def test_models_whose_documents_begin_with_a_token_of_its_own_always_get_it(folder: Path, tmp_path: Path) -> None:
    """Llama 3's tokenizer puts <|begin_of_text|> before every text; so transformers, and lm_eval, have it."""
    shutil.copytree(folder, tmp_path / "model")
    path, plain_ids = tmp_path / "model" / "tokenizer.json", load_tokenizer(folder).encode("The cat")
    said = json.loads(path.read_text())
    begin = {"SpecialToken": {"id": "<|pad|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    tokens = {"<|pad|>": {"id": "<|pad|>", "ids": [load_tokenizer(folder).pad_id], "tokens": ["<|pad|>"]}}
    said["post_processor"] = {
        "type": "TemplateProcessing", "single": begin, "pair": [*begin, *begin], "special_tokens": tokens,
    }  # fmt: skip
    path.write_text(json.dumps(said))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "model" / "chat_template.jinja").unlink(missing_ok=True)
    local = Local(Engine(load_model(tmp_path / "model"), load_tokenizer(tmp_path / "model")))
    theirs = AutoTokenizer.from_pretrained(tmp_path / "model")
    [[score]] = local.scores([Prompted("The cat", (" sits",))], lambda done, total: None)
    assert local.known["begin"] is True and theirs("The cat").input_ids[1:] == plain_ids
    expected = plain(local.engine, theirs("The cat").input_ids, theirs(" sits").input_ids[1:])
    assert score.nats == pytest.approx(expected.sum().item(), abs=1e-4)
