"""Live progress in the terminal: one reader of the event log among others.

    with Run.open("first", recipe={}) as run, show_progress(run.events):
        train(stage, config, run)

In a terminal a bar with the latest numbers stays at the bottom and samples and alarms scroll above it; elsewhere (a
file, a pipe) plain lines are written, one every few seconds.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from orrery.training.events import Event, EventLog, NoEvents

# Where a stage has these they say how it goes; its loss does not (GRPO's is near 0 by design).
TELLING = (
    ("reward", "reward {:.3f}"),
    ("kl", "KL {:.3f}"),
    ("entropy", "entropy {:.2f}"),
    ("completions/mean_length", "{:.0f} tokens long"),
    ("accuracy", "{:.0%} of pairs right"),
    ("rewards/accuracies", "{:.0%} of pairs right"),
    ("rewards/margins", "margin {:.2f}"),
)
PLAIN_SECONDS = 10.0  # between the lines when the output is no terminal


@contextmanager
def show_progress(events: EventLog, console: Console | None = None) -> Iterator[None]:
    """Show what is appended to ``events`` while the block runs."""
    if isinstance(events, NoEvents):
        yield
        return
    display = _Display(console or Console(stderr=True))
    events.listeners.append(display.show)
    try:
        with display.bar:
            yield
    finally:
        events.listeners.remove(display.show)


class _Display:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[line]}"),
            console=console,
            disable=not self.live,
        )
        self.task = self.bar.add_task("", total=None, line="", visible=False)
        self.steps = 0
        self.latest: dict[str, Any] = {}
        self.printed_at = 0.0

    def show(self, event: Event) -> None:
        """Take in one event."""
        kind, values, stage = event["kind"], event["values"], event["stage"]
        if kind == "metric":
            self.latest.update(values)
            self.show_metrics(event)
        elif kind == "alarm":
            self.console.print(f"[yellow]{stage} step {event['step']}: {escape(str(values.get('message', values)))}")
        elif kind == "sample":
            prompt, text = escape(str(values.get("prompt", ""))), escape(str(values.get("text", "")))
            between = " → " if values.get("chat") else ""  # an answer; otherwise the model goes on with the prompt
            begin = f"[dim]{stage} step {event['step']} writes:[/] [dim]{prompt}[/]"
            self.console.print(f"{begin}{between}{text}", soft_wrap=True)
        elif "steps" in values:  # a stage begins
            self.latest, self.steps, self.printed_at = {}, values["steps"], 0.0
            self.console.print(begin_line(event))
            self.bar.reset(self.task, total=self.steps, completed=max(0, event["step"]), description=stage, line="")
            self.bar.update(self.task, visible=True)
        elif values.get("status") == "finished":
            self.bar.update(self.task, visible=False)
            self.console.print(f"[bold]{stage}[/] done in {clock(values['seconds'])}: {escape(str(values['folder']))}")

    def show_metrics(self, event: Event) -> None:
        """Refresh the bar, or write a line when it is time for one."""
        line = metric_line(event["step"], self.steps, self.latest)
        if self.live:
            self.bar.update(self.task, completed=event["step"], line=line)
        elif time.monotonic() - self.printed_at >= PLAIN_SECONDS or event["step"] >= self.steps:
            self.printed_at = time.monotonic()
            self.console.print(f"{event['stage']} {line}", soft_wrap=True, highlight=False)


def begin_line(event: Event) -> str:
    """What is said when a stage begins or goes on."""
    values = event["values"]
    start = "starts" if values["status"] == "started" else f"goes on after step {event['step']}"
    size = f"{values['parameters'] / 1e6:.2f}M parameters"
    return f"[bold]{event['stage']}[/] {start}: {size}, {values['steps']} steps on {values['device']}"


def metric_line(step: int, steps: int, latest: dict[str, Any]) -> str:
    """The latest numbers on one line.

    >>> metric_line(5, 60, {"loss": 4.2, "tokens_per_s": 12345.6, "matmul_share": 0.31, "seconds_left": 75})
    'step 5/60  loss 4.200  12.3k tokens/s  31% of matmul rate  1:15 left'
    """
    parts = [f"step {step}/{steps}"]
    telling = [shown.format(latest[name]) for name, shown in TELLING if latest.get(name) is not None]
    parts += telling
    if latest.get("loss") is not None and not telling:
        parts.append(f"loss {latest['loss']:.3f}")
    if latest.get("bits_per_byte") is not None:
        floor = latest.get("floor_bits_per_byte")
        parts.append(
            f"{latest['bits_per_byte']:.3f} bits/byte" + (f" (floor {floor:.3f})" if floor is not None else "")
        )
    if "tokens_per_s" in latest:
        parts.append(f"{latest['tokens_per_s'] / 1000:.1f}k tokens/s")
    if "matmul_share" in latest:
        parts.append(f"{latest['matmul_share']:.0%} of matmul rate")
    if "seconds_left" in latest:
        parts.append(f"{clock(latest['seconds_left'])} left")
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, or hours before them.

    >>> clock(75), clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
