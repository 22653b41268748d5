"""The engine answers many requests at once, calls tools on the way, and reports what a trainer would compute."""

import random
from pathlib import Path

import pytest
import torch

import orrery.inference.engine as engine_module
import orrery.inference.turns as turns_module
from orrery.errors import InferenceError, TokenizerError
from orrery.inference.engine import Engine, Sampling
from orrery.inference.stream import TextDelta
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, render
from orrery.tokenizers.vocabulary import Vocabulary
from orrery.tools.registry import tool_from_function
from tests.inference.assistant import ANSWERS, BROKEN, CONTEXT, MALFORMED, Assistant, calls, says, tool, user

LONG = Sampling(max_tokens=200)


def test_every_conversation_of_a_batch_gets_its_answer_with_the_tools_it_called(assistant: Assistant) -> None:
    questions = [question for question in ANSWERS for _ in range(5)]
    random.Random(0).shuffle(questions)
    expected = [ANSWERS[question] for question in questions]
    for max_rows in (1, 4, 128):
        engine = assistant.engine(max_rows=max_rows)
        assert engine.chat([[user(question)] for question in questions], LONG) == expected


def test_ids_after_tool_calls_are_those_that_render_gives(assistant: Assistant) -> None:
    turns = assistant.engine().turns([[user(question)] for question in ANSWERS], LONG)
    for question, turn in zip(ANSWERS, turns, strict=True):
        prompt = render([user(question)], assistant.tokenizer, add_generation_prompt=True)
        whole = render([user(question), *turn.messages], assistant.tokenizer)
        newline = assistant.tokenizer.encode("\n")
        assert prompt.ids + turn.ids + newline == whole.ids
        assert prompt.mask + turn.mask + [False] * len(newline) == whole.mask
        assert turn.finish_reason == "stop"


def test_log_probabilities_equal_a_full_forward_pass_across_tool_calls(assistant: Assistant) -> None:
    engine = assistant.engine()
    sampling = Sampling(temperature=1.5, max_tokens=80)  # hot, so that much of it is no answer learnt by heart
    turns = engine.turns([[user(question)] for question in ANSWERS] * 4, sampling)
    for question, turn in zip([*ANSWERS] * 4, turns, strict=True):
        prompt = render([user(question)], assistant.tokenizer, add_generation_prompt=True).ids
        full = engine.logprobs([prompt + turn.ids])[0][len(prompt) - 1 :]
        mask = torch.tensor(turn.mask)
        torch.testing.assert_close(torch.tensor(turn.logprobs)[mask], full[mask], atol=1e-4, rtol=0)
        assert not torch.tensor(turn.logprobs)[~mask].any()


