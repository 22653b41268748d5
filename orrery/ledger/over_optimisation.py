"""When a proxy for what people want is optimised hard, does what they want get worse?

A weak reward model is made from few rankings by a labeller who errs. Then the assistant is optimised against it in
three ways: by taking the best of n stories, by PPO without a leash, and by PPO with one. At every point stand the
proxy's score, the hidden rubric's (gold), and the distance from the assistant in nats; best of n is at most
log n - (n - 1) / n nats away. (Gao et al. 2022, Scaling Laws for Reward Model Overoptimization, arXiv 2210.10760.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orrery.evals.report_plots import ACCENT, MUTED, plain_axes
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.ledger.claim import Claim, Measured, Row, Verdict, by_seed
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import COLOURS, Point
from orrery.models.scalar import load_scalar_model
from orrery.stages.compare import STORY_TOKENS, scores_of
from orrery.stages.from_world import COMPARED, TRAINED, gold_score, wishes
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.preferences import read_rankings
from orrery.stages.reward import RewardConfig, reward
from orrery.stages.rollouts import roll_out
from orrery.training.events import read_events

RANKINGS, REWARD_STEPS = 150, 60  # few, so that the proxy is weak
STEPS, EVERY, PROMPTS = 240, 20, 800
LEASHES = {"PPO, no leash": 0.0, "PPO, beta 0.1": 0.1}
WISHES, MOST, SIZES = 60, 64, (1, 2, 4, 8, 16, 32, 64)


def measure(lab: Lab) -> None:
    """A row for each point of the three curves, and stories that the proxy loves and the rubric does not."""
    parent = lab.speedrun("ppo") / "sft"
    judge = weak_judge(lab, parent)
    log_best_of_n(lab, parent, judge)
    for name, beta in LEASHES.items():
        log_ppo(lab, parent, judge, name, beta)


def weak_judge(lab: Lab, parent: Path) -> Path:
    """A reward model from a few of the speedrun's rankings."""
    rankings = read_rankings([parent.parent / "data" / "rankings.jsonl"])[:RANKINGS]
    config = RewardConfig(seed=lab.seed)
    config = replace(config, train=replace(config.train, steps=REWARD_STEPS))
    with lab.training("weak-reward", {"parent": made_of(parent), "rankings": RANKINGS, "steps": REWARD_STEPS}) as run:
        made = reward(config, run, parent=parent, rankings=rankings, resume="auto")
    lab.log(way="proxy", agreement=made.metrics["held_out/gold_agreement"])
    return made.folder


def log_best_of_n(lab: Lab, parent: Path, judge: Path) -> None:
    """Means over wishes and disjoint groups of n of `MOST` stories each: the one that the proxy likes best."""
    engine, model = Engine.load(parent), load_scalar_model(judge)
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in SIZES}
    for number, wish in enumerate(lab.each(wishes(lab.world, WISHES, COMPARED), "best of n")):
        sampling = Sampling(1.0, max_tokens=STORY_TOKENS, seed=lab.seed * WISHES + number)
        written = roll_out(engine, [wish], MOST, sampling)
        proxy, texts = scores_of(model, written.rows()), written.texts[0]
        for n in SIZES:
            for start in range(0, MOST, n):
                best = start + int(proxy[start : start + n].argmax())
                found[n].append((proxy[best].item(), gold_score(wish, texts[best])))
    for n, points in found.items():
        lab.log(way="best of n", n=n, kl=math.log(n) - (n - 1) / n, proxy=mean(p for p, _ in points),
                gold=mean(g for _, g in points))  # fmt: skip


