"""What is answered from the store of responses."""

import json

import pytest

from tests.dataplane.stage import get, ok
from tests.dataplane.test_stateful import KEY, asked, read, response, staged, with_one


def test_a_response_is_read_deleted_and_gone():
    stage = with_one(staged())
    path = b"/v1/responses/resp_1"

    assert read(stage, path) == (200, json.loads(response()) | {"store": True})
    assert read(stage, b"/responses/resp_1")[0] == 200
    assert read(stage, path, method=b"DELETE") == (
        200,
        {"id": "resp_1", "object": "response", "deleted": True},
    )
    assert read(stage, path)[0] == 404
    assert read(stage, path, method=b"DELETE")[0] == 404
    assert [row.operation for row in stage.records[1:4]] == [
        "get_response",
        "get_response",
        "delete_response",
    ]


def test_a_read_needs_the_gateways_key():
    stage = staged(api_key=b"gate")

    assert read(stage, b"/v1/responses/resp_1")[0] == 401
    assert read(stage, b"/v1/responses/resp_1", method=b"DELETE")[0] == 401


@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_a_page_of_another_site_reads_and_deletes_nothing(method):
    stage = with_one(staged())

    status, _ = read(
        stage, b"/v1/responses/resp_1", KEY, b"Origin: https://evil.example\r\n", method=method
    )

    assert status == 403
    assert len(stage.listener.responses) == 1


def test_a_method_that_is_not_taken_is_told_which_are():
    stage = staged()
    client = stage.client()

    client.send(get(b"/v1/responses/resp_1", method=b"PUT"))

    assert b"allow: GET, HEAD, DELETE, OPTIONS\r\n" in client.received
    assert client.statuses == [405]


def test_options_tell_the_methods():
    client = staged().client()

    client.send(get(b"/v1/responses/resp_1/input_items", method=b"OPTIONS"))

    assert b"allow: GET, HEAD, OPTIONS\r\n" in client.received


def test_a_stored_response_is_not_streamed_again():
    status, body = read(with_one(staged()), b"/v1/responses/resp_1?stream=true")

    assert (status, body["error"]["param"]) == (400, "stream")


def items_of(stage, query=b""):
    return read(stage, b"/v1/responses/resp_2/input_items" + query)


@pytest.fixture
def three():
    """A store whose second response has three items of input."""
    stage = with_one(staged())
    asked(stage, input="And?", previous_response_id="resp_1")
    stage.answer(ok(response("resp_2")))
    return stage


def texts(body):
    return [item["content"][0]["text"] for item in body["data"]]


def test_its_input_is_listed_the_newest_first(three):
    status, body = items_of(three)

    assert (status, texts(body)) == (200, ["And?", "Ho", "Hi"])
    assert (body["first_id"], body["last_id"]) == (body["data"][0]["id"], body["data"][2]["id"])
    assert body["has_more"] is False


def test_its_input_is_listed_page_by_page(three):
    first = items_of(three, b"?order=asc&limit=2")[1]
    second = items_of(three, b"?order=asc&limit=2&after=" + first["last_id"].encode())[1]
    before = items_of(three, b"?order=asc&before=" + second["first_id"].encode())[1]

    assert (texts(first), first["has_more"]) == (["Hi", "Ho"], True)
    assert (texts(second), second["has_more"]) == (["And?"], False)
    assert texts(before) == ["Hi", "Ho"]


@pytest.mark.parametrize(
    "query", [b"limit=0", b"limit=101", b"limit=x", b"order=up", b"after=nobody", b"before=nobody"]
)
def test_a_query_that_is_not_understood_is_refused(three, query):
    status, body = items_of(three, b"?" + query)

    assert (status, body["error"]["param"]) == (400, query.partition(b"=")[0].decode())
