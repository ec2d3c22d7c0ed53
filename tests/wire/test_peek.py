import json
import time

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.wire.peek import (
    MAX_STRETCHES,
    STRETCH_BYTES,
    WHOLE_BELOW_BYTES,
    View,
    edit_members,
    peek,
    replace_member,
    with_model,
)


def failure(body):
    with pytest.raises(GatewayError) as caught:
        peek(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "view"),
    [
        (b'{"model":"m1"}', View("m1")),
        (b' {"messages":[],"stream":true,"model":"m1"}\r\n', View("m1", stream=True)),
        (b'{"model":"m1","stream":false}', View("m1", stream=False)),
        (b'{"model":"m1","stream":null}', View("m1")),
        (b'{"model":"meta-llama/Llama-3.1-8B:free"}', View("meta-llama/Llama-3.1-8B:free")),
        (b'{"model":"\\u6a21\\u578b \\"x\\""}', View('模型 "x"')),
        (b'{"mod\\u0065l":"m1"}', View("m1")),
        (b'{"model":"m1","x":"\xe6\xa8\xa1"}', View("m1")),
        (b'{"tools":[{"model":"x"},{"model":"y"}],"model":"m1"}', View("m1")),
        (b'{"model":"m1","x":"\\"model\\":","y":"{\\"model\\":1","model2":3}', View("m1")),
        (b'{"model":"model","x":["model","model"],"y":"model"}', View("model")),
        (b'{"a":{"model":{"model":[{"model":1}]}},"model":"m1"}', View("m1")),
        (b'{"x":"}\\\\","model":"m1","y":{"model":2}}', View("m1")),
    ],
)  # fmt: skip
def test_routing_reads_the_model_and_whether_it_streams(body, view):
    assert peek(body) == view


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"hello", b"null", b"[]", b'"m1"', b"5", b"{", b'{"model":"m1"', b'{"model":"m1"}}',
        b'{"model":"m1",}', b"{'model':'m1'}", b'{"model":"m1"}{"model":"m2"}', b'{"model":"m1","x":01}',
        b'{"model":"m1","x":nul}', b'{"model":"m1","x":"\n"}', b'{"model":"m1","x":NaN}',
        b'\xef\xbb\xbf{"model":"m1"}', b'{"model":"\xff"}', b'{"model":"\\ud800"}', b'{"model":"\\x"}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"model":"m1"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_the_clients_fault(body):
    error = failure(body)

    assert (error.kind, error.status, error.param) == ("invalid_json", 400, None)
    assert error.text.startswith("The request body is not valid JSON for this operation: ")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":5}', "model"),
        (b'{"model":["m1"]}', "model"),
        (b'{"model":"m1","stream":"yes"}', "stream"),
        (b'{"model":"m1","stream":1}', "stream"),
    ],
)
def test_a_member_of_a_wrong_type_is_named(body, param):
    error = failure(body)

    assert (error.kind, error.param) == ("invalid_json", param)
    assert "Expected" in error.text


@pytest.mark.parametrize(
    "body", [b"{}", b'{"model":null}', b'{"model":""}', b'{"x":{"model":"m"}}']
)
def test_a_request_without_a_model_is_told_to_name_one(body):
    error = failure(body)

    assert (error.kind, error.status, error.param) == ("model_missing", 400, "model")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m1","model":"m2"}',
        b'{"model":"m1","model":"m1"}',
        b'{"model":"m1","x":[{"model":1}],"model" \t\r\n: "m2"}',
        b'{"x":"\\\\","model":"m1","y":"}\\"","model":"m2"}',
        b'{"model":"m1","mod\\u0065l":"m2"}',
    ],
)
def test_two_models_are_refused_because_two_readers_may_differ(body):
    error = failure(body)

    assert (error.kind, error.param) == ("invalid_json", "model")
    assert "twice" in error.text


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"x":{"model":1},"x":2,"model":"m1"}', "m1"),
        (b'{"model":"m1","x":"\\u0041"}', "m1"),
        (b'{"x":[{"model":1}],"model":"m1"}', "m1"),
    ],
)
def test_other_members_that_occur_twice_or_hold_escapes_do_no_harm(body, model):
    assert peek(body).model == model


