"""Do abilities appear suddenly as models grow?

Models of five sizes read the same sums worked in steps. Two measures of the same models: how often the whole solution
is right, and how often the next token of the right solution is the likeliest. If the first jumps and the second does
not, the jump is in the measure. (Wei et al. 2022, arXiv 2206.07682; Schaeffer et al. 2023, arXiv 2304.15004.)
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

import torch

from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed, marks, share
from orrery.ledger.lab import Lab
from orrery.ledger.plots import Point, lines
from orrery.ledger.specialist import Recipe, answer, answered, draw, question, specialist
from orrery.models.hf import load_model, load_tokenizer
from orrery.stages.problems import Problem
from orrery.stages.rollouts import prompt_ids

SIZES = ((32, 1), (32, 2), (64, 2), (96, 3), (128, 4))  # width and layers
STEPS, QUESTIONS, JUMP = 500, 300, 0.6


def measure(lab: Lab) -> None:
    """A row for each size."""
    for width, layers in SIZES:
        recipe = Recipe(direct=0.0, worked=1.0, slips=0.0, steps=STEPS, width=width, layers=layers)
        log_solutions(lab, specialist(lab, recipe))


@torch.no_grad()
def log_solutions(lab: Lab, folder: Path) -> None:
    """Whether the greedy solution is the right one, and of the right one's tokens how many are likeliest."""
    model, tokenizer, rng = load_model(folder), load_tokenizer(folder), random.Random(0)
    sums = [draw(rng, kept=True) for _ in range(QUESTIONS)]
    asked = [Problem(question(terms), sum(terms)) for terms in sums]
    size = sum(parameter.numel() for parameter in model.parameters())
    whole, tokens = [], []
    for terms, problem, one in zip(sums, asked, answered(lab, folder, asked, 0.0), strict=True):
        right = f" {answer(terms, 'worked', 0.0, rng)}"
        before, after = prompt_ids(problem.prompt, tokenizer), tokenizer.encode(right)
        likeliest = model(torch.tensor([before + after]))[0].argmax(-1)[len(before) - 1 : -1]
        tokens.append((likeliest == torch.tensor(after)).float().mean().item())
        whole.append(one.text == right)
    lab.log(parameters=size, whole=marks(whole), tokens=[round(hits, 3) for hits in tokens])


def curves(rows: Sequence[Row]) -> Mapping[str, Sequence[Point]]:
    """Both measures by size."""
    return {
        "whole": [(row["parameters"], share(row["whole"])) for row in rows],
        "tokens": [(row["parameters"], mean(row["tokens"])) for row in rows],
    }


def summarise(rows: Sequence[Row]) -> Measured:
    """Both measures of each size, and the share of the whole rise that the largest step has."""
    found: dict[str, float] = {}
    for measure, points in curves(rows).items():
        found |= {f"{measure}, {size / 1000:.0f}k parameters": value for size, value in points}
        values = [value for _, value in points]
        rises = [after - before for before, after in zip(values, values[1:], strict=False)]
        found[f"{measure}, largest step"] = max(rises) / max(values[-1] - values[0], 1e-9)
    return found


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    if one["tokens, largest step"] < JUMP:
        return "refuted"
    return "holds" if one["whole, largest step"] >= JUMP else "unclear"


CLAIM = Claim(
    name="emergence",
    says="Abilities appear suddenly as models grow.",
    source="Wei et al. 2022, arXiv 2206.07682; against it Schaeffer et al. 2023, arXiv 2304.15004",
    refuted_by="the share of right tokens grows evenly, so that only the share of whole solutions can jump",
    rule="Of five sizes: holds if in every seed a single step from one size to the next makes at least 60% of the "
    "whole rise, both of whole solutions and of tokens; refuted if no step does so of tokens.",
    minutes=4,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=lines(curves, "parameters", "share right", log=True),
)
