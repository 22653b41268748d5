"""The course's exercises: each can be begun, is not solved by what one begins with, and is solved by its solution."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orrery.course.exercise import Exercise, exercise_of, exercises
from orrery.errors import ConfigError

ALL = list(exercises().values())


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.file)
def test_the_starter_is_unsolved_and_the_solution_solves_it(exercise: Exercise, tmp_path: Path) -> None:
    path = exercise.begin(tmp_path)
    assert path.name.startswith(f"{exercise.chapter:02}_")
    assert exercise.task.strip() in path.read_text()
    begun = exercise.judge(path)
    assert not begun.passed and "not written yet" in begun.message
    path.write_text(exercise.solution)
    assert exercise.begin(tmp_path) == path, "a file that is there is left as it is"
    assert path.read_text() == exercise.solution
    assert exercise.judge(path).passed, exercise.judge(path).message


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.file)
def test_an_answer_of_the_right_shape_but_the_wrong_value_is_caught(exercise: Exercise, tmp_path: Path) -> None:
    path = tmp_path / exercise.file
    path.write_text(exercise.starter.replace("raise NotImplementedError", "return None"))
    judged = exercise.judge(path)
    assert not judged.passed
    assert judged.message


NEARLY = {  # of a chapter an answer that a reader may well give, and what it is told
    1: (
        "import math\ndef dot(a, b): return sum(x * y for x, y in zip(a, b))\n"
        "def nearest(v, table): return min(range(len(table)), key=lambda i: math.dist(table[i], v))\n",
        "far away as its tip is",
    ),
    2: ("def slope(f, x): return (f(x + 1e-8) - f(x)) / 1e-8\n", "is off by"),
    3: (
        "def descend(gradient, start, rate, momentum, steps):\n    places = [start]\n    for _ in range(steps):\n"
        "        for i, slope in enumerate(gradient(start)): start[i] -= rate * slope\n        places.append(start)\n"
        "    return places\n",
        "after 0 steps: [2.5]",
    ),
}


@pytest.mark.parametrize("chapter", NEARLY)
def test_an_answer_that_is_nearly_right_is_told_why_it_is_not(chapter: int, tmp_path: Path) -> None:
    answer, told = NEARLY[chapter]
    path = tmp_path / "answer.py"
    path.write_text(answer)
    judged = exercise_of(chapter).judge(path)
    assert not judged.passed and told in judged.message, judged.message


def test_what_goes_wrong_in_the_readers_file_is_told_with_its_line(tmp_path: Path) -> None:
    exercise = ALL[0]
    path = tmp_path / exercise.file
    path.write_text("x = 1\ny = x +\n")
    assert "SyntaxError" in exercise.judge(path).message and "line 2" in exercise.judge(path).message
    path.write_text("x = 1\n\nx / 0\n")
    assert exercise.judge(path).message == "ZeroDivisionError: division by zero (line 3)"
    with pytest.raises(ConfigError, match="orrery exercise"):
        exercise.judge(tmp_path / "missing.py")
    with pytest.raises(ConfigError, match="no exercise"):
        exercise_of(99)


def test_the_command_writes_checks_and_ends_with_an_exit_code(tmp_path: Path) -> None:
    exercise = ALL[0]
    command = [sys.executable, "-m", "orrery", "exercise", str(exercise.chapter), "--folder", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    (tmp_path / exercise.file).write_text(exercise.solution)
    solved = subprocess.run([*command, "--check", "--json"], check=True, capture_output=True, text=True)
    assert json.loads(solved.stdout)["passed"]
    (tmp_path / exercise.file).write_text(exercise.starter)
    assert subprocess.run([*command, "--check"], capture_output=True).returncode == 1
