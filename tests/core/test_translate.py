import json

import msgspec
import pytest

from multillama.core.bounds import Bounds, Range
from multillama.core.canonical import Message, Reasoning, Request, Text, ToolCall, ToolResult
from multillama.core.carrier import seal
from multillama.core.translate import (
    Asking,
    Bound,
    CountWay,
    EmbedWay,
    Way,
    in_plain_words,
    name_results,
    translate,
    translate_count,
    translate_embed,
    understand,
    with_signatures,
)  # fmt: skip
from multillama.errors import GatewayError
from tests.core.toy_dialect import read_request, toy, toy_count, toy_embed

WAY = Way(toy(names={"seed": "options.seed"}), toy("toy.b", "other"), "op")
SAME = Way(toy(), toy(), "op")
BOUND = Bound("their-m", "prov", True)
ASKING = Asking("public", True, "id", 5.0, b"secret")
LONG = "s" * 120


def sent(asked, way=WAY, bound=BOUND):
    return translate(json.dumps(asked).encode(), way, bound, ASKING)


def parts_of(asked, way=WAY, bound=BOUND):
    return json.loads(sent(asked, way, bound).body)["parts"]


def test_a_request_is_written_in_the_targets_words_under_its_own_name():
    told = sent({"messages": [["user", [{"kind": "text", "text": "hi"}]]], "max_tokens": 5})

    assert json.loads(told.body) == {
        "model": "their-m", "stream": True, "max_tokens": 5, "parts": [["text", "hi"]], "tools": [],
    }  # fmt: skip
    assert (told.request.model, told.request.stream, told.stream, told.dropped) == (
        "public",
        True,
        True,
        (),
    )


def test_the_name_of_a_way_tells_both_dialects():
    ways = (
        WAY,
        EmbedWay(toy_embed(), toy_embed("x"), "op"),
        CountWay(toy_count(), toy_count("y"), "op"),
    )

    names = [way.name for way in ways]

    assert names == ["toy.a->toy.b", "toy.embed->x", "toy.a->y"]


def test_what_the_target_cannot_be_told_is_named_in_the_clients_words():
    told = sent(
        {
            "top_k": 3,
            "seed": 1,
            "extras": {"odd": 1},
            "messages": [["user", [{"kind": "text", "text": "picture"}]]],
        }
    )

    assert told.dropped == ("top_k", "options.seed", "odd", "image")


def test_extras_are_no_loss_for_a_target_of_the_same_family():
    assert sent({"extras": {"odd": 1}}, SAME).dropped == ()


def test_a_target_that_must_be_told_all_is_not_asked():
    with pytest.raises(GatewayError) as caught:
        sent({"top_k": 3}, bound=Bound("m", "prov", False))

    assert (caught.value.kind, caught.value.param) == ("not_translatable", "top_k")
    assert "toy.a->toy.b" in caught.value.text


@pytest.mark.parametrize(
    "nothing",
    [
        {"n": 1},
        {"presence_penalty": 0.0},
        {"logit_bias": {}},
        {"store": False},
        {"logprobs": False},
    ],
)
def test_what_is_done_unasked_is_no_loss(nothing):
    assert sent(nothing, bound=Bound("m", "prov", False)).dropped == ()


def test_a_hint_that_cannot_be_told_is_named_and_refuses_nothing():
    assert sent({"user": "me"}, bound=Bound("m", "prov", False)).dropped == ("user",)


FOUND = {"kind": "foreign", "type": "search_result", "value": {}, "words": "found"}
RESULT = {"kind": "result", "call": "c", "parts": [FOUND, {"kind": "text", "text": "so"}]}


def test_what_another_family_does_not_understand_is_told_in_words():
    parts = parts_of({"messages": [["user", [FOUND, {"kind": "text", "text": "ho"}]]]})

    assert parts == [["text", "found"], ["text", "ho"]]


def test_what_stands_inside_a_tools_result_is_told_in_words_too():
    assert parts_of({"messages": [["tool", [RESULT]]]}) == [
        ["result", "c", [["text", "found"], ["text", "so"]]]
    ]


def test_its_own_family_gets_a_part_as_it_came():
    assert parts_of({"messages": [["user", [FOUND]]]}, SAME) == [["foreign", "search_result"]]


def test_a_request_that_is_not_understood_is_the_clients_fault():
    with pytest.raises(GatewayError) as caught:
        sent({"bad": 1})

    assert (caught.value.kind, caught.value.param, caught.value.text) == (
        "bad_request",
        "bad",
        "bad must not be.",
    )


