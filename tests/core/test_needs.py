import time

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.core.needs import CHARACTERS_PER_TOKEN, Reading
from multillama.core.operations import OPERATIONS
from multillama.core.snapshot import ModelFacts

BY_NAME = {row.name: row for row in OPERATIONS}


def body_of(*messages, **members):
    return msgspec.json.encode({"model": "m1", "messages": messages, **members})


def user(content):
    return {"role": "user", "content": content}


def needs(body, operation="chat"):
    return Reading(body, BY_NAME[operation])


def lack(body, operation="chat", **facts):
    return Reading(body, BY_NAME[operation]).lack(ModelFacts(**facts))


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}}


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ("chat", PICTURE),
        ("responses", {"type": "input_image", "image_url": "https://a/b.png"}),
        ("messages", {"type": "image", "source": {"type": "base64", "data": "AAAA"}}),
    ],
)
def test_an_image_is_found_in_every_dialect(operation, part):
    assert needs(body_of(user([part])), operation).has_images


def test_an_image_is_found_however_its_json_is_spaced():
    assert needs(b'{"messages": [{"content": [{"type" :\n "image_url"}]}]}').has_images


@pytest.mark.parametrize(
    "body",
    [
        body_of(user('the text {"type":"image_url"} and "type": "image"')),
        body_of(user("an image"), tools=[{"parameters": {"properties": {"image_url": {}}}}]),
        body_of(user("hi"), tools=[{"type": "image_generation"}]),
    ],
)
def test_what_only_talks_about_images_has_none(body):
    assert not needs(body).has_images


@pytest.mark.parametrize("member", ["tools", "functions"])
def test_tools_are_found(member):
    assert needs(body_of(user("hi"), **{member: [{"type": "function"}]})).has_tools


@pytest.mark.parametrize(
    "body",
    [body_of(user("hi"), tools=[]), body_of(user('"tools": [{')), body_of(user("hi"), tools=None)],
)
def test_no_tool_is_no_need(body):
    assert not needs(body).has_tools


@pytest.mark.parametrize("operation", ["embeddings", "completions", "images", "count_tokens"])
def test_only_conversations_have_needs(operation):
    body = body_of(user([PICTURE, {"type": "text", "text": "word " * 9000}]), tools=[{}])

    found = needs(body, operation)

    assert (found.has_images, found.has_tools, found.tokens) == (False, False, 0)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("the quick brown fox jumps over the lazy dog " * 100, 1000),
        ("Съешь же ещё этих мягких французских булок " * 100, 1000),
        ("    " * 5000, 60),
        ("-" * 5000, 60),
        ("今天天气很好我们去公园散步" * 100, 800),
    ],
)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_the_estimate_is_low(text, most, is_ascii):
    whole = body_of(user(text))
    if is_ascii:
        whole = whole.decode().encode("ascii", "backslashreplace")

    assert needs(whole).tokens <= most


def test_an_image_is_not_counted_as_text():
    assert needs(body_of(user([PICTURE]))).tokens < 30


def test_the_estimate_is_never_above_what_the_length_allows():
    body = body_of(user("the quick brown fox " * 1000))

    assert 0 < needs(body).tokens <= len(body) // CHARACTERS_PER_TOKEN


def test_a_huge_body_is_measured_in_little_time():
    body = body_of(user("word " * 8_000_000))
    started = time.process_time()

    found = needs(body, "responses").tokens

    assert 200_000 < found < 300_000
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"has_vision": False}, "it takes no images"),
        ({"has_tools": False}, "it takes no tools"),
        ({"context_tokens": 500}, "its context has 500 tokens"),
    ],
)
def test_a_target_that_is_known_to_be_too_little_lacks_something(facts, said):
    body = body_of(
        user([PICTURE, {"type": "text", "text": "word " * 2000}]), tools=[{"type": "function"}]
    )

    assert said in lack(body, **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"has_vision": True, "has_tools": True, "context_tokens": 1_000_000},
        {"has_vision": None, "has_tools": None, "context_tokens": None},
    ],
)
def test_a_target_that_is_enough_or_unknown_lacks_nothing(facts):
    body = body_of(user([PICTURE]), tools=[{"type": "function"}])

    assert lack(body, **facts) is None


def test_a_request_that_needs_nothing_suits_everybody():
    assert lack(body_of(user("hi")), has_vision=False, has_tools=False, context_tokens=64) is None


def test_a_long_body_that_is_little_text_fits():
    assert lack(body_of(user([PICTURE])), context_tokens=500) is None


def test_a_body_is_searched_once():
    reading = Reading(body_of(user([PICTURE]), tools=[{}]), BY_NAME["chat"])
    first = (reading.has_images, reading.has_tools, reading.tokens, reading.blocks)
    reading.body = b""

    assert (reading.has_images, reading.has_tools, reading.tokens, reading.blocks) == first


def test_without_an_operation_nothing_is_read():
    reading = Reading(body_of(user([PICTURE]), tools=[{}]), None)

    assert (reading.has_images, reading.has_tools, reading.tokens, reading.blocks) == (
        False, False, 0, (),
    )  # fmt: skip


@given(st.binary(max_size=200))
def test_no_body_is_too_odd(body):
    found = needs(body)

    _, _, tokens, _ = found.has_images, found.has_tools, found.tokens, found.blocks

    assert tokens <= len(body)
