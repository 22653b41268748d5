"""Problems with a truth that can be checked: what GRPO, best-of-n and distillation start from.

{"prompt": "What is 12 + 30?", "truth": 42}
{"prompt": [{"role": "user", "content": "What is 12 + 30?"}], "truth": "42"}
{"question": "…", "answer": "… 12+30 = <<12+30=42>>42 …\\n#### 42"}               as GSM8K has them
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery.data.gsm8k import is_gsm8k, truth_of
from orrery.data.sources import json_lines
from orrery.errors import DataError
from orrery.stages.rollouts import Prompt, prompt_ids, words_of
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import validate_messages


@dataclass(frozen=True)
class Problem:
    """A prompt, a conversation or plain text for a base model, and what is true."""

    prompt: Prompt
    truth: Any

    @property
    def text(self) -> str:
        """What reward functions are given: the plain text, or the last thing the user said."""
        return words_of(self.prompt)


def read_problems(paths: Sequence[str | Path], plain: bool = False) -> list[Problem]:
    """Problems of JSONL files, one a line.

    Args:
        plain: a prompt of plain text is gone on with, as base models do; otherwise it is what a user says.

    Raises:
        DataError: a file is missing or not JSON, or a line has no prompt or no truth; the message names the line.
    """
    return [
        Problem(_prompt(row["prompt"], where, plain), row["truth"]) for row, where in _rows(paths, ("prompt", "truth"))
    ]


def read_prompts(paths: Sequence[str | Path], plain: bool = False) -> list[Prompt]:
    """Prompts alone, ``{"prompt": …}`` a line; arguments and errors as in `read_problems`."""
    return [_prompt(row["prompt"], where, plain) for row, where in _rows(paths, ("prompt",))]


def _rows(paths: Sequence[str | Path], wanted: Sequence[str]) -> Iterator[tuple[dict[str, Any], str]]:
    empty = True
    for path in map(Path, paths):
        for row, where in json_lines(path):
            if is_gsm8k(row):
                row = {"prompt": row["question"], "truth": truth_of(row["answer"])}
                if row["truth"] is None:
                    raise DataError(f"{where}: the answer has no line that begins with #### and says the result")
            if not isinstance(row, dict) or any(name not in row for name in wanted):
                form = ", ".join(f'"{name}": …' for name in wanted)
                found = f"an object with {', '.join(row) or 'nothing'}" if isinstance(row, dict) else json.dumps(row)
                raise DataError(f"{where}: expected {{{form}}}, found {found[:80]}")
            empty = False
            yield row, where
    if empty:
        raise DataError(f"no prompt in {', '.join(map(str, paths))}: a .jsonl file of prompts is wanted")


def _prompt(prompt: Any, where: str, plain: bool) -> Prompt:
    if not isinstance(prompt, str | list):
        raise DataError(f"{where}: the prompt must be text or a list of messages")
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    validate_messages(messages, where)
    if messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
        raise DataError(f"{where}: the prompt must end with what the user says")
    return prompt if plain and isinstance(prompt, str) else messages


def check_lengths(prompts: Sequence[Prompt], tokenizer: BPE, context: int, max_tokens: int) -> None:
    """Raise `DataError` for a prompt that leaves no room to answer."""
    for number, prompt in enumerate(prompts, 1):
        length = len(prompt_ids(prompt, tokenizer))
        if length + max_tokens > context:
            raise DataError(
                f"prompt {number} has {length} tokens ({words_of(prompt)[:40]!r}); with {max_tokens} for the answer it "
                f"exceeds the model's context of {context}: shorten it, or lower max_tokens"
            )
