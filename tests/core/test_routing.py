import random
import time

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.operations import BY_NAME, OPERATIONS
from multillama.core.plan import Plan
from multillama.core.policy import Policy
from multillama.core.routing import MAX_NAMED, close_matches, make_plan
from multillama.core.snapshot import ModelFacts, Route, Snapshot, Target
from multillama.core.strategies import STRATEGIES, Live
from multillama.errors import GatewayError
from tests.core.samples import dice, endpoint, names, offering, serving, target

CHAT = OPERATIONS[0]
PICTURE = b'{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}'
BLIND = ModelFacts(has_vision=False)


def plan(*states):
    """The order in which endpoints of these states, named by number, would be tried."""
    endpoints = [endpoint(str(at), is_up=is_up) for at, is_up in enumerate(states)]
    targets = make_plan(serving(*endpoints), "m1").targets
    return "".join(target.endpoint.name for target in targets)


def refusal(snapshot, model="m1", live=None, **asked):
    with pytest.raises(GatewayError) as caught:
        make_plan(snapshot, model, live, **asked)
    return caught.value


def still(**facts):
    """Live parts whose dice always fall the same way."""
    return Live(dice(0.0), **facts)


def broken(*endpoints):
    """Breakers that are open for these."""
    return still(allows=lambda row: "it failed" if row.endpoint.name in endpoints else None)


@pytest.mark.parametrize(
    ("states", "order"),
    [
        ([True], "0"),
        ([False], "0"),
        ([True, True, True], "012"),
        ([None, None], "01"),
        ([None, True], "01"),
        ([False, True], "10"),
        ([False, None], "10"),
        ([True, False, True], "021"),
        ([False, True, False, None], "1302"),
        ([False, False], "01"),
    ],
)
def test_the_order_is_as_configured_with_those_known_to_be_down_last(states, order):
    assert plan(*states) == order


def test_a_model_that_nobody_serves_is_refused_and_close_names_are_told():
    error = refusal(serving(endpoint(), model="llama3:8b"), "llama3")

    assert (error.kind, error.status, error.param) == ("model_not_found", 404, "model")
    assert "'llama3' is not served" in error.text
    assert "Did you mean llama3:8b?" in error.text


def test_a_model_like_no_other_is_refused_without_a_guess():
    error = refusal(serving(endpoint(), model="llama3:8b"), "gpt-9")

    assert error.kind == "model_not_found"
    assert "Did you mean" not in error.text
    assert "/v1/models" in error.text


def test_without_any_model_it_is_the_gateway_that_is_not_ready():
    error = refusal(Snapshot(endpoints=(endpoint(),)), "llama3")

    assert (error.kind, error.status, error.origin) == ("no_endpoint", 503, "gateway")


def test_a_huge_name_is_not_told_back():
    error = refusal(serving(endpoint()), "x" * 100_000)

    assert len(error.text) < 400


@pytest.mark.parametrize(
    ("asked", "close"),
    [
        ("llama3", ["llama3:8b", "llama3:70b"]),
        ("LLAMA3:8B", ["llama3:8b"]),
        ("llama3:8b-instruct", ["llama3:8b"]),
        ("gtp-4o", ["gpt-4o"]),
        ("openai/gpt-4o", ["gpt-4o"]),
        ("zzz", []),
    ],
)
def test_close_means_similar_letters_or_one_name_within_the_other(asked, close):
    known = dict.fromkeys(["gpt-4o", "gpt-4o-mini", "llama3:8b", "llama3:70b", "whisper-1"])

    assert close_matches(asked, known) == close


def test_at_most_three_names_are_told():
    known = dict.fromkeys(f"llama3:{size}b" for size in range(50))

    assert close_matches("llama3", known) == ["llama3:0b", "llama3:1b", "llama3:2b"]


def test_nobody_can_buy_much_time_with_a_long_name():
    known = dict.fromkeys(f"{number:0200}" for number in range(2000))
    started = time.process_time()

    found = close_matches("0" * 201, known)

    assert found == []
    assert time.process_time() - started < 0.1


