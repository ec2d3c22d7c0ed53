import collections
import random
import time

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from multillama.core.affinity import (
    MAX_BLOCKS,
    Affinity,
    is_overloaded,
    read_blocks,
    rendezvous,
    session_blocks,
)
from tests.core.samples import names, target

SYSTEM = {"role": "system", "content": "Be brief."}


def turns(count):
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": f"message {at}"} for at in range(count)]


def blocks(*messages, **members):
    return read_blocks(msgspec.json.encode({"model": "m1", "messages": messages, **members}))


def test_a_conversation_that_goes_on_begins_with_the_same_blocks():
    before, after = blocks(SYSTEM, *turns(3)), blocks(SYSTEM, *turns(5))

    assert len(before) == 4
    assert after[:4] == before
    assert len(set(after)) == 6


def test_an_edited_message_changes_its_block_and_all_that_follow():
    one = blocks(SYSTEM, *turns(4))
    edited = turns(4)
    edited[1]["content"] = "something else"

    other = blocks(SYSTEM, *edited)

    assert [a == b for a, b in zip(one, other, strict=True)] == [True, True, False, False, False]


@pytest.mark.parametrize(
    "members",
    [{"system": "Be long."}, {"tools": [{"name": "f"}]}, {"instructions": "Be rude."}],
)
def test_system_and_tools_belong_to_the_first_block(members):
    assert blocks(*turns(1)) != blocks(*turns(1), **members)
    assert len(blocks(*turns(1), **members)) == 2


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_system_message_is_no_block_of_its_own(role):
    assert len(blocks({"role": role, "content": "Be brief."}, *turns(1))) == 2


def test_a_user_who_talks_about_the_system_is_a_user():
    assert len(blocks({"role": "user", "content": "x", "name": "system"}, *turns(1))) == 3


@pytest.mark.parametrize(
    "other",
    [
        [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        [{"content": "hello", "role": "user"}],
        [{"role": "user", "content": "hello", "cache_control": {"type": "ephemeral"}}],
        [{"role": "user", "content": [
            {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}],
    ],
)  # fmt: skip
def test_what_the_model_reads_the_same_is_the_same_block(other):
    assert blocks(*other) == blocks({"role": "user", "content": "hello"})


def test_a_mark_on_an_image_does_not_count_and_the_image_does():
    def image(data, **more):
        return {"role": "user", "content": [{"type": "image", "source": {"data": data}, **more}]}

    assert blocks(image("A")) != blocks(image("B"))
    assert blocks(image("A")) == blocks(image("A", cache_control={"type": "ephemeral"}))


def test_a_mark_on_system_prompt_or_tools_does_not_count():
    def marked(**mark):
        part, tool = {"type": "text", "text": "Be brief.", **mark}, {"name": "f", **mark}
        return blocks(*turns(1), system=[part], tools=[tool])

    assert marked() == marked(cache_control={"type": "ephemeral"})


def test_the_line_of_claude_code_that_changes_each_time_does_not_count():
    def system(mark):
        text = f"x-anthropic-billing-header: cc_version=2; cch={mark};"
        return [{"type": "text", "text": text}, {"type": "text", "text": "You are"}]

    assert blocks(*turns(1), system=system("a1b2c")) == blocks(*turns(1), system=system("fffff"))
    assert blocks(*turns(1), system=system("a1b2c")) != blocks(*turns(1))


def test_a_tool_call_counts():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}

    assert blocks(call) != blocks({"role": "assistant", "content": None})


def test_items_of_responses_are_blocks():
    body = {"input": [{"role": "user", "content": "a"}, {"type": "function_call", "call_id": "1"}]}

    assert len(read_blocks(msgspec.json.encode(body))) == 3


@pytest.mark.parametrize("member", ["prompt", "input"])
def test_a_plain_prompt_that_grows_begins_with_the_same_blocks(member):
    def prompt(size):
        return read_blocks(msgspec.json.encode({member: "lorem ipsum " * size}))

    assert len(prompt(1)) == 2
    assert prompt(300)[:3] == prompt(1000)[:3]
    assert prompt(300)[-1] in prompt(1000)


def test_a_long_conversation_has_a_limited_number_of_blocks():
    assert len(blocks(*turns(500))) == MAX_BLOCKS
    assert len(read_blocks(msgspec.json.encode({"prompt": "x" * 1_000_000}))) == MAX_BLOCKS


def test_of_a_long_message_the_length_counts_too():
    one, other = ({"role": "user", "content": "x" * size} for size in (50_000, 50_001))

    assert blocks(one) != blocks(other)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b"{", b'{"messages":null}', b'{"messages":[]}', b'{"messages":[SYSTEM]}',
        b'{"messages":[' + b"[" * 5000, b'{"prompt":null}', b"\xff", b'{"messages":[{"role":"system"}]}',
        b'{"messages":[{"role":1,"content":[{"\xff":1}]}]}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_has_no_blocks(body):
    assert read_blocks(body) == ()


@pytest.mark.parametrize(
    "body",
    [b'{"messages":[1,2]}', b'{"messages":{}}', b'{"prompt":["a","b"]}', b'{"messages":[{"content":[1]}]}'],
)  # fmt: skip
def test_what_is_odd_has_blocks_nevertheless(body):
    assert len(read_blocks(body)) >= 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[' + b"1," * 5_000_000 + b"1]}",
        b'{"messages":[{"content":[' + b'{"text":"a"},' * 1_000_000 + b'{"text":"a"}]}]}',
        b'{"prompt":"' + b"a" * 17_000_000 + b'"}',
    ],
)
def test_what_would_take_long_is_not_read(body):
    assert read_blocks(body) == ()


@pytest.mark.parametrize(
    "piece",
    [b" ", b'\\"cache_control\\"', b'\\"cache_control\\" : {', b"x-anthropic-billing-header:"],
)
def test_no_system_prompt_takes_long(piece):
    body = b'{"messages":[1],"system":"' + piece * (4_000_000 // len(piece)) + b'"}'
    started = time.process_time()

    found = read_blocks(body)

    assert len(found) == 2
    assert time.process_time() - started < 1.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["system", "user"]),
    lambda rows: st.lists(rows, max_size=3)
    | st.dictionaries(st.sampled_from(["role", "content", "text", "type", "x"]), rows, max_size=3),
    max_leaves=10,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=100) | st.dictionaries(
    st.sampled_from(["messages", "input", "prompt", "system", "tools"]), JSON).map(msgspec.json.encode))  # fmt: skip
