"""What a byte-level BPE tokenizer consists of, as plain data: the form in which vocabularies are read and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from orrery.errors import TokenizerError
from orrery.tokenizers.split import QWEN2_PATTERN


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a tokenizer and how text is split before they apply.

    Attributes:
        ranks: bytes of each token that merging can make → its rank; lower ranks merge first. All 256 single bytes
            are among them, special and added tokens are not.
        special: string → id of tokens that decoders may skip.
        added: string → id of tokens that are one id but ordinary output.
        pattern: the regular expression that splits text into words.
        normalization: Unicode form that text is brought into first ("NFC"), or None, which loses nothing.
        ids: id of each rank, or None where they are equal. Ranks are then 0, 1, 2, …
        unreachable: id → bytes of tokens that can be decoded but that no merge makes.

    Raises:
        TokenizerError: a byte has no token, or two tokens share an id.
    """

    ranks: Mapping[bytes, int]
    special: Mapping[str, int]
    added: Mapping[str, int] = field(default_factory=dict)
    pattern: str = QWEN2_PATTERN
    normalization: Literal["NFC"] | None = None
    ids: tuple[int, ...] | None = None
    unreachable: Mapping[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [byte for byte in range(256) if bytes([byte]) not in self.ranks]
        if missing:
            raise TokenizerError(f"{len(missing)} of the 256 bytes have no token, the first is {missing[0]:#04x}")
        self.bytes_by_id()

    def id(self, rank: int) -> int:
        """Id of the token with this rank."""
        return rank if self.ids is None else self.ids[rank]

    def bytes_by_id(self) -> list[bytes | None]:
        """Bytes of each id, from 0 to the highest; None for ids that stand for nothing."""
        tokens = [(self.id(rank), token) for token, rank in self.ranks.items()]
        tokens += [(id_, text.encode()) for text, id_ in {**self.special, **self.added}.items()]
        tokens += self.unreachable.items()
        table: list[bytes | None] = [None] * (max(tokens)[0] + 1)
        for id_, token in tokens:
            if table[id_] is not None:
                raise TokenizerError(f"id {id_} stands for two tokens, {table[id_]!r} and {token!r}")
            table[id_] = token
        return table
