"""Source by name: what the course shows is the package's own text, and nothing else can be had."""

import inspect

import pytest

from orrery.scratch import microgpt
from orrery.scratch.autograd import Value
from orrery.server.errors import Problem
from orrery.server.studio.computations import COMPUTATIONS
from orrery.server.studio.source import source_of


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("orrery.scratch.microgpt.softmax", microgpt.softmax),
        ("orrery.scratch.microgpt.Shape", microgpt.Shape),
        ("orrery.scratch.autograd.Value.backward", Value.backward),
    ],
)
def test_a_piece_is_what_python_itself_gives(name: str, thing: object) -> None:
    source = source_of(name)
    lines, first = inspect.getsourcelines(thing)
    assert source.line == first
    assert source.text + "\n" == "".join(lines)


def test_a_module_and_a_constant_have_a_source_too() -> None:
    assert source_of("orrery.scratch.microgpt").text == inspect.getsource(microgpt)
    assert source_of("orrery.scratch").file == "orrery/scratch/__init__.py"
    assert source_of("orrery.models.explain.KNOWN").text.startswith("KNOWN = {")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "os",
        "torch.nn",
        "orrery..scratch",
        "orrery.../../etc/passwd",
        "orrery.scratch.microgpt.nothing",
        "orrery.\0",
    ],
)
def test_no_other_file_can_be_read(name: str) -> None:
    with pytest.raises(Problem) as problem:
        source_of(name)
    assert problem.value.status == 404


def test_what_computations_show_is_there() -> None:
    for computation in COMPUTATIONS.values():
        assert source_of(computation.shows).text