def test_no_body_is_too_odd(body):
    assert len(read_blocks(body)) <= MAX_BLOCKS


def test_the_hashes_are_the_same_in_every_process():
    assert blocks({"role": "user", "content": "hello"}) == (
        8429421728368409141,
        17045161696565053448,
    )


# memory


def test_the_longest_known_prefix_wins():
    memory, a, b = Affinity(), target("a"), target("b")
    memory.remember((1, 2), a)
    memory.remember((1, 2, 3), b)

    assert memory.find((1, 2, 3, 4), [a, b]) is b
    assert memory.find((1, 2, 9), [a, b]) is b
    memory.remember((1, 2), a)
    assert memory.find((1, 2, 9), [a, b]) is a


def test_a_target_that_may_not_serve_is_not_found_and_a_shorter_prefix_is():
    memory, a, b = Affinity(), target("a"), target("b")
    memory.remember((1, 2, 3), a)
    memory.remember((1, 2), b)

    assert memory.find((1, 2, 3), [b]) is b
    assert memory.find((1, 2, 3), [target("c")]) is None


def test_the_system_prompt_alone_is_no_conversation():
    memory, a = Affinity(), target("a")
    memory.remember((1, 2), a)

    assert memory.find((1, 3), [a]) is None


def test_a_single_block_is_a_conversation():
    memory, a = Affinity(), target("a")
    memory.remember((1,), a)

    assert memory.find((1,), [a]) is a


def test_the_same_endpoint_with_another_model_has_not_seen_it():
    memory, a = Affinity(), target("a")
    memory.remember((1,), a)
    other = msgspec.structs.replace(a, model="m2")

    assert memory.find((1,), [other]) is None


def test_what_was_not_used_for_longest_is_forgotten():
    memory, a = Affinity(capacity=3), target("a")
    for block in (1, 2, 3, 1, 4):
        memory.remember((block,), a)

    assert len(memory) == 3
    assert [memory.find((block,), [a]) is a for block in (1, 2, 3, 4)] == [True, False, True, True]


# where a new conversation goes


def test_a_session_has_one_block_of_its_own():
    assert session_blocks(b"a") == session_blocks(b"a")
    assert session_blocks(b"a") != session_blocks(b"b")


def test_replicas_agree_whatever_the_order_of_their_configuration():
    targets = [target(name) for name in "abcd"]
    shuffled = [target(name) for name in "dbca"]

    for block in range(50):
        assert names(rendezvous((1, block), targets)) == names(rendezvous((1, block), shuffled))


def test_firsts_are_shared_by_weight():
    targets = [target("a", weight=3.0), target("b"), target("c", weight=0.0)]
    seeds = random.Random(1)

    firsts = collections.Counter(
        rendezvous((0, seeds.getrandbits(64)), targets)[0].endpoint.name for _ in range(4000)
    )

    assert firsts["a"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert firsts["c"] == 0


def test_a_target_that_goes_moves_only_its_own_conversations():
    targets = [target(name) for name in "abcd"]

    for block in range(200):
        before = rendezvous((0, block), targets)
        after = rendezvous((0, block), [row for row in targets if row.endpoint.name != "d"])
        assert names(after) == names(row for row in before if row.endpoint.name != "d")


@pytest.mark.parametrize(
    ("loads", "said"),
    [((0, 0), False), ((4, 0), False), ((6, 0), True), ((10, 10), False), ((14, 10, 9), False),
     ((20, 10, 9), True)],
)  # fmt: skip
def test_a_target_is_overloaded_beyond_a_quarter_more_than_the_mean_and_two(loads, said):
    targets = [target(str(at), in_flight=load) for at, load in enumerate(loads)]

    assert is_overloaded(targets[0], targets) is said
