"""Long texts to tokens in little memory: documents are cut into chunks, and many chunks tokenised at once.

for document, ids, size in encode_documents(documents, tokenizer):
    ...        # document is None for every chunk of a document but its first
"""

import re
from collections.abc import Iterable, Iterator

from orrery.data.documents import Document
from orrery.errors import DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.counting import usable_cores

CHUNK = 1 << 18  # characters that are split and tokenised in one go
BATCH = 1 << 21  # characters that are handed to the tokenizer's threads at once
_WORD_END = re.compile(r"(?<=[^\W\d_])[ \n](?=[^\W\d_])")  # a blank between two letters: a piece always ends before


def chunks(text: str, size: int = CHUNK) -> Iterator[str]:
    """Cut a long text into chunks of at most ``size`` characters that tokenise as the whole text would.

    Cuts are made between two words. Only a text without any space between letters for ``size`` characters is cut
    elsewhere, which may change the few tokens at the cut, and never the text.

    >>> list(chunks("one two three four", 9))
    ['one two', ' three', ' four']
    """
    start = 0
    while len(text) - start > size:
        cut = start + size
        # The last word end of the window; searched backwards in growing steps, since it is nearly always close.
        back = 64
        while True:
            low = max(start + 1, cut - back)
            found = [match.start() for match in _WORD_END.finditer(text, low, cut + 1)]
            if found or low == start + 1:
                break
            back *= 8
        cut = found[-1] if found else cut
        yield text[start:cut]
        start = cut
    yield text[start:]


def encode_documents(documents: Iterable[Document], tokenizer: BPE) -> Iterator[tuple[Document | None, list[int], int]]:
    """Yield (document, tokens, bytes) a chunk; the document is None for all chunks of it but the first.

    Documents without text are left out.

    Raises:
        DataError: a document holds a character that UTF-8 cannot encode.
    """
    waiting: list[tuple[Document | None, str]] = []
    characters = 0
    for document in documents:
        if not document.text:
            continue
        for number, chunk in enumerate(chunks(document.text)):
            waiting.append((None if number else document, chunk))
            characters += len(chunk)
            if characters >= BATCH:
                yield from _encode_batch(waiting, tokenizer)
                waiting, characters = [], 0
    yield from _encode_batch(waiting, tokenizer)


def _encode_batch(
    waiting: list[tuple[Document | None, str]], tokenizer: BPE
) -> Iterator[tuple[Document | None, list[int], int]]:
    sizes = []
    for document, chunk in waiting:
        try:
            sizes.append(len(chunk.encode()))
        except UnicodeEncodeError as error:
            name = f"document {document.id}" if document is not None and document.id else "a document"
            raise DataError(
                f"{name} holds U+{ord(chunk[error.start]):04X}, which is no character; remove it"
            ) from error
    encoded = tokenizer.encode_batch([chunk for _, chunk in waiting], threads=usable_cores())
    for (document, _), ids, size in zip(waiting, encoded, sizes, strict=True):
        yield document, ids, size
