"""What no file of the repository may hold: addresses of registries, paths of one machine, keys."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]

FORBIDDEN = {
    "registry": r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org"
    r"|--(extra-)?index-url[ =]\S",
    "machine path": r"(?<![\w.}\])-])/(?:work|root|opt/pypi)/|(?<![\w.])/tmp/\w|(?<![\w.])/home/\w",
    "key": r"\bsk-(?:proj-|ant-[a-z0-9]+-)?[A-Za-z0-9_]{24,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bhf_[A-Za-z]{30,}|\bgsk_[A-Za-z0-9]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{60}",
    "workplace": r"(?i)\bcolleagues?\b|\bworkplace\b|as an ai\b",
}

OFFENDERS = [
    ("registry", "https://py" + "pi.org/simple"),
    ("registry", "--index" + "-url https://mirror.example"),
    ("registry", "https://files.python" + "hosted.org/packages/ab"),
    ("machine path", "see /wo" + "rk/main/Makefile"),
    ("machine path", 'open("/tm' + 'p/log")'),
    ("machine path", "/ho" + "me/ada/keys"),
    ("key", "sk-" + "a1B2" * 8),
    ("key", "sk-ant-api03-" + "a1B2" * 8),
    ("key", "AKIA" + "A1B2" * 4),
    ("key", "-----BEGIN PRIVATE" + " KEY-----\n" + "MIIE" * 16),
    ("workplace", "ask a collea" + "gue"),
]


def tracked() -> list[pathlib.Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.split(b"\0")
    paths = [ROOT / name.decode() for name in names if name]
    return [path for path in paths if path.is_file()]


def found(what: str, text: str) -> list[str]:
    return [match.group() for match in re.finditer(FORBIDDEN[what], text)]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds_a(what):
    # latin-1 reads any file, a picture's bytes too
    offences = {
        str(path.relative_to(ROOT)): hits
        for path in tracked()
        if path != pathlib.Path(__file__) and (hits := found(what, path.read_text("latin-1")))
    }

    assert offences == {}


@pytest.mark.parametrize(("what", "text"), OFFENDERS)
def test_an_offence_is_seen(what, text):
    assert found(what, text) != []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("key", "sk-test-123"),
        ("key", "multillama --key your-openai-key"),
        ("machine path", "POST /v1/chat/work/flow"),
        ("machine path", "tests/tmp/x"),
        ("registry", "pip install multillama"),
    ],
)
def test_innocent_text_passes(what, text):
    assert found(what, text) == []
