"""Models that appear, change and go while the engine's worker runs, as the stages of a run make them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import torch

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.scheduler import Request
from orrery.models.hf import save_model
from orrery.models.transformer import Transformer, TransformerConfig
from orrery.server.engine_process import EngineProcess
from orrery.server.errors import Problem
from orrery.server.names import most_bytes, read_models
from orrery.server.protocol import EngineSettings, FromEngine, Generate, Models, Progress, Refused, State
from orrery.server.service import Service
from orrery.server.worker import Finished, Worker
from orrery.tokenizers.bpe import BPE

PROMPT = [72, 105]
SAMPLING = Sampling(max_tokens=12)


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.train(["Once upon a time there was a cat."], vocab_size=264)


@pytest.fixture
def write(tokenizer: BPE) -> Callable[[Path, int], list[int]]:
    """Writes a model of random weights into a folder -> what it says after `PROMPT`."""

    def write(folder: Path, seed: int) -> list[int]:
        shape = TransformerConfig(tokenizer.vocab_size, width=32, layers=1, heads=2, kv_heads=1, context=64)
        model = Transformer(shape, torch.Generator().manual_seed(seed))
        save_model(model, folder, tokenizer=tokenizer, eos_ids=[tokenizer.eos_id])
        os.utime(folder / "model.safetensors", ns=(seed, seed))  # the clock may tick more slowly than the test writes
        return Engine(model, tokenizer).generate([PROMPT], SAMPLING)[0].ids

    return write


class Desk:
    """A worker in this process, and what it has said."""

    def __init__(self, models: dict[str, Path], memory: int | None = None) -> None:
        self.said: list[FromEngine] = []
        self.inbox: SimpleQueue[Finished] = SimpleQueue()
        self.worker = Worker(EngineSettings(models, "float32", memory), self.said.append, self.inbox.put)
        self.count = 0

    def ask(self, model: str) -> int:
        """Send a request -> its id."""
        self.count += 1
        self.worker.take(Generate(model, Request(self.count, PROMPT, SAMPLING)))
        return self.count

    def answer(self, id: int) -> list[int] | str:
        """Work until a request is answered or refused -> its ids, or why not."""
        while True:
            updates = [one for message in self.said if isinstance(message, Progress) for one in message.updates]
            mine = [update for update in updates if update.id == id]
            if mine and mine[-1].finished:
                return [token.id for update in mine for token in update.tokens]
            refused = [message for message in self.said if isinstance(message, Refused) and message.id == id]
            if refused:
                return refused[0].message
            if not self.worker.busy or not self.inbox.empty():
                self.worker.take(self.inbox.get(timeout=30))
            self.worker.step()


def test_a_worker_without_models_takes_requests_as_soon_as_it_knows_one(tmp_path: Path, write: Any) -> None:
    desk = Desk({})
    assert desk.said == [State({}, {})]
    wanted = write(tmp_path / "base", 1)
    desk.worker.take(Models({"run/base": tmp_path / "base"}))
    assert desk.answer(desk.ask("run/base")) == wanted
    assert "there is no model 'run/sft'" in desk.answer(desk.ask("run/sft"))


def test_a_model_that_is_written_anew_is_read_anew_and_requests_under_way_end_as_they_began(
    tmp_path: Path, write: Any
) -> None:
    old = write(tmp_path / "sft", 1)
    models = {"sft": tmp_path / "sft"}
    desk = Desk(models)
    first = desk.ask("sft")
    while not desk.worker.busy:
        desk.worker.take(desk.inbox.get(timeout=30))
    desk.worker.step()
    new = write(tmp_path / "sft", 2)
    assert old != new
    desk.worker.take(Models(models))
    second = desk.ask("sft")
    assert (desk.answer(first), desk.answer(second)) == (old, new)
    desk.worker.take(Models(models))
    assert not desk.worker.outdated and desk.inbox.empty()  # nothing has changed: nothing is read


def test_a_model_that_is_gone_is_forgotten(tmp_path: Path, write: Any) -> None:
    wanted = write(tmp_path / "a", 1)
    desk = Desk({"a": tmp_path / "a"})
    assert desk.answer(desk.ask("a")) == wanted
    shutil.rmtree(tmp_path / "a")
    desk.worker.take(Models({}))
    assert list(desk.worker.loaded) == []
    assert "there is no model 'a' any more" in desk.answer(desk.ask("a"))


def test_models_that_come_later_keep_to_the_limit_of_memory(tmp_path: Path, write: Any) -> None:
    wanted = {name: write(tmp_path / name, seed) for seed, name in enumerate("ab", 1)}
    limit = most_bytes(next(iter(read_models([tmp_path / "a"]).values())).config, "float32")
    desk = Desk({"a": tmp_path / "a"}, memory=int(1.5 * limit))
    desk.worker.take(Models({name: tmp_path / name for name in "ab"}))
    for name in "aba":
        assert desk.answer(desk.ask(name)) == wanted[name]
        assert list(desk.worker.loaded) == [name]


def test_a_service_learns_of_models_and_of_their_new_weights(tmp_path: Path, write: Any) -> None:
    engine = EngineProcess(EngineSettings({}))  # not started: what it is told here it starts with
    service = Service({}, engine)
    with pytest.raises(Problem, match="there is no model 'base' here"):
        service.model("base")
    write(tmp_path / "base", 1)
    (tmp_path / "broken").mkdir()
    folders = {"base": tmp_path / "base", "broken": tmp_path / "broken"}
    service.know(folders)
    first = service.model("base")
    assert engine.settings.models == {"base": tmp_path / "base"}
    service.know(folders)
    assert service.model("base") is first
    write(tmp_path / "base", 2)
    service.know(folders)
    assert service.model("base") is not first
    service.know({})
    assert service.models == {} and engine.settings.models == {}
