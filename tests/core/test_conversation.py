"""Requests that go on from a stored response, and responses on their way into the store."""

import json

import pytest
from hypothesis import given, strategies as st

from multillama.core.conversation import Turn, read_turn, response_in, shown_item, stored_from
from multillama.core.stored_responses import Item, ResponseStore, StoreLimits
from multillama.errors import GatewayError

HI = b'{"role":"user","content":"Hi"}'
SAID = b'{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text": "Ho"}]}'
RESPONSE = (
    b'{"id":"resp_1","object":"response","status":"completed","output":[%b],"x": 1.50}' % SAID
)


@pytest.fixture
def store():
    return ResponseStore(StoreLimits(responses=10, bytes=1_000_000, age_s=100.0))


def turn(body, store, owner=b"k"):
    return read_turn(body, store, owner, now=1.0)


def kept(store, body, response=RESPONSE, owner=b"k"):
    """Asks, and stores what came back."""
    stored = stored_from(response, turn(body, store, owner))
    assert stored is not None
    store.put(owner, stored, now=1.0)
    return stored


def asking(**members):
    return json.dumps({"model": "m"} | members).encode()


def test_a_request_that_refers_to_nothing_stays_as_it_is(store):
    body = b'{ "model":"m", "input":[%b] , "top_p":0.10}' % HI

    assert turn(body, store) == Turn(body, (HI,), (), None, None, True, False)


def test_the_conversation_before_is_put_before_the_input_with_the_bytes_of_all_items(store):
    kept(store, b'{"input":[%b]}' % HI)

    asked = turn(
        b'{"input":[{"role":"user","content": "And?"}],"n":1.0,"previous_response_id":"resp_1"}',
        store,
    )

    assert asked.body == b'{"input":[%b,%b,{"role":"user","content": "And?"}],"n":1.0}' % (HI, SAID)
    assert (asked.previous, asked.missing) == ("resp_1", None)


def test_a_text_is_a_message_behind_the_conversation(store):
    kept(store, b'{"input":"Hi"}')

    asked = turn(asking(input="And?", previous_response_id="resp_1"), store)

    texts = [item["content"][0]["text"] for item in json.loads(asked.body)["input"]]
    assert texts == ["Hi", "Ho", "And?"]


def test_a_conversation_may_go_on_without_any_input(store):
    kept(store, b'{"input":[%b]}' % HI)

    asked = turn(asking(previous_response_id="resp_1"), store)

    assert json.loads(asked.body) == {"model": "m", "input": [json.loads(HI), json.loads(SAID)]}


def test_instructions_are_not_inherited(store):
    kept(store, asking(input="Hi", instructions="Rhyme."))

    asked = turn(asking(input="And?", previous_response_id="resp_1"), store)

    assert "instructions" not in json.loads(asked.body)


def test_a_conversation_of_three_turns_is_told_whole(store):
    kept(store, b'{"input":[%b]}' % HI)
    second = b'{"id":"resp_2","status":"incomplete","output":[]}'
    kept(
        store, b'{"input":[{"role":"user","content":"2"}],"previous_response_id":"resp_1"}', second
    )

    asked = turn(
        b'{"input":[{"role":"user","content":"3"}],"previous_response_id":"resp_2"}', store
    )

    assert [json.loads(item)["content"] for item in asked.input] == [
        "Hi",
        [{"type": "output_text", "text": "Ho"}],
        "2",
        "3",
    ]


def test_a_reference_to_an_item_is_the_item(store):
    kept(store, b'{"input":[%b]}' % HI)

    asked = turn(b'{"input":[{"type":"item_reference","id":"msg_1"},{"id":"msg_1"}]}', store)

    assert asked.body == b'{"input":[%b,%b]}' % (SAID, SAID)


def test_what_was_given_without_an_id_can_be_referred_to_by_the_id_it_got(store):
    first = kept(store, b'{"input":[%b]}' % HI)

    asked = turn(asking(input=[{"type": "item_reference", "id": first.input[0].id}]), store)

    assert asked.input == (HI,)


