import msgspec

from multillama.core.canonical import Message, Request, Text


def test_no_two_requests_share_what_is_in_them():
    one, other = Request("m"), Request("m")

    one.messages.append(Message("user", [Text("x")]))
    one.extras["a"] = 1

    assert other == Request("m")


def test_everything_but_the_model_is_left_open():
    said = {
        field: getattr(Request("m"), field)
        for field in Request.__struct_fields__
        if field not in ("model", "stream", "wants_usage", "wants_signatures", "family", "dialect")
    }

    assert all(value in (None, [], {}) for value in said.values())


def test_a_request_can_be_looked_at_as_json():
    assert b'"text":"x"' in msgspec.json.encode(Request("m", [Message("user", [Text("x")])]))
