"""Texts that tokenizers get wrong, for the tests of this room."""

import unicodedata

from hypothesis import strategies as st

from orrery.tokenizers.special import RESERVED

# Characters that any library's Unicode tables know; those assigned last year split differently here and there.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cn"))

AWKWARD = (
    *RESERVED, "<|im_<|im_start|>start|>",
    "<", "<|", "<|im_", "start|>", "|>", "im_end|>", "</", "think>", "tool_call>",
    "\n", "\r\n", "\r", " ", "  ", "    ", "\t", "\x0b", "\x1c", "\x85", "\xa0", "\u3000", "\u200b", "\u2028", "\x00",
    "'s", "'S", "'ſ", "'LL", "don't", "word", "Word", " word", "12345", "٣", "Ⅷ", "²", "é", "e\u0301", "ß", "İ", "中文",
    "हिन्दी", "🙂", "👩\u200d👩\u200d👧", "🇩🇪", ".", "...", "!?", "{}", '"', "\\", "_", "-", "ab", "aab", "aaaa", "abab",
)  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(CHARACTERS, max_size=6)), max_size=12).map("".join)
few_letters = st.text("ab c\n", max_size=40)  # repeats itself, so that merges overlap and tie

LANGUAGES = (
    "All human beings are born free and equal in dignity and rights.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "人人生而自由，在尊严和权利上一律平等。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
)


def every_character() -> list[str]:
    """All characters that Python's Unicode tables know."""
    return [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
