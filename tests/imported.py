"""Folders as other people's models come in: tiny random weights, tokenizers and templates in the form of the real ones.

    folder = imported("qwen3")          # or llama, smollm2, gpt2: made once in a run of the tests

The vocabularies are small, everything around them is as the real folders have it: split patterns, normaliser, added
tokens, post-processor, chat template, generation_config.json.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from orrery.tokenizers.split import QWEN2_PATTERN
from tests.once import made_once

# Templates of our own with what the families' have: tools in the system turn, results in a user's turn, and thinking
# that is kept only behind the last question;
QWEN3_TEMPLATE = r"""
{%- macro turn(role, text) %}{{ '<|im_start|>' + role + '\n' + text + '<|im_end|>\n' }}{% endmacro %}
{%- set asked = namespace(last=-1) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}{% set asked.last = loop.index0 %}{% endif %}
{%- endfor %}
{%- set told = messages[0].content if messages[0].role == 'system' else none %}
{%- if tools %}
    {%- set listed = tools | map('tojson') | join('\n') %}
    {%- set how = 'Call them so: <tool_call>{"name": …, "arguments": …}</tool_call>' %}
    {{- turn('system', (told + '\n\n' if told else '') + '<tools>\n' + listed + '\n</tools>\n' + how) }}
{%- elif told is not none %}
    {{- turn('system', told) }}
{%- endif %}
{%- for message in messages %}
    {%- set content = message.content or '' %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if loop.index0 > asked.last and (loop.last or message.reasoning_content) %}
            {{- '<think>\n' + (message.reasoning_content or '') + '\n</think>\n\n' }}
        {%- endif %}
        {{- content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\n' if content or not loop.first }}
            {{- '<tool_call>\n' + call.function | tojson + '\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user' if loop.first or loop.previtem.role != 'tool' }}
        {{- '\n<tool_response>\n' + content + '\n</tool_response>' }}
        {{- '<|im_end|>\n' if loop.last or loop.nextitem.role != 'tool' }}
    {%- elif message.role == 'user' or not loop.first %}
        {{- turn(message.role, content) }}
    {%- endif %}
{%- endfor %}
{{- '<|im_start|>assistant\n' if add_generation_prompt }}"""

# a token that begins the text, headers between two tokens, the date of today, tools in the first question;
LLAMA3_TEMPLATE = r"""{{- bos_token }}
{%- macro header(role) %}{{ '<|start_header_id|>' + role + '<|end_header_id|>\n\n' }}{% endmacro %}
{%- set told = messages[0].role == 'system' %}
{{- header('system') + 'It is ' + strftime_now('%d %b %Y') + '.\n\n' }}
{{- messages[0].content | trim if told }}
{{- '<|eot_id|>' }}
{%- for message in messages[1 if told else 0:] %}
    {%- if message.tool_calls %}
        {%- if message.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- header('assistant') + {'name': call.name, 'parameters': call.arguments} | tojson }}
    {%- elif message.role == 'tool' %}
        {{- header('ipython') + message.content | tojson }}
    {%- else %}
        {{- header(message.role) }}
        {%- if tools and loop.first %}
            {{- 'Call one of these by its name and parameters: ' + tools | tojson(indent=4) + '\n\n' }}
        {%- endif %}
        {{- message.content | trim }}
    {%- endif %}
    {{- '<|eot_id|>' }}
{%- endfor %}
{{- header('assistant') if add_generation_prompt }}"""

# all in one line, and a system turn where none was given.
SMOLLM2_TEMPLATE = (
    r"{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    r"{{ '<|im_start|>system\nHelp, and be brief.<|im_end|>\n' }}{% endif %}"
    r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

TEXT = [
    "The quick brown fox jumps over the lazy dog, and it's 12345 times that the dog didn't care about it.\n\n",
    "def answer(question):\n    return 6 * 7  # what else?\n\t\treturn None\n\nHello! What is 12 times 7? It is 84.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren; les êtres humains naissent libres et égaux.",
    "system user assistant tool It is 26 Nov 2026. Help, and be brief. Call one of these by its name and parameters:",
]
QWEN3_ADDED = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|vision_pad|>"),
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
]
LLAMA3_ADDED = [
    *("<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>"),
]
SMOLLM2_ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>", "<jupyter_output>"]


def split_by(pattern: str) -> pre_tokenizers.Sequence:
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def trained(pre_tokenizer: Any, first: list[str], last: list[str], *, ignore_merges: bool = False) -> Tokenizer:
    """A byte-level BPE of 256 bytes and 150 merges; added tokens before them, as SmolLM2 has, or behind."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 150 + len(first), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=first,
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    shown = ("<tool", "</tool", "<think", "</think")
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in last if not text.startswith(shown)])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in last if text.startswith(shown)])
    return tokenizer


