"""The bounded store of responses."""

import pytest
from hypothesis import given, strategies as st

from multillama.core.stored_responses import Item, ResponseStore, Stored, StoreLimits

ROOM = StoreLimits(responses=100, bytes=1_000_000, age_s=1000.0)


def response(name, *items, body=b"{}"):
    """A response with these items as its input."""
    return Stored(name, body, tuple(Item(row, b'"%b"' % row.encode()) for row in items), ())


def filled(*responses, limits=ROOM, owner=b"k"):
    store = ResponseStore(limits)
    for at, row in enumerate(responses):
        store.put(owner, row, now=float(at))
    return store


def kept(store, *names, owner=b"k", now=5.0):
    return [name for name in names if store.get(owner, name, now=now) is not None]


@pytest.mark.parametrize("other", [b"K", None, b""])
def test_a_response_and_its_items_are_found_by_its_owner_only(other):
    store = filled(response("r1", "i1"))

    assert kept(store, "r1") == ["r1"]
    assert kept(store, "r1", owner=other) == []
    assert store.item(b"k", "i1", now=5.0) == b'"i1"'
    assert store.item(other, "i1", now=5.0) is None
    assert not store.delete(other, "r1", now=5.0)
    assert len(store) == 1


def test_of_too_many_the_oldest_goes():
    store = filled(*map(response, "abc"), limits=ROOM._replace(responses=2))

    assert kept(store, "a", "b", "c") == ["b", "c"]


def test_of_too_many_bytes_the_oldest_goes():
    rows = [response(name, body=b"x" * 400) for name in "abc"]

    store = filled(*rows, limits=ROOM._replace(bytes=1000))

    assert kept(store, "a", "b", "c") == ["b", "c"]


def test_what_is_too_large_for_the_store_is_not_kept_and_drives_nothing_out():
    store = filled(response("a"), limits=ROOM._replace(bytes=1000))

    is_kept = store.put(b"k", response("b", body=b"x" * 1001), now=1.0)

    assert not is_kept
    assert kept(store, "a", "b") == ["a"]


def test_what_is_too_old_is_gone():
    store = filled(response("a", "i1"), response("b", "i2"), limits=ROOM._replace(age_s=10.0))

    assert kept(store, "a", "b", now=10.5) == ["b"]
    assert store.item(b"k", "i1", now=10.5) is None
    assert store.item(b"k", "i2", now=10.5) == b'"i2"'


def test_an_item_stays_as_long_as_the_newest_response_that_has_it():
    store = filled(response("a", "i1"), response("b", "i1", "i2"))

    store.delete(b"k", "a", now=2.0)

    assert store.item(b"k", "i1", now=2.0) == b'"i1"'
    store.delete(b"k", "b", now=2.0)
    assert store.item(b"k", "i1", now=2.0) is None


def test_a_response_of_the_same_name_takes_the_place_of_the_other():
    store = filled(response("a", "i1"), response("a", "i2"))

    assert len(store) == 1
    assert store.item(b"k", "i1", now=2.0) is None
    assert store.item(b"k", "i2", now=2.0) == b'"i2"'


def test_smaller_limits_let_go_what_is_too_much():
    store = filled(*map(response, "abc"))

    store.resize(ROOM._replace(responses=1))

    assert kept(store, "a", "b", "c") == ["c"]
    assert store.limits.responses == 1


def test_its_text_tells_nothing_of_what_is_in_it():
    assert repr(filled(response("secret"))) == "ResponseStore(1 responses)"


@given(
    st.lists(st.tuples(st.sampled_from("pgd"), st.sampled_from("abcdef"), st.sampled_from("xyz")))
)
def test_it_never_holds_more_than_it_may_and_forgets_items_with_their_responses(steps):
    limits = StoreLimits(responses=3, bytes=1500, age_s=6.0)
    store = ResponseStore(limits)

    for now, (step, name, item) in enumerate(steps):
        if step == "p":
            store.put(None, response(name, item, body=b"x" * 200), now=now)
        elif step == "d":
            store.delete(None, name, now=now)
        else:
            store.get(None, name, now=now)

    now = len(steps)
    rows = [store.get(None, name, now=now) for name in "abcdef"]
    there = [row for row in rows if row is not None]
    items = {item.id for row in there for item in row.items}
    assert len(store) == len(there) <= 3
    assert sum(row.size for row in there) <= 1500
    assert {item for item in "xyz" if store.item(None, item, now=now) is not None} == items
