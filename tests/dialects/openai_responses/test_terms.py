from multillama.core.join import MORE
from tests.dialects.openai_responses.spoken import terms


def test_extras_of_this_dialect_may_be_written_but_for_what_came_of_a_stream():
    said = terms()

    assert said.own({"a": 1, MORE: []}) == {"a": 1}
    assert said.losses.names == ()


def test_extras_of_another_are_told_as_lost():
    said = terms(is_own=False)

    assert said.own({"a": 1, "b": 2}) == {}
    assert said.own({MORE: []}) == {}
    assert said.losses.names == ("extras.a", "extras.b")