def test_a_model_of_an_endpoint_that_is_down_says_what_to_check():
    error = refusal(serving(endpoint("there", is_up=False), model="llama3:8b"), "gpt-9")

    assert "If there has it: make it reachable and check its key, it is down." in error.text


def test_a_slip_of_the_finger_is_found_among_ten_thousand_models():
    known = {f"gpt-{number}": None for number in range(10_000)} | {"gpt-4o-mini": None}
    started = time.process_time()

    found = close_matches("gpt-4o-mnii", known)

    assert "gpt-4o-mini" in found
    assert time.process_time() - started < 0.5


# who is left out


def test_one_target_needs_no_choice():
    snapshot = offering(target("a", is_up=False))

    assert make_plan(snapshot, "m1", broken("a")) == Plan(snapshot.routes["m1"].targets)


def test_the_strategy_of_the_route_orders():
    cheap = target("cheap", facts=ModelFacts(input_price=1.0))
    snapshot = offering(target("dear"), cheap, strategy="cheapest")

    found = make_plan(snapshot, "m1", still())

    assert (names(found.targets), found.strategy, found.excluded) == ("cheap dear", "cheapest", ())
    assert [row.score for row in found.considered] == [0.25 * 3, float("inf")]


def test_a_plan_of_affinity_tells_what_is_to_be_remembered():
    snapshot = offering(target("a"), target("b"), strategy="affinity")
    body = b'{"messages":[{"role":"user","content":"hi"}]}'

    assert len(make_plan(snapshot, "m1", still(), body=body, operation=CHAT).blocks) == 2


def test_a_plan_of_affinity_tells_who_has_the_conversation():
    snapshot = offering(target("a"), target("b"), strategy="affinity")
    live = Live(dice(0.5))
    body = b'{"messages":[{"role":"user","content":"hello"}]}'
    first = make_plan(snapshot, "m1", live, body=body, operation=OPERATIONS[0])
    live.affinity.remember(first.blocks, snapshot.routes["m1"].targets[1])

    again = make_plan(snapshot, "m1", live, body=body, operation=OPERATIONS[0])

    assert first.remembered is None
    assert again.remembered is snapshot.routes["m1"].targets[1]


def test_a_session_is_a_wish_for_affinity_whatever_the_strategy():
    snapshot = offering(target("a"), target("b"), strategy="round_robin")

    found = make_plan(snapshot, "m1", still(), wishes={"session": b"s"})

    assert (found.strategy, len(found.blocks)) == ("affinity", 1)


def test_only_those_that_are_wished_may_serve():
    snapshot = offering(target("a"), target("b"), target("c"), strategy="ordered")

    found = make_plan(snapshot, "m1", still(), wishes={"only": b"c,b"})

    assert names(found.targets) == "b c"
    assert [reason for _, reason in found.excluded] == ["x-multillama-only leaves it out"]


def test_the_order_that_is_wished_is_kept():
    snapshot = offering(target("a"), target("b"), target("c"), strategy="ordered")

    assert names(make_plan(snapshot, "m1", still(), wishes={"order": b"c,b"}).targets) == "c b a"


def test_a_wish_for_an_endpoint_that_does_not_serve_the_model_is_refused_with_the_reason():
    snapshot = offering(target("a"))
    snapshot = msgspec.structs.replace(snapshot, endpoints=(*snapshot.endpoints, endpoint("b")))

    error = refusal(snapshot, wishes={"only": b"b"})

    assert (error.kind, error.status, error.origin) == ("no_target", 503, "gateway")
    assert "'m1'. a: x-multillama-only leaves it out." in error.text


def test_a_wish_that_cannot_be_read_is_refused():
    assert refusal(offering(target("a")), wishes={"local-only": b"perhaps"}).kind == "bad_wish"


