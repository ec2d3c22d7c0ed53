import subprocess
import sys

import pytest

from multillama.cli.title import blank_keys, blanked


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"m\0--key\0hunter2\0", b"m\0--key\0*******\0"),
        (b"m\0--key=hunter2\0--api-key=k2\0", b"m\0--key=*******\0--api-key=**\0"),
        (b"m\0--url\0http://hunter2/\0", b"m\0--url\0http://hunter2/\0"),
        (b"", b""),
    ],
)
def test_keys_are_blanked_and_the_length_stays(words, expected):
    assert blanked(words, [b"hunter2", b"k2", b""]) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_ps_does_not_show_the_key_any_more():
    code = (
        "import sys\nfrom multillama.cli.title import blank_keys\n"
        "print(blank_keys([sys.argv[2]]))\nprint(open('/proc/self/cmdline').read())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, "--key", "hunter2", "--port", "3000"],
        capture_output=True,
        text=True,
        check=True,
    )

    worked, line = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert worked == "True"
    assert "hunter2" not in line.split("\0")
    assert "\0--key\0*******\0--port\x003000\0" in line


def test_where_there_is_no_proc_the_caller_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("multillama.cli.title._PROCESS", tmp_path)

    assert blank_keys(["hunter2"]) is False
