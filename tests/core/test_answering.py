import json
import weakref

import msgspec
import pytest

from multillama.core.answering import (
    ChatTranslator,
    Told,
    WholeTranslator,
    count_translator,
    embed_translator,
)
from multillama.core.canonical import Embed, Fault, Request, Usage
from multillama.core.carrier import unseal
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken
from multillama.core.lowering import Lowering
from multillama.core.translate import Asking, Bound, CountWay, EmbedWay, Translated, Way
from multillama.errors import GatewayError
from tests.core.toy_dialect import ToyReader, told, toy, toy_count, toy_embed

WAY = Way(toy(), toy("toy.b", "other"), "op")
BOUND = Bound("their-m", "prov", True)


def translator(*, stream, lowering=None, target=None):
    asking = Asking("public", stream, "id", 5.0, b"secret")
    way = WAY if target is None else msgspec.structs.replace(WAY, target=target)
    return ChatTranslator(
        way, Translated(b"", Request("public"), lowering or Lowering(), (), stream), BOUND, asking
    )


def fed(one, text):
    return told(one.feed(text.encode(), is_last=False))


def test_a_stream_is_translated_as_it_comes():
    one = translator(stream=True)

    kind = one.begin(is_stream=True)
    first = fed(one, "start\nopen text 0\nsay 0 he")
    then = fed(one, "llo\nclose 0\nfinish\nusage 7\n")
    last = told(one.feed(b"end\n", is_last=True))

    assert (kind, one.streams) == (b"text/event-stream", True)
    assert (first, then, last) == (
        "Start | Open Text",
        "Delta hello | Close | Finish | Count",
        "End",
    )
    assert one.usage == Usage(input_tokens=1, output_tokens=7)


def test_what_follows_the_end_is_nothing():
    one = translator(stream=True)
    one.begin(is_stream=True)

    assert fed(one, "end\n") == "End"
    assert one.feed(b"say 0 x\n", is_last=True) == b""


def test_a_stream_that_only_its_end_completes_is_whole():
    one = translator(stream=True)
    one.begin(is_stream=True)

    assert told(one.feed(b"end", is_last=True)) == "End"


def test_a_stream_without_its_end_is_cut():
    one = translator(stream=True)
    one.begin(is_stream=True)

    said = told(one.feed(b"start\n", is_last=True))

    assert (said, one.failure.kind) == ("Start", "endpoint_truncated")


def test_half_an_event_says_nothing_yet():
    one = translator(stream=True)
    one.begin(is_stream=True)

    assert fed(one, "sta") == ""


def test_an_error_inside_the_stream_is_told_and_ends_it():
    one = translator(stream=True)
    one.begin(is_stream=True)

    assert fed(one, "start\nbroken\n") == "Start | Broken"
    assert one.feed(b"", is_last=True) == b""


@pytest.mark.parametrize("stream", [True, False])
def test_bytes_that_are_no_event_are_the_endpoints_fault(stream):
    one = translator(stream=stream)
    one.begin(is_stream=True)

    with pytest.raises(GatewayError) as caught:
        fed(one, "nonsense\n")

    assert caught.value.kind == "endpoint_malformed"


def test_signatures_leave_sealed():
    one = translator(stream=True)
    one.begin(is_stream=True)

    said = fed(one, "open reasoning 0\nsign 0 raw\nclose 0\nopen signed 1\n")

    carrier = said.split(" | ")[1].removeprefix("Sign ")
    assert unseal(carrier, origin="prov/their-m", key=b"secret") == ("raw", False)


def test_nothing_is_lost_of_an_answer_that_was_not_begun():
    assert translator(stream=True).lost == ()


def test_lowered_tools_are_lifted_in_a_stream():
    one = translator(stream=True, lowering=Lowering(frozenset({"p"})))
    one.begin(is_stream=True)

    assert (
        fed(one, 'open call 0 p\nsay 0 {"input":"x"}\nclose 0\n')
        == "Open ToolCall:p | Delta x | Close"
    )