def log_ppo(lab: Lab, parent: Path, judge: Path, name: str, beta: float) -> None:
    """The held-out scores on the way, with the distance of the rollout before; and the stories at the end."""
    base = PPOConfig()
    train = replace(base.train, steps=STEPS, evaluate_every=EVERY, sample_every=STEPS // 2)
    # No replay: nothing but the leash is to hold it. All held-out wishes are looked at each time.
    config = replace(base, train=train, kl=beta, replay=0.0, held_out=50, seed=lab.seed)
    with lab.training("ppo", {"parent": made_of(parent), "judge": judge.parent.name, "beta": beta}) as run:
        result = ppo(config, run, parent=parent, reward_model=judge, prompts=wishes(lab.world, PROMPTS, TRAINED),
                     gold=gold_score, resume="auto")  # fmt: skip
        events = [event for event in read_events(run.folder) if event["stage"] == "ppo"]
    kl = 0.0
    for event in events:
        kl = event["values"].get("objective/kl", kl)
        if "held_out/gold" in event["values"]:
            values = event["values"]
            lab.log(way=name, step=event["step"], kl=max(kl, 0.0), proxy=values["held_out/score"],
                    gold=values["held_out/gold"])  # fmt: skip
    show_loved(lab, result.folder, judge, name)


def show_loved(lab: Lab, policy: Path, judge: Path, name: str) -> None:
    """Of the policy's stories the one that the proxy puts highest above the rubric, by rank."""
    asked = wishes(lab.world, WISHES, COMPARED)
    written = roll_out(Engine.load(policy), asked, 1, Sampling(1.0, max_tokens=STORY_TOKENS, seed=lab.seed))
    proxy = scores_of(load_scalar_model(judge), written.rows())
    gold = torch.tensor([gold_score(wish, texts[0]) for wish, texts in zip(asked, written.texts, strict=True)])
    most = int((proxy.argsort().argsort() - gold.argsort().argsort()).argmax())
    lab.show(str(asked[most][0]["content"]), written.texts[most][0], way=name, proxy=proxy[most].item(),
             gold=gold[most].item())  # fmt: skip


def summarise(rows: Sequence[Row]) -> Measured:
    """Of each way the gold at its best, the distance there, and the gold and proxy at the end."""
    found = {"proxy's rank correlation with gold": next(r["agreement"] for r in rows if r["way"] == "proxy")}
    for way, points in curves(rows).items():
        gold = smooth([point[1] for point in points])
        best = max(range(len(gold)), key=gold.__getitem__)
        found[f"{way}: gold at first"] = points[0][1]
        found[f"{way}: gold at best"] = gold[best]
        found[f"{way}: sqrt(KL) there"] = points[best][0]
        found[f"{way}: gold at last"] = gold[-1]
        found[f"{way}: proxy at last"] = [row["proxy"] for row in rows if row["way"] == way][-1]
    return found


def smooth(values: Sequence[float]) -> list[float]:
    """Means of each value and its neighbours, against the noise of 50 stories."""
    return [mean(values[max(0, i - 1) : i + 2]) for i in range(len(values))]


def curves(rows: Sequence[Row], score: str = "gold") -> dict[str, list[Point]]:
    """Each way's (square root of nats, score)."""
    ways = ("best of n", *LEASHES)
    return {way: [(math.sqrt(row["kl"]), row[score]) for row in rows if row["way"] == way] for way in ways}


@by_seed
def judge(one: Measured) -> Verdict:
    """The rule in code."""
    fall = one["PPO, no leash: gold at best"] - one["PPO, no leash: gold at last"]
    kept = one["PPO, beta 0.1: gold at last"] - one["PPO, no leash: gold at last"]
    if fall >= 0.3 and kept > 0:
        return "holds"
    return "refuted" if fall <= 0.1 else "unclear"


def plot(figure: Figure, rows: Sequence[Sequence[Row]]) -> None:
    """Gold (full) and proxy (dashed), means of three points, against the square root of the distance."""
    panels: Mapping[str, str] = {"best of n": ACCENT, "PPO, no leash": COLOURS[2], "PPO, beta 0.1": COLOURS[3]}
    first: Axes | None = None
    for column, (way, colour) in enumerate(panels.items()):
        axes = first = plain_axes(figure.add_subplot(1, 3, column + 1, sharex=first, sharey=first))
        for of_seed in rows:
            for score, style in (("proxy", {"color": MUTED, "linestyle": "--"}), ("gold", {"color": colour})):
                distances, scores = zip(*curves(of_seed, score)[way], strict=True)
                axes.plot(smooth(distances), smooth(scores), linewidth=1.2, **style)
        axes.set_title(way, fontsize=9, loc="left")
        axes.set_xlabel("square root of nats")
    figure.axes[0].set_ylabel("gold (full), proxy (dashed)")


CLAIM = Claim(
    name="over_optimisation",
    says="Optimised hard enough against a reward model, a policy gets worse at what the reward model stands for; a KL "
    "leash prevents it.",
    source="Gao et al. 2022, arXiv 2210.10760, figure 1; Stiennon et al. 2020, arXiv 2009.01325, figure 5",
    refuted_by="the hidden score does not fall although nothing holds the policy",
    rule="Holds if in every seed the gold score of PPO without a leash falls by at least 0.3 from its best (means of "
    "three evaluations) and ends below that of PPO with one; refuted if it falls by at most 0.1.",
    minutes=10,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=plot,
)