def test_a_large_picture_beside_two_models_costs_milliseconds():
    body = b'{"model":"m1","x":{"model":1},"picture":"%b"}' % (b"A" * 8_000_000)
    started = time.process_time()

    view = peek(body)

    assert view.model == "m1"
    assert time.process_time() - started < 1  # 0.03 s here; a step for each byte took 2 s


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["model", 'a"b\\', "}", "[{"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3) | st.sampled_from(["model", "stream"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=5)
INDENTS = st.sampled_from([None, 0, 2])


@given(
    members=OBJECTS,
    model=st.text(min_size=1),
    stream=st.none() | st.booleans(),
    is_first=st.booleans(),
    indent=INDENTS,
    is_ascii=st.booleans(),
)
def test_peek_and_json_agree(members, model, stream, is_first, indent, is_ascii):
    named = {"model": model, "stream": stream}
    whole = named | {k: v for k, v in members.items() if k not in named}
    if not is_first:
        whole = dict(reversed(whole.items()))
    body = json.dumps(whole, indent=indent, ensure_ascii=is_ascii).encode()

    view = peek(body)

    assert view == View(model, stream)


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_view_or_the_clients_failure(body):
    try:
        view = peek(body)
    except GatewayError as error:
        assert error.kind in ("invalid_json", "model_missing")
    else:
        assert view.model


@given(
    st.lists(
        st.sampled_from([b"{", b"}", b'"', b"model", b'"model"', b":", b",", b'"m"', b"1", b"\\"])
    )
)
def test_pieces_of_json_in_any_order_give_a_view_or_the_clients_failure(pieces):
    try:
        view = peek(b'{"model":"m",' + b"".join(pieces))
    except GatewayError as error:
        assert error.kind in ("invalid_json", "model_missing")
    else:
        assert view.model


@pytest.mark.parametrize(
    ("body", "replaced"),
    [
        (b'{"model":"m1"}', b'{"model":"new"}'),
        (b' { "a" : 1.0e+2 , "model" : "m1" } ', b'{"a":1.0e+2,"model":"new"}'),
        (b'{"model":"m1","a":{ "model" : "x" }}', b'{"model":"new","a":{ "model" : "x" }}'),
        (b'{"mod\\u0065l":"m1","a":"\\u00e9\\/"}', b'{"model":"new","a":"\\u00e9\\/"}'),
        (b'{"a":12345678901234567890.10}', b'{"a":12345678901234567890.10,"model":"new"}'),
        (b'{"a":"\xff"}', b'{"a":"\xff","model":"new"}'),
        (b"{}", b'{"model":"new"}'),
    ],
)
def test_one_member_is_replaced_and_every_other_value_keeps_its_bytes(body, replaced):
    assert replace_member(body, "model", b'"new"') == replaced


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'{"\xff":1}', b'{"a":' + b"[" * 100_000]
)
def test_nothing_is_replaced_in_what_is_no_object(body):
    with pytest.raises(GatewayError) as caught:
        replace_member(body, "model", b'"new"')

    assert caught.value.kind == "invalid_json"


@given(members=OBJECTS, name=st.text(max_size=5), indent=INDENTS)
def test_a_replacement_changes_one_value_and_no_other_byte_of_a_value(members, name, indent):
    body = json.dumps(members, indent=indent, ensure_ascii=False).encode()
    raw = msgspec.json.Decoder(dict[str, msgspec.Raw])
    before = {key: bytes(value) for key, value in raw.decode(body).items()}

    after = raw.decode(replace_member(body, name, b'{"new":1}'))

    assert {key: bytes(value) for key, value in after.items()} == before | {name: b'{"new":1}'}
    assert list(after) == list(before | {name: b""})


LARGE = b'"' + b"x" * WHOLE_BELOW_BYTES + b'"'


