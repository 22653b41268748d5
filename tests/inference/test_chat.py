"""`orrery chat`: what is typed, what is shown, and what is remembered."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orrery.errors import CheckpointError, InferenceError
from orrery.inference.chat import ChatConfig, answer_once, chat, chat_terminal, is_assistant
from orrery.inference.engine import Engine, Sampling
from orrery.inference.stream import Event, TextDelta
from orrery.models.hf import save_model
from tests.inference.assistant import Assistant, says, user

CONFIG = ChatConfig(model=Path("runs/test/sft"), max_tokens=100)


def typed(*lines: str | type[BaseException]) -> Callable[[str], str]:
    """A keyboard: gives the lines one by one, raises the exceptions among them, then Ctrl-D."""
    waiting = iter([*lines, EOFError])

    def read(prompt: str) -> str:
        line = next(waiting)
        if isinstance(line, str):
            return line
        raise line

    return read


def session(engine: Engine, *lines: str | type[BaseException], **settings: Any) -> str:
    """What a session shows."""
    screen = io.StringIO()
    chat_terminal(engine, CONFIG, console=Console(file=screen, highlight=False), read=typed(*lines), **settings)
    return screen.getvalue()


class Watched(Engine):
    """Notes the conversations that it is asked to answer."""

    seen: list[list[dict[str, Any]]]

    def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
        self.seen.append(list(messages))
        return super().stream(messages, sampling)


def watched(assistant: Assistant) -> Watched:
    engine = Watched(assistant.model, assistant.tokenizer)
    engine.seen = []
    return engine


def test_answers_and_tool_calls_are_shown(assistant: Assistant) -> None:
    shown = session(assistant.engine(), "What is 12 times 7?")
    assert 'calculator {"expression": "12*7"} → 84' in shown and "12 times 7 is 84." in shown
    assert "<tool_call>" not in shown and "<|im_end|>" not in shown


def test_the_conversation_is_remembered_until_reset(assistant: Assistant) -> None:
    engine = watched(assistant)
    session(engine, "Hi", "  ", "Hi", "/reset", "Hi")
    first, second, third = engine.seen
    assert first == third == [user("Hi")]
    assert second[:1] == first and second[-1] == user("Hi") and second[1]["role"] == "assistant"


def test_ctrl_c_stops_a_reply_and_keeps_what_was_said(assistant: Assistant) -> None:
    class Interrupted(Watched):
        def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
            for event in super().stream(messages, sampling):
                yield event
                if len(self.seen) == 1 and isinstance(event, TextDelta):
                    raise KeyboardInterrupt

    engine = Interrupted(assistant.model, assistant.tokenizer)
    engine.seen = []
    shown = session(engine, "Hi", "Hi")
    assert "(stopped)" in shown
    assert engine.seen[1][0] == user("Hi") and engine.seen[1][2] == user("Hi")
    partial = engine.seen[1][1]
    assert partial["role"] == "assistant" and "Hello.".startswith(partial["content"]) and partial != says("Hello.")


def test_ctrl_c_before_the_first_word_forgets_the_question(assistant: Assistant) -> None:
    class Impatient(Watched):
        def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
            self.seen.append(list(messages))
            if len(self.seen) == 1:
                raise KeyboardInterrupt
            yield from Engine.stream(self, messages, sampling)

    engine = Impatient(assistant.model, assistant.tokenizer)
    engine.seen = []
    assert "Hello." in session(engine, "never mind", "Hi")
    assert engine.seen[1] == [user("Hi")]


def test_ctrl_c_at_the_prompt_says_how_to_leave(assistant: Assistant) -> None:
    shown = session(assistant.engine(), KeyboardInterrupt, "Hi")
    assert "Ctrl-D leaves" in shown and "Hello." in shown


@pytest.mark.parametrize("leave", ["/quit", "/exit", EOFError])
def test_leaving(assistant: Assistant, leave: str | type[BaseException]) -> None:
    assert "Hello." not in session(assistant.engine(), leave, "Hi")


def test_commands_are_listed_and_unknown_ones_named(assistant: Assistant) -> None:
    shown = session(assistant.engine(), "/help", "/bogus now")
    assert all(command in shown for command in ("/reset", "/help", "/quit", "Ctrl-C"))
    assert "there is no command /bogus" in shown


def test_a_message_that_is_too_long_is_refused_and_the_session_goes_on(assistant: Assistant) -> None:
    shown = session(assistant.engine(), "x " * 400, "Hi")
    assert "there is room for 192: shorten it" in " ".join(shown.split()) and "Hello." in shown


def test_a_full_context_forgets_the_oldest_turns_and_says_so(assistant: Assistant) -> None:
    engine = watched(assistant)
    shown = session(engine, *["Hi"] * 12)
    assert "the oldest turns are forgotten" in shown
    assert max(map(len, engine.seen)) < 23 and engine.seen[-1][0]["role"] == "user"


def test_control_characters_never_reach_the_terminal(assistant: Assistant) -> None:
    class Hostile(Engine):
        def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
            yield TextDelta("\x1b]0;owned\x07[bold]plain[/bold]\x9b2J\r")

    shown = session(Hostile(assistant.model, assistant.tokenizer), "Hi")
    assert not set(shown) & set("\x1b\x07\x9b\r") and "[bold]plain[/bold]" in shown


def test_a_cut_reply_says_which_setting_allows_more(assistant: Assistant) -> None:
    screen = io.StringIO()
    config = ChatConfig(model=Path("x"), max_tokens=2)
    chat_terminal(assistant.engine(), config, console=Console(file=screen), read=typed("Hi"))
    assert "--max-tokens" in screen.getvalue()


def test_a_system_message_opens_every_conversation(assistant: Assistant) -> None:
    engine = watched(assistant)
    config = ChatConfig(model=Path("x"), system="Be brief.", max_tokens=5)
    chat_terminal(engine, config, console=Console(file=io.StringIO()), read=typed("Hi", "/reset", "Hi"))
    assert [seen[0] for seen in engine.seen] == [{"role": "system", "content": "Be brief."}] * 2


def test_one_answer_to_one_prompt(assistant: Assistant) -> None:
    assert answer_once(assistant.engine(), "What is 12 times 7?", Sampling(max_tokens=100)) == "12 times 7 is 84."


@pytest.fixture(scope="module")
def folders(assistant: Assistant, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights saved as an assistant and as a base model."""
    root, tokenizer = tmp_path_factory.mktemp("models"), assistant.tokenizer
    eos = {"base": (tokenizer.eos_id,), "sft": (tokenizer.eos_id, tokenizer.im_end_id)}
    for name, ids in eos.items():
        save_model(assistant.model, root / name, tokenizer=tokenizer, eos_ids=ids)
    return {name: root / name for name in eos}


