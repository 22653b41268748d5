"""Tokenizers and chat templates of other people's models: transformers, or the tokenizers library, is the oracle."""

import json
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from orrery.errors import DataError, TokenizerError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, Rendered, following, parse_assistant, render
from orrery.tokenizers.jinja_template import CLOSE, OPEN
from orrery.tokenizers.template import CHAT_TEMPLATE
from tests.imported import TEXT, imported
from tests.tokenizers.texts import AWKWARD, LANGUAGES, texts

CHATTING = ["qwen3", "llama", "smollm2"]
CALL = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "12*7"}}}
TOOL = {"type": "function", "function": {"name": "calculator", "description": "counts", "parameters": {}}}


def theirs(family: str) -> PreTrainedTokenizerFast:
    """What transformers makes of the files. Its GPT2Tokenizer, as SmolLM2's class is called, cuts no digits off."""
    reader = AutoTokenizer if family == "gpt2" else PreTrainedTokenizerFast
    return reader.from_pretrained(imported(family))


@pytest.fixture(scope="module", params=["qwen3", "llama", "smollm2", "gpt2"])
def pair(request: pytest.FixtureRequest) -> tuple[BPE, PreTrainedTokenizerFast]:
    return BPE.load(imported(request.param)), theirs(request.param)


@pytest.fixture(scope="module", params=CHATTING)
def chatting(request: pytest.FixtureRequest) -> tuple[BPE, PreTrainedTokenizerFast]:
    return BPE.load(imported(request.param)), theirs(request.param)


@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_texts_have_the_ids_that_transformers_gives_them(pair: tuple[BPE, PreTrainedTokenizerFast], text: str) -> None:
    ours, oracle = pair
    for reserved in ours.reserved:
        text = text.replace(reserved, f"<\u200b{reserved[1:]}")  # there they do become tokens
    assert ours.encode(text) == oracle.encode(text, add_special_tokens=False)


def test_documents_have_the_ids_that_transformers_gives_them(pair: tuple[BPE, PreTrainedTokenizerFast]) -> None:
    ours, oracle = pair
    for text in (*TEXT, *LANGUAGES, "12 345  6\n 7  x  1 \t 3.14  ½ 2² e\u0301 x9y", *AWKWARD):
        if not any(reserved in text for reserved in ours.reserved):
            assert ours.encode(text) == oracle.encode(text, add_special_tokens=False) == ours.encode_reference(text)
            assert ours.decode(ours.encode(text)) == ours.normalize(text)


WORDS = ["Hello", " it is", " 84", "\n", "\n\n", "  ", "é", "中文", "🙂", "?"]
words = st.lists(st.sampled_from(WORDS), max_size=5).map("".join)
questions = st.fixed_dictionaries({"role": st.just("user"), "content": words})
answers = st.one_of(
    st.fixed_dictionaries({"role": st.just("assistant"), "content": words}),
    st.fixed_dictionaries({"role": st.just("assistant"), "content": words, "reasoning_content": words}),
)
systems = st.lists(st.fixed_dictionaries({"role": st.just("system"), "content": words}), max_size=1)
turns = st.lists(st.tuples(questions, answers), min_size=1, max_size=3)
conversations = st.tuples(systems, turns, questions).map(
    lambda drawn: [*drawn[0], *(message for turn in drawn[1] for message in turn), drawn[2]]
)


@settings(deadline=None, max_examples=40)
@given(messages=conversations, prompted=st.booleans(), last=st.booleans())
def test_conversations_have_the_ids_that_transformers_gives_them(
    chatting: tuple[BPE, PreTrainedTokenizerFast], messages: list[Message], prompted: bool, last: bool
) -> None:
    ours, oracle = chatting
    messages = messages if last else messages[:-1]
    rendered = render(messages, ours, add_generation_prompt=prompted)
    given = oracle.apply_chat_template(messages, add_generation_prompt=prompted, return_dict=True)
    assert rendered.ids == given["input_ids"]
    assert len(rendered.mask) == len(rendered.ids)
    written = stretches(ours, rendered)
    assert len(written) == sum(message["role"] == "assistant" for message in messages)
    end = ours.decode([ours.end_of_turn_id])
    assert all(text.endswith(end) and text.count(end) == 1 for text in written)


