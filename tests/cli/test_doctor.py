import json
import os
import sys
from types import ModuleType

import pytest

import multillama.app
from multillama.cli.doctor import show
from multillama.cli.main import run
from multillama.control.doctor import Check, Examined, Outcome

ENDPOINT = ["--url", "http://a.example/", "--key", "sk-hunter2"]
GOOD = Examined(
    name="a.example",
    url="http://a.example/",
    provider="OpenAI",
    checks=(
        Check("dns", Outcome.OK, "10.0.0.1", 3.0),
        Check("tcp", Outcome.OK, "", 4.0),
        Check("list", Outcome.OK, "1 model", 12.4),
        Check("key", Outcome.OK, "accepted"),
        Check("chat", Outcome.OK, "m1", 120.0),
        Check("tools", Outcome.NO, "Choose another\x1b[2J model."),
        Check("messages", Outcome.NO),
    ),
    tokens=21,
)
DOWN = Examined(
    name="b",
    url="http://b/",
    provider="OpenAI",
    checks=(Check("dns", Outcome.FAILED, "No such name. Check it.", 2.0),),
    tokens=0,
)


class FakeDoctor(ModuleType):
    """Stands in for `multillama.app.doctor`; tests set what it finds and read what it got."""

    def __init__(self):
        super().__init__("multillama.app.doctor")
        self.asked = []
        self.found = (GOOD,)

    def examine_all(self, settings, names, *, spend):
        self.asked.append((settings.endpoints[0].key, names, spend))
        return self.found


@pytest.fixture
def doctor(monkeypatch):
    fake = FakeDoctor()
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setattr(multillama.app, "doctor", fake, raising=False)
    return fake


def test_lines_for_programs_hold_one_check_each(doctor, capsys):
    code = run(["doctor", *ENDPOINT])

    out, err = capsys.readouterr()
    assert code == 0
    assert out.splitlines()[:2] == [
        "a.example\tdns\tok\t3 ms\t10.0.0.1",
        "a.example\ttcp\tok\t4 ms\t",
    ]
    assert "tokens" in err
    assert doctor.asked == [("sk-hunter2", (), True)]


def test_one_that_cannot_chat_is_a_failure(doctor):
    doctor.found = (GOOD, DOWN)

    assert run(["doctor", *ENDPOINT]) == 1


def test_one_that_is_there_for_embeddings_is_no_failure(doctor):
    checks = (Check("chat", Outcome.NO, "no chat"), Check("embeddings", Outcome.OK))
    doctor.found = (GOOD, Examined("e", "http://e/", "OpenAI", checks, 0))

    assert run(["doctor", *ENDPOINT]) == 0


def test_without_spending_a_list_is_enough(doctor, capsys):
    doctor.found = (Examined("a", "http://a/", "OpenAI", GOOD.checks[:3], 0),)

    code = run(["doctor", "--no-spend", *ENDPOINT])

    assert code == 0
    assert capsys.readouterr().err == ""
    assert doctor.asked[0][2] is False


def test_endpoints_are_named_after_the_flags(doctor):
    run(["doctor", *ENDPOINT, "a.example", "b"])

    assert doctor.asked[0][1] == ("a.example", "b")


def test_json_has_every_check_and_no_key(doctor, capsys):
    doctor.found = (DOWN,)

    code = run(["doctor", "--json", *ENDPOINT])

    out = capsys.readouterr().out
    assert code == 1
    assert "hunter2" not in out
    assert json.loads(out) == {
        "endpoints": [
            {
                "name": "b", "url": "http://b/", "kind": "OpenAI", "can_chat": False, "tokens": 0,
                "checks": [
                    {"name": "dns", "outcome": "failed", "took_ms": 2.0, "text": "No such name. Check it."}
                ],
            }
        ]
    }  # fmt: skip


def test_a_terminal_gets_a_table_with_the_cures_below(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    reader, writer = os.openpty()
    with open(writer, "w", encoding="utf-8") as terminal:
        show((GOOD, DOWN), terminal)
        shown = ""
        while "Spent" not in shown:
            shown += os.read(reader, 65536).decode()
    os.close(reader)

    assert "Reach" in shown
    assert "7 ms" in shown
    assert "b: dns: No such name. Check it." in shown
    assert "a.example: tools: Choose another [2J model." in shown
    assert "a.example: messages" not in shown
    assert "Spent: 21 tokens." in shown


def test_without_any_endpoint_it_says_how_to_go_on(gateway, capsys):
    assert run(["doctor"]) == 2
    assert "multillama demo" in capsys.readouterr().err