@pytest.mark.parametrize("policy", [{"local_only": True}, {}])
def test_what_is_for_local_endpoints_only_stays_there(policy):
    wishes = {} if policy else {"local-only": b"true"}
    snapshot = offering(target("far"), target("near", is_local=True, is_up=False), **policy)

    found = make_plan(snapshot, "m1", broken("near"), wishes=wishes)

    assert names(found.targets) == "near"
    assert [(names([row]), reason) for row, reason in found.excluded] == [
        ("far", "it is not local")
    ]


def test_nobody_local_is_nobody():
    error = refusal(offering(target("far"), local_only=True))

    assert (error.kind, "far: it is not local." in error.text) == ("no_target", True)


def test_a_target_that_cannot_see_gets_no_image():
    snapshot = offering(target("blind", facts=BLIND), target("seeing"))

    found = make_plan(snapshot, "m1", still(), body=PICTURE, operation=CHAT)

    assert names(found.targets) == "seeing"
    assert found.considered[1].excluded == "it takes no images"


def test_facts_that_make_no_difference_change_nothing():
    snapshot = offering(target("blind", facts=BLIND))

    assert names(make_plan(snapshot, "m1", body=b"{}", operation=CHAT).targets) == "blind"


@pytest.mark.parametrize("count", [1, 2])
def test_what_no_target_can_do_is_the_clients_to_change(count):
    snapshot = offering(*[target(str(at), facts=BLIND) for at in range(count)])

    error = refusal(snapshot, live=still(), body=PICTURE, operation=CHAT)

    assert (error.kind, error.status, error.origin) == ("not_capable", 400, "client")
    assert "0: it takes no images" in error.text


def test_of_very_many_reasons_some_are_told():
    error = refusal(offering(*[target(str(at)) for at in range(50)], local_only=True))

    assert f"{MAX_NAMED - 1}: it is not local; and 30 more." in error.text


def test_a_broken_target_is_left_out_and_the_reason_kept():
    snapshot = offering(target("a"), target("b"))
    for row in snapshot.routes["m1"].targets:
        row.endpoint.state.need_breaker()

    found = make_plan(snapshot, "m1", broken("a"))

    assert names(found.targets) == "b"
    assert found.considered[1].excluded == "it failed"


def test_when_all_are_broken_trying_beats_refusing():
    snapshot = offering(target("a"), target("b"), target("blind", facts=BLIND), strategy="ordered")

    found = make_plan(snapshot, "m1", broken("a", "b"), body=PICTURE, operation=CHAT)

    assert names(found.targets) == "a b"
    assert [reason for _, reason in found.excluded] == ["it takes no images"]


# one endpoint by its name


def test_an_endpoints_name_before_the_model_pins_it():
    snapshot = serving(endpoint("a"), endpoint("b"), model="org/m1")

    found = make_plan(snapshot, "b/org/m1", still())

    assert names(found.targets) == "b"
    assert found.targets[0].rename == b'"org/m1"'


def test_a_pinned_target_keeps_the_endpoints_own_name_of_the_model():
    own = msgspec.structs.replace(target("a", rename=b'"models/m1"'), model="models/m1")

    assert make_plan(offering(own), "a/m1").targets == (own,)


def test_a_pinned_target_without_a_name_of_its_own_is_called_as_the_endpoint_calls_it():
    own = msgspec.structs.replace(target("a"), model="m1:8b")

    assert make_plan(offering(own), "a/m1").targets[0].rename == b'"m1:8b"'


def test_a_model_of_that_very_name_is_no_pin():
    snapshot = serving(endpoint("a"), endpoint("b"))
    routes = {**snapshot.routes, "b/m1": Route((Target(snapshot.endpoints[0]),))}
    snapshot = msgspec.structs.replace(snapshot, routes=routes)

    assert names(make_plan(snapshot, "b/m1").targets) == "a"


@pytest.mark.parametrize("model", ["b/m1", "a/m2", "a/", "/m1", "am1", "a/a/m1"])
def test_what_is_neither_a_model_nor_a_pin_is_unknown(model):
    snapshot = serving(endpoint("a"))
    snapshot = msgspec.structs.replace(snapshot, endpoints=(endpoint("b"), *snapshot.endpoints))

    assert refusal(snapshot, model).kind == "model_not_found"