def write(folder: Path, tokenizer: Tokenizer, config: Mapping[str, Any], generation: Mapping[str, Any]) -> None:
    """The tokenizer's files and generation_config.json; in the latter, tokens are given by their text."""
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    ids = {key: tokenizer.token_to_id(value) if isinstance(value, str) else value for key, value in generation.items()}
    ids["eos_token_id"] = [tokenizer.token_to_id(text) for text in generation["eos_token_id"]]
    (folder / "generation_config.json").write_text(json.dumps(ids))


def make_qwen3(folder: Path) -> None:
    tokenizer = trained(split_by(QWEN2_PATTERN), [], QWEN3_ADDED)
    tokenizer.normalizer = normalizers.NFC()
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512}  # fmt: skip
    rows = tokenizer.get_vocab_size() + 10  # the real one has more rows than tokens, too
    save(Qwen3ForCausalLM(Qwen3Config(vocab_size=rows, tie_word_embeddings=True, **sizes)), folder)
    config = {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>",
              "pad_token": "<|endoftext|>", "unk_token": None, "add_bos_token": False, "add_prefix_space": False,
              "clean_up_tokenization_spaces": False, "chat_template": QWEN3_TEMPLATE}  # fmt: skip
    generation = {"bos_token_id": "<|endoftext|>", "do_sample": True, "eos_token_id": ["<|im_end|>", "<|endoftext|>"],
                  "pad_token_id": "<|endoftext|>", "temperature": 0.6, "top_k": 20, "top_p": 0.95}  # fmt: skip
    write(folder, tokenizer, config, generation)


def make_llama(folder: Path) -> None:
    """Llama 3.2: bfloat16 in shards, rotary frequencies scaled, its template in a file beside."""
    pattern = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
    tokenizer = trained(split_by(pattern), [], LLAMA3_ADDED, ignore_merges=True)
    begin = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    starts = processors.TemplateProcessing(
        single=f"{begin[0]} $A", pair=f"{begin[0]} $A {begin[0]} $B:1", special_tokens=[begin]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), starts])
    scaling = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}  # fmt: skip
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 1, "max_position_embeddings": 512}  # fmt: skip
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=True, rope_parameters=scaling, **sizes
    )
    save(LlamaForCausalLM(config).to(torch.bfloat16), folder, max_shard_size="20KB")
    tokens = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
              "clean_up_tokenization_spaces": False}  # fmt: skip
    generation = {"bos_token_id": "<|begin_of_text|>", "do_sample": True, "temperature": 0.6, "top_p": 0.9,
                  "eos_token_id": ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"]}  # fmt: skip
    write(folder, tokenizer, tokens, generation)
    (folder / "chat_template.jinja").write_text(LLAMA3_TEMPLATE)


def make_smollm2(folder: Path) -> None:
    """SmolLM2: digits by themselves, added tokens first, templates in a named list."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    steps = [digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    tokenizer = trained(pre_tokenizers.Sequence(steps), SMOLLM2_ADDED, [])
    sizes = {"hidden_size": 36, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3,
             "num_key_value_heads": 3, "max_position_embeddings": 512}  # fmt: skip
    save(
        LlamaForCausalLM(LlamaConfig(vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=False, **sizes)), folder
    )
    config = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
              "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>", "add_prefix_space": False,
              "clean_up_tokenization_spaces": False,
              "chat_template": [{"name": "default", "template": SMOLLM2_TEMPLATE}]}  # fmt: skip
    generation = {"bos_token_id": "<|im_start|>", "eos_token_id": ["<|im_end|>"], "pad_token_id": "<|im_end|>"}
    write(folder, tokenizer, config, generation)


def make_gpt2(folder: Path) -> None:
    """GPT-2 as it was before tokenizer.json: vocab.json and merges.txt; a base model without turns."""
    tokenizer = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), [], ["<|endoftext|>"])
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512}
    save(GPT2LMHeadModel(GPT2Config(vocab_size=tokenizer.get_vocab_size(), **sizes)), folder)
    config = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
              "unk_token": "<|endoftext|>", "add_prefix_space": False}  # fmt: skip
    write(folder, tokenizer, config, {"bos_token_id": "<|endoftext|>", "eos_token_id": ["<|endoftext|>"]})
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"] | {"<|endoftext|>": len(model["vocab"])}))
    merges = "\n".join(" ".join(merge) for merge in model["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    (folder / "tokenizer.json").unlink()


def save(model: Any, folder: Path, **options: Any) -> None:
    """Random weights, norms and biases too: at 1 and 0 mixing them up would go unseen."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_((torch.randn(weight.shape, generator=generator) * 0.1).to(weight.dtype))
    model.save_pretrained(folder, **options)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "qwen3": make_qwen3,
    "llama": make_llama,
    "smollm2": make_smollm2,
    "gpt2": make_gpt2,
}


def imported(family: str) -> Path:
    """The folder of a family's model; it is shared: copy it to change it."""
    return made_once(f"imported-{family}", FAMILIES[family])
