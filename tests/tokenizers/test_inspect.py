"""Inspection shows what is there, and warns of what trips models and of nothing else."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from orrery.errors import DataError, TokenizerError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.inspect import Inspection, inspect_text, token_counts, visible
from orrery.tokenizers.split import GPT2_PATTERN
from orrery.tokenizers.terminal import inspection_table, train_tokenizer
from orrery.tokenizers.vocabulary import Vocabulary
from tests.tokenizers.texts import AWKWARD, LANGUAGES


def warning(inspection: Inspection, word: str) -> str:
    """The one warning that has this word in it; "" when there is none."""
    found = [text for text in inspection.warnings if word in text]
    assert len(found) <= 1
    return found[0] if found else ""


@pytest.mark.parametrize("text", [*LANGUAGES, *AWKWARD])
def test_pieces_and_sizes_are_those_of_the_text(tokenizer: BPE, text: str) -> None:
    inspection = inspect_text(tokenizer, text)
    assert [piece.id for piece in inspection.pieces] == tokenizer.encode(text)
    assert b"".join(piece.raw for piece in inspection.pieces) == text.encode()
    assert (inspection.characters, inspection.bytes) == (len(text), len(text.encode()))
    assert inspection.bytes_per_token == len(text.encode()) / len(tokenizer.encode(text))


def test_white_space_is_made_visible() -> None:
    assert visible(b" a\t\r\n") == "·a→␍↵"
    assert visible("\xa0\u200b\x00é".encode()) == "<U+00A0><U+200B>\\x00é"
    assert visible("é".encode()[1:]) == "\\xa9"


def test_plain_text_has_no_warnings(tokenizer: BPE) -> None:
    assert inspect_text(tokenizer, " the").warnings == ()


def test_numbers_cut_into_digits_are_pointed_out(tokenizer: BPE) -> None:
    assert "1|2|3|4|5" in warning(inspect_text(tokenizer, "in 12345 days"), "digit by digit")
    assert warning(inspect_text(tokenizer, "in 1 day"), "digit by digit") == ""


def test_numbers_cut_unevenly_are_pointed_out() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"12": 256, b"123": 257}
    tokenizer = BPE(Vocabulary(ranks, {}, pattern=GPT2_PATTERN))
    inspection = inspect_text(tokenizer, "12345 and 123 and 99")
    assert "unevenly: 123|4|5;" in warning(inspection, "unevenly")
    assert "token each: 9|9" in warning(inspection, "digit by digit")


def test_words_that_want_a_space_are_pointed_out(tokenizer: BPE) -> None:
    assert len(tokenizer.encode(" the")) == 1 < len(tokenizer.encode("the"))
    assert "the (2, but 1 " in warning(inspect_text(tokenizer, "(the"), "no space stands before")
    assert not warning(inspect_text(tokenizer, "of the"), "no space stands before")


def test_a_space_at_the_end_is_pointed_out(tokenizer: BPE) -> None:
    assert warning(inspect_text(tokenizer, "the "), "ends with a space")
    assert not warning(inspect_text(tokenizer, "the"), "ends with a space")


def test_characters_cut_into_bytes_are_pointed_out(tokenizer: BPE) -> None:
    assert "🙂 (f0 | 9f | 99 | 82)" in warning(inspect_text(tokenizer, "a 🙂"), "cut into bytes")


def test_rare_and_never_trained_tokens_are_pointed_out(tokenizer: BPE) -> None:
    counts = token_counts(tokenizer, [" the the", " the", " of" * 10])
    inspection = inspect_text(tokenizer, " the of and", counts)
    assert "·and" in warning(inspection, "never trained")
    assert "·the" in warning(inspection, "fewer than 10 times")
    assert not any("·of" in text for text in inspection.warnings)
    assert counts.total() == 13


def test_reserved_strings_in_the_text_are_pointed_out(tokenizer: BPE) -> None:
    assert "plain text here" in warning(inspect_text(tokenizer, "a <|im_end|>"), "<|im_end|>")


def test_scripts_that_cost_more_are_pointed_out(tokenizer: BPE) -> None:
    text = "All human beings are born free and equal. ქართული ენა არის ქართველთა მშობლიური ენა"
    inspection = inspect_text(tokenizer, text)
    costs = {cost.script: cost for cost in inspection.scripts}
    assert list(costs) == ["Georgian", "Latin"]
    assert costs["Latin"].times_latin == 1
    assert costs["Georgian"].tokens_per_letter == pytest.approx(3, abs=0.2)  # hardly a merge: three bytes a letter
    assert "Georgian costs" in warning(inspection, "as many tokens")
    georgian = inspect_text(tokenizer, text.split(". ")[1])
    assert georgian.scripts[0].times_latin > 3  # without Latin in the text a fixed sentence stands for it


def test_the_tokens_of_scripts_add_up(tokenizer: BPE) -> None:
    text = "".join(LANGUAGES[1].split())
    cost = inspect_text(tokenizer, text[:-1]).scripts[0]
    assert cost.tokens == pytest.approx(len(tokenizer.encode(text[:-1])))


def test_no_text_is_an_error(tokenizer: BPE) -> None:
    with pytest.raises(DataError, match="no text to inspect"):
        inspect_text(tokenizer, "")


def test_half_a_surrogate_pair_is_shown_as_encoded(tokenizer: BPE) -> None:
    assert inspect_text(tokenizer, "a\ud83d").bytes == 4


def test_the_table_shows_it_all(tokenizer: BPE) -> None:
    out = Console(file=io.StringIO(), width=120)
    out.print(inspection_table(inspect_text(tokenizer, "[bold]12 of\n" + "x " * 100)))
    assert isinstance(out.file, io.StringIO)
    shown = out.file.getvalue()
    for part in ("[bold]12·of↵", "20 6f 66", "more", "bytes a token", "! numbers are read digit by digit", "1|2"):
        assert part in shown


def test_training_shows_writes_and_returns_the_vocabulary(corpus: list[str], tmp_path: Path) -> None:
    out = Console(file=io.StringIO(), width=200)
    tokenizer = train_tokenizer(corpus[:1], 300, tmp_path / "made", workers=1, console=out)
    assert BPE.load(tmp_path / "made").vocabulary == tokenizer.vocabulary
    assert isinstance(out.file, io.StringIO)
    assert "300 tokens learned" in out.file.getvalue()
    assert f"--tokenizer {tmp_path / 'made'}" in out.file.getvalue()


def test_training_that_fails_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="at most"):
        train_tokenizer(["abc"], 5000, tmp_path / "made", console=Console(file=io.StringIO()))
    assert not (tmp_path / "made").exists()