def test_teacher_forced_log_probabilities_do_not_depend_on_the_batch(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = random.Random(0)
    engine = assistant.engine()
    ids = [[choice.randrange(300) for _ in range(choice.randint(1, 60))] for _ in range(30)]
    together = engine.logprobs(ids)
    monkeypatch.setattr(engine_module, "PREFILL_TOKENS", 100)
    for one, sequence, in_chunks in zip(together, ids, engine.logprobs(ids), strict=True):
        with torch.no_grad():
            logits = assistant.model(torch.tensor([sequence]))[0, :-1]
        expected = logits.log_softmax(-1).gather(1, torch.tensor(sequence[1:], dtype=torch.long)[:, None])[:, 0]
        torch.testing.assert_close(one, expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(in_chunks, expected, atol=1e-4, rtol=0)


def test_a_malformed_call_is_answered_by_an_error_and_the_model_goes_on(assistant: Assistant) -> None:
    messages = assistant.engine().chat([[user(BROKEN)]], LONG)[0]
    assert messages == [says("<tool_call>{oops</tool_call>"), tool(MALFORMED), says("I give up.")]


def test_a_reply_ends_when_it_has_called_tools_too_often(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "MAX_CALLS", 1)
    turns = assistant.engine().turns([[user("Step by step")], [user("Two sums")]], LONG)
    refused = tool("error: at most 1 tool calls in one reply")
    assert [turn.finish_reason for turn in turns] == ["calls", "calls"]
    assert turns[0].messages == [calls("9*9"), tool("81"), calls("81+19"), refused]
    assert turns[1].messages == [calls("1+2", "3+4", content="Let me see."), tool("3"), refused]


def test_a_long_answer_of_a_tool_is_cut(assistant: Assistant) -> None:
    def calculator(expression: str) -> str:
        """Say much."""
        return "9" * 5000

    engine = assistant.engine(tools=[tool_from_function(calculator)])
    turn = engine.turns([[user("What is 12 times 7?")]], LONG)[0]
    assert turn.messages[1]["content"].endswith("9… (cut)") and len(turn.messages[1]["content"]) < 2000


@pytest.mark.parametrize(("digits", "fits"), [(50, True), (220, False)])
def test_a_reply_ends_where_the_context_cannot_take_the_tools_answer(
    assistant: Assistant, digits: int, fits: bool
) -> None:
    def calculator(expression: str) -> str:
        """Say much."""
        return "7" * digits

    engine = assistant.engine(tools=[tool_from_function(calculator)])
    turn = engine.turns([[user("What is 12 times 7?")]], LONG)[0]
    assert turn.messages[:2] == [calls("12*7"), tool("7" * digits)]
    assert (len(turn.messages) > 2) == fits
    assert fits or (turn.finish_reason == "length" and all(turn.mask))


@pytest.mark.parametrize("max_tokens", [1, 3, 20])
def test_max_tokens_bounds_what_the_model_writes_in_a_reply(assistant: Assistant, max_tokens: int) -> None:
    for turn in assistant.engine().turns([[user(question)] for question in ANSWERS], Sampling(max_tokens=max_tokens)):
        assert sum(turn.mask) <= max_tokens
        assert turn.finish_reason == "stop" or sum(turn.mask) == max_tokens


def test_generate_returns_text_without_the_stop_token_and_ids_with_it(assistant: Assistant) -> None:
    tokenizer = assistant.tokenizer
    prompt = render([user("Hi")], tokenizer, add_generation_prompt=True).ids
    stopped, cut = (assistant.engine().generate([prompt], Sampling(max_tokens=n))[0] for n in (50, 1))
    assert (stopped.text, stopped.finish_reason) == ("Hello.", "stop")
    assert stopped.ids == [*tokenizer.encode("Hello."), tokenizer.id_of("<|im_end|>")]
    assert len(stopped.logprobs) == len(stopped.ids) and max(stopped.logprobs) <= 0
    assert cut.finish_reason == "length" and cut.ids == stopped.ids[:1]


def test_own_stop_ids_end_a_request_too(assistant: Assistant) -> None:
    prompt = render([user("Hi")], assistant.tokenizer, add_generation_prompt=True).ids
    first = assistant.tokenizer.encode("Hello.")[0]
    completion = assistant.engine().generate([prompt], Sampling(stop_ids=(first,)))[0]
    assert (completion.ids, completion.text, completion.finish_reason) == ([first], "", "stop")


def test_tokens_that_only_the_renderer_may_write_are_never_sampled(assistant: Assistant) -> None:
    tokenizer = assistant.tokenizer
    config = TransformerConfig(tokenizer.vocab_size + 9, width=16, layers=1, heads=1, kv_heads=1, head_width=16)
    engine = Engine(Transformer(config), tokenizer)
    completions = engine.generate([[5]] * 64, Sampling(temperature=50.0, max_tokens=60))
    written = {i for completion in completions for i in completion.ids}
    forbidden = {tokenizer.pad_id, tokenizer.im_start_id, *range(tokenizer.vocab_size, config.vocab_size)}
    assert len(written) > 250 and not written & forbidden


def test_results_come_in_the_order_of_the_prompts_and_depend_only_on_seed_and_place(assistant: Assistant) -> None:
    choice = random.Random(0)
    prompts = [[choice.randrange(300) for _ in range(choice.randint(1, 40))] for _ in range(40)]
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=3)
    few, many = (assistant.engine(max_rows=rows).generate(prompts, sampling) for rows in (5, 128))
    assert [c.ids for c in few] == [c.ids for c in many]
    assert [c.ids for c in assistant.engine().generate(prompts[:7], sampling)] == [c.ids for c in many[:7]]


def test_a_saved_folder_answers_as_the_model_did(assistant: Assistant, tmp_path: Path) -> None:
    tokenizer = assistant.tokenizer
    save_model(
        assistant.model, tmp_path / "model", tokenizer=tokenizer, eos_ids=(tokenizer.eos_id, tokenizer.im_end_id)
    )
    assert Engine.load(tmp_path / "model").chat([[user("Two sums")]], LONG) == [ANSWERS["Two sums"]]


def test_a_vocabulary_without_chat_tokens_completes_text_and_cannot_chat() -> None:
    tokenizer = BPE(Vocabulary({bytes([byte]): byte for byte in range(256)}, {"<|endoftext|>": 256}, {}))
    engine = Engine(
        Transformer(TransformerConfig(257, width=16, layers=1, heads=1, kv_heads=1, head_width=16)), tokenizer
    )
    (completion,) = engine.generate([tokenizer.encode("Once")], Sampling(max_tokens=5))
    assert len(completion.ids) == 5 and completion.text == tokenizer.decode(completion.ids)
    with pytest.raises(TokenizerError, match=r"no token <\|im_"):
        engine.chat([[user("Hi")]], LONG)


def test_no_prompts_give_no_completions(assistant: Assistant) -> None:
    assert assistant.engine().generate([], LONG) == assistant.engine().chat([], LONG) == []


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([], "prompt 2 of 2 is empty"),
        ([1] * CONTEXT, f"prompt 2 of 2 has {CONTEXT} tokens.*context of {CONTEXT} at most {CONTEXT - 1}"),
        ([10**6], "prompt 2 of 2 has ids outside the model's vocabulary"),
        ([-1], "outside the model's vocabulary"),
    ],
)
def test_a_prompt_that_cannot_be_served_is_named(assistant: Assistant, prompt: list[int], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        assistant.engine().generate([[1], prompt], LONG)


def test_other_misuse_is_named_too(assistant: Assistant) -> None:
    with pytest.raises(InferenceError, match="stop id 99999 is no token"):
        assistant.engine().generate([[1]], Sampling(stop_ids=(99999,)))
    with pytest.raises(InferenceError, match=r"has \d+ tokens; in the model's context of 256 at most 255"):
        assistant.engine().chat([[user("x " * 400)]], LONG)
    small = Transformer(TransformerConfig(100, width=16, layers=1, heads=1, kv_heads=1, head_width=16))
    with pytest.raises(InferenceError, match="do not belong together"):
        Engine(small, assistant.tokenizer)


def test_a_long_conversation_is_fitted_by_forgetting_its_oldest_turns(assistant: Assistant) -> None:
    engine = assistant.engine()
    system: Message = {"role": "system", "content": "Be brief."}
    turns = [[user("What is 12 times 7?"), *ANSWERS["What is 12 times 7?"]] for _ in range(12)]
    conversation = [system, *(message for turn in turns for message in turn), user("Hi")]
    kept = engine.fit_context(conversation, max_tokens=50)
    assert kept[0] == system and kept[-1] == user("Hi")
    assert kept[1]["role"] == "user" and kept[1:] == conversation[-len(kept[1:]) :]
    length = len(render(kept, assistant.tokenizer, add_generation_prompt=True).ids)
    assert length <= CONTEXT - 50 < length + CONTEXT / 2 and 1 < len(kept) < len(conversation)
    assert engine.fit_context(kept, max_tokens=50) == kept
    assert engine.fit_context(kept, max_tokens=10**6)[-1] == user("Hi")  # never more than a quarter is kept free
    with pytest.raises(InferenceError, match=r"has \d+ tokens; there is room for 206"):
        engine.fit_context([system, user("x " * 300)], max_tokens=50)


def test_each_request_may_have_a_sampling_of_its_own(assistant: Assistant) -> None:
    engine = assistant.engine()
    prompts = [engine.tokenizer.encode("Hi"), engine.tokenizer.encode("Greet")]
    each = [Sampling(max_tokens=3), Sampling(temperature=1.0, max_tokens=9, seed=4)]
    together = engine.generate(prompts, each)
    assert (
        together[0] == engine.generate(prompts, each[0])[0]
        and together[1].ids == engine.generate(prompts, each[1])[1].ids
    )
    with pytest.raises(InferenceError, match="1 samplings for 2 prompts"):
        engine.generate(prompts, each[:1])


def test_stop_texts_end_a_reply_and_are_not_part_of_it(assistant: Assistant) -> None:
    """The assistant answers with "Héllo 🌍, 你好!" and a line more; tokens end where they like."""
    engine, asked = assistant.engine(), [user("Greet the world")]
    whole = engine.chat([asked], LONG)[0][-1]["content"]
    assert whole == "Héllo 🌍, 你好!\nHow are you?"
    for stop in ("lo", " 🌍", "好", "!\n", "are", "o 🌍,", "?"):
        sampling = Sampling(max_tokens=200, stop=("never", stop))
        (turn,) = engine.turns([asked], sampling)
        assert turn.messages[-1]["content"] == whole[: whole.index(stop)] and turn.finish_reason == "stop"
        events = list(engine.stream(asked, sampling))
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == whole[: whole.index(stop)]
    (unstopped,) = engine.turns([asked], Sampling(max_tokens=200, stop=("goodbye",)))
    assert unstopped.messages[-1]["content"] == whole
    with pytest.raises(InferenceError, match="empty text"):
        Sampling(stop=("",))


def test_a_completion_ends_before_its_stop_text(assistant: Assistant) -> None:
    engine = assistant.engine()
    prompt = render([user("Greet the world")], engine.tokenizer, add_generation_prompt=True).ids
    (done,) = engine.generate([prompt], Sampling(max_tokens=99, stop=("you",)))
    assert done.text == "Héllo 🌍, 你好!\nHow are " and done.finish_reason == "stop"
    assert engine.tokenizer.decode(done.ids).endswith("you") and len(done.logprobs) == len(done.ids)
