"""How an attempt begins: byte for byte, or as a translation."""

import json

from multillama.core.operations import BY_NAME
from multillama.core.translate import Detour, Way
from multillama.dialects.anthropic_messages.billing import without_billing
from tests.core.samples import endpoint
from tests.core.toy_dialect import toy
from tests.dataplane.stage import Stage, post

CLEANING = {"messages": Way(toy("anthropic.messages"), toy("anthropic.messages"), "messages")}


def sent(body, *, target=b"/v1/messages", **facts):
    stage = Stage(endpoint("here", **facts))
    stage.client().send(post(body, target=target))
    return stage.connect().sent


def test_what_needs_no_translation_goes_byte_for_byte():
    body = b'{"model" : "m1", "x": 1.0e+2}'

    assert sent(body, cleaning=CLEANING).endswith(b"\r\n\r\n" + body)


def test_what_others_have_signed_is_taken_out_on_the_way_to_the_same_dialect():
    thought = {"kind": "reasoning", "text": "hm", "signature": "mlsig1-AAAA"}
    body = {"model": "m1", "messages": [["assistant", [thought]]]}

    told = sent(body, cleaning=CLEANING)

    assert json.loads(told.partition(b"\r\n\r\n")[2])["parts"] == [["reasoning", "hm", None]]


DETOURS = {
    "messages": Detour(
        lambda body: b"schema" in body, Way(toy("anthropic.messages"), toy("openai.chat"), "chat")
    )
}


def test_what_the_endpoint_would_ignore_is_asked_for_in_another_dialect():
    told = sent(b'{"model":"m1","messages":[],"x":"schema"}', detours=DETOURS, cleaning=CLEANING)

    assert told.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")


def test_a_request_that_does_not_ask_for_it_goes_byte_for_byte():
    body = b'{"model" : "m1", "x": 1.0e+2}'

    told = sent(body, detours=DETOURS)

    assert told.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert told.endswith(b"\r\n\r\n" + body)


def test_a_path_that_names_the_model_goes_out_with_the_endpoints_own_name():
    paths = {name: f"/v1beta{row.path}".encode() for name, row in BY_NAME.items()}

    told = sent(b'{"contents":[]}', target=b"/v1/models/m1:generateContent", paths=paths)

    assert told.startswith(b"POST /v1beta/models/m1:generateContent HTTP/1.1\r\n")
    assert told.endswith(b'{"contents":[]}')


def test_what_would_only_harm_there_is_taken_out_of_a_body_that_passes():
    stage = Stage(endpoint("here", tidying={"messages": lambda body: body.replace(b"cch", b"")}))
    stage.client().send(post(b'{"model" : "m1", "system": "cch"}', target=b"/v1/messages"))

    transport = stage.connect()

    assert transport.sent.endswith(b'\r\n\r\n{"model" : "m1", "system": ""}')
    assert b"content-length: 30\r\n" in transport.sent.lower()


def test_a_body_with_nothing_of_it_stays_as_it_is():
    body = b'{"model" : "m1", "x": 1.0e+2}'

    told = sent(body, tidying={"messages": without_billing})

    assert told.endswith(b"\r\n\r\n" + body)
