"""Exercises: a file that the reader completes, and a check that says what is still wrong.

    exercise = exercises()[3]
    path = exercise.begin(Path("exercises"))         # exercises/03_descent.py, never written over
    exercise.judge(path)                             # Judgement(passed=False, message="descend() is not written yet …")

Each is a module of `orrery.course.exercises`, named eNN_NAME after the chapter that it ends. `orrery exercise` and the
pages of the course call the same functions.
"""

import importlib
import pkgutil
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from orrery.config import nearest
from orrery.course import exercises as folder_of_exercises
from orrery.errors import ConfigError
from orrery.files import write_atomically

FOLDER = Path("exercises")


@dataclass(frozen=True)
class Judgement:
    """Whether an exercise is solved, and what to know about it."""

    passed: bool
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise. `check` takes the reader's module and raises AssertionError with what is wrong in it."""

    chapter: int
    name: str
    title: str
    task: str
    starter: str
    solution: str
    check: Callable[[ModuleType], None]

    @property
    def file(self) -> str:
        """What the reader's file is called."""
        return f"{self.chapter:02}_{self.name}.py"

    def begin(self, folder: Path = FOLDER) -> Path:
        """Write the file to start from -> its path; one that is there already is left as it is."""
        path = folder / self.file
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, f'"""{self.title}\n\n{self.task.strip()}\n"""\n\n{self.starter.strip()}\n')
        return path

    def judge(self, path: Path) -> Judgement:
        """Run the reader's file and check it. Raises ConfigError when there is no such file."""
        if not path.is_file():
            raise ConfigError(f"there is no {path} yet: `orrery exercise {self.chapter}` writes it")
        try:
            self.check(load(path))
        except NotImplementedError:
            return Judgement(False, f"not written yet: open {path} and replace `raise NotImplementedError`")
        except AssertionError as error:
            return Judgement(False, str(error) or "a check failed without saying why")
        except Exception as error:  # whatever the reader's code raises is told, with the line that did
            return Judgement(False, f"{type(error).__name__}: {error}{place_in(path, error)}")
        return Judgement(True, "solved: it agrees with the package's own code")


def load(path: Path) -> ModuleType:
    """The reader's file as a module, read anew; nothing is written beside it."""
    loader = SourceFileLoader("exercise", str(path))
    spec = spec_from_loader("exercise", loader)
    assert spec is not None
    module = module_from_spec(spec)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def place_in(path: Path, error: Exception) -> str:
    """Where in the reader's file an error was raised, or nothing."""
    if isinstance(error, SyntaxError):
        return f" (line {error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""


@cache
def exercises() -> dict[int, Exercise]:
    """All exercises by the number of their chapter."""
    found = {}
    for info in pkgutil.iter_modules(folder_of_exercises.__path__):
        match = re.fullmatch(r"e(\d\d)_(\w+)", info.name)
        assert match is not None, info.name
        module = importlib.import_module(f"{folder_of_exercises.__name__}.{info.name}")
        number = int(match[1])
        found[number] = Exercise(
            number, match[2], module.TITLE, module.TASK, module.STARTER, module.SOLUTION, module.check
        )
    return dict(sorted(found.items()))


def exercise_of(chapter: int) -> Exercise:
    """The exercise that ends a chapter. Raises ConfigError when there is none."""
    found = exercises()
    if chapter not in found:
        raise ConfigError(f"chapter {chapter} has no exercise; {nearest(str(chapter), map(str, found))}")
    return found[chapter]
