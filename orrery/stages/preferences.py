"""Preferences in: which completion of a prompt people like better, as pairs or full rankings.

    {"prompt": "Tell me about cats.", "chosen": "Cats sleep a lot.", "rejected": "Cats cats cats."}
    {"prompt": [{"role": "user", "content": …}], "ranking": ["the best", "the second", …]}

JSONL or parquet. A prompt is a conversation, or what a user says; a completion is what the assistant says, or the
messages that it answers with. Rankings may carry ``gold``, a list of true scores for research.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from orrery.data.sources import json_lines
from orrery.errors import ConfigError, DataError
from orrery.stages.rows import Rows, padded
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import Message, validate_messages


@dataclass(frozen=True)
class Ranking:
    """A prompt and its completions, the best one first; ``gold`` are true scores where they are known."""

    prompt: Sequence[Message]
    completions: Sequence[Sequence[Message]]
    gold: Sequence[float] | None = None


def read_rankings(paths: Sequence[str | Path]) -> list[Ranking]:
    """Read preferences from JSONL and parquet files.

    Raises:
        DataError: a file is missing or cannot be read, a line has no prompt or fewer than two completions, an empty
            completion, or two that are equal; the message names file and line.
        ConfigError: a parquet file without the ``hub`` extra.
    """
    found = [ranking_from(row, where) for path in map(Path, paths) for row, where in _lines(path)]
    if not found:
        raise DataError(f"no preference in {', '.join(map(str, paths))}: give --data a .jsonl or .parquet file")
    return found


def _lines(path: Path) -> Iterator[tuple[Any, str]]:
    if path.suffix != ".parquet":
        yield from json_lines(path)
        return
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ConfigError(f"{path}: parquet needs pyarrow: pip install 'orrery[hub]'") from error
    for number, row in enumerate(parquet.read_table(path).to_pylist(), 1):
        yield {name: value for name, value in row.items() if value is not None}, f"{path} row {number}"


def ranking_from(row: Any, where: str) -> Ranking:
    """A preference as files and the database have it, checked.

    Args:
        where: what the error calls it, such as "preferences.jsonl line 3".

    Raises:
        DataError: no prompt, fewer than two completions, an empty one, one that does not begin with the assistant, two
            that are equal, gold that is not one score a completion, or messages that are none.
    """
    if not isinstance(row, Mapping) or not row.get("prompt"):
        raise DataError(f'{where}: expected {{"prompt": …, "chosen": …, "rejected": …}} or {{"prompt", "ranking"}}')
    if "ranking" in row:
        given = row["ranking"]
    elif "chosen" in row and "rejected" in row:
        given = [row["chosen"], row["rejected"]]
    else:
        raise DataError(f"{where}: neither chosen and rejected nor a ranking")
    if not isinstance(given, list | tuple):
        raise DataError(f"{where}: the ranking must be a list of completions, the best one first")
    if len(given) < 2:
        raise DataError(f"{where}: a ranking of {len(given)}; it takes two completions to prefer one")
    prompt = _messages(row["prompt"], "user", f"{where}: the prompt")
    completions = []
    for number, one in enumerate(given, 1):
        completion = _messages(one, "assistant", f"{where}: completion {number}")
        validate_messages([*prompt, *completion], where)
        if not any(message.get("tool_calls") or (message.get("content") or "").strip() for message in completion):
            raise DataError(f"{where}: completion {number} is empty")
        if completion[0]["role"] != "assistant":
            raise DataError(f"{where}: completion {number} must begin with the assistant: it answers the prompt")
        completions.append(completion)
    for first, second in itertools.combinations(range(len(completions)), 2):
        if completions[first] == completions[second]:
            raise DataError(f"{where}: completions {first + 1} and {second + 1} are equal: neither can be preferred")
    gold = row.get("gold")
    if gold is not None and (not isinstance(gold, list) or len(gold) != len(completions)):
        raise DataError(f"{where}: gold must be a list of {len(completions)} scores, one a completion")
    return Ranking(prompt, completions, gold)


def _messages(given: Any, role: str, where: str) -> list[Message]:
    if isinstance(given, str):
        return [{"role": role, "content": given}]
    if not isinstance(given, list | tuple):
        raise DataError(f"{where} must be a text or a list of messages")
    return list(given)


@dataclass(frozen=True)
class RankedRows(Rows):
    """Rankings as rows [R K T]; where a ranking is shorter than the longest, ``valid`` is False."""

    valid: torch.Tensor  # [R K] bool


def to_rows(rankings: Sequence[Ranking], tokenizer: BPE, context: int) -> RankedRows:
    """Rankings as tokens; what the completions say, their ends included, is trained on.

    Raises:
        DataError: a prompt with a completion is longer than the context.
    """
    most = max(len(ranking.completions) for ranking in rankings)
    ids: list[list[int]] = []
    trained: list[list[bool]] = []
    for number, ranking in enumerate(rankings, 1):
        prompt = render(ranking.prompt, tokenizer, add_generation_prompt=True).ids
        for completion in ranking.completions:
            whole = render([*ranking.prompt, *completion], tokenizer)
            # The line break behind the last end is never written.
            end = len(whole.ids) - 1 - whole.mask[::-1].index(True)
            if end >= context:
                raise DataError(
                    f"preference {number} has {end + 1} tokens; the model's context is {context}: shorten it"
                )
            ids.append(whole.ids[: end + 1])
            trained.append([False] * len(prompt) + whole.mask[len(prompt) : end + 1])
        for _ in range(most - len(ranking.completions)):
            ids.append([])
            trained.append([])
    shape = (len(rankings), most)
    lengths = torch.tensor([len(row) for row in ids]).view(shape)
    return RankedRows(padded(ids).view(*shape, -1), padded(trained, torch.bool).view(*shape, -1), lengths, lengths > 0)
