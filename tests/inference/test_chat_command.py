"""`orrery chat` itself: one answer, or a session; of which database, with which model."""

import json
from pathlib import Path
from typing import Any

import pytest

from orrery.database import URL_VARIABLE, open_database
from orrery.errors import CheckpointError, ConfigError, InferenceError
from orrery.inference.chat import ChatConfig, answer_once, chat, is_assistant
from orrery.inference.chat_history import read_chat
from orrery.inference.engine import Sampling
from orrery.inference.speaker import Speaker
from tests.inference.assistant import Assistant, user
from tests.inference.talking import Keyboard, Typed, continuation


@pytest.fixture(autouse=True)
def no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def test_one_answer_to_one_prompt(assistant: Assistant) -> None:
    speaker = Speaker(assistant.engine(), "sft", assistant=True)
    assert answer_once(speaker, "What is 12 times 7?", Sampling(max_tokens=100)) == "12 times 7 is 84."


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
    assert out == continuation(assistant, "12 times", 8)["content"] + "\n"
    assert "base model" in err and err.count("\n") <= 2


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


class TestCommandLine:
    """What `orrery chat` itself does: which chat, of which database, with which model."""

    def run(self, monkeypatch: pytest.MonkeyPatch, *lines: Typed, **settings: Any) -> None:
        keyboard = Keyboard(*lines)
        monkeypatch.setattr("builtins.input", lambda prompt: keyboard(prompt, ""))
        chat(ChatConfig(**settings))

    def test_one_question_is_not_kept(self, folders: dict[str, Path], tmp_path: Path) -> None:
        chat(ChatConfig(model=folders["sft"], prompt="Hi", root=tmp_path / "runs"))
        assert not (tmp_path / "runs").exists()

    def test_chats_are_listed_and_gone_on_with_by_their_own_model(
        self, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        chat(ChatConfig(history=True, root=tmp_path))
        assert "there is no earlier chat" in capsys.readouterr().out and not list(tmp_path.iterdir())
        self.run(monkeypatch, "Hi", model=folders["sft"], root=tmp_path)
        assert f"orrery chat --open 1 --root {tmp_path}" in capsys.readouterr().out
        self.run(monkeypatch, "12 times", model=folders["base"], root=tmp_path)
        chat(ChatConfig(history=True, root=tmp_path))
        listed = capsys.readouterr().out
        assert listed.index("12 times") < listed.index("Hi\n")
        self.run(monkeypatch, latest=True, root=tmp_path)
        assert "This is a base model" in capsys.readouterr().out
        self.run(monkeypatch, "/undo", "Hi", open=1, system="Be brief.", root=tmp_path)
        assert "you> Hi" in capsys.readouterr().out
        with open_database(tmp_path) as database:
            found, path = read_chat(database, 1)
        assert found.system == "Be brief." and path[0].message == user("Hi") and path[0].id > 4, "undone, asked again"

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({}, "say which model answers"),
            ({"prompt": "Hi"}, "say which model answers"),
            ({"latest": True}, "no earlier chat"),
            ({"open": 3}, "there is no chat 3; `orrery chat --history` lists them"),
            ({"prompt": "Hi", "open": 3}, "--prompt and --open exclude each other"),
        ],
        ids=str,
    )
    def test_what_cannot_be_done_says_what_can(self, settings: dict[str, Any], message: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=message):
            chat(ChatConfig(root=tmp_path, **settings))