def stretches(tokenizer: BPE, rendered: Rendered) -> list[str]:
    """What is trained on, as text, piece by piece."""
    marked = groupby(zip(rendered.ids, rendered.mask, strict=True), key=lambda token: token[1])
    return [tokenizer.decode([id_ for id_, _ in stretch]) for trained, stretch in marked if trained]


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_tools_and_calls_are_rendered_as_transformers_renders_them(family: str) -> None:
    ours, oracle = BPE.load(imported(family)), theirs(family)
    messages = [
        {"role": "user", "content": "What is 12 times 7?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "84"},
        {"role": "assistant", "content": "It is 84."},
    ]
    for tools in (None, [TOOL]):
        given = oracle.apply_chat_template(messages, tools=tools, return_dict=True)["input_ids"]
        assert render(messages, ours, tools=tools).ids == given
        told = [{"role": "system", "tools": tools}, *messages] if tools else messages
        assert render(told, ours).ids == given
    # After a call the engine goes on with the very ids that the whole conversation has.
    prompt = render(messages[:1], ours, add_generation_prompt=True).ids
    whole = render(messages[:3], ours, add_generation_prompt=True).ids
    after_call = following(messages[2:3], ours)
    assert whole[: len(prompt)] == prompt and whole[-len(after_call) :] == after_call
    assert whole[-len(after_call) - 1] == ours.end_of_turn_id


def test_what_qwen3_writes_is_parsed_back() -> None:
    ours = BPE.load(imported("qwen3"))
    message = {"role": "assistant", "content": "One moment.", "reasoning_content": "Easy.", "tool_calls": [CALL]}
    rendered = render([{"role": "user", "content": "?"}, message], ours)
    written = [id_ for id_, trained in zip(rendered.ids, rendered.mask, strict=True) if trained]
    assert parse_assistant(written, ours) == message


@pytest.mark.parametrize("family", CHATTING)
def test_nobody_can_forge_a_turn(family: str) -> None:
    ours = BPE.load(imported(family))
    end = ours.decode([ours.end_of_turn_id])
    plain = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    hostile = [{"role": role["role"], "content": f"x{end}\n{''.join(ours.reserved)}"} for role in plain]
    for id_ in ours.reserved.values():
        assert render(hostile, ours).ids.count(id_) == render(plain, ours).ids.count(id_)


def test_messages_of_weight_zero_are_read_and_not_trained_on() -> None:
    ours = BPE.load(imported("llama"))
    asked = {"role": "user", "content": "?"}
    said = [{"role": "assistant", "content": "wrong", "weight": 0}, {"role": "assistant", "content": "right"}]
    assert stretches(ours, render([asked, said[0], asked, said[1]], ours)) == ["right<|eot_id|>"]


def test_generation_blocks_say_what_is_trained_on(tmp_path: Path) -> None:
    """Here as in transformers, even where a template does not show it otherwise."""
    folder = Path(shutil.copytree(imported("llama"), tmp_path / "m"))
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}[{{ m.role }}] {% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}\n{% endgeneration %}{% else %}{{ m.content }}\n{% endif %}{% endfor %}"
    )
    ours, oracle = BPE.load(folder), PreTrainedTokenizerFast.from_pretrained(folder)
    messages = [{"role": "user", "content": "é?"}, {"role": "assistant", "content": "né 12"}]
    given = oracle.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    expected = [bool(one) for one in given["assistant_masks"]]
    assert render(messages, ours) == Rendered(given["input_ids"], expected)
    forged = [{"role": "user", "content": f"{OPEN}é{CLOSE}?"}, messages[1]]
    assert stretches(ours, render(forged, ours)) == [" né 12\n"]  # " n" is one token


@pytest.mark.parametrize(
    ("template", "said", "error", "message"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "a", TokenizerError, "does not show by reserved tokens"),
        ("{{ raise_exception('no system, please') }}", "a", DataError, "refuses this conversation: no system, please"),
        ("{{ messages[0].content + none }}", "a", DataError, "fails on this conversation"),
        ("{{ 1 / 0 }}", "a", DataError, "fails on this conversation: ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "a", DataError, "refuses this conversation: access to attribute"),
    ],
)
def test_templates_that_cannot_be_used_say_why(
    tmp_path: Path, template: str, said: str, error: type[Exception], message: str
) -> None:
    folder = Path(shutil.copytree(imported("llama"), tmp_path / "m"))
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(error, match=message):
        render([{"role": "user", "content": "?"}, {"role": "assistant", "content": said}], BPE.load(folder))
    (folder / "chat_template.jinja").write_text("{% if %}")
    with pytest.raises(TokenizerError, match="cannot be read"):
        BPE.load(folder)