def test_a_body_that_is_no_json_names_no_member():
    with pytest.raises(GatewayError) as caught:
        understand(read_request, b"{")

    assert (caught.value.kind, caught.value.param) == ("bad_request", None)


def test_what_cannot_be_written_at_all_is_told_with_its_member():
    with pytest.raises(GatewayError) as caught:
        sent({"seed": 13}, SAME)

    assert (caught.value.kind, caught.value.param) == ("not_translatable", "seed")


def test_custom_tools_become_functions_but_for_who_knows_them():
    asked = {"tools": [{"name": "patch", "is_custom": True}]}

    lowered = json.loads(sent(asked).body)["tools"]
    kept = json.loads(sent(asked, bound=Bound("m", "openai", True)).body)["tools"]

    assert (lowered, kept) == ([["patch", False]], [["patch", True]])


def test_a_result_takes_the_name_of_its_call():
    request = Request("m", [
        Message("assistant", [ToolCall("c1", "look")]),
        Message("tool", [ToolResult("c1"), ToolResult("c2"), ToolResult("c1", name="own")]),
    ])  # fmt: skip

    name_results(request)

    assert [part.name for part in request.messages[1].parts] == ["look", None, "own"]


def test_the_result_of_a_custom_tool_is_one():
    request = Request("m", [
        Message("assistant", [ToolCall("c", "patch", "x", is_custom=True), ToolCall("d", "f")]),
        Message("tool", [ToolResult("c"), ToolResult("d")]),
    ])  # fmt: skip

    name_results(request)

    assert [part.is_custom for part in request.messages[1].parts] == [True, False]


# signatures


def reasoning(signature, text="hm", **more):
    return {
        "messages": [
            ["assistant", [{"kind": "reasoning", "text": text, "signature": signature, **more}]]
        ]
    }


def test_a_signature_of_another_dialect_is_left_out_and_its_text_stays():
    assert parts_of(reasoning("theirs")) == [["reasoning", "hm", None]]


def test_what_is_said_beside_it_stays_as_it_is():
    thought = {"kind": "reasoning", "text": "", "signature": "theirs", "is_redacted": True}
    asked = {"messages": [["assistant", [thought, {"kind": "text", "text": "ho"}]]]}

    assert parts_of(asked) == [["text", "ho"]]


def test_a_signature_alone_that_is_worth_nothing_there_is_left_out_whole():
    assert parts_of(reasoning("theirs", text="", is_redacted=True)) == []


def test_a_carrier_is_opened_for_its_origin_only():
    carrier = seal("inner", origin="prov/their-m", key=b"secret")

    opened = parts_of(reasoning(carrier))
    elsewhere = parts_of(reasoning(carrier), bound=Bound("other-m", "prov", True))

    assert (opened, elsewhere) == ([["reasoning", "hm", "inner"]], [["reasoning", "hm", None]])


def test_a_carrier_tells_that_a_thought_was_redacted_where_the_client_has_lost_that():
    carrier = seal("inner", origin="prov/their-m", key=b"secret", is_redacted=True)
    request = Request("m", [Message("assistant", [Reasoning("", carrier)])])

    told = with_signatures(request, toy(), toy("toy.b"), bound=BOUND, key=b"secret")

    assert told.messages[0].parts == [Reasoning("", "inner", is_redacted=True)]


def test_thoughts_without_a_signature_stay_as_they_are():
    request = Request("m", [Message("assistant", [Reasoning("hm")])])

    told = with_signatures(request, toy(), toy("toy.b"), bound=BOUND, key=b"secret")

    assert told is request


def test_results_that_every_family_understands_stay_as_they_are():
    request = Request("m", [Message("tool", [ToolResult("c", [Text("sunny")])])])

    assert in_plain_words(request) is request


def test_a_bare_signature_goes_back_to_its_own_dialect():
    assert parts_of(reasoning("theirs"), SAME) == [["reasoning", "hm", "theirs"]]


def test_a_carrier_is_opened_within_one_dialect_too():
    carrier = seal("inner", origin="prov/their-m", key=b"secret")

    assert parts_of(reasoning(carrier), SAME) == [["reasoning", "hm", "inner"]]


@pytest.mark.parametrize(("signature", "passes"), [(LONG, True), ("3fa85f64", False)])
def test_claude_gets_no_signature_that_it_cannot_have_made(signature, passes):
    parts = parts_of(reasoning(signature), SAME, Bound("m", "anthropic", True))

    assert parts == [["reasoning", "hm", signature if passes else None]]


def test_what_claude_has_redacted_is_its_own_however_short():
    parts = parts_of(reasoning("x", text="", is_redacted=True), SAME, Bound("m", "anthropic", True))

    assert parts == [["reasoning", "", "x"]]


