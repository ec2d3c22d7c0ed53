import socket

import pytest

from multillama.app import listing
from multillama.app.listing import detect, list_models, look_at
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.first_look import FirstLook
from multillama.testing.server import ScriptedServer

KEY = "sk-canary-0123456789"


def settings_for(*urls):
    return Settings(port=0, endpoints=tuple(EndpointSetting(url=url, key=KEY) for url in urls))


def test_all_models_of_all_endpoints_are_listed_once():
    with ScriptedServer(models=["m1", "m2"]) as one, ScriptedServer(models=["m2"]) as two:
        listed = list_models(settings_for(one.url, two.url), on_waiting=pytest.fail)

    assert [report.models for report in listed.endpoints] == [2, 1]
    assert [(model, len(endpoints)) for model, endpoints in listed.models] == [("m1", 1), ("m2", 2)]


def test_who_hangs_is_named_and_given_up_while_the_others_are_listed(monkeypatch):
    monkeypatch.setattr(listing, "SILENT_ROUND_S", 0.05)
    monkeypatch.setattr(listing, "LISTING_SILENCE_S", 0.3)
    waited_for = []

    with socket.create_server(("127.0.0.1", 0)) as mute, ScriptedServer(models=["m1"]) as server:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        listed = list_models(settings_for(url, server.url), on_waiting=waited_for.append)

    silent, quick = listed.endpoints
    assert waited_for == [(silent.name,)]
    assert silent.error == "It did not begin to answer within 0.3 s."
    assert (quick.error, [model for model, _ in listed.models]) == (None, ["m1"])


def test_keys_in_variables_are_found():
    found = detect({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})

    assert EndpointSetting(url="http://127.0.0.1:9/v1", key=KEY) in found.endpoints
    assert any("OPENAI_API_KEY" in line for line in found.lines)
    assert not any(KEY in line for line in found.lines)


def test_models_that_the_file_excludes_are_not_listed():
    with ScriptedServer(models=["m1", "m2"]) as server:
        endpoint = EndpointSetting(url=server.url, exclude=("*1",))
        listed = list_models(Settings(port=0, endpoints=(endpoint,)), on_waiting=pytest.fail)

    assert [model for model, _ in listed.models] == ["m2"]
    assert [report.models for report in listed.endpoints] == [1]


def test_an_endpoint_is_looked_at_before_it_is_used():
    with ScriptedServer(models=["m1"]) as server:
        there = look_at(EndpointSetting(url=server.url))
    gone = look_at(EndpointSetting(url=server.url))

    assert there == FirstLook("OpenAI-compatible with 1 model", is_listed=True)
    assert (gone.is_reached, gone.is_listed, gone.wants_key) == (False, False, False)


def test_an_endpoint_that_hangs_is_looked_at_in_bounded_time(monkeypatch):
    monkeypatch.setattr(listing, "LOOK_S", 0.2)

    with socket.create_server(("127.0.0.1", 0)) as mute:
        found = look_at(EndpointSetting(url=f"http://127.0.0.1:{mute.getsockname()[1]}"))

    assert (found.is_reached, found.is_listed) == (False, False)
    assert "did not list its models" in found.text
