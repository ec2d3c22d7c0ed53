"""Which dialects an endpoint speaks, found out without a token spent."""

import pytest

from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import corrected, make_endpoints, with_dialects
from multillama.control.lister import Answer, Headers
from multillama.control.spoken import find_dialects
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError
from multillama.providers.catalog import BY_NAME
from tests.control.scripted import endpoint


class Box:
    """An endpoint whose paths answer with these statuses; a failure is raised."""

    def __init__(self, **statuses: int | GatewayError) -> None:
        self.statuses = statuses
        self.asked: list[tuple[str, bytes]] = []

    async def __call__(
        self, endpoint: Endpoint, target: str, headers: Headers, body: bytes
    ) -> Answer:
        self.asked.append((target, body))
        status = self.statuses[target.rpartition("/")[2]]
        if isinstance(status, GatewayError):
            raise status
        return Answer(status, (), b"")


@pytest.mark.parametrize("absent", [404, 405, 501])
async def test_a_dialect_is_spoken_where_its_path_is_there(absent: int) -> None:
    box = Box(responses=absent, messages=400)

    found = await find_dialects(endpoint("http://box:8080"), box)

    assert found == {"anthropic.messages"}
    assert box.asked == [("/v1/responses", b"{}"), ("/v1/messages", b"{}")]


@pytest.mark.parametrize("status", [200, 400, 401, 422, 500])
async def test_whoever_complains_is_there(status: int) -> None:
    box = Box(responses=status, messages=status)

    assert await find_dialects(endpoint("http://box:8080"), box) == {
        "openai.responses",
        "anthropic.messages",
    }


async def test_who_cannot_be_asked_is_asked_again() -> None:
    box = Box(responses=GatewayError("endpoint_closed", "x"), messages=400)

    assert await find_dialects(endpoint("http://box:8080"), box) is None


async def test_a_cloud_whose_dialects_are_known_is_not_asked() -> None:
    box = Box()

    assert await find_dialects(endpoint("https://api.openai.com"), box) == frozenset()
    assert box.asked == []


def test_what_was_found_is_passed_through_and_the_rest_translated() -> None:
    box = with_dialects(endpoint("http://box:8080"), {"anthropic.messages"})

    assert set(box.speaks) >= {"openai.chat", "anthropic.messages"}
    assert "messages" not in box.ways


async def test_what_the_operator_has_said_is_neither_asked_nor_changed() -> None:
    setting = EndpointSetting(url="http://box:8080", dialects=("gemini", "openai.chat"))
    [given] = make_endpoints([setting], {})
    box = Box()

    found = await find_dialects(given, box)

    assert (found, box.asked) == (frozenset(), [])
    assert given.speaks == ("gemini", "gemini.embed", "gemini.batch_embed", "openai.chat")
    assert with_dialects(given, {"anthropic.messages"}) is given
    assert corrected(given, BY_NAME["vllm"], "/v1").speaks == given.speaks
