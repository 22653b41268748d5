"""Tokenizers as files: Hugging Face's ``tokenizer.json`` and ``tokenizer_config.json``, and GPT-2's two files.

Byte-level BPE files write bytes as characters: printable ones as themselves, the others as letters from U+0100 on (a
space is "Ġ"). They list *merges*, pairs of tokens in order of priority, where we and tiktoken rank *tokens*. A token
can come about by several merges, so all pairs of tokens that make it up are listed under its rank; both ways of
computing then agree.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

import regex

from orrery.errors import TokenizerError
from orrery.files import write_atomically
from orrery.tokenizers.special import ADDED, END_OF_TEXT, IM_END, IM_START, PAD
from orrery.tokenizers.split import GPT2_PATTERN, QWEN2_PATTERN, SMOLLM_PATTERN
from orrery.tokenizers.template import CHAT_TEMPLATE
from orrery.tokenizers.vocabulary import Vocabulary


def byte_characters() -> dict[int, str]:
    """The character that stands for each byte, as in GPT-2's ``bytes_to_unicode``.

    >>> [byte_characters()[byte] for byte in b"A ."]
    ['A', 'Ġ', '.']
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in table]
    return table | {byte: chr(256 + index) for index, byte in enumerate(others)}


_CHARACTER = byte_characters()
_BYTE = {character: byte for byte, character in _CHARACTER.items()}
# How tokenizers that come as vocab.json and merges.txt alone split and normalise text: by their class in transformers.
_BY_CLASS: dict[str, tuple[str, Literal["NFC"] | None]] = {
    "GPT2Tokenizer": (GPT2_PATTERN, None),
    "Qwen2Tokenizer": (QWEN2_PATTERN, "NFC"),
}
# Every kind of character, to see whether a split pattern leaves any out.
_SAMPLE = "".join(chr(code) for code in range(0x250)) + "  中語कि߁Ⅷ²\u3000\u200b\u0301 \n\n🙂🇩🇪\U00020000\ue000"