@pytest.mark.parametrize(
    ("body", "view"),
    [
        (b'{"model":"m1","x":%b}', View("m1")),
        (b' { "model" : "m1" , "stream" : true , "x":%b}', View("m1", stream=True)),
        (b'{"model":"m1","stream":false,"x":%b}', View("m1", stream=False)),
        (b'{"model":"\xe6\xa8\xa1","x":%b}', View("模")),
        (b'{"model":"m1","x":%b,"tools":[{"model":"m2"}]}', View("m1")),
        (b'{"model":"m\\u0031","x":%b}', View("m1")),
        (b'{"x":%b,"model":"m1","stream":true}', View("m1", stream=True)),
    ],
)
def test_a_large_body_gives_the_same_as_a_small_one(body, view):
    assert peek(body % LARGE) == peek(body % b'""') == view


def test_of_a_large_body_that_begins_with_its_model_the_endpoint_judges_the_rest():
    assert peek(b'{"model":"m1","x":nul,"y":%b}' % LARGE) == View("m1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m1","x":%b,"model":"m2"}',
        b'{"model":"m1","x":%b,"\\u006dodel":"m2"}',
        b'{"model":"m1","x":%b,"y":"\\n","model":"m2"}',
        b'{"model":"m1","x":%b',
        b'{"model":"\xff","x":%b}',
        b'{"model":"m1" "x":%b}',
    ],
)
def test_a_large_body_with_a_doubtful_model_is_read_to_its_end(body):
    assert failure(body % LARGE).kind == "invalid_json"


@pytest.mark.parametrize("others", range(MAX_STRETCHES + 3))
def test_a_second_model_of_a_large_body_is_found_behind_any_number_of_texts(others):
    members = b"".join(b'"k%d":"%b",' % (n, b"v" * STRETCH_BYTES) for n in range(others))
    body = b'{"model":"m1",%b"x":%b,"model":"m2"}' % (members, LARGE)

    assert failure(body).kind == "invalid_json"


@pytest.mark.parametrize("shift", range(-8, 3))
def test_a_second_model_is_found_across_the_end_of_what_is_searched_at_once(shift):
    opening = b'{"model":"m1"'
    padding = b" " * (STRETCH_BYTES - len(b'",') + shift)
    body = b'%b,%b"model":"m2","x":%b}' % (opening, padding, LARGE)

    assert failure(body).kind == "invalid_json"


def test_a_body_that_is_not_utf_8_is_no_json():
    assert failure(b'{"model":"m1","x":"\xff"}').text == "The request body is not UTF-8."


def test_escapes_in_a_large_body_cost_no_walk():
    body = b'{"x":[%b1],"n":"\\u00e9\\u0064","model":"m1"}' % (b"{}," * 1_000_000)
    started = time.process_time()

    assert peek(body).model == "m1"

    assert time.process_time() - started < 0.5


def test_in_a_very_large_body_a_second_plain_model_is_refused_without_a_walk():
    body = b'{"x":%b,%b"model":"m1"}' % (LARGE, b'"model":"m2",' * 100_000)
    started = time.process_time()

    assert failure(body).kind == "invalid_json"

    assert time.process_time() - started < 0.5


def test_members_are_replaced_added_and_taken_away_and_every_other_value_keeps_its_bytes():
    body = b'{"a": 1.50, "b":2, "c": [ 1 ]}'

    edited = edit_members(body, {"b": b"[3]", "c": None, "d": b"{}", "e": None})

    assert edited == b'{"a":1.50,"b":[3],"d":{}}'


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 5000])
def test_no_members_are_edited_in_what_is_no_object(body):
    with pytest.raises(GatewayError) as refused:
        edit_members(body, {"a": None})

    assert refused.value.kind == "invalid_json"


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b'{"name":"m1","verbose": true}', {"model": "m1", "verbose": True}),
        (b'{"name":"m1","model":""}', {"model": "m1"}),
        (b'{"name":"m1","model":null}', {"model": "m1"}),
        (b'{"name":"m1","model":"m2"}', {"model": "m2", "name": "m1"}),
        (b'{"model":"m2"}', {"model": "m2"}),
        (b"{}", {}),
    ],
)
def test_a_model_may_be_called_by_the_old_name_of_its_member(body, same):
    assert json.loads(with_model(body)) == same


def test_what_is_no_object_is_left_to_the_peek():
    assert with_model(b"[") == b"["