def test_prompt_prints_the_answer_and_nothing_else(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    chat(ChatConfig(model=folders["sft"], prompt="What is 12 times 7?"))
    assert capsys.readouterr() == ("12 times 7 is 84.\n", "")


def test_a_base_model_completes_text_and_says_that_it_is_one(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], assistant: Assistant
) -> None:
    chat(ChatConfig(model=folders["base"], prompt="12 times", max_tokens=8, temperature=0.0))
    out, err = capsys.readouterr()
    tokenizer = assistant.tokenizer
    prompt = [tokenizer.eos_id, *tokenizer.encode("12 times")]
    assert out == assistant.engine().generate([prompt], Sampling(max_tokens=8))[0].text + "\n"
    assert "base model" in err and err.count("\n") <= 2
    assert "base model" in session(assistant.engine(), "12 times", assistant=False)


def test_a_folder_tells_whether_it_holds_an_assistant(
    folders: dict[str, Path], assistant: Assistant, tmp_path: Path
) -> None:
    tokenizer = assistant.tokenizer
    assert is_assistant(folders["sft"], tokenizer) and not is_assistant(folders["base"], tokenizer)
    assert is_assistant(tmp_path, tokenizer)  # no generation_config.json: the chat tokens decide
    config = tmp_path / "generation_config.json"
    config.write_text(json.dumps({"eos_token_id": tokenizer.im_end_id}))
    assert is_assistant(tmp_path, tokenizer)
    config.write_text("[1]")
    with pytest.raises(CheckpointError, match="generation_config.json"):
        is_assistant(tmp_path, tokenizer)


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        chat(ChatConfig(model=tmp_path, prompt="Hi"))


def test_a_prompt_longer_than_the_context_is_an_error_with_both_lengths(folders: dict[str, Path]) -> None:
    with pytest.raises(InferenceError, match=r"has \d+ tokens; in the model's context of 256"):
        chat(ChatConfig(model=folders["sft"], prompt="x " * 400))


def test_settings_that_make_no_sense_are_refused_before_the_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match="top_p"):
        chat(ChatConfig(model=tmp_path, prompt="Hi", top_p=2.0))