# embeddings and counts

EMBED = EmbedWay(toy_embed(), toy_embed("toy.other", "other"), "op")


def test_a_request_for_embeddings_is_translated():
    body, embed, dropped = translate_embed(
        b'{"inputs":["a"],"dimensions":2,"extras":{"odd":1}}', EMBED, BOUND, ASKING
    )

    assert json.loads(body) == {"model": "their-m", "inputs": ["a"]}
    assert (embed.model, dropped) == ("public", ("dimensions", "odd"))


def test_embeddings_lose_nothing_where_the_target_says_it():
    way = EmbedWay(toy_embed(), toy_embed("x", says=("dimensions",)), "op")

    _, _, dropped = translate_embed(
        b'{"inputs":["a"],"dimensions":2,"extras":{"odd":1}}', way, BOUND, ASKING
    )

    assert dropped == ()


def test_embeddings_that_cannot_be_told_whole_are_refused_where_nothing_may_be_dropped():
    with pytest.raises(GatewayError, match="dimensions"):
        translate_embed(b'{"inputs":["a"],"dimensions":2}', EMBED, Bound("m", "p", False), ASKING)


def test_embeddings_that_cannot_be_written_are_told():
    with pytest.raises(GatewayError) as caught:
        translate_embed(b'{"inputs":["a"],"dimensions":13}', EMBED, BOUND, ASKING)

    assert caught.value.kind == "not_translatable"


def test_a_count_is_asked_for_in_the_targets_words():
    way = CountWay(toy_count(), toy_count("toy.b"), "op")

    body = translate_count(
        b'{"messages":[["user",[{"kind":"text","text":"hi"}]]]}', way, BOUND, ASKING
    )

    assert json.loads(body)["parts"] == [["text", "hi"]]


def test_a_count_is_of_what_the_target_would_be_told():
    way = CountWay(toy_count(), toy_count("toy.b", family="other"), "op")

    body = translate_count(
        json.dumps({"messages": [["user", [FOUND]]], "tools": [{"name": "a.b"}]}).encode(),
        way, BOUND, ASKING,
    )  # fmt: skip

    assert json.loads(body)["parts"] == [["text", "found"]]
    assert json.loads(body)["tools"] == [["a_b", False]]


def test_a_count_that_cannot_be_written_is_told():
    with pytest.raises(GatewayError) as caught:
        translate_count(
            b'{"seed":13}', CountWay(toy_count(), toy_count("toy.b"), "op"), BOUND, ASKING
        )

    assert caught.value.kind == "not_translatable"


def test_what_asks_nothing_of_a_model_is_answered_at_once():
    def answer_here(request, at):
        return b"loaded at %d" % at if not request.messages else None

    source = msgspec.structs.replace(toy(), answer_here=answer_here)

    told = [
        sent(asked, Way(source, toy("toy.b"), "op")) for asked in ({}, {"messages": [["user", []]]})
    ]

    assert [(one.answer, bool(one.body)) for one in told] == [(b"loaded at 5", False), (None, True)]


@pytest.mark.parametrize("must", [True, False])
def test_an_endpoint_is_asked_for_a_stream_where_an_answer_may_take_too_long(must):
    target = msgspec.structs.replace(toy("toy.b"), must_stream=lambda request, goal: must)

    told = translate(
        b"{}", Way(toy(), target, "op"), BOUND, Asking("public", False, "id", 5.0, b"")
    )

    assert (told.stream, json.loads(told.body)["stream"]) == (must, must)


def test_what_clients_say_to_their_own_servers_only_is_taken_out():
    def tidy(request, goal):
        request.max_tokens = None if goal.provider == "other" else request.max_tokens

    source = msgspec.structs.replace(toy(), tidy=tidy)
    way = Way(source, toy("toy.b"), "op")
    asking = Asking("public", False, "id", 5.0, b"")

    kept, taken = (
        json.loads(translate(b'{"max_tokens":7}', way, Bound("m", provider, True), asking).body)
        for provider in ("own", "other")
    )

    assert (kept["max_tokens"], taken["max_tokens"]) == (7, None)


def test_what_the_endpoint_would_refuse_is_brought_within_its_bounds_and_named():
    way = msgspec.structs.replace(WAY, bounds=Bounds({"max_tokens": Range(16)}))

    told = sent({"messages": [], "max_tokens": 1}, way)

    assert (json.loads(told.body)["max_tokens"], told.dropped) == (16, ("max_tokens",))
    assert told.request.max_tokens == 1
