"""The plain case: one attempt that succeeds leaves a record and nothing else."""

from tests.core.samples import endpoint
from tests.dataplane.stage import OK, Stage, ok, post


def telling(*names: str) -> tuple[Stage, list[object]]:
    stage = Stage(*(endpoint(name) for name in names))
    stories: list[object] = []
    stage.listener.on_story = lambda record, story: stories.append(story)
    return stage, stories


def test_one_attempt_that_succeeds_has_no_story():
    stage, stories = telling("a")
    client = stage.client()

    client.send(post())
    stage.answer(OK)

    assert client.statuses == [200]
    assert (stories, [record.attempts for record in stage.records]) == ([], [1])


def test_a_choice_has_a_story_also_where_all_goes_well():
    stage, stories = telling("a", "b")

    stage.client().send(post())
    stage.answer(OK)

    assert len(stories) == 1


def test_a_plain_attempt_that_fails_goes_on_as_any_other():
    stage, stories = telling("a", "b")
    client = stage.client()

    client.send(post())
    stage.answer(ok(b"no", b"503 Busy"))
    stage.answer(OK)

    assert client.answers() == [(200, b"ok")]
    assert (len(stories), stage.records[0].attempts) == (1, 2)


def test_an_answer_tells_the_breaker_of_its_endpoint():
    stage, _ = telling("a")
    client = stage.client()
    client.send(post())
    stage.answer(ok(b"no", b"400 Bad"))
    breaker = stage.endpoints[0].state.need_breaker()

    client.send(post())
    stage.answer(OK)

    assert breaker.open_conditions(stage.listener.now()) == []
