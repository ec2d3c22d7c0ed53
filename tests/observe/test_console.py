import errno
import io
import os
import resource

import pytest

from multillama.observe.console import PIPE_PIECE_BYTES, Descriptor, TextStream, open_sink
from tests.observe.samples import Pipe, fill


def never() -> bool:
    return False


def at_once() -> bool:
    return True


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_a_pipe_gets_all_of_a_long_text_in_order(tmp_path):
    path = tmp_path / "log"
    data = b"".join(b"%d\n" % n for n in range(10_000))

    with path.open("wb") as file:
        Descriptor(file.fileno()).write(data, give_up=never)

    assert path.read_bytes() == data


def test_a_full_pipe_is_given_up_when_asked_and_nothing_is_stuck(pipe):
    reader, writer = pipe.reader, pipe.writer
    held = fill(writer)

    with pytest.raises(TimeoutError):
        Descriptor(writer).write(b"line\n", give_up=at_once)

    assert len(os.read(reader, held + 100)) == held


def test_a_full_pipe_is_written_to_once_it_is_read(pipe):
    reader, writer = pipe.reader, pipe.writer
    held = fill(writer)
    reads = iter([lambda: False, lambda: os.read(reader, held) == b""])

    Descriptor(writer).write(b"line\n", give_up=lambda: next(reads)())

    assert os.read(reader, 100) == b"line\n"


def test_the_descriptor_stays_blocking_because_the_shell_shares_it(pipe):
    writer = pipe.writer

    Descriptor(writer).write(b"line\n", give_up=never)

    assert os.get_blocking(writer)


def test_a_pipe_without_a_reader_is_an_error_with_its_name(pipe):
    writer = pipe.writer
    pipe.close_reader()

    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says which
        Descriptor(writer).write(b"line\n", give_up=never)

    assert caught.value.errno == errno.EPIPE


def test_after_half_a_line_the_next_text_starts_on_its_own_line(pipe):
    reader, writer = pipe.reader, pipe.writer
    held = fill(writer)
    os.read(reader, PIPE_PIECE_BYTES)  # room for exactly one piece
    sink = Descriptor(writer)

    with pytest.raises(TimeoutError):
        sink.write(b"a" * (PIPE_PIECE_BYTES + 1) + b"\n", give_up=at_once)
    drained = os.read(reader, held)
    sink.write(b"next\n", give_up=never)

    assert drained.endswith(b"a" * PIPE_PIECE_BYTES)
    assert os.read(reader, 100) == b"\nnext\n"


def test_a_full_disk_is_an_error_and_the_next_text_starts_on_its_own_line(tmp_path):
    path = tmp_path / "log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("wb", buffering=0) as file:
        sink = Descriptor(file.fileno())

        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says which
                sink.write(b"0123456789abcdef\n", give_up=never)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sink.write(b"next\n", give_up=never)

    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"0123456789\nnext\n"


def test_a_stream_with_a_descriptor_is_flushed_and_then_bypassed(tmp_path):
    path = tmp_path / "log"
    with path.open("w") as file:
        file.write("before\n")

        open_sink(file).write("after →\n".encode(), give_up=never)

        assert path.read_text() == "before\nafter →\n"


def test_a_stream_without_a_descriptor_is_written_as_text():
    stream = io.StringIO()
    sink = open_sink(stream)

    sink.write("a → b\n".encode(), give_up=never)

    assert isinstance(sink, TextStream)
    assert stream.getvalue() == "a → b\n"