def test_an_answer_is_translated_when_it_is_whole():
    one = translator(stream=False, lowering=Lowering(frozenset({"p"})))
    body = json.dumps({"in": 3, "parts": [
        {"kind": "text", "text": "hi"}, {"kind": "call", "id": "c", "name": "p", "arguments": '{"input":"x"}'},
        {"kind": "reasoning", "text": "hm"}, {"kind": "reasoning", "text": "", "signature": "raw"},
    ]}).encode()  # fmt: skip

    kind = one.begin(is_stream=False)
    first = one.feed(body[:9], is_last=False)
    answer = json.loads(one.feed(body[9:], is_last=True))

    assert (kind, one.streams, first, answer["model"], one.usage) == (
        b"application/json",
        False,
        b"",
        "public",
        Usage(input_tokens=3),
    )
    assert answer["parts"][:3] == [["text", "hi"], ["call", "p", "x"], ["reasoning", "hm", None]]
    assert unseal(answer["parts"][3][2], origin="prov/their-m", key=b"secret") == ("raw", False)


def test_parts_pass_where_nothing_was_lowered():
    one = translator(stream=False)
    one.begin(is_stream=False)

    answer = json.loads(one.feed(b'{"parts":[{"kind":"text","text":"hi"}]}', is_last=True))

    assert answer["parts"] == [["text", "hi"]]


def test_a_stream_is_joined_for_a_client_that_wants_none():
    one = translator(stream=False)
    one.begin(is_stream=True)

    assert fed(one, "start\nopen text 0\nsay 0 hi\nclose 0\nfinish\n") == ""
    assert json.loads(one.feed(b"end\n", is_last=True))["parts"] == [["text", "hi"]]


def test_a_joined_stream_may_end_at_its_end():
    one = translator(stream=False)
    one.begin(is_stream=True)
    fed(one, "start\nopen text 0\nclose 0\nfinish\nend\n")

    assert json.loads(one.feed(b"", is_last=True))["parts"] == [["text", ""]]


def test_a_joined_stream_that_is_not_whole_is_no_answer():
    one = translator(stream=False)
    one.begin(is_stream=True)
    fed(one, "start\n")

    with pytest.raises(GatewayError) as caught:
        one.feed(b"", is_last=True)

    assert caught.value.kind == "endpoint_truncated"


def test_an_error_in_a_joined_stream_is_told_at_once_with_the_status_that_it_means():
    one = translator(stream=False)
    one.begin(is_stream=True)

    with pytest.raises(Told) as caught:
        fed(one, "start\nbroken 529\n")

    assert (caught.value.status, caught.value.retry_after_s) == (529, 3.0)
    assert json.loads(caught.value.body) == {"fault": "it broke", "status": 529}


def test_an_error_that_only_the_end_of_a_joined_stream_completes_is_told_too(monkeypatch):
    monkeypatch.setattr(ToyReader, "end", lambda _: [Broken(Fault(429, "slow down"))])
    one = translator(stream=False)
    one.begin(is_stream=True)
    fed(one, "start\n")

    with pytest.raises(Told) as caught:
        one.feed(b"", is_last=True)

    assert caught.value.status == 429


def test_a_whole_answer_becomes_a_stream_for_a_client_that_wants_one():
    one = translator(stream=True)

    kind = one.begin(is_stream=False)
    data = one.feed(b'{"parts":[{"kind":"text","text":"hi"}]}', is_last=True)

    assert (kind, one.streams) == (b"text/event-stream", False)
    assert told(data) == "Start | Open Text | Delta hi | Close | Finish | End"


@pytest.mark.parametrize("stream", [True, False])
def test_a_stream_whose_event_never_ends_is_not_kept(stream, monkeypatch):
    monkeypatch.setattr("multillama.core.answering.MAX_BYTES", 30)
    one = translator(stream=stream)
    one.begin(is_stream=True)
    one.feed(b"x" * 30, is_last=False)

    with pytest.raises(GatewayError, match="too long"):
        one.feed(b"x", is_last=False)


def refusing(_):
    raise Misfit("parts", "must be a list")


DEAF = msgspec.structs.replace(toy("toy.b", "other"), read_answer=refusing)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [b'{"error":"slow down"}', b'[{"error":{"message":"slow down"}}]'])
def test_an_error_in_an_answers_place_is_told_with_the_status_that_it_means(stream, body):
    target = msgspec.structs.replace(
        DEAF,
        read_fault=lambda status, _: Fault({200: 429}[status], "slow", retry_after_s=3.0),
    )
    one = translator(stream=stream, target=target)
    one.begin(is_stream=False)

    with pytest.raises(Told) as caught:
        one.feed(body, is_last=True)

    assert (caught.value.status, caught.value.retry_after_s) == (429, 3.0)
    assert json.loads(caught.value.body) == {"fault": "slow", "status": 429}
    assert caught.value.said == body