def test_a_pin_does_not_lead_around_the_policy():
    assert refusal(offering(target("far"), local_only=True), "far/m1").kind == "no_target"


# the promise that is never broken

FACTS = st.builds(
    ModelFacts,
    context_tokens=st.none() | st.integers(1, 100),
    has_vision=st.none() | st.booleans(),
    has_tools=st.none() | st.booleans(),
    input_price=st.none() | st.floats(0, 9),
)
TARGETS = st.lists(
    st.fixed_dictionaries(
        {
            "is_local": st.booleans(),
            "is_up": st.none() | st.booleans(),
            "in_flight": st.integers(0, 5),
            "slots": st.none() | st.integers(0, 4),
            "others": st.integers(0, 4),
            "max_concurrency": st.none() | st.integers(1, 4),
            "loaded": st.none() | st.sampled_from([frozenset(), frozenset({"m1"})]),
            "first_byte_ms": st.none() | st.floats(0, 1e5),
            "tier": st.integers(0, 2),
            "weight": st.sampled_from([0.0, 0.5, 1.0, 7.0]),
            "facts": FACTS,
        }
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def situations(draw):
    """A route of any targets, and a request with any wishes, in any state of the world."""
    targets = [target(str(at), **facts) for at, facts in enumerate(draw(TARGETS))]
    names_of = [row.endpoint.name for row in targets]
    wishes = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "only": st.lists(st.sampled_from(names_of), min_size=1)
                .map(",".join)
                .map(str.encode),
                "order": st.lists(st.sampled_from(names_of), min_size=1)
                .map(",".join)
                .map(str.encode),
                "local-only": st.sampled_from([b"true", b"1", b"false", b"true,false"]),
                "session": st.binary(max_size=3),
            },
        )
    )
    policy = Policy(
        strategy=draw(st.sampled_from(list(STRATEGIES))), local_only=draw(st.booleans())
    )
    snapshot = Snapshot(
        endpoints=tuple(row.endpoint for row in targets),
        routes={"m1": Route(tuple(targets), policy)},
    )
    shut = draw(st.frozensets(st.sampled_from(names_of)))
    live = Live(random.Random(draw(st.integers(0, 99))).random, broken(*shut).allows)
    live = draw(st.sampled_from([live, None]))
    model = draw(st.sampled_from(["m1", f"{names_of[0]}/m1"]))
    body = draw(
        st.sampled_from([b"", PICTURE, PICTURE + b" " * 9000, b'{"tools":[{}],"prompt":"x"}'])
    )
    return snapshot, model, live, {"body": body, "operation": CHAT, "wishes": wishes}, shut


@settings(max_examples=400)
@given(situations())
def test_what_is_local_only_never_leaves_and_nobody_is_lost(situation):
    snapshot, model, live, asked, shut = situation
    route, wishes = snapshot.routes["m1"], asked["wishes"]
    is_local_only = route.policy.local_only or wishes.get("local-only", b"false") != b"false"
    try:
        found = make_plan(snapshot, model, live, **asked)
    except GatewayError as error:
        assert error.kind in ("no_target", "not_capable")
        return

    places = [row.endpoint.name for row in found.targets]
    left_out = [row.endpoint.name for row, _ in found.excluded]
    assert found.targets
    assert not is_local_only or all(row.endpoint.is_local for row in found.targets)
    assert "only" not in wishes or set(places) <= set(wishes["only"].decode().split(","))
    assert not set(places) & shut or set(places) <= shut or live is None or len(places) == 1
    wanted = [row.endpoint.name for row in route.targets] if model == "m1" else ["0"]
    assert sorted(places + left_out) == sorted(wanted)
    assert len(found.considered) == len(wanted)