def read_tokenizer(path: Path) -> Vocabulary:
    """Read a ``tokenizer.json`` of byte-level BPE: ours, GPT-2's, Qwen's, Llama 3's and their kin.

    Raises:
        TokenizerError: the file is missing or damaged, or asks for something that byte-level BPE does not do.
    """
    config = read_json(path)
    try:
        model = config["model"]
        if model.get("type", "BPE") != "BPE":
            _refuse(path, f"is a {model['type']} model")
        for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout"):
            if model.get(key):
                _refuse(path, f"sets {key}")
        added = {token["content"]: (int(token["id"]), bool(token["special"])) for token in config["added_tokens"]}
        pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
        return _vocabulary(
            path,
            {token: int(id_) for token, id_ in model["vocab"].items() if token not in added},
            [(left, right) for left, right in pairs],
            special={text: id_ for text, (id_, special) in added.items() if special},
            added={text: id_ for text, (id_, special) in added.items() if not special},
            pattern=_pattern(path, config.get("pre_tokenizer")),
            normalization=_normalization(path, config.get("normalizer")),
            whole_words=bool(model.get("ignore_merges")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenizerError(f"{path} is damaged ({type(error).__name__}: {error}); fetch or train it again") from error


def read_vocab_and_merges(folder: Path, config: Mapping[str, Any]) -> Vocabulary:
    """Read ``vocab.json`` and ``merges.txt``, the older form, of a folder whose ``tokenizer_config.json`` is given.

    Raises:
        TokenizerError: a file is missing or damaged, or the class of tokenizer is none that is known.
    """
    path = folder / "merges.txt"
    kind = str(config.get("tokenizer_class") or "GPT2Tokenizer").removesuffix("Fast")
    if kind not in _BY_CLASS:
        _refuse(path, f"belongs to a {kind}, of which tokenizer.json is needed")
    vocab = read_json(folder / "vocab.json")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = [
            (left, right) for left, right in (line.split(" ") for line in lines if line and line[:9] != "#version:")
        ]
        tokens = {str(token["content"]): (int(id_), bool(token.get("special")))
                  for id_, token in (config.get("added_tokens_decoder") or {}).items()}  # fmt: skip
        if not tokens:
            beside = folder / "added_tokens.json"
            plain = read_json(beside) if beside.is_file() else {}
            plain |= {END_OF_TEXT: vocab[END_OF_TEXT]} if END_OF_TEXT in vocab else {}
            tokens = {text: (int(id_), True) for text, id_ in plain.items()}
        pattern, normalization = _BY_CLASS[kind]
        return _vocabulary(
            path,
            {token: int(id_) for token, id_ in vocab.items() if token not in tokens},
            pairs,
            special={text: id_ for text, (id_, special) in tokens.items() if special},
            added={text: id_ for text, (id_, special) in tokens.items() if not special},
            pattern=pattern,
            normalization=normalization,
        )
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenizerError(f"{folder}: vocab.json and merges.txt are damaged ({error}); fetch them again") from error


def read_gpt2(encoder_json: Path, vocab_bpe: Path) -> Vocabulary:
    """Read GPT-2's ``encoder.json`` and ``vocab.bpe`` as OpenAI released them.

    Raises:
        TokenizerError: a file is missing or not what it should be.
    """
    vocab = read_json(encoder_json)
    try:
        lines = vocab_bpe.read_text(encoding="utf-8").splitlines()
        pairs = [(left, right) for left, right in (line.split(" ") for line in lines[1:] if line)]
        special = {END_OF_TEXT: vocab.pop(END_OF_TEXT)}
        return _vocabulary(vocab_bpe, vocab, pairs, special=special, added={}, pattern=GPT2_PATTERN)
    except OSError as error:
        raise TokenizerError(f"cannot read {vocab_bpe}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenizerError(f"{encoder_json} and {vocab_bpe} are not GPT-2's vocabulary ({error})") from error


def write_tokenizer(vocabulary: Vocabulary, folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` into ``folder``, each whole or not at all.

    Raises:
        RunError: the disk is full.
    """
    for name, content in (("tokenizer.json", _tokenizer(vocabulary)), ("tokenizer_config.json", _config(vocabulary))):
        write_atomically(folder / name, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def _vocabulary(
    path: Path,
    vocab: Mapping[str, int],
    pairs: Iterable[tuple[str, str]],
    *,
    special: Mapping[str, int],
    added: Mapping[str, int],
    pattern: str,
    normalization: Literal["NFC"] | None = None,
    whole_words: bool = False,
) -> Vocabulary:
    """Bring ids and merges into ranks. With ``whole_words`` a word that is a token needs no merges to become it."""
    ids = {_to_bytes(token): id_ for token, id_ in vocab.items()}
    order = dict.fromkeys(token for token in ids if len(token) == 1)
    order |= dict.fromkeys(_to_bytes(left) + _to_bytes(right) for left, right in pairs)
    unknown = [token for token in order if token not in ids]
    if unknown:
        raise TokenizerError(f"{path} merges to {unknown[0]!r}, which is not in its vocabulary")
    rest = {token: id_ for token, id_ in ids.items() if token not in order}
    if whole_words:
        order |= dict.fromkeys(rest)
        rest = {}
    # Single bytes have ranks too but merge to nothing; for all others the order of ids should be that of merges.
    merged = [ids[token] for token in order if len(token) > 1]
    in_order = merged == sorted(merged)
    return Vocabulary(
        ranks={token: ids[token] for token in order} if in_order else {token: i for i, token in enumerate(order)},
        ids=None if in_order else tuple(ids[token] for token in order),
        special=special,
        added=added,
        pattern=pattern,
        normalization=normalization,
        unreachable={id_: token for token, id_ in rest.items()},
    )


def _pattern(path: Path, pre_tokenizer: Any) -> str:
    """The split pattern of a byte-level pre-tokenizer."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer]) if isinstance(pre_tokenizer, dict) else []
    kinds = [step["type"] for step in steps]
    digits = kinds == ["Digits", "ByteLevel"] and bool(steps[0].get("individual_digits"))
    if not digits and kinds not in (["ByteLevel"], ["Split", "ByteLevel"]):
        _refuse(path, f"splits text by {' and '.join(kinds) or 'nothing'}")
    if steps[-1].get("add_prefix_space"):
        _refuse(path, "adds a space before the text")
    if digits or kinds == ["ByteLevel"]:
        if not steps[-1].get("use_regex", True):
            _refuse(path, "does not split text into words")
        return SMOLLM_PATTERN if digits else GPT2_PATTERN
    if steps[-1].get("use_regex", True):
        _refuse(path, "splits text by two patterns")
    split = steps[0]
    if (split["behavior"], split["invert"]) not in (("Isolated", False), ("Removed", True)):
        _refuse(path, f"splits text in the manner {split['behavior']!r}")
    pattern = split["pattern"].get("Regex") or regex.escape(split["pattern"]["String"])
    try:
        words = [match.group() for match in regex.finditer(pattern, _SAMPLE)]
    except regex.error as error:
        _refuse(path, f"has a split pattern that is not understood ({error})")
    if "".join(words) != _SAMPLE:
        _refuse(path, "has a split pattern that leaves characters out")
    return str(pattern)


def _normalization(path: Path, normalizer: Any) -> Literal["NFC"] | None:
    if normalizer is None:
        return None
    if normalizer["type"] != "NFC":
        _refuse(path, f"normalises text by {normalizer['type']}")
    return "NFC"


def _tokenizer(vocabulary: Vocabulary) -> dict[str, Any]:
    """Content of ``tokenizer.json``."""
    ranks = vocabulary.ranks
    vocab = {_to_characters(token): vocabulary.id(rank) for token, rank in ranks.items()}
    vocab |= {_to_characters(token): id_ for id_, token in vocabulary.unreachable.items()}
    merges: list[str] = []
    unmerged = False
    for token in sorted((token for token in ranks if len(token) > 1), key=ranks.__getitem__):
        halves = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += [f"{_to_characters(left)} {_to_characters(right)}" for left, right in halves]
        unmerged = unmerged or not halves
    reserved = [(id_, text, True) for text, id_ in vocabulary.special.items()]
    reserved += [(id_, text, False) for text, id_ in vocabulary.added.items()]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id_, "content": text, "single_word": False, "lstrip": False, "rstrip": False}
            | {"normalized": False, "special": special}
            for id_, text, special in sorted(reserved)
        ],
        "normalizer": vocabulary.normalization and {"type": vocabulary.normalization},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": vocabulary.pattern}, "behavior": "Isolated", "invert": False},
                byte_level,
            ],
        },
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": unmerged,
            "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
            "merges": merges,
        },
    }


def _config(vocabulary: Vocabulary) -> dict[str, Any]:
    """Content of ``tokenizer_config.json``."""
    reserved = {**vocabulary.special, **vocabulary.added}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",  # whatever the model beside it: tokenizer.json says everything
        "eos_token": END_OF_TEXT if END_OF_TEXT in reserved else None,
        "pad_token": PAD if PAD in reserved else None,
        "bos_token": None,
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": sys.maxsize,
        "chat_template": CHAT_TEMPLATE if {IM_START, IM_END, *ADDED} <= set(reserved) else None,
    }


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a tokenizer's file.

    Raises:
        TokenizerError: it is missing or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TokenizerError(f"{path.parent} holds no tokenizer: {path.name} is missing") from error
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise TokenizerError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise TokenizerError(f"{path} is not a tokenizer but a JSON {type(content).__name__}")
    return content


def _to_bytes(token: str) -> bytes:
    try:
        return bytes([_BYTE[character] for character in token])
    except KeyError as error:
        raise ValueError(f"the token {token!r} is not written in byte-level characters") from error


def _to_characters(token: bytes) -> str:
    return "".join([_CHARACTER[byte] for byte in token])


def _refuse(path: Path, what: str) -> NoReturn:
    raise TokenizerError(f"{path} {what}; only plain byte-level BPE can be read (GPT-2, Qwen, Llama 3 and their kin)")
