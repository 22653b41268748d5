"""What the folder of a model that was made elsewhere says of its tokenizer, beyond the vocabulary.

    imported = read_imported(folder, vocabulary)        # None where the folder is ours

A tokenizer is ours when its reserved tokens and its chat template are (``special.py``, ``template.py``). Of any other
the files are kept as they are, and written again as they are beside whatever is trained from it, so that transformers
reads the same tokenizer before and after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery.errors import TokenizerError
from orrery.tokenizers.hf_format import read_json, read_tokenizer, read_vocab_and_merges
from orrery.tokenizers.jinja_template import ChatTemplate
from orrery.tokenizers.special import END_OF_TEXT, PAD, RESERVED
from orrery.tokenizers.template import CHAT_TEMPLATE
from orrery.tokenizers.vocabulary import Vocabulary

FILES = (
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt",
)  # fmt: skip
_ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
_DOCUMENT_ENDS = (END_OF_TEXT, "<|end_of_text|>")  # GPT-2's and Qwen's; Llama 3's
_PADS = (PAD, "<|finetune_right_pad_id|>", END_OF_TEXT)


@dataclass(frozen=True)
class Imported:
    """A tokenizer's folder, as far as it is not the vocabulary.

    Attributes:
        files: its files, byte for byte.
        generation: generation_config.json.
        template: its chat template, if it has one.
        begins: id of the token that stands before a document.
        ends: id of the token that stands behind one.
        pad: id that fills rows; none that ends a turn, for reward models look for the last token that is not padding.
        stops: ids that end generation.
    """

    files: Mapping[str, bytes]
    generation: Mapping[str, Any]
    template: ChatTemplate | None
    begins: int | None
    ends: int | None
    pad: int | None
    stops: tuple[int, ...]


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary of a folder: ``tokenizer.json``, or where there is none ``vocab.json`` and ``merges.txt``.

    Raises:
        TokenizerError: there is none, or it is of a kind that is not byte-level BPE.
    """
    if not (folder / "tokenizer.json").is_file() and (folder / "merges.txt").is_file():
        return read_vocab_and_merges(folder, _config(folder))
    return read_tokenizer(folder / "tokenizer.json")


def read_imported(folder: Path, vocabulary: Vocabulary) -> Imported | None:
    """What else a folder says; None where its tokenizer is ours, or it holds nothing but tokenizer.json.

    Raises:
        TokenizerError: a file is damaged.
    """
    try:
        return _read(folder, vocabulary)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenizerError(f"{folder}: the tokenizer's files are damaged ({error!r}); fetch them again") from error


def _read(folder: Path, vocabulary: Vocabulary) -> Imported | None:
    config = _config(folder)
    reserved = {**vocabulary.special, **vocabulary.added}
    template, with_tools = _templates(folder, config)
    if not config and template is None or template == CHAT_TEMPLATE and set(RESERVED) <= set(reserved):
        return None
    tokens = {role: text for role in _ROLES if (text := _text(config.get(role)))}
    path = folder / "generation_config.json"
    generation = read_json(path) if path.is_file() else {}
    texts = {id_: text for text, id_ in reserved.items()}
    given = generation.get("eos_token_id")
    stops = [id_ for id_ in (given if isinstance(given, list) else [given]) if id_ in texts]
    stops += [reserved[text] for text in (tokens.get("eos_token"), *_DOCUMENT_ENDS) if text in reserved]
    chat = None
    if template is not None:
        chat = ChatTemplate(
            template, tokens, reserved=list(reserved), stops=[texts[id_] for id_ in stops], with_tools=with_tools
        )
    turn = chat.turn if chat else None
    pads = [text for text in (tokens.get("pad_token"), *_PADS, tokens.get("eos_token")) if not turn or text != turn[1]]
    ends = _first(reserved, (*_DOCUMENT_ENDS, tokens.get("eos_token")))
    begins = _first(reserved, (_put_before(folder),))
    return Imported(
        files={name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()},
        generation=generation,
        template=chat,
        begins=ends if begins is None else begins,
        ends=ends,
        pad=_first(reserved, pads),
        stops=tuple(dict.fromkeys(stops)),
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return read_json(path) if path.is_file() else {}


def _templates(folder: Path, config: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The chat template, and the one for conversations with tools where there are several."""
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        return beside.read_text(encoding="utf-8"), None
    given = config.get("chat_template")
    if given is not None and not isinstance(given, str | list):
        raise TypeError(f"chat_template is a {type(given).__name__}")
    if not isinstance(given, list):
        return given or None, None
    named = {each["name"]: each["template"] for each in given}
    return named["default"], named.get("tool_use")


def _put_before(folder: Path) -> str | None:
    """The token that tokenizer.json puts before every text, as Llama 3's does."""
    path = folder / "tokenizer.json"
    step = (read_json(path).get("post_processor") if path.is_file() else None) or {}
    for each in step.get("processors", [step]):
        single = each.get("single") or [{}]
        if each.get("type") == "TemplateProcessing" and "SpecialToken" in single[0]:
            return str(single[0]["SpecialToken"]["id"])
    return None


def _text(token: Any) -> str:
    """A token of tokenizer_config.json: its text, or a table that holds it; "" for none."""
    return str(token["content"]) if isinstance(token, dict) else token or ""


def _first(reserved: Mapping[str, int], texts: Sequence[str | None]) -> int | None:
    """The id of the first of these that the vocabulary has."""
    return next((reserved[text] for text in texts if text is not None and text in reserved), None)
