"""`orrery plan`: what a speedrun of so many minutes would do on this machine, and what it should come to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orrery.errors import ConfigError
from orrery.models.explain import flops_per_token
from orrery.plan import Plan, Speed, count_parameters, plan_table
from orrery.speedrun import law_for, plan_for
from orrery.speedrun_config import SpeedrunConfig
from orrery.training.runs import RUNS


@dataclass(frozen=True)
class PlanCommand:
    """Say what `orrery speedrun --minutes M` would do on this machine: which size, how many tokens, and the loss that
    the scaling law expects (`orrery ledger scaling_laws`); and what half and twice the minutes would give.

    Nothing is trained: the machine is measured for some seconds.

    Example: orrery plan --minutes 10
    """

    minutes: float = 10.0
    """How long the speedrun may take."""
    json: bool = False
    """Print JSON."""
    root: Path = RUNS
    """The folder that holds the runs. A law that the ledger measured there is taken, else the one that ships."""


def show_plan(config: PlanCommand) -> None:
    """Measure and print. Raises ConfigError for minutes that are too few, DataError for a damaged law."""
    usual = SpeedrunConfig(minutes=config.minutes, root=config.root)
    law, speed = law_for(usual), Speed(usual.vocab_size, usual.context, usual.pretrain)
    assert law is not None, "a usual speedrun is what it was measured on"
    with Console(stderr=True, highlight=False).status("measuring this machine …"):
        plan = plan_for(usual, speed=speed)
        began = plan.seconds["start and measure"]
        sizes = [
            plan_for(SpeedrunConfig(minutes=config.minutes, width=width, layers=layers, root=config.root), began, speed)
            for width, layers in sorted(speed.known)
        ]
        others = [other_minutes(share * config.minutes, config.root, began, speed) for share in (0.5, 2.0)]
    minutes = [one for one in (others[0], plan, others[1]) if one is not None]
    if config.json:
        said = {
            "plan": as_json(plan, speed),
            "sizes": [as_json(one, speed) for one in sizes],
            "minutes": [as_json(one, speed) for one in minutes],
            "law": {"form": law.law.form.text, **law.law.coefficients, "floor": law.floor, "runs": len(law.fitted),
                    "from": law.source},
        }  # fmt: skip
        print(json.dumps(said, indent=1, ensure_ascii=False))
        return
    out = Console(highlight=False)
    out.print(plan_table(plan))
    out.print(compared("Sizes", sizes, plan, speed), compared("Minutes", minutes, plan, speed), sep="\n")
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in law.law.coefficients.items())
    out.print(
        f"The law: {law.law.form.text} bits a byte above a floor of {law.floor:.3f}, N parameters, D tokens; "
        f"{numbers}. Fitted to {len(law.fitted)} runs ({law.source}), {law.law.typical_residual:.0%} from it.",
        soft_wrap=True,
    )


def other_minutes(minutes: float, root: Path, began: float, speed: Speed) -> Plan | None:
    """The plan for other minutes; None where they are too few for anything."""
    try:
        return plan_for(SpeedrunConfig(minutes=minutes, root=root), began, speed)
    except ConfigError:
        return None


def as_json(plan: Plan, speed: Speed) -> dict[str, Any]:
    """The plan, and what follows from it: parameters, tokens, the share of the matrix products' rate."""
    config = speed.config((plan.width, plan.layers))
    return {
        **asdict(plan), "parameters": count_parameters(config), "tokens": tokens_of(plan, speed),
        "matmul_share": plan.tokens_per_s * flops_per_token(config, config.context) / plan.matmul_rate,
    }  # fmt: skip


def tokens_of(plan: Plan, speed: Speed) -> int:
    """Of pretraining."""
    return plan.pretrain_steps * speed.train.rows * speed.context


def compared(title: str, plans: Sequence[Plan], chosen: Plan, speed: Speed) -> Table:
    """A row a plan; "matmul" is the share of what large matrix products reach here."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for column in ("minutes", "size", "weights", "tokens/s", "matmul", "tokens", "bits a byte"):
        table.add_column(column, justify="right", no_wrap=True)
    for plan in plans:
        more, expected = as_json(plan, speed), plan.expected
        same = (plan.minutes, plan.width, plan.layers) == (chosen.minutes, chosen.width, chosen.layers)
        table.add_row(
            f"{plan.minutes:g}", f"{plan.layers} × {plan.width}", f"{more['parameters'] / 1e6:.2f}M",
            f"{plan.tokens_per_s:,.0f}", f"{more['matmul_share']:.0%}", f"{more['tokens'] / 1e6:.1f}M",
            f"{expected.bits_per_byte:.3f} ({expected.low:.2f}–{expected.high:.2f})" if expected else "not measured",
            style="bold" if same else "",
        )  # fmt: skip
    return table