@pytest.mark.parametrize(
    ("members", "missing"),
    [
        ({"previous_response_id": "resp_2"}, "previous_response_id 'resp_2'"),
        ({"input": [{"type": "item_reference", "id": "msg_2"}]}, "the item 'msg_2'"),
        ({"input": [{"id": "msg_2"}]}, "the item 'msg_2'"),
        ({"previous_response_id": "resp_1", "input": [{"id": "msg_2"}]}, "the item 'msg_2'"),
    ],
)
def test_what_the_store_has_not_is_named_and_the_request_stays_as_it_is(store, members, missing):
    kept(store, b'{"input":[%b]}' % HI)
    body = asking(**members)

    asked = turn(body, store)

    assert (asked.body, asked.missing) == (body, missing)


def test_another_key_finds_nothing(store):
    kept(store, b'{"input":[%b]}' % HI)

    asked = turn(asking(previous_response_id="resp_1"), store, owner=b"other")

    assert asked.missing == "previous_response_id 'resp_1'"


@pytest.mark.parametrize(
    ("store_member", "is_to_store", "says"),
    [(None, True, False), (True, True, True), (False, False, False)],
)
def test_it_is_stored_unless_the_client_says_no(store, store_member, is_to_store, says):
    asked = turn(asking(store=store_member), store)

    assert (asked.is_to_store, asked.says_store) == (is_to_store, says)


def test_without_a_store_a_reference_is_missing():
    assert turn(asking(previous_response_id="r"), None).missing == "previous_response_id 'r'"
    assert turn(asking(input="previous_response_id"), None).missing is None


@pytest.mark.parametrize(
    "body", [b'{"previous_response_id":1}', b'{"store":"x"}', b"[" * 5000, b"\xff"]
)
def test_a_member_of_another_type_is_refused(store, body):
    with pytest.raises(GatewayError) as refused:
        turn(body, store)

    assert refused.value.kind == "bad_request"


MEMBERS = st.sampled_from(("id", "type", "role", "x"))
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner),
)


@given(VALUES)
def test_any_input_at_all_is_read_or_left_to_the_endpoint(value):
    store = ResponseStore(StoreLimits(responses=10, bytes=1_000_000, age_s=100.0))
    body = asking(input=value)

    asked = turn(body, store)

    assert asked.body == body


# what comes back


def test_the_stored_body_is_the_endpoints_but_for_what_only_the_gateway_knows(store):
    kept(store, b'{"input":[%b]}' % HI)
    second = RESPONSE.replace(b"resp_1", b"resp_2")

    stored = kept(store, asking(input="And?", previous_response_id="resp_1"), second)

    assert b'"x":1.50' in stored.body
    assert json.loads(stored.body) == json.loads(second) | {
        "store": True,
        "previous_response_id": "resp_1",
    }


@pytest.mark.parametrize(
    "response",
    [
        b'{"id":"r","status":"failed","output":[]}',
        b'{"id":"r","status":"in_progress","output":[]}',
        b'{"id":"","status":"completed","output":[]}',
        b'{"id":"r","status":"completed"}',
        b'{"error":{}}',
        b"no",
        b"\xff",
    ],
)
def test_what_is_no_response_or_is_not_over_is_not_stored(store, response):
    assert stored_from(response, turn(asking(input="Hi"), store)) is None


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
def test_the_last_event_of_a_stream_has_the_response(kind):
    event = b'{"type":"response.%b","response":{"id": "r"}}' % kind.encode()

    assert response_in(event) == b'{"id": "r"}'


@pytest.mark.parametrize(
    "event",
    [b'{"type":"response.created","response":{}}', b'{"type":"response.completed"}', b"[DONE]"],
)
def test_no_other_event_has_it(event):
    assert response_in(event) is None


def message(role, *content):
    return {
        "id": "i1",
        "role": role,
        "type": "message",
        "status": "completed",
        "content": list(content),
    }


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (HI, message("user", {"type": "input_text", "text": "Hi"})),
        (
            b'{"role":"assistant","content":"Ho"}',
            message("assistant", {"type": "output_text", "annotations": [], "text": "Ho"}),
        ),
        (SAID, json.loads(SAID) | {"id": "i1", "status": "completed"}),
        (b'{"type":"reasoning","x":1}', {"id": "i1", "type": "reasoning", "x": 1}),
        (b'{"role":"user"}', message("user")),
    ],
)
def test_a_list_shows_items_as_sdks_read_them(raw, shown):
    assert json.loads(shown_item(Item("i1", raw))) == shown


def test_a_list_shows_what_is_no_object_as_it_is():
    assert shown_item(Item("i1", b"7")) == b"7"