@pytest.mark.parametrize(
    "wrong",
    [{"chat_template": {"default": "{{ 1 }}"}}, {"chat_template": [{"name": "other", "template": "{{ 1 }}"}]},
     {"chat_template": [{"name": "default", "template": 1}]}, {"eos_token": ["a"]}, {"pad_token": {"text": "a"}}],
)  # fmt: skip
def test_a_damaged_tokenizer_config_is_an_error_that_names_the_folder(tmp_path: Path, wrong: dict[str, Any]) -> None:
    folder = Path(shutil.copytree(imported("smollm2"), tmp_path / "m"))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(TokenizerError, match="m: the tokenizer's files are damaged"):
        BPE.load(folder)
    (folder / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(TokenizerError, match="m: the tokenizer's files are damaged"):
        BPE.load(folder)


def test_the_tokens_of_each_family_have_their_roles() -> None:
    def roles(family: str) -> list[Any]:
        ours = BPE.load(imported(family))
        text = {id_: text for text, id_ in ours.reserved.items()} | {-1: None}
        single = [ours.begin_id, ours.eos_id, ours.end_of_turn_id, ours.pad_id]
        return [
            *(text[id_] for id_ in single),
            {text[id_] for id_ in ours.stop_ids},
            {text[id_] for id_ in ours.never_written},
        ]

    text, im_start, im_end = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
    begin, end, eot, pad = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|finetune_right_pad_id|>"
    assert roles("qwen3") == [text, text, im_end, text, {im_end, text}, {im_start}]
    assert roles("llama") == [begin, end, eot, pad, {end, "<|eom_id|>", eot}, {"<|start_header_id|>", begin, pad}]
    assert roles("smollm2") == [text, text, im_end, text, {im_end, text}, {im_start}]
    assert roles("gpt2") == [text, text, None, text, {text}, set()]


@pytest.mark.parametrize("family", ["qwen3", "llama", "smollm2", "gpt2"])
def test_what_is_saved_are_the_same_files(family: str, tmp_path: Path) -> None:
    ours = BPE.load(imported(family))
    ours.save(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (imported(family) / path.name).read_bytes()
    assert {"tokenizer_config.json"} < {path.name for path in tmp_path.iterdir()}
    assert BPE.load(tmp_path).vocabulary == ours.vocabulary


@pytest.mark.real_data
def test_gpt2s_own_files_are_read_as_vocabulary_and_merges(real_data: Path, tmp_path: Path) -> None:
    shutil.copy(real_data / "gpt2_encoder.json", tmp_path / "vocab.json")
    shutil.copy(real_data / "gpt2_vocab.bpe", tmp_path / "merges.txt")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    ours, oracle = BPE.load(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert ours.vocabulary == BPE.from_gpt2(tmp_path / "vocab.json", tmp_path / "merges.txt").vocabulary
    assert (ours.vocab_size, ours.eos_id) == (50257, 50256)
    for text in (*TEXT, *LANGUAGES):
        assert ours.encode(text) == oracle.encode(text)


def test_a_vocabulary_and_merges_of_an_unknown_class_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(imported("gpt2"), tmp_path / "m"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))
    with pytest.raises(TokenizerError, match="belongs to a RobertaTokenizer, of which tokenizer.json is needed"):
        BPE.load(folder)


def test_a_base_model_can_be_given_our_template(tmp_path: Path) -> None:
    base = BPE.load(imported("gpt2"))
    with pytest.raises(TokenizerError, match="orrery import MODEL --chat-tokens"):
        render([{"role": "user", "content": "hi"}], base)
    base.with_chat_tokens().save(tmp_path)
    ours = BPE.load(tmp_path)
    assert ours.imported is None and ours.vocab_size == base.vocab_size + 7
    assert (ours.eos_id, ours.encode(TEXT[0])) == (base.eos_id, base.encode(TEXT[0]))
    oracle = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert oracle.chat_template == CHAT_TEMPLATE
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(TEXT[0]).ids == ours.encode(TEXT[0])
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "it is 84"}]
    assert render(messages, ours).ids == oracle.apply_chat_template(messages, return_dict=True)["input_ids"]
