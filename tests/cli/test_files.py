"""Only regular files of a sane size are read, and nothing waits."""

import os

import pytest

from multillama.cli.files import MAX_BYTES, read_file


def test_a_file_is_read_as_text_with_plain_line_ends(tmp_path):
    (tmp_path / "f").write_bytes("a: ä\r\nb\rc\n".encode())

    assert read_file(str(tmp_path / "f")) == "a: ä\nb\nc\n"


def test_a_file_behind_a_link_is_read(tmp_path):
    (tmp_path / "f").write_text("a")
    (tmp_path / "link").symlink_to("f")

    assert read_file(str(tmp_path / "link")) == "a"


@pytest.mark.timeout(5)
def test_a_fifo_is_refused_at_once(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    with pytest.raises(OSError, match="not a regular file"):
        read_file(str(path))


@pytest.mark.timeout(5)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/"])
def test_a_device_or_a_folder_is_refused(path):
    with pytest.raises(OSError, match=r"not a regular file|No such device"):
        read_file(path)


def test_a_file_is_as_large_as_allowed_and_no_larger(tmp_path):
    (tmp_path / "largest").write_bytes(b"x" * MAX_BYTES)
    (tmp_path / "larger").write_bytes(b"x" * (MAX_BYTES + 1))

    assert len(read_file(str(tmp_path / "largest"))) == MAX_BYTES
    with pytest.raises(OSError, match="more than 4 MiB"):
        read_file(str(tmp_path / "larger"))
