import json

import pytest

from multillama.cli.main import run
from tests.cli.conftest import Detected, Listed, Report

ENDPOINT = ["--url", "http://a.example/", "--key", "sk-hunter2"]
UP = Report("a.example", models=2)
DOWN = Report("b", has_key=False, error="refused", took_ms=None)


def test_the_models_are_listed_with_their_endpoints(gateway, capsys):
    gateway.listed = Listed((UP, DOWN), (("m1", ("a.example",)), ("m2", ("a.example", "b"))))

    code = run(["models", *ENDPOINT])

    out, err = capsys.readouterr()
    assert code == 0
    assert out == "m1\ta.example\nm2\ta.example, b\n"
    assert "endpoint b (openai, no key): failed: refused" in err
    assert gateway.listed_for[0].endpoints[0].key == "sk-hunter2"


def test_json_has_everything_but_keys(gateway, capsys):
    gateway.listed = Listed((UP, DOWN), (("m1", ("a.example",)),))

    code = run(["models", "--json", *ENDPOINT])

    out = capsys.readouterr().out
    assert code == 0
    assert "hunter2" not in out
    assert json.loads(out) == {
        "models": [{"id": "m1", "endpoints": ["a.example"]}],
        "endpoints": [
            {"name": "a.example", "url": "http://a.example/", "kind": "openai", "has_key": True,
             "models": 2, "took_ms": 12.4, "error": None, "note": None},
            {"name": "b", "url": "http://a.example/", "kind": "openai", "has_key": False,
             "models": 0, "took_ms": None, "error": "refused", "note": None},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_no_endpoint_that_answers_is_a_failure(gateway, capsys, more):
    gateway.listed = Listed((DOWN,), ())

    code = run(["models", *ENDPOINT, *more])

    assert code == 1
    assert "Error: No endpoint listed its models." in capsys.readouterr().err


def test_without_a_url_what_is_found_is_listed(gateway, capsys):
    gateway.found = Detected(("found",), ("a line",))
    gateway.listed = Listed((UP,), ())

    assert run(["models"]) == 0
    assert gateway.listed_for[0].endpoints == ("found",)
    assert gateway.own_ports == [None]


def test_without_a_url_and_nothing_found_it_says_how_to_go_on(gateway, capsys):
    assert run(["models"]) == 2
    assert "multillama demo" in capsys.readouterr().err


def test_a_key_that_is_missing_is_wrong_usage(capsys):
    assert run(["models", "--url", "http://a.example/"]) == 2
    assert "Number of keys must match number of URLs" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_who_is_waited_for_is_told_beside_the_list(gateway, capsys, more):
    gateway.listed, gateway.waiting = Listed((UP,), ()), ("slow:1", "rude\x1b[2J")

    code = run(["models", *ENDPOINT, *more])

    out, err = capsys.readouterr()
    assert code == 0
    assert err.startswith("Waiting for slow:1, rude [2J ...\n")
    assert "Waiting" not in out
