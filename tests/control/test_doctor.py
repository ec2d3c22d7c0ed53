"""Every failure of an endpoint is found where it happens, told with its cure, and never with a key."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from multillama.control.doctor import Check, Examined, Instruments, Outcome, examine
from multillama.control.lister import Answer, Headers
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError
from tests.control.scripted import REFUSED, Servers, as_json, endpoint, listing, status

URL = "http://box:9000"
KEY = "sk-CANARY-0123456789"
SSE = ((b"content-type", b"text/event-stream"),)
DAY_S = 86_400


class Step(NamedTuple):
    name: str
    told: str = ""
    is_ok: bool = True
    took_ms: float = 1.0
    ends_at: float | None = None


class Endpoints:
    """What is behind the doctor's instruments: a healthy endpoint, until a test changes it."""

    def __init__(self) -> None:
        self.steps: Sequence[Step] = (Step("dns", "10.0.0.1"), Step("tcp"))
        self.lists = Servers({f"{URL}/v1/models": listing("m")})
        self.posts: dict[str, Answer | GatewayError | Callable[[dict[str, Any]], Answer]] = {
            "/v1/chat/completions": chat,
            "/v1/messages": as_json({"content": [{"type": "text"}]}),
            "/v1/responses": as_json(
                {"output": [{}], "usage": {"input_tokens": 7, "output_tokens": 5}}
            ),
            "/v1/embeddings": as_json({"data": [{"embedding": [1.0]}]}),
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.wants_key = True
        self.is_keyed = False

    async def reach(self, endpoint: Endpoint) -> Sequence[Step]:
        return self.steps

    async def send(self, endpoint: Endpoint, target: str, headers: Headers, body: bytes) -> Answer:
        members = json.loads(body)
        if self.is_keyed and not endpoint.has_key:
            assert KEY.encode() not in endpoint.fixed_head
            return status(401) if self.wants_key else self.reply(target, members)
        self.asked.append((target, members))
        return self.reply(target, members)

    def reply(self, target: str, members: dict[str, Any]) -> Answer:
        reply = self.posts.get(target, status(404))
        if isinstance(reply, GatewayError):
            raise reply
        return reply(members) if callable(reply) else reply

    async def examine(self, *, key: str | None = None, spend: bool = True) -> Examined:
        self.is_keyed = key is not None
        tools = Instruments(
            reach=self.reach,
            fetch=self.lists,
            send=self.send,
            clean=lambda text: text.replace(KEY, "***"),
            now=lambda: 0.0,
            wall=lambda: 0.0,
        )
        return await examine(endpoint(URL, key), tools, spend=spend)


def chat(members: dict[str, Any]) -> Answer:
    if members.get("stream"):
        return Answer(200, SSE, b'data: {"choices":[{}]}\n\ndata: [DONE]\n\n')
    message = {"tool_calls": [{}]} if "tools" in members else {"content": "OK"}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    return as_json({"choices": [{"message": message}], "usage": usage})


@pytest.fixture
def endpoints() -> Endpoints:
    return Endpoints()


def outcomes(found: Examined) -> dict[str, str]:
    return {check.name: check.outcome.value for check in found.checks}


def check(found: Examined, name: str) -> Check:
    one = found.check(name)
    assert one is not None
    return one


async def test_a_healthy_endpoint_can_do_everything(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("m", "bge-m3")

    found = await endpoints.examine(key=KEY)

    assert outcomes(found) == dict.fromkeys(
        ("dns", "tcp", "list", "key", "chat", "stream", "tools", "embeddings", "messages", "responses"), "ok"
    )  # fmt: skip
    assert found.can("chat")
    assert found.tokens == 10 + 10 + 12


async def test_little_is_asked_for(endpoints: Endpoints) -> None:
    await endpoints.examine()

    budgets = [
        members.get("max_tokens") or members.get("max_output_tokens")
        for _, members in endpoints.asked
    ]
    assert budgets == [1, 1, 64, 1, 16]


async def test_without_spending_only_the_list_is_asked_for(endpoints: Endpoints) -> None:
    found = await endpoints.examine(key=KEY, spend=False)

    assert endpoints.asked == []
    assert outcomes(found) == {"dns": "ok", "tcp": "ok", "list": "ok", "key": "skipped"}
    assert found.can("list")


@pytest.mark.parametrize(
    ("step", "cure"),
    [
        (Step("dns", "its name cannot be resolved.", is_ok=False), "spelling of the host"),
        (Step("tcp", "connection refused. Is it running?", is_ok=False), "the port of its URL"),
        (Step("tls", "self-signed certificate.", is_ok=False), "SSL_CERT_FILE"),
        (Step("tls", "certificate has expired.", is_ok=False), "Renew"),
        (Step("tls", "WRONG_VERSION_NUMBER.", is_ok=False), "http://"),
        (Step("tls", "something else.", is_ok=False), "certificate"),
    ],
)
async def test_one_that_is_not_reached_is_told_the_step_and_asked_nothing(
    endpoints: Endpoints, step: Step, cure: str
) -> None:
    endpoints.steps = (Step("dns"), step)

    found = await endpoints.examine()

    last = found.checks[-1]
    assert (last.name, last.outcome) == (step.name, Outcome.FAILED)
    assert step.told in last.text
    assert cure in last.text
    assert (endpoints.lists.calls, endpoints.asked) == ([], [])


@pytest.mark.parametrize(("days", "is_told"), [(90, False), (3, True)])
async def test_a_certificate_that_ends_soon_is_told(
    endpoints: Endpoints, days: int, is_told: bool
) -> None:
    endpoints.steps = (Step("tls", "TLSv1.3", ends_at=days * DAY_S + 1),)

    found = await endpoints.examine()

    text = check(found, "tls").text
    assert f"ends in {days} days" in text
    assert ("Renew it soon" in text) is is_told


@pytest.mark.parametrize(
    ("key", "cure"), [(KEY, "check its key"), (None, "give it one (--key, or key in the file)")]
)
async def test_a_refused_key_is_found_with_the_list(
    endpoints: Endpoints, key: str | None, cure: str
) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = status(401)

    found = await endpoints.examine(key=key)

    assert outcomes(found) == {"dns": "ok", "tcp": "ok", "list": "failed", "key": "failed"}
    assert cure in check(found, "key").text
    assert endpoints.asked == []


async def test_a_refused_key_is_found_with_the_chat_where_the_list_is_public(
    endpoints: Endpoints,
) -> None:
    endpoints.posts["/v1/chat/completions"] = as_json({"error": {"message": f"bad {KEY}"}}, 403)

    found = await endpoints.examine(key=KEY)

    assert (check(found, "list").outcome, check(found, "key").outcome) == (
        Outcome.OK,
        Outcome.FAILED,
    )
    assert len(endpoints.asked) == 1
    assert KEY not in repr(found)


async def test_a_list_that_is_a_web_page_is_told(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = Answer(200, (), b"<html>")

    found = await endpoints.examine()

    assert check(found, "list").outcome is Outcome.FAILED
    assert "base URL of an LLM server" in check(found, "list").text
    assert check(found, "chat") == Check("chat", Outcome.SKIPPED, "no model is known")
    assert not found.can("chat")


async def test_a_list_that_breaks_off_is_told(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = REFUSED

    found = await endpoints.examine()

    assert "connection refused" in check(found, "list").text


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            as_json({"error": {"message": "out of memory"}}, 500),
            'answered 500 ("out of memory"): see',
        ),
        (as_json({"error": f"no {KEY}"}, 500), 'answered 500 ("no ***")'),
        (as_json({"detail": "busy"}, 503), 'answered 503 ("busy"): it is not ready'),
        (status(402), "no credit"),
        (Answer(502, (), b"<html>"), "answered 502: see its own log"),
        (as_json({"error": {"message": "x" * 5000}}, 500), "x" * 200 + '")'),
        (GatewayError("endpoint_closed", "It hung up."), "It hung up."),
        (as_json({"error": {"message": "oops"}}), "without an answer in it"),
    ],
)
async def test_a_chat_that_fails_is_told_with_its_cure_and_not_asked_for_more(
    endpoints: Endpoints, reply: Any, words: str
) -> None:
    endpoints.posts["/v1/chat/completions"] = reply

    found = await endpoints.examine(key=KEY)

    chatted = check(found, "chat")
    assert chatted.outcome is Outcome.FAILED
    assert words in chatted.text
    assert KEY not in repr(found)
    assert (outcomes(found)["stream"], outcomes(found)["tools"]) == ("skipped", "skipped")


async def test_a_hanging_chat_is_given_up(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multillama.control.doctor.ANSWER_S", 0.01)

    async def hang(*_: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(endpoints, "send", hang)

    found = await endpoints.examine()

    assert "no whole answer within" in check(found, "chat").text


async def test_another_model_is_tried_where_the_first_cannot_chat(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("odd-1b", "good-7b")
    endpoints.posts["/v1/chat/completions"] = lambda members: (
        status(400) if members["model"] == "odd-1b" else chat(members)
    )

    found = await endpoints.examine()

    assert check(found, "chat") == Check("chat", Outcome.OK, "good-7b", 0.0)


async def test_models_that_think_are_asked_in_their_own_words(endpoints: Endpoints) -> None:
    def thinking(members: dict[str, Any]) -> Answer:
        if "max_tokens" in members:
            return as_json({"error": {"message": "Use 'max_completion_tokens' instead."}}, 400)
        return chat(members)

    endpoints.posts["/v1/chat/completions"] = thinking

    found = await endpoints.examine()

    assert [outcomes(found)[name] for name in ("chat", "stream", "tools")] == ["ok", "ok", "ok"]


async def test_a_stream_without_its_end_is_told(endpoints: Endpoints) -> None:
    endpoints.posts["/v1/chat/completions"] = lambda members: (
        Answer(200, SSE, b'data: {"choices":[]}\n\n') if members.get("stream") else chat(members)
    )

    found = await endpoints.examine()

    assert check(found, "stream").outcome is Outcome.FAILED
    assert "without [DONE]" in check(found, "stream").text
    assert found.can("chat")


async def test_what_it_does_not_serve_is_no_failure(endpoints: Endpoints) -> None:
    for path in ("/v1/messages", "/v1/responses"):
        endpoints.posts[path] = status(404)
    endpoints.posts["/v1/chat/completions"] = lambda members: (
        status(400) if "tools" in members else chat(members)
    )

    found = await endpoints.examine()

    assert [outcomes(found)[name] for name in ("tools", "messages", "responses")] == ["no"] * 3
    assert check(found, "messages").text == ""


async def test_an_endpoint_of_embeddings_only_cannot_chat_but_embeds(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("bge-m3")

    found = await endpoints.examine(key=KEY)

    assert (outcomes(found)["chat"], outcomes(found)["embeddings"]) == ("no", "ok")
    assert outcomes(found)["key"] == "ok"
    assert [target for target, _ in endpoints.asked] == ["/v1/embeddings"]


NOT_SUPPORTED = as_json({"error": {"message": "This server does not support chat."}}, 501)


async def test_one_whose_answers_say_that_it_only_embeds_is_well(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("vectors")
    endpoints.posts["/v1/chat/completions"] = NOT_SUPPORTED
    endpoints.posts["/v1/messages"] = endpoints.posts["/v1/responses"] = NOT_SUPPORTED

    found = await endpoints.examine()

    assert outcomes(found) == {
        "dns": "ok", "tcp": "ok", "list": "ok", "key": "skipped", "chat": "no", "stream": "skipped",
        "tools": "skipped", "embeddings": "ok", "messages": "no", "responses": "no",
    }  # fmt: skip
    assert check(found, "chat").text == "It serves embeddings and no chat."
    assert found.is_well(was_asked=True)


@pytest.mark.parametrize(
    ("models", "chat_reply"),
    [
        (("m", "bge-m3"), status(500)),  # it does chat, and fails
        (("a-1b", "b-2b", "c-3b", "d-4b", "bge-m3"), NOT_SUPPORTED),  # the last was not asked
    ],
)
async def test_one_that_embeds_may_still_have_a_broken_chat(
    endpoints: Endpoints, models: tuple[str, ...], chat_reply: Answer
) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing(*models)
    endpoints.posts["/v1/chat/completions"] = chat_reply

    found = await endpoints.examine()

    assert (outcomes(found)["chat"], outcomes(found)["embeddings"]) == ("failed", "ok")
    assert not found.is_well(was_asked=True)


async def test_one_that_neither_chats_nor_embeds_is_not_well(endpoints: Endpoints) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("vectors")
    endpoints.posts["/v1/chat/completions"] = endpoints.posts["/v1/embeddings"] = NOT_SUPPORTED

    found = await endpoints.examine()

    assert (outcomes(found)["chat"], outcomes(found)["embeddings"]) == ("failed", "no")
    assert not found.is_well(was_asked=True)


@pytest.mark.parametrize(("embeds", "is_well"), [(status(500), False), (None, True)])
async def test_an_endpoint_of_embeddings_is_judged_by_them(
    endpoints: Endpoints, embeds: Answer | None, is_well: bool
) -> None:
    endpoints.lists.replies[f"{URL}/v1/models"] = listing("bge-m3")
    if embeds is not None:
        endpoints.posts["/v1/embeddings"] = embeds

    found = await endpoints.examine()

    assert found.is_well(was_asked=True) is is_well


async def test_a_key_that_nobody_asks_for_is_told_as_such(endpoints: Endpoints) -> None:
    endpoints.wants_key = False

    found = await endpoints.examine(key=KEY)

    assert check(found, "key") == Check(
        "key", Outcome.OK, "one is given, but it asks for none: it can be left out"
    )


async def test_a_key_that_is_asked_for_is_accepted(endpoints: Endpoints) -> None:
    found = await endpoints.examine(key=KEY)

    assert check(found, "key") == Check("key", Outcome.OK, "accepted")


async def test_where_only_the_list_was_asked_for_the_list_decides(endpoints: Endpoints) -> None:
    well = await endpoints.examine(spend=False)
    endpoints.lists.replies[f"{URL}/v1/models"] = REFUSED
    ill = await endpoints.examine(spend=False)

    assert (well.is_well(was_asked=False), ill.is_well(was_asked=False)) == (True, False)
