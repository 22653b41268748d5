"""Is a larger vocabulary better?

The same text with vocabularies of five sizes: tokens become longer, and the tables at both ends of the model larger.
All models have the same blocks and get the same floating-point operations, so that a larger vocabulary pays for itself.
(Tao et al. 2024, Scaling Laws with Vocabulary, arXiv 2407.13623.)
"""

from collections.abc import Mapping, Sequence

from orrery.data.prepare import prepare_world, read_back
from orrery.ledger.claim import Claim, Measured, Row, Verdict
from orrery.ledger.corpora import CONTEXT, LAYERS, ROWS, WIDTH, settings
from orrery.ledger.lab import Lab
from orrery.ledger.plots import Point, lines
from orrery.models.explain import flops_per_token
from orrery.plan import shape_of
from orrery.stages.pretrain import PretrainConfig, pretrain

SIZES = (320, 512, 1024, 2048, 4096)
BYTES, STEPS_AT_1024 = 6_000_000, 450


def measure(lab: Lab) -> None:
    """A row for each size."""
    for size in SIZES:
        log_vocabulary(lab, size)


def log_vocabulary(lab: Lab, size: int) -> None:
    """Bytes a token, steps that the operations allow, bits per byte, bytes a second."""
    shape = shape_of(WIDTH, LAYERS, CONTEXT)
    steps = round(STEPS_AT_1024 * flops_per_token(shape.config(1024), CONTEXT)
                  / flops_per_token(shape.config(size), CONTEXT))  # fmt: skip
    with lab.training("vocabulary", {"size": size, "bytes": BYTES, "steps": steps}) as run:
        text = read_back(run.folder / "data")
        if text is None:
            text = prepare_world(run.folder / "data", lab.world, BYTES, 0, None, (), size)
        result = pretrain(PretrainConfig(shape, settings(steps), lab.seed), run, data=text.data,
                          held_out=text.held_out, tokenizer=text.tokenizer, resume="auto")  # fmt: skip
    per_token = text.data.info.bytes / text.data.info.tokens
    lab.log(size=size, steps=steps, bytes_per_token=per_token, bits=result.metrics["bits_per_byte"],
            parameters=result.parameters, bytes_per_s=result.tokens_per_s * per_token, rows=ROWS)  # fmt: skip


def summarise(rows: Sequence[Row]) -> Measured:
    """Of each size bytes a token, bits per byte and speed; and which size was best."""
    found = {}
    for row in rows:
        name = f"{row['size']:,}"
        found[f"{name}: bytes a token"] = row["bytes_per_token"]
        found[f"{name}: bits per byte"] = row["bits"]
        found[f"{name}: kB/s"] = row["bytes_per_s"] / 1000
    return {**found, "best size": min(rows, key=lambda row: row["bits"])["size"]}


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    best = {one["best size"] for one in measured}
    if best == {SIZES[-1]}:
        return "holds"
    return "refuted" if SIZES[-1] not in best else "unclear"


def curves(rows: Sequence[Row]) -> Mapping[str, Sequence[Point]]:
    """Bits per byte by size."""
    return {"bits per byte": [(row["size"], row["bits"]) for row in rows]}


CLAIM = Claim(
    name="bpe_tradeoff",
    says="The larger the vocabulary the better: text becomes shorter, so a model sees more of it in the same time.",
    source="common advice; Tao et al. 2024, arXiv 2407.13623",
    refuted_by="with the same operations a smaller vocabulary predicts text better than the largest",
    rule="Holds if in every seed the largest of five vocabularies (320 to 4,096) has the fewest bits per byte after "
    "the same floating-point operations; refuted if in none it has.",
    minutes=6,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=lines(curves, "tokens in the vocabulary", "bits per byte of held-out text", log=True),
)
