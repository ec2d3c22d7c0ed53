import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from multillama.web.headers import ALWAYS, POLICY, SafeHeaders


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    path = Request(scope).url.path
    headers = {"cache-control": "no-cache"} if path == "/own" else {}
    await Response("x", headers=headers)(scope, receive, send)


def test_an_answer_gets_every_header() -> None:
    response = TestClient(SafeHeaders(answer)).get("/")

    assert {name: response.headers[name] for name in ALWAYS} == ALWAYS


def test_what_the_answer_says_itself_stays() -> None:
    response = TestClient(SafeHeaders(answer)).get("/own")

    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("hole", ["unsafe-", "http:", "https:", "*", "blob:"])
def test_the_policy_has_no_hole(hole: str) -> None:
    assert hole not in POLICY


def test_the_policy_begins_with_nothing_and_lets_nobody_frame_us() -> None:
    assert POLICY.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in POLICY
    assert "base-uri 'none'" in POLICY
