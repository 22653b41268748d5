"""The process that computes for pages: answers arrive as they were, and nothing that happens to it lasts."""

import asyncio
import os
import signal

import numpy as np
import psutil
import pytest

from orrery.errors import ConfigError, InferenceError
from orrery.server.studio.compute import Call
from orrery.server.studio.packing import BINARY, Packed, pack, unpack
from orrery.server.studio.pool import Pool
from orrery.server.studio.sims.softmax import SoftmaxRequest


def test_arrays_travel_beside_the_json_and_come_back_the_same() -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": [np.array([1, -2], np.int32), np.array([], np.float32), np.array([2.5])],
        "transposed": np.arange(6, dtype=np.float64).reshape(2, 3).T,
        "big-endian": np.arange(3, dtype=">f4"),
        "text": "ä\n",
    }
    packed = pack(arrays)
    assert packed.media_type == BINARY
    back = unpack(packed)
    assert back["text"] == "ä\n"
    np.testing.assert_array_equal(back["a"], arrays["a"])
    for ours, theirs in zip(arrays["b"], back["b"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(back["transposed"], arrays["transposed"])
    np.testing.assert_array_equal(back["big-endian"], [0, 1, 2])


def test_what_json_has_no_word_for_becomes_null() -> None:
    assert pack({"x": float("nan"), "y": [float("inf"), np.float32(0.5)], "n": np.int64(3)}) == Packed(
        "application/json", b'{"x": null, "y": [null, 0.5], "n": 3}'
    )


def test_it_answers_refuses_and_is_started_again_when_it_dies() -> None:
    async def scenario() -> None:
        pool = Pool()
        first = unpack(await pool.call(Call("softmax", SoftmaxRequest((1.0, 2.0)))))
        np.testing.assert_allclose(first["answer"]["probabilities"].sum(), 1, rtol=1e-6)
        assert first["shows"] == "orrery.scratch.microgpt.softmax" and first["ms"] > 0 and first["model"] is None
        with pytest.raises(ConfigError, match="above 0"):
            await pool.call(Call("softmax", SoftmaxRequest((1.0,), temperature=-1)))
        (worker,) = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
        os.kill(worker.pid, signal.SIGSTOP)  # so that the first of the calls is surely under way when it dies
        calls = (pool.call(Call("softmax", SoftmaxRequest((1.0,) * 4096))) for _ in range(5))
        under_way = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.5)
        os.kill(worker.pid, signal.SIGKILL)
        first_of_all, *others = await under_way
        assert isinstance(first_of_all, InferenceError)
        assert all(isinstance(one, Packed) for one in others)
        (worker,) = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
        worker.kill()  # with nothing to do: nobody need hear of it
        worker.wait()
        again = unpack(await pool.call(Call("softmax", SoftmaxRequest((1.0, 2.0)))))
        np.testing.assert_array_equal(again["answer"]["probabilities"], first["answer"]["probabilities"])
        pool.close()

    asyncio.run(scenario())
