"""At first sight: is it there, and does it ask for a key? Without spending anything."""

import pytest

from multillama.control.first_look import FirstLook, first_look
from multillama.control.lister import Answer, Headers
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError
from tests.control.scripted import Servers, endpoint, listing, status

URL = "http://box:9000"


class Chat:
    """The chat of an endpoint, which gives one answer."""

    def __init__(self, reply: Answer | GatewayError) -> None:
        self.reply = reply
        self.asked: list[tuple[str, bytes]] = []

    async def __call__(
        self, endpoint: Endpoint, target: str, headers: Headers, body: bytes
    ) -> Answer:
        self.asked.append((target, body))
        if isinstance(self.reply, GatewayError):
            raise self.reply
        return self.reply


async def look(listed: Answer, chat: Chat, *, url: str = URL, key: str | None = None) -> FirstLook:
    place = endpoint(url, key)
    return await first_look(place, Servers({f"{url}/v1/models": listed}), chat)


async def test_one_that_answers_without_a_key_wants_none() -> None:
    chat = Chat(status(400))

    found = await look(listing("m", "n"), chat)

    assert found == FirstLook("OpenAI-compatible with 2 models", is_listed=True)
    assert chat.asked == [("/v1/chat/completions", b"{}")]


async def test_a_public_list_does_not_hide_that_a_chat_wants_a_key() -> None:
    found = await look(listing("m"), Chat(status(401)))

    assert (found.is_listed, found.wants_key) == (True, True)


async def test_a_cloud_wants_a_key_whatever_it_lists() -> None:
    chat = Chat(status(400))

    found = await look(listing("m"), chat, url="https://api.groq.com/openai")

    assert (found.wants_key, found.variable, chat.asked) == (True, "GROQ_API_KEY", [])


async def test_a_cloud_that_takes_the_key_wants_no_other() -> None:
    found = await look(listing("m"), Chat(status(400)), url="https://api.groq.com/openai", key="k")

    assert (found.wants_key, found.is_listed) == (False, True)


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_list_that_is_refused_wants_a_key(key: str | None) -> None:
    found = await look(status(401), Chat(status(401)), key=key)

    assert (found.is_reached, found.is_listed, found.wants_key) == (True, False, True)
    assert "401" in found.text


async def test_one_that_is_not_there_is_told_so() -> None:
    chat = Chat(status(400))

    found = await first_look(endpoint(URL), Servers({}), chat)

    assert (found.is_reached, found.is_listed, found.wants_key) == (False, False, False)
    assert "connection refused" in found.text
    assert chat.asked == []


async def test_a_chat_that_breaks_off_says_nothing_of_a_key() -> None:
    found = await look(listing("m"), Chat(GatewayError("endpoint_closed", "It hung up.")))

    assert (found.is_listed, found.wants_key) == (True, False)
