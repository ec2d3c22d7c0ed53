import json

import pytest

from multillama.core.canonical import Count, Message, Request, Text
from multillama.core.codec import Misfit
from multillama.dialects.gemini.count import (
    read_count,
    read_count_request,
    write_count,
    write_count_request,
)
from tests.dialects.gemini.saying import goal

CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]


@pytest.mark.parametrize(
    "body",
    [
        {"contents": CONTENTS},
        {"generateContentRequest": {"model": "models/a", "contents": CONTENTS}},
        {"generate_content_request": {"contents": CONTENTS}},
    ],
)
def test_contents_or_a_whole_request_may_be_counted(body):
    assert read_count_request(json.dumps(body).encode()).messages == [Message("user", [Text("Hi")])]


def test_a_request_that_is_none_is_told():
    with pytest.raises(Misfit, match="generateContentRequest must be an object"):
        read_count_request(b'{"generateContentRequest": 1}')


def test_a_whole_request_is_asked_for():
    request = Request(
        "m", [Message("system", [Text("Be brief.")]), Message("user", [Text("Hi")])], store=True
    )

    assert json.loads(write_count_request(request, goal("gemini-x"))) == {
        "generateContentRequest": {
            "model": "models/gemini-x",
            "contents": CONTENTS,
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
        }
    }


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"totalTokens": 7}, Count(7)),
        ({"totalTokens": 7, "cachedContentTokenCount": 3}, Count(7, 3)),
    ],
)
def test_a_count_is_read_and_comes_back(body, count):
    assert read_count(json.dumps(body).encode()) == count
    assert json.loads(write_count(count)) == body


def test_a_count_of_nothing_is_told():
    with pytest.raises(Misfit, match="totalTokens is missing"):
        read_count(b"{}")
