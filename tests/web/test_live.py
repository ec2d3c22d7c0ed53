from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from multillama.core.record import Record
from multillama.errors import GatewayError
from multillama.web.live import BEAT_S, RETRY, Live
from multillama.web.panels import Panels
from tests.web.fakes import FakeView, endpoint, model


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Page:
    """One open page: `next` waits for the next event."""

    def __init__(
        self, live: Live, *, may_go_on: Callable[[], bool] = lambda: True, **asked: str
    ) -> None:
        response = live.respond(request(**asked), may_go_on)
        assert isinstance(response, StreamingResponse)
        self.stream: AsyncIterator[bytes] = response.body_iterator  # type: ignore[assignment]

    async def next(self) -> dict[str, str]:
        frame = (await anext(self.stream)).decode()
        return dict(line.split(": ", 1) for line in frame.strip().split("\n"))

    async def overview(self) -> object:
        event = await self.next()
        assert event["event"] == "overview"
        return msgspec.json.decode(event["data"])


class CountingView(FakeView):
    asked = 0

    def recent(self) -> Sequence[Record]:
        self.asked += 1
        return ()


def request(method: str = "GET", *, last_event_id: str = "", query: str = "") -> Request:
    headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
    return Request(
        {"type": "http", "method": method, "headers": headers, "query_string": query.encode()}
    )


def live_of(view: FakeView, *, clock: Clock | None = None, streams: int = 4) -> Live:
    return Live(view, Panels(view), clock=clock or Clock(), pause_s=0, streams=streams)


async def test_a_page_gets_everything_first() -> None:
    page = Page(live_of(FakeView([endpoint("a")], [model("m")])))

    first = await anext(page.stream)
    events = [await page.next(), await page.next()]

    assert first == RETRY
    assert [event["event"] for event in events] == ["models", "overview"]
    assert msgspec.json.decode(events[0]["data"]) == [
        {"id": "m", "endpoints": "localhost:11434", "context": ""}
    ]


async def test_a_change_reaches_an_open_page() -> None:
    view = FakeView([endpoint("a", state="up")])
    page = Page(live_of(view))
    await anext(page.stream)
    await page.next()
    before = await page.overview()

    view.shown_endpoints = [endpoint("a", state="down")]
    view.tell()
    after = await page.overview()

    assert [shown["endpoints"][0]["state"] for shown in (before, after)] == ["Up", "Down"]  # type: ignore[index]


async def test_without_a_change_ages_are_told_anew_at_the_next_beat() -> None:
    clock = Clock()
    view = FakeView([endpoint("a", state="down", last_error="x", last_error_age_s=60)])
    page = Page(live_of(view, clock=clock))
    await anext(page.stream)
    await page.next()
    await page.next()

    view.shown_endpoints = [endpoint("a", state="down", last_error="x", last_error_age_s=120)]
    clock.now += BEAT_S
    after = await page.overview()

    assert after["endpoints"][0]["trouble"] == "2 min ago: x"  # type: ignore[index]


@pytest.mark.parametrize("how", ["last_event_id", "query"])
async def test_a_page_that_comes_back_is_not_sent_the_models_it_knows(how: str) -> None:
    view = FakeView([], [model("m")])
    live = live_of(view)
    digest = Panels(view).models().digest
    asked = {how: f"models={digest}" if how == "query" else digest}

    page = Page(live, **asked)
    await anext(page.stream)

    assert (await page.next())["event"] == "overview"


async def test_another_list_of_models_is_sent_at_once() -> None:
    view = FakeView([], [model("m")])
    page = Page(live_of(view))
    await anext(page.stream)
    first = await page.next()
    await page.next()

    view.shown_models = [model("n")]
    second = await page.next()

    assert second["event"] == "models"
    assert second["id"] != first["id"]


async def test_closing_ends_every_stream_and_begins_no_other() -> None:
    live = live_of(FakeView())
    page = Page(live)
    await anext(page.stream)
    await page.next()
    await page.next()

    live.close()

    assert [frame async for frame in page.stream] == []
    with pytest.raises(GatewayError) as refused:
        live.respond(request(), lambda: True)
    assert refused.value.kind == "shutting_down"


async def test_a_stream_ends_with_its_session() -> None:
    is_open = [True]
    page = Page(live_of(FakeView()), may_go_on=lambda: is_open[0])
    await anext(page.stream)
    await page.next()
    await page.next()

    is_open[0] = False

    assert [frame async for frame in page.stream] == []


async def test_too_many_pages_are_refused_until_one_is_closed() -> None:
    live = live_of(FakeView(), streams=1)
    page = Page(live)
    await anext(page.stream)

    with pytest.raises(GatewayError) as refused:
        live.respond(request(), lambda: True)
    await page.stream.aclose()  # type: ignore[attr-defined]

    assert refused.value.kind == "too_many_pages"
    assert isinstance(live.respond(request(), lambda: True), StreamingResponse)


async def test_ten_pages_cost_one_encoding() -> None:
    view = CountingView()
    live = live_of(view, streams=10)

    for _ in range(10):
        page = Page(live)
        await anext(page.stream)
        await page.next()
        await page.overview()

    assert view.asked == 1


async def test_asking_for_the_head_begins_no_stream() -> None:
    response = live_of(FakeView()).respond(request("HEAD"), lambda: True)

    assert not isinstance(response, StreamingResponse)
    assert response.headers["content-type"].startswith("text/event-stream")
