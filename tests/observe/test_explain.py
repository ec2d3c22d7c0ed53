"""The ring is bounded, gives back what came in, and shows no secret."""

from hypothesis import given, strategies as st
from msgspec.structs import replace

from multillama.core.decision import Decision, Tried
from multillama.observe.explain import CAPACITY, Explanations
from multillama.observe.lines import HIDDEN, LONGEST, Redactor
from tests.observe.samples import ANSWER, SECRET


class Teller:
    """Tells of an exchange what it is given."""

    def __init__(self, **facts):
        self.facts = facts

    def tell(self, record):
        return Decision(id=record.id, at=record.at, operation=record.operation, **self.facts)


def ring(capacity=CAPACITY):
    return Explanations(Teller(strategy="plain"), capacity=capacity)


@given(
    exchanges=st.lists(st.tuples(st.booleans(), st.sampled_from(["chat", "health", "ready"]))),
    capacity=st.integers(1, 5),
)
def test_it_holds_the_newest_and_never_more(exchanges, capacity):
    explanations = ring(capacity)
    expected = []
    for number, (has_story, operation) in enumerate(exchanges):
        record = replace(ANSWER, id=str(number), operation="chat" if has_story else operation)
        if has_story:
            explanations.on_story(record, Teller(strategy="own"))
        explanations.on_record(record)
        if record.operation == "chat":
            expected.append((record.id, "own" if has_story else "plain"))

    kept = expected[::-1][:capacity]

    assert len(explanations) == len(kept)
    assert [record.id for record in explanations.newest(capacity)] == [id for id, _ in kept]
    assert [(id, explanations.find(id).strategy) for id, _ in kept] == kept
    assert all(explanations.find(id) is None for id, _ in expected[:-capacity])


def test_a_limit_is_kept():
    explanations = ring()
    for number in range(9):
        explanations.on_record(replace(ANSWER, id=str(number)))

    found = explanations.newest(2)

    assert [record.id for record in found] == ["8", "7"]
    assert explanations.capacity == CAPACITY


def test_no_secret_is_told_wherever_it_stands():
    explanations = ring()
    explanations.redactor = Redactor([SECRET])
    told = Teller(
        model=f"a {SECRET}", text=SECRET, attempts=[Tried(endpoint="e", begun_ms=0.0, text=SECRET)]
    )
    explanations.on_story(ANSWER, told)
    explanations.on_record(ANSWER)

    decision = explanations.find(ANSWER.id)

    assert (decision.model, decision.text) == (f"a {HIDDEN}", HIDDEN)
    assert decision.attempts[0].text == HIDDEN


def test_an_endpoints_long_words_are_cut():
    explanations = ring()
    rows = [Tried(endpoint="e", begun_ms=0.0, text=text) for text in ("x" * 999, "short", None)]
    explanations.on_story(ANSWER, Teller(attempts=rows))
    explanations.on_record(ANSWER)

    first, second, third = explanations.find(ANSWER.id).attempts

    assert (len(first.text), first.text[-1]) == (LONGEST, "…")
    assert (second.text, third.text) == ("short", None)