@pytest.mark.parametrize("body", [b"{}", b'{"error":null}', b"[]", b'"error"', b"error"])
def test_what_is_neither_an_answer_nor_an_error_is_malformed(body):
    one = translator(stream=False, target=DEAF)
    one.begin(is_stream=False)

    with pytest.raises(GatewayError) as caught:
        one.feed(body, is_last=True)

    assert (caught.value.kind, caught.value.text) == (
        "endpoint_malformed",
        "sent an answer that cannot be translated: parts must be a list",
    )


def test_an_answer_too_long_to_be_translated_is_not_kept(monkeypatch):
    monkeypatch.setattr("multillama.core.answering.MAX_BYTES", 3)
    one = translator(stream=False)
    one.begin(is_stream=False)

    with pytest.raises(GatewayError, match="too long"):
        one.feed(b"1234", is_last=False)


def test_an_error_is_told_in_the_clients_words():
    body, retry_after_s = translator(stream=False).fault(429, b"slow down")

    assert (json.loads(body), retry_after_s) == ({"fault": "slow down", "status": 429}, None)


def test_an_error_tells_when_to_try_again():
    assert translator(stream=False).fault(429, b"later")[1] == 7.0


# embeddings and counts

EMBED = EmbedWay(toy_embed(), toy_embed("x"), "op")
COUNT = CountWay(toy_count(), toy_count("x"), "op")


def test_embeddings_are_translated_with_the_public_name():
    one = embed_translator(EMBED, Embed("public"))

    kind = one.begin(is_stream=False)
    first = one.feed(b'{"vectors":[[1.0]],', is_last=False)
    answer = json.loads(one.feed(b'"in":4}', is_last=True))

    assert (kind, first, answer) == (
        b"application/json",
        b"",
        {"model": "public", "vectors": [[1.0]]},
    )
    assert one.usage == Usage(input_tokens=4, output_tokens=0)


def test_embeddings_without_a_count_have_no_usage():
    one = embed_translator(EMBED, Embed("public"))

    one.feed(b'{"vectors":[]}', is_last=True)

    assert one.usage is None


def test_a_count_is_translated():
    assert count_translator(COUNT).feed(b'{"n":5}', is_last=True) == b'{"tokens": 5}'


@pytest.mark.parametrize("one", [embed_translator(EMBED, Embed("m")), count_translator(COUNT)])
def test_errors_of_embeddings_and_counts_are_told_in_the_clients_words(one):
    assert json.loads(one.fault(500, b"no")[0]) == {"fault": "no", "status": 500}


@pytest.mark.parametrize("one", [embed_translator(EMBED, Embed("m")), count_translator(COUNT)])
def test_an_error_in_the_place_of_embeddings_or_of_a_count_is_an_error_answer(one):
    with pytest.raises(Told) as caught:
        one.feed(b'[{"error":"no"}]', is_last=True)

    assert json.loads(caught.value.body)["fault"] == '[{"error":"no"}]'


@pytest.mark.parametrize("one", [embed_translator(EMBED, Embed("m")), count_translator(COUNT)])
def test_embeddings_and_counts_that_are_not_understood_are_the_endpoints_fault(one):
    with pytest.raises(GatewayError) as caught:
        one.feed(b"{", is_last=True)

    assert caught.value.kind == "endpoint_malformed"


def test_nothing_endless_is_kept(monkeypatch):
    monkeypatch.setattr("multillama.core.answering.MAX_BYTES", 3)
    one = WholeTranslator(COUNT, lambda body: (body, None))

    with pytest.raises(GatewayError, match="too long"):
        one.feed(b"1234", is_last=False)


def test_what_of_an_answer_the_client_could_not_be_told_is_known():
    def write_answer(answer, reply):
        reply.losses.drop("logprobs")
        return b"{}"

    way = Way(msgspec.structs.replace(toy(), write_answer=write_answer), toy("toy.b"), "op")
    asking = Asking("public", False, "id", 5.0, b"secret")
    one = ChatTranslator(
        way, Translated(b"", Request("public"), Lowering(), (), False), BOUND, asking
    )
    one.begin(is_stream=False)

    before = one.lost
    one.feed(b"{}", is_last=True)

    assert (before, one.lost) == ((), ("logprobs",))


@pytest.mark.parametrize("of_client", [False, True])
@pytest.mark.parametrize("of_endpoint", [False, True])
def test_one_that_is_let_go_is_freed_without_the_garbage_collector(of_client, of_endpoint):
    one = translator(stream=of_client)
    one.begin(is_stream=of_endpoint)
    seen = weakref.ref(one)

    del one

    assert seen() is None