def test_an_alias_that_leads_nowhere_is_no_unknown_model():
    snapshot = serving(endpoint(), unserved={"fast": ("gpt",)})

    failure = refusal(snapshot, "fast")

    assert failure.kind == "model_not_found"
    assert failure.text == "The alias 'fast' leads nowhere: no endpoint lists 'gpt'."


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("nsa/m1", "Did you mean nas/m1?"),
        ("elsewhere/m1", "Did you mean nas/m1 or box/m1?"),
        ("nas/m1-mini", "Did you mean nas/m1?"),
    ],
)
def test_a_pin_to_a_wrong_endpoint_is_hinted_at_the_right_ones(asked, hint):
    assert hint in refusal(serving(endpoint("nas"), endpoint("box")), asked).text


def test_a_pin_to_an_endpoint_without_the_model_is_hinted_at_those_that_have_it():
    nas, box = endpoint("nas"), endpoint("box")
    snapshot = msgspec.structs.replace(serving(nas), endpoints=(nas, box))

    assert "Did you mean nas/m1?" in refusal(snapshot, "box/m1").text


@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    states=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, 50.0, 400.0])), min_size=2, max_size=6
    ),
    weights=st.sampled_from([(1.0,), (0.0,), (2.0, 1.0)]),
    seed=st.integers(0, 99),
)
def test_the_short_way_to_a_plan_leads_where_the_long_one_does(strategy, states, weights, seed):
    """No endpoint says what it holds in memory, or all say that it is nothing: then each is looked at."""

    def plans(loaded):
        rows = [
            target(f"t{at}", in_flight=busy, first_byte_ms=first_ms, loaded=loaded, weight=weights[at % len(weights)])
            for at, (busy, first_ms) in enumerate(states)
        ]  # fmt: skip
        live, snapshot = Live(random.Random(seed).random), offering(*rows, strategy=strategy)
        made = [make_plan(snapshot, "m1", live) for _ in range(5)]
        return [(names(plan.targets), plan.strategy, plan.scores) for plan in made]

    short, long = plans(None), plans(frozenset())

    assert short == long


def test_a_key_in_the_models_place_is_not_repeated():
    assert "'***'" in refusal(serving(endpoint()), "sk-abc123456").text


def test_of_two_equals_the_busier_one_is_first_by_long_odds_only():
    snapshot = offering(target("busy", in_flight=9), target("idle"))

    orders = [names(make_plan(snapshot, "m1", Live(dice(fall))).targets) for fall in (0.5, 0.9)]

    assert orders == ["idle busy", "idle busy"]
    assert make_plan(snapshot, "m1", Live(dice(0.5))).strategy == "balanced"


EMBEDDINGS = BY_NAME["embeddings"]
CLAUDE = {"speaks": ("anthropic.messages",), "lacks": frozenset({"embeddings", "transcriptions"})}


def test_an_operation_that_its_only_endpoint_cannot_have_is_refused_by_name():
    error = refusal(serving(endpoint("claude", **CLAUDE)), operation=EMBEDDINGS)

    assert (error.kind, error.status) == ("not_capable", 400)
    assert "claude: it speaks anthropic.messages, and that has no /v1/embeddings." in error.text


def test_who_has_the_operation_serves_it_whatever_the_order():
    claude, local = endpoint("claude", is_up=True, **CLAUDE), endpoint("local", is_up=False)

    made = make_plan(serving(claude, local), "m1", still(), operation=EMBEDDINGS)

    assert names(made.targets) == "local"
    assert made.excluded[0][0].endpoint is claude


def test_all_other_operations_may_go_to_either():
    claude, local = endpoint("claude", **CLAUDE), endpoint("local")

    made = make_plan(serving(claude, local), "m1", still(), operation=CHAT)

    assert sorted(names(made.targets).split()) == ["claude", "local"]


def test_an_endpoint_that_is_named_lacks_what_it_lacks():
    snapshot = serving(endpoint("claude", **CLAUDE), endpoint("local"))

    error = refusal(snapshot, "claude/m1", operation=EMBEDDINGS)

    assert error.kind == "not_capable"
