"""The machine, and progress in the terminal."""

import io
import time
from pathlib import Path

import torch
from rich.console import Console

from orrery.training.events import EventLog
from orrery.training.machine import hardware, keep_freed_memory, measure_matmul_rate, peak_memory_mb
from orrery.training.progress import show_progress


def test_the_matmul_rate_is_what_a_plain_multiplication_reaches() -> None:
    rate = measure_matmul_rate()
    a = torch.ones(768, 768)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    assert 0.5 < rate / (2 * 768**3 / best) < 2


def test_the_machine_is_described() -> None:
    described = hardware()
    assert described["processor"] and described["threads"] == torch.get_num_threads()
    assert 50 < peak_memory_mb() < 100_000


def test_freed_memory_is_kept_where_the_c_library_can() -> None:
    assert keep_freed_memory() in (True, False)
    torch.ones(5_000_000) + 1  # allocation goes on working


def fill(log: EventLog) -> None:
    started = {"status": "started", "from_step": -1, "steps": 2, "parameters": 900_000, "device": "cpu"}
    log.append("status", "base", 0, started)
    for step, loss in ((1, 6.9), (2, 5.1)):
        values = {"loss": loss, "tokens_per_s": 8000.0, "matmul_share": 0.41, "seconds_left": 2 - step}
        log.append("metric", "base", step, values)
    log.append("metric", "base", 2, {"bits_per_byte": 2.5, "floor_bits_per_byte": 1.25})
    log.append("alarm", "base", 2, {"message": "look [here]"})
    log.append("sample", "base", 2, {"prompt": "Once", "text": " upon"})
    log.append("status", "base", 2, {"status": "finished", "folder": "runs/x/base", "seconds": 75.0})


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    log, out = EventLog(tmp_path), io.StringIO()
    with show_progress(log, Console(file=out, width=200)):
        fill(log)
    assert log.listeners == []
    assert out.getvalue().splitlines() == [
        "base starts: 0.90M parameters, 2 steps on cpu",
        "base step 1/2  loss 6.900  8.0k tokens/s  41% of matmul rate  0:01 left",
        "base step 2/2  loss 5.100  8.0k tokens/s  41% of matmul rate  0:00 left",
        "base step 2/2  loss 5.100  2.500 bits/byte (floor 1.250)  8.0k tokens/s  41% of matmul rate  0:00 left",
        "base step 2: look [here]",
        "base step 2 writes: Once upon",
        "base done in 1:15: runs/x/base",
    ]


def test_progress_is_a_live_bar_in_a_terminal(tmp_path: Path) -> None:
    log, out = EventLog(tmp_path), io.StringIO()
    with show_progress(log, Console(file=out, width=160, force_terminal=True)):
        fill(log)
        started = {"status": "started", "from_step": -1, "steps": 9, "parameters": 900_000, "device": "cpu"}
        log.append("status", "sft", 0, started)
        log.append("metric", "sft", 5, {"loss": 1.25})
        time.sleep(0.5)  # the bar is redrawn ten times a second
    assert "step 5/9  loss 1.250" in out.getvalue() and "━" in out.getvalue()
