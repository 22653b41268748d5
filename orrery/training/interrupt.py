"""Ctrl-C and `kill`: the first asks the loop to finish its step and write a checkpoint, the second ends it at once."""

import signal
import threading
from types import FrameType
from typing import Any, Self


class TrainingInterrupted(KeyboardInterrupt):
    """Training ended early because someone asked; everything is saved. The message says how to go on.

    A program should print the message and exit with code 130.
    """


class Interrupts:
    """A context manager that catches SIGINT and SIGTERM while it is open; ``asked`` is the name of the one that came.

    Signals reach a process's main thread only; in any other thread this catches nothing.
    """

    def __init__(self) -> None:
        self.asked: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.asked = signal.Signals(number).name
        self._restore()  # whoever asks twice does not want to wait

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
