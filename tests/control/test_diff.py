"""What changes is told in words that hold no secret."""

import msgspec
import pytest

from multillama.config.routing import AliasSetting, PolicySetting, RetrySetting, RoutingSetting
from multillama.config.schema import EndpointSetting, EndpointTimeouts, Settings
from multillama.control.diff import changes, kept_at_the_start

A = EndpointSetting(url="http://a/", name="a", key="sk-CANARY-1")
B = EndpointSetting(url="http://b/", name="b")
OLD = Settings(
    port=1, endpoints=(A, B), aliases={"x": AliasSetting(targets=("m",))}, api_key="sk-CANARY-2"
)


def compared(old=OLD, **new):
    after = msgspec.structs.replace(old, **new)
    names = [[endpoint.name for endpoint in one.endpoints] for one in (old, after)]
    return changes(old, after, *names)


def changed(endpoint, **facts):
    return msgspec.structs.replace(endpoint, **facts)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({}, ()),
        ({"endpoints": (A,)}, ("-1 endpoint (b)",)),
        ({"endpoints": (A, B, changed(A, name="c"))}, ("+1 endpoint (c)",)),
        ({"endpoints": (B, A)}, ("another order of endpoints",)),
        ({"endpoints": (A, changed(B, weight=2.0, tier=1))},
         ("~1 endpoint (b: weight 2 and tier 1)",)),
        ({"endpoints": (changed(A, key="sk-CANARY-3", headers={"x-a": "CANARY"}), B)},
         ("~1 endpoint (a: key and headers)",)),
        ({"endpoints": (A, changed(B, url="http://me:CANARY@c/"))},
         ("~1 endpoint (b: url http://c/)",)),
        ({"endpoints": (A, changed(B, timeouts=EndpointTimeouts(idle_timeout_s=1), tags=("l",)))},
         ("~1 endpoint (b: timeouts and tags)",)),
        ({"endpoints": (A, changed(B, local_only=True, input_price=0.15, output_price=2.0))},
         ("~1 endpoint (b: local_only true and input_price 0.15 and output_price 2)",)),
        ({"aliases": {}}, ("-1 alias (x)",)),
        ({"aliases": {"x": AliasSetting(targets=("n",)), "y": AliasSetting(targets=("n",))}},
         ("+1 alias (y)", "~1 alias (x)")),
        ({"routing": RoutingSetting(strategy="fastest")}, ("routing: strategy fastest",)),
        ({"routing": RoutingSetting(models={"m1": PolicySetting(
            hedge=True, retry=RetrySetting(max_attempts=2))})},
         ("routing of m1: retry.max_attempts 2 and hedge true",)),
        ({"idle_timeout_s": 7.5}, ("idle_timeout_s 120 -> 7.5",)),
        ({"max_body_bytes": 5}, ("max_body_bytes 67108864 -> 5",)),
        ({"api_key": "sk-CANARY-4"}, ("api_key changed",)),
        ({"config": "other.yaml"}, ()),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(new, words):
    found = compared(**new)

    assert found.words == words
    assert found.restart == ()
    assert "CANARY" not in str(found)


def test_what_a_policy_no_longer_says_is_as_usual():
    old = changed(
        OLD,
        routing=RoutingSetting(
            strategy="fastest", models={"a": PolicySetting(hedge=True), "b": PolicySetting()}
        ),
    )

    found = compared(old, routing=RoutingSetting(models={"b": PolicySetting()}))

    assert found.words == ("routing: strategy as usual", "routing of a: as usual")


def test_the_order_of_policies_matters_and_is_told():
    a, b = PolicySetting(hedge=True), PolicySetting(hedge=False)
    old = changed(OLD, routing=RoutingSetting(models={"a": a, "b": b}))

    found = compared(old, routing=RoutingSetting(models={"b": b, "a": a}))

    assert found.words == ("another order of routing",)


def test_many_names_are_not_all_told():
    more = tuple(changed(A, name=f"n{number}") for number in range(9))

    (words,) = compared(endpoints=(A, B, *more)).words

    assert words == "+9 endpoints (n0, n1, n2, n3, n4, ...)"


def test_what_needs_a_restart_is_told_apart_and_kept():
    found = compared(port=2, host="0.0.0.0", log_format="json", drain_s=1.0)

    assert found.restart == (
        "port 1 -> 2",
        "host localhost -> 0.0.0.0",
        "log_format auto -> json",
    )
    assert found.words == ("drain_s 30 -> 1",)


def test_the_settings_of_the_start_stay():
    new = changed(OLD, port=2, drain_s=1.0)

    kept = kept_at_the_start(OLD, new)

    assert (kept.port, kept.drain_s) == (1, 1.0)


def test_no_change_has_words_too():
    assert str(compared()) == "nothing changed"


def test_what_an_endpoint_no_longer_says_is_told():
    old = changed(OLD, endpoints=(A, changed(B, input_price=1.0, local_only=True)))

    found = compared(old, endpoints=(changed(A, key=None), B))

    assert found.words == ("~2 endpoints (a: key, b: local_only false and no input_price)",)
