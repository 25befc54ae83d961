"""The service's half of the stream: against the runner's half, and against streams that no runner writes."""

import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader_service.sandbox import frames
from grader_service.sandbox.frames import Answer, Demultiplexer, Frame, FrameReader, Garbled

RUNNER = Path(__file__).parents[2] / "sandbox_image/runner"


def load_wire() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wire", RUNNER / "wire.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_sides_mean_the_same() -> None:
    wire = load_wire()
    shared = [name for name in vars(frames) if name.isupper() and hasattr(wire, name)]
    assert len(shared) >= 20
    for name in shared:
        ours, theirs = getattr(frames, name), getattr(wire, name)
        if isinstance(ours, struct.Struct):
            ours, theirs = ours.format, theirs.format
        assert ours == theirs, name


@given(
    st.lists(st.tuples(st.sampled_from([b"A", b"R"]), st.binary(max_size=50))), st.integers(1, 40)
)
def test_frames_come_out_however_they_are_cut(
    messages: list[tuple[bytes, bytes]], size: int
) -> None:
    token = b"t" * 16
    stream = b"".join(frames.pack(kind, token, body) for kind, body in messages)
    reader = FrameReader()
    seen = [
        frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])
    ]
    assert seen == [Frame(kind, token, body) for kind, body in messages]


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.integers(1, 40))
def test_multiplexed_streams_come_apart_however_they_are_cut(
    parts: list[tuple[int, bytes]], size: int
) -> None:
    stream = b"".join(struct.pack("!BxxxI", number, len(data)) + data for number, data in parts)
    demultiplexer = Demultiplexer()
    seen = b"".join(
        demultiplexer.feed(stream[at : at + size]) for at in range(0, len(stream), size)
    )
    assert seen == b"".join(data for number, data in parts if number == 1)
    assert demultiplexer.stderr == b"".join(data for number, data in parts if number == 2)[-2000:]


def test_frame_that_is_too_large_is_garbled() -> None:
    with pytest.raises(Garbled):
        list(FrameReader().feed(frames.FRAME.pack(b"A", frames.MAX_FRAME_BYTES + 1, bytes(16))))


def test_stream_of_another_number_is_garbled() -> None:
    with pytest.raises(Garbled):
        Demultiplexer().feed(struct.pack("!BxxxI", 3, 1) + b"x")


@pytest.mark.parametrize("lengths", [(1, 0, 0), (0, 0, 7), (2**32 - 1, 2**32 - 1, 2)])
def test_answer_whose_lengths_do_not_add_up_is_garbled(lengths: tuple[int, int, int]) -> None:
    with pytest.raises(Garbled):
        Answer.parse(frames.VERDICT.pack(b"V", 0, 0.0, *lengths))


def test_short_answer_is_garbled() -> None:
    with pytest.raises(Garbled):
        Answer.parse(b"V")
