"""The command line as a person meets it: help with examples, clear errors on one line, exit codes."""

import io
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orrery import plan
from orrery.cli import COMMANDS, parse
from orrery.config import RECIPES
from tests.typed import typed

WORDS = [command.words for command in COMMANDS]


def orrery(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from orrery.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_without_words_the_commands_are_listed() -> None:
    shown = orrery()
    assert shown.returncode == 0
    for words in WORDS:
        assert words in shown.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=WORDS)
def test_every_command_has_help_with_an_example(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(command, [*command.words.split(), "--help"])  # type: ignore[attr-defined]
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert stop.value.code == 0
    assert f"Example: orrery {command.words}" in shown  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "no command 'trian'; did you mean"),
        (["tokenizer", "trian"], "did you mean 'tokenizer train'?"),
        (["speedrun", "--minutes", "0"], "--minutes is 0"),
        (["speedrun", "--minutes", "nan"], "--minutes is nan"),
        (["speedrun", "--recipe", "laptpo"], "did you mean 'laptop'?"),
        (["speedrun", "--resume"], "no speedrun in runs to resume"),
        (["speedrun", "--minutes", "0.05"], "too short on this machine"),
        (["speedrun", "--minutes", "2", "--pretrain-steps", "60", "--sft-steps", "30", "--data", "latin.txt"], "UTF-8"),
        (["pretrain", "--recipe", "laptop"], "recipe for `orrery speedrun`, not for `orrery pretrain`"),
        (["pretrain", "--data", "nowhere.txt"], "no such file: nowhere.txt"),
        (["pretrain", "--run", "a/b", "--data", "text.txt"], "no name for a run"),
        (["sft", "--model", "nowhere"], "nowhere"),
        (["eval", "--model", "nowhere"], "nowhere is no folder"),
        (["chat", "--model", "."], "no model at ."),
        (["model", "nowhere"], "nowhere"),
        (["runs", "nowhere"], "no run runs/nowhere"),
        (["tokenizer", "encode", "--tokenizer", "nowhere", "--text", "x"], "nowhere"),
        (["tokenizer", "train", "--data", "text.txt", "--out", "t", "--vocab-size", "90000"], "at most"),
        (["tokenizer", "train", "--data", "empty.txt", "--out", "t"], "no text in"),
        (["data", "show", "latin.txt"], "is not UTF-8"),
        (["data", "tokenize", "text.txt", "--out", "text.txt", "--vocab-size", "270"], "text.txt: File exists"),
        (["data", "tokenize", "text.txt", "--out", "text.txt/t", "--vocab-size", "270"], "text.txt/t: Not a directory"),
        (["data", "countdown", "--out", "text.txt/c.jsonl", "--count", "3"], "text.txt: File exists"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_a_person_can_mend_is_one_line_and_exit_code_2(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MEASURE_SECONDS", 0.1)
    (tmp_path / "text.txt").write_text("the cat sat on the mat, the cat sat on the hat " * 50)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    before = {path.name for path in tmp_path.iterdir()}
    refused = typed(*words, cwd=tmp_path)
    assert refused.returncode == 2, refused.stderr
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("orrery: ") and message in last
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} - before - {"runs"}
    assert not left, "nothing half-written"


def test_the_program_exits_with_that_code_and_without_a_traceback(tmp_path: Path) -> None:
    refused = orrery("model", "nowhere", cwd=tmp_path)
    assert refused.returncode == 2 and refused.stderr.startswith("orrery: ") and "Traceback" not in refused.stderr


def test_a_misspelt_flag_names_the_right_one(tmp_path: Path) -> None:
    refused = typed("speedrun", "--minuts", "3", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--minutes" in refused.stderr + refused.stdout


def test_flags_override_the_recipe() -> None:
    speedrun = next(command for command in COMMANDS if command.words == "speedrun")
    config = parse(speedrun, ["speedrun", "--recipe", "laptop", "--minutes", "3", "--pretrain.rows", "4"])
    assert (config.minutes, config.pretrain.rows, config.vocab_size) == (3.0, 4, 1024)


def test_the_laptop_recipe_is_what_speedrun_does_anyway() -> None:
    speedrun = next(command for command in COMMANDS if command.words == "speedrun")
    assert parse(speedrun, ["speedrun", "--recipe", "laptop"]) == parse(speedrun, ["speedrun"])


def test_tokenizers_are_trained_used_and_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.txt").write_text("the cat sat on the mat, the cat sat on the hat " * 50)
    made = typed("tokenizer", "train", "--data", "text.txt", "--out", "tok", "--vocab-size", "270", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    encoded = typed("tokenizer", "encode", "--tokenizer", "tok", "--text", "the <|im_end|> cat", cwd=tmp_path)
    ids = [int(word) for word in encoded.stdout.split()]
    assert ids and max(ids) < 270 - 8, "special tokens in text stay text"
    monkeypatch.setattr(sys, "stdin", io.StringIO("the cat 123"))
    inspected = typed("tokenizer", "inspect", "--tokenizer", "tok", cwd=tmp_path)
    assert inspected.returncode == 0, inspected.stderr
    assert "cat" in inspected.stdout


def test_the_world_is_written_and_shown(tmp_path: Path) -> None:
    made = typed("data", "world", "--out", "w.jsonl", "--count", "200", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    shown = typed("data", "show", "w.jsonl", cwd=tmp_path)
    assert "encyclopedia" in shown.stdout
    talked = typed("data", "world", "--out", "c.jsonl", "--count", "50", "--conversations", cwd=tmp_path)
    assert talked.returncode == 0, talked.stderr
    assert '"messages"' in (tmp_path / "c.jsonl").read_text().splitlines()[0]


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_one_of_its_command_and_says_how_to_use_it(recipe: Path) -> None:
    words = tomllib.loads(recipe.read_text())["command"]
    command = next(one for one in COMMANDS if one.words == words)
    parse(command, [*words.split(), "--recipe", recipe.stem])
    assert f"#   orrery {words} --recipe {recipe.stem}" in recipe.read_text()


def test_rewards_given_one_by_one_are_all_taken() -> None:
    command = next(one for one in COMMANDS if one.words == "grpo")
    words = ["grpo", "--model", "m", "--reward", "numeric", "--reward", "mine.py:brief=0.1"]
    assert parse(command, words).reward == ("numeric", "mine.py:brief=0.1")
    assert [reward.name for reward in parse(command, words[:3]).rewards()] == ["numeric"]
