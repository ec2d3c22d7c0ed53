import json

import pytest

from multillama.core.canonical import Format, Request, Thinking
from multillama.core.codec import Misfit
from multillama.core.shape import Members
from multillama.dialects.ollama_family.options import begin_request, rest_of, write_common
from tests.dialects.ollama_cases import goal

ALL = {
    "stream": False,
    "options": {
        "temperature": 0.5, "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "presence_penalty": 0.2,
        "frequency_penalty": 0.3, "top_k": 40, "seed": 7, "num_predict": 100, "num_ctx": 8192, "stop": ["a"],
        "num_gpu": 2,
    },
    "format": {"type": "object"},
    "think": "high",
    "keep_alive": "5m",
    "logprobs": True,
    "top_logprobs": 3,
    "truncate": True,
}  # fmt: skip


def read(body):
    members = Members(body)
    request = begin_request(members)
    request.extras.update(rest_of(members))
    return request


def written(request, told):
    body = {}
    write_common(request, told, body)
    return body


def test_all_that_can_be_said_comes_back():
    request = read(ALL)

    assert request == Request(
        "", stream=False, max_tokens=100, temperature=0.5, top_p=0.9, top_k=40, min_p=0.1,
        presence_penalty=0.2, frequency_penalty=0.3, repeat_penalty=1.1, seed=7, stop=["a"], logprobs=True,
        top_logprobs=3, format=Format("schema", {"type": "object"}), thinking=Thinking("high"),
        keep_alive="5m", context_tokens=8192, family="ollama",
        extras={"options.num_gpu": 2, "truncate": True},
    )  # fmt: skip
    assert written(request, goal()) == ALL


def test_a_stream_is_what_nobody_has_said():
    assert read({}).stream
    assert read({"stream": None}).stream
    assert not read({"stream": False}).stream


@pytest.mark.parametrize("size", [-1, -2, 0])
def test_no_bound_is_no_number_of_tokens_and_comes_back(size):
    request = read({"options": {"num_predict": size, "num_ctx": None}})

    assert request.max_tokens is None
    assert written(request, goal())["options"] == {"num_predict": size}


@pytest.mark.parametrize(
    ("think", "thinking"),
    [(True, Thinking(is_on=True)), (False, Thinking(is_on=False)), ("max", Thinking("max"))],
)
def test_thinking_comes_back(think, thinking):
    request = read({"think": think})

    assert request.thinking == thinking
    assert written(request, goal())["think"] == think


@pytest.mark.parametrize(
    ("thinking", "think"),
    [
        (Thinking("none"), False),
        (Thinking("minimal"), "low"),
        (Thinking("xhigh"), "max"),
        (Thinking("unheard of"), True),
        (Thinking(budget=0), False),
        (Thinking(budget=-1), True),
        (Thinking(budget=1024), "low"),
        (Thinking(budget=2048), "medium"),
        (Thinking(budget=32_000), "high"),
        (Thinking(), None),
    ],
)
def test_efforts_and_budgets_become_what_comes_nearest(thinking, think):
    assert written(Request("m", thinking=thinking), goal()).get("think") == think


def test_what_has_no_word_is_named():
    told = goal()
    form = Format("schema", {"type": "object"}, "name", "what it is", True)
    request = Request("m", thinking=Thinking("low", summary="none"), format=form, n=2)

    written(request, told)

    assert told.losses.names == ("format.description", "thinking.summary", "n")


@pytest.mark.parametrize(
    ("form", "said"),
    [(Format("text"), None), (Format("json"), "json"), (Format("schema"), "json")],
)
def test_the_form_of_the_answer_is_written(form, said):
    assert written(Request("m", format=form), goal()).get("format") == said


@pytest.mark.parametrize(("said", "form"), [("json", Format("json")), ("", None), (None, None)])
def test_the_form_of_the_answer_is_read(said, form):
    assert read({"format": said}).format == form


def test_extras_of_others_are_not_written():
    request = Request("m", family="openai", extras={"prediction": 1, "options.num_gpu": 1})

    assert written(request, goal()) == {"stream": False}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"options": []}, "options"),
        ({"options": {"top_k": 0.5}}, "options.top_k"),
        ({"options": {"stop": [1]}}, "options.stop[0]"),
        ({"think": "hard"}, "think"),
        ({"think": 1}, "think"),
        ({"format": "xml"}, "format"),
        ({"keep_alive": True}, "keep_alive"),
        ({"keep_alive": {}}, "keep_alive"),
        ({"stream": "yes"}, "stream"),
        ({"model": 7}, "model"),
    ],
)
def test_what_would_be_misunderstood_is_refused_with_its_place(body, place):
    with pytest.raises(Misfit) as misfit:
        read(json.loads(json.dumps(body)))

    assert misfit.value.path == place
