"""The request corpus of gunicorn, fetched from its source package when the tests first need it.

The files stay outside the repository. Each writes a request with `\\r\\n` for a line end, `\\x41` for a byte; real line
ends in them mean nothing.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

VERSION = "27.0.1"
SHA256 = "b1514965361c8b7e8107a80aa2a92636878df1ccfac6dd204a676426e04d9e3e"
KEPT_AT = Path(__file__).parents[2] / ".stamps" / f"gunicorn-{VERSION}.tar.gz"
_REQUEST_LINE = re.compile(rb"\A((?:\r\n)*[^ \r\n]+ )([^ \r\n]*)( HTTP/1\.[01]\r\n)")
_PLAIN_TARGET = re.compile(rb"/[A-Za-z0-9/?=._-]{0,200}")
_ESCAPE = re.compile(rb"\\(r\\n|0|n|t|x[0-9A-Fa-f]{2})")
_PLAIN = {b"r\\n": b"\r\n", b"0": b"\0", b"n": b"\n", b"t": b"\t"}


class Sample(NamedTuple):
    """One file of the corpus."""

    name: str
    """Its folder and stem: `valid/001`."""
    raw: bytes


def load() -> list[Sample]:
    """Returns the corpus, valid requests first, in the order of their names."""
    if not KEPT_AT.exists():
        _fetch()
    samples = []
    with tarfile.open(KEPT_AT) as archive:
        for member in archive:
            path = Path(member.name)
            if path.suffix == ".http" and path.parts[1:3] == ("tests", "requests"):
                file = archive.extractfile(member)
                assert file is not None
                samples.append(Sample(f"{path.parts[3]}/{path.stem}", decode(file.read())))
    return sorted(samples, key=lambda sample: (sample.name.startswith("invalid"), sample.name))


def _fetch() -> None:
    folder = KEPT_AT.parent
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    subprocess.run(
        [*command, "--no-binary", "gunicorn", "--dest", str(folder), f"gunicorn=={VERSION}"],
        check=True,
    )
    got = hashlib.sha256(KEPT_AT.read_bytes()).hexdigest()
    if got != SHA256:
        KEPT_AT.unlink()
    assert got == SHA256


def decode(text: bytes) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        return _PLAIN[escape] if escape in _PLAIN else bytes([int(escape[1:], 16)])

    return _ESCAPE.sub(plain, text.replace(b"\n", b""))


def as_ours(raw: bytes) -> bytes:
    """Returns a request that names a Host and asks us for a chat, so that only its peculiarity can be at fault.

    A target that is itself peculiar stays.
    """
    line = _REQUEST_LINE.match(raw)
    if line is None:
        return raw
    target = b"/v1/chat/completions" if _PLAIN_TARGET.fullmatch(line[2]) else line[2]
    fields = raw[line.end() :]
    has_host = re.search(rb"(?i)(?:\A|\r\n)host:", fields.partition(b"\r\n\r\n")[0])
    return line[1] + target + line[3] + (b"" if has_host else b"Host: gateway.test\r\n") + fields
